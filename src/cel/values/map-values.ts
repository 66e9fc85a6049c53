import { CelError } from "../errors.ts";
import { kindOf, type MapValue, Uint, type Value } from "./value.ts";

/** A map literal, or what a function made. */
export class EntriesMap implements MapValue {
  readonly isMap = true;
  readonly #entries: ReadonlyMap<string, readonly [Value, Value]>;

  private constructor(entries: ReadonlyMap<string, readonly [Value, Value]>) {
    this.#entries = entries;
  }

  /** Of a key that is there twice the last counts. Throws CelError for a key that is none. */
  static of(entries: Iterable<readonly [Value, Value]>): EntriesMap {
    return EntriesMap.#made(entries, false);
  }

  /** Throws CelError for a key that is there twice, too. */
  static ofDistinct(entries: Iterable<readonly [Value, Value]>): EntriesMap {
    return EntriesMap.#made(entries, true);
  }

  static #made(entries: Iterable<readonly [Value, Value]>, areDistinct: boolean): EntriesMap {
    const map = new Map<string, readonly [Value, Value]>();
    for (const entry of entries) {
      const [key] = entry;
      const id = keyId(key);
      if (id === undefined) throw new CelError(`unsupported key type: ${kindOf(key)}`);
      if (areDistinct && map.has(id)) throw new CelError(`insert failed: key ${id.slice(1)} already exists`);
      map.set(id, entry);
    }
    return new EntriesMap(map);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    const id = keyId(key);
    return id === undefined ? undefined : this.#entries.get(id)?.[1];
  }

  keys(): readonly Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

/** The properties of a JSON object; values are made when asked for. */
export class JsonMap implements MapValue {
  readonly isMap = true;
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #toValue: (property: unknown) => Value;

  constructor(object: Readonly<Record<string, unknown>>, toValue: (property: unknown) => Value) {
    this.#object = object;
    this.#toValue = toValue;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== "string" || !Object.hasOwn(this.#object, key)) return undefined;
    const property = this.#object[key];
    return property === undefined ? undefined : this.#toValue(property);
  }

  keys(): readonly Value[] {
    return Object.keys(this.#object);
  }
}

/** Equal for keys that are the same. */
function keyId(key: Value): string | undefined {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "boolean") return `b${key}`;
  if (typeof key === "bigint") return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === "number") return Number.isInteger(key) ? `n${BigInt(key)}` : undefined;
  return undefined;
}
