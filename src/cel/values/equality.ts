import type { Budget } from "../eval/budget.ts";
import {
  Duration,
  isMap,
  isOpaque,
  isStruct,
  ListValue,
  OptionalValue,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from "./value.ts";

/** Whether two values are equal; those of different types are not, numbers apart. Work is charged to the budget. */
export function areEqual(a: Value, b: Value, budget: Budget): boolean {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b) === 0;
  if (typeof a === "string" || typeof b === "string") {
    if (typeof a === "string" && typeof b === "string") budget.chargeText(Math.min(a.length, b.length));
    return a === b;
  }
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  if (a instanceof ListValue) return b instanceof ListValue && areListsEqual(a, b, budget);
  if (isMap(a)) return isMap(b) && areMapsEqual(a.keys(), b.keys(), (key) => [a.get(key), b.get(key)], budget);
  if (isStruct(a))
    return (
      isStruct(b) &&
      a.typeName === b.typeName &&
      areMapsEqual(a.fields(), b.fields(), (field) => [a.get(field), b.get(field)], budget)
    );
  if (a instanceof Uint8Array) return b instanceof Uint8Array && areBytesEqual(a, b, budget);
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof OptionalValue) {
    if (!(b instanceof OptionalValue)) return false;
    if (a.value === undefined || b.value === undefined) return a.value === b.value;
    return areEqual(a.value, b.value, budget);
  }
  return isOpaque(a) && isOpaque(b) && a.opaque === b.opaque && (a.equals?.(b) ?? false);
}

function areListsEqual(a: ListValue, b: ListValue, budget: Budget): boolean {
  if (a.size !== b.size) return false;
  const { semantics = { type: "atomic" } } = a;
  if (semantics.type === "atomic") {
    for (let i = 0; i < a.size; i++) {
      budget.charge(0.1);
      if (!areEqual(a.at(i), b.at(i), budget)) return false;
    }
    return true;
  }
  // The order of sets and of lists with keys says nothing.
  const others = [...b];
  for (const each of a) {
    const found = others.findIndex((other) => {
      budget.charge(0.1);
      return areEqual(each, other, budget);
    });
    if (found < 0) return false;
    others.splice(found, 1);
  }
  return true;
}

function areMapsEqual<Key extends Value>(
  keysOfA: readonly Key[],
  keysOfB: readonly Key[],
  both: (key: Key) => readonly [Value | undefined, Value | undefined],
  budget: Budget,
): boolean {
  return (
    keysOfA.length === keysOfB.length &&
    keysOfA.every((key) => {
      budget.charge(0.1);
      const [ofA, ofB] = both(key);
      return ofA !== undefined && ofB !== undefined && areEqual(ofA, ofB, budget);
    })
  );
}

function areBytesEqual(a: Uint8Array, b: Uint8Array, budget: Budget): boolean {
  budget.chargeText(Math.min(a.length, b.length));
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export type NumberValue = bigint | number | Uint;

export function isNumber(value: Value): value is NumberValue {
  return typeof value === "bigint" || typeof value === "number" || value instanceof Uint;
}

/** Negative, zero or positive; undefined when one is no number at all. JavaScript compares bigint and number exactly. */
export function compareNumbers(a: NumberValue, b: NumberValue): number | undefined {
  const left = a instanceof Uint ? a.value : a;
  const right = b instanceof Uint ? b.value : b;
  if (left < right) return -1;
  if (left > right) return 1;
  // oxlint-disable-next-line eqeqeq -- 1n == 1 is the equality meant here.
  return left == right ? 0 : undefined;
}

/** The order of two values of an ordered type; undefined when there is none. */
export function compareValues(a: Value, b: Value, budget: Budget): number | undefined {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === "string" && typeof b === "string") {
    budget.chargeText(Math.min(a.length, b.length));
    return compareText(a, b);
  }
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    budget.chargeText(Math.min(a.length, b.length));
    const at = a.findIndex((byte, i) => byte !== b[i]);
    return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
  }
  if ((a instanceof Timestamp && b instanceof Timestamp) || (a instanceof Duration && b instanceof Duration))
    return compareNumbers(a.nanos, b.nanos);
  return undefined;
}

/** By code points, as Go compares UTF-8; JavaScript's own order differs where there are surrogates. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;
  const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
  if (Number.isNaN(x) || Number.isNaN(y)) return a.length - b.length;
  if (isSurrogate(x) !== isSurrogate(y)) return isSurrogate(x) ? 1 : -1;
  return x - y;
}
