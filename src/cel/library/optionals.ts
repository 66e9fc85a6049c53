import { CelError } from "../errors.ts";
import { isMap, ListValue, OptionalValue, Uint, Duration, Timestamp, type Value } from "../values/value.ts";
import type { Functions } from "./signature.ts";

/** Values that may be absent. */
export const optionalFunctions: Functions = {
  "optional.of(T): optional<T>": ([value]: readonly [Value]) => new OptionalValue(value),
  "optional.none(): optional<T>": () => new OptionalValue(undefined),
  "optional.ofNonZeroValue(T): optional<T>": ([value]: readonly [Value]) =>
    new OptionalValue(isZero(value) ? undefined : value),
  "optional<T>.hasValue(): bool": ([{ value }]: readonly [OptionalValue]) => value !== undefined,
  "optional<T>.value(): T": ([{ value }]: readonly [OptionalValue]) => {
    if (value === undefined) throw new CelError("optional.none() dereference");
    return value;
  },
  "optional<T>.or(optional<T>): optional<T>": ([first, second]: readonly [OptionalValue, OptionalValue]) =>
    first.value === undefined ? second : first,
  "optional<T>.orValue(T): T": ([{ value }, other]: readonly [OptionalValue, Value]) => value ?? orNull(value, other),
};

/** An optional may hold null. */
function orNull(value: Value | undefined, other: Value): Value {
  return value === null ? null : other;
}

function isZero(value: Value): boolean {
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration || value instanceof Timestamp) return value.nanos === 0n;
  if (value instanceof ListValue) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  if (isMap(value)) return value.size === 0;
  return value === null || value === false || value === 0n || value === 0 || value === "";
}
