import { isJsonObject } from "../../apimachinery/object.ts";
import { base64Encode } from "../../component-base/bytes.ts";
import { CelError } from "../errors.ts";
import { formatDurationSeconds, formatTimestamp } from "../library/temporal.ts";
import { JsonMap } from "./map-values.ts";
import { Duration, isMap, isStruct, kindOf, ListValue, OptionalValue, Timestamp, Uint, type Value } from "./value.ts";

/** A JSON value without a schema: whole numbers are int, objects are maps. Nothing is copied. */
export function fromJson(json: unknown): Value {
  if (typeof json === "number") return Number.isInteger(json) ? BigInt(json) : json;
  if (typeof json === "string" || typeof json === "boolean" || typeof json === "bigint") return json;
  if (Array.isArray(json)) return new ListValue(json.length, (i) => fromJson(json[i]));
  return isJsonObject(json) ? new JsonMap(json, fromJson) : null;
}

/** The JSON of a value. Throws CelError for what has none. */
export function toJson(value: Value): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number")
    return value;
  if (typeof value === "bigint") return integer(value);
  if (value instanceof Uint) return integer(value.value);
  if (value instanceof Uint8Array) return base64Encode(value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDurationSeconds(value);
  if (value instanceof ListValue) return [...value].map(toJson);
  if (value instanceof OptionalValue) return value.value === undefined ? null : toJson(value.value);
  if (isMap(value)) return objectOf(value.keys().map((key) => [keyText(key), value.get(key) ?? null]));
  if (isStruct(value)) return objectOf(value.fields().map((field) => [field, value.get(field) ?? null]));
  throw new CelError(`type conversion error from '${kindOf(value)}' to 'google.protobuf.Value'`);
}

function integer(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function keyText(key: Value): string {
  if (typeof key === "string") return key;
  throw new CelError(`unsupported map key type '${kindOf(key)}'`);
}

function objectOf(entries: readonly (readonly [string, Value])[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(entries.map(([key, value]) => [key, toJson(value)]));
}
