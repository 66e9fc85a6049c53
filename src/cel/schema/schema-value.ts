import { isJsonObject } from "../../apimachinery/object.ts";
import { base64Decode } from "../../component-base/bytes.ts";
import { CelError } from "../errors.ts";
import { parseDurationNanos, parseTimestamp } from "../library/temporal.ts";
import { fromJson } from "../values/json-value.ts";
import { JsonMap } from "../values/map-values.ts";
import { Duration, type ListSemantics, ListValue, type MapValue, type Value } from "../values/value.ts";
import { escapePropertyName, unescapePropertyName } from "./property-names.ts";
import { isEmbedded, itemsOf, type ValueSchema, valuesOf, withTypeAndObjectMeta } from "./value-schema.ts";

/** A JSON value with the types its schema gives it. Nothing is copied. Throws CelError for what the schema does not allow. */
export function fromSchema(json: unknown, schema: ValueSchema): Value {
  if (json === null || json === undefined) {
    if (schema.nullable === true) return null;
    throw new CelError("invalid data, got null for schema with nullable=false");
  }
  if (schema["x-kubernetes-int-or-string"] === true) {
    if (typeof json === "string") return json;
    return whole(json, "invalid data, expected XIntOrString value to be either a string or integer");
  }
  switch (schema.type) {
    case "object":
      return objectValue(json, isEmbedded(schema) ? withTypeAndObjectMeta(schema) : schema);
    case "array":
      return listValue(json, schema);
    case "string":
      return textValue(json, schema.format);
    case "number":
      if (typeof json === "number" || typeof json === "bigint") return Number(json);
      throw new CelError(`invalid data, expected float, got ${goTypeOf(json)}`);
    case "integer":
      return whole(json, `invalid data, expected int, got ${goTypeOf(json)}`);
    case "boolean":
      if (typeof json === "boolean") return json;
      throw new CelError(`invalid data, expected bool, got ${goTypeOf(json)}`);
    default:
      // Expressions do not see what has no type; it is compared as a part of what they see.
      return fromJson(json);
  }
}

function whole(json: unknown, otherwise: string): bigint {
  if (typeof json === "bigint") return json;
  if (typeof json === "number" && Number.isInteger(json)) return BigInt(json);
  throw new CelError(otherwise);
}

function goTypeOf(json: unknown): string {
  if (typeof json === "string") return "string";
  if (typeof json === "boolean") return "bool";
  if (typeof json === "bigint") return "int64";
  if (typeof json === "number") return Number.isInteger(json) ? "int64" : "float64";
  return Array.isArray(json) ? "[]interface {}" : "map[string]interface {}";
}

function objectValue(json: unknown, schema: ValueSchema): Value {
  if (!isJsonObject(json)) throw new CelError("invalid data, expected a map for the provided schema with type=object");
  if (schema.properties) return new PropertiesMap(json, schema.properties);
  const values = valuesOf(schema);
  return new JsonMap(json, values ? (value) => fromSchema(value, values) : fromJson);
}

/** An object by its properties, under the names expressions use. A property that is null is not there. */
class PropertiesMap implements MapValue {
  readonly isMap = true;
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #properties: Readonly<Record<string, ValueSchema>>;

  constructor(object: Readonly<Record<string, unknown>>, properties: Readonly<Record<string, ValueSchema>>) {
    this.#object = object;
    this.#properties = properties;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  get(key: Value): Value | undefined {
    const name = typeof key === "string" ? unescapePropertyName(key) : undefined;
    if (name === undefined || !Object.hasOwn(this.#object, name)) return undefined;
    const value = this.#object[name];
    if (value === null || value === undefined) return undefined;
    const schema = Object.hasOwn(this.#properties, name) ? this.#properties[name] : undefined;
    // Fields the schema does not know are compared with others, and seen by nobody else.
    return schema ? fromSchema(value, schema) : fromJson(value);
  }

  keys(): readonly string[] {
    return Object.keys(this.#object).map((name) => escapePropertyName(name) ?? name);
  }
}

function listValue(json: unknown, schema: ValueSchema): Value {
  if (!Array.isArray(json))
    throw new CelError("invalid data, expected an array for the provided schema with type=array");
  const items = itemsOf(schema);
  if (!items) throw new CelError("invalid array type, expected Items with a non-empty Schema");
  return new ListValue(json.length, (i) => fromSchema(json[i], items), semanticsOf(schema));
}

function semanticsOf(schema: ValueSchema): ListSemantics {
  switch (schema["x-kubernetes-list-type"]) {
    case "set":
      return { type: "set" };
    case "map": {
      const keys = schema["x-kubernetes-list-map-keys"] ?? [];
      return { type: "map", keys: keys.map((key) => escapePropertyName(key) ?? key) };
    }
    default:
      return { type: "atomic" };
  }
}

function textValue(json: unknown, format: string | undefined): Value {
  if (typeof json !== "string") throw new CelError(`invalid data, expected string, got ${goTypeOf(json)}`);
  switch (format) {
    case "duration":
      return parsed(parseDurationNanos(json) ?? parseDurationWords(json), `Invalid duration ${json}`);
    case "date":
      return parsed(parseTimestamp(`${json}T00:00:00Z`), `Invalid date formatted string ${json}`);
    case "date-time":
      return parsed(parseTimestamp(json), `Invalid date-time formatted string ${json}`);
    case "byte":
      return parsed(bytesOf(json), `Invalid byte formatted string ${json}`);
    default:
      return json;
  }
}

function bytesOf(text: string): Uint8Array | undefined {
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return isBase64 ? base64Decode(text) : undefined;
}

const second = 1_000_000_000n;
const day = 86_400n * second;
const units: readonly (readonly [words: string, nanos: bigint])[] = [
  ["ns nano nanos nanosecond nanoseconds nanosec nanosecs", 1n],
  ["us µs micro micros microsecond microseconds microsec microsecs", 1000n],
  ["ms milli millis millisecond milliseconds millisec millisecs", 1_000_000n],
  ["s sec secs second seconds", second],
  ["m min mins minute minutes", 60n * second],
  ["h hr hrs hour hours", 3600n * second],
  ["d day days", day],
  ["w wk wks week weeks", 7n * day],
];
const unitNanos = new Map(units.flatMap(([words, nanos]) => words.split(" ").map((word) => [word, nanos])));

/** `3 days 2 hours`; undefined for other texts. */
function parseDurationWords(text: string): Duration | undefined {
  if (!/^(?:[0-9]+\s*[a-zµ]+\s*)+$/.test(text)) return undefined;
  let nanos = 0n;
  for (const [, count = "", unit = ""] of text.matchAll(/([0-9]+)\s*([a-zµ]+)/g)) {
    const of = unitNanos.get(unit);
    if (of === undefined) return undefined;
    nanos += BigInt(count) * of;
  }
  return new Duration(nanos);
}

function parsed<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) throw new CelError(otherwise);
  return value;
}
