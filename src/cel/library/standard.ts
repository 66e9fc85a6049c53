import { utf8DecodeStrict, utf8Encode } from "../../component-base/bytes.ts";
import { CelError } from "../errors.ts";
import type { Budget } from "../eval/budget.ts";
import { areEqual, compareValues } from "../values/equality.ts";
import { Duration, ListValue, type MapValue, Timestamp, TypeValue, Uint, type Value } from "../values/value.ts";
import { typeOfValue } from "../values/type-of.ts";
import type { Regexps } from "./regexps.ts";
import type { Functions } from "./signature.ts";
import {
  calendarTime,
  type CalendarTime,
  formatDurationSeconds,
  formatTimestamp,
  makeDuration,
  makeTimestamp,
  parseDurationNanos,
  parseTimestamp,
} from "./temporal.ts";

const int64Max = 2n ** 63n - 1n;
const uint64Max = 2n ** 64n - 1n;
const second = 1_000_000_000n;

/** Throws CelError for what does not fit into 64 bits. */
export function int(value: bigint): bigint {
  if (value > int64Max || value < -int64Max - 1n) throw new CelError("integer overflow");
  return value;
}

function uint(value: bigint): Uint {
  if (value < 0n || value > uint64Max) throw new CelError("unsigned integer overflow");
  return new Uint(value);
}

/** CEL's standard functions; `&&`, `||`, `?:` and indexing are the evaluator's. */
export function standardFunctions(regexps: Regexps): Functions {
  return {
    ...logic,
    ...equality,
    ...orders,
    ...arithmetic,
    ...temporalArithmetic,
    ...conversions,
    ...sizes,
    ...strings(regexps),
    ...calendar,
  };
}

const logic: Functions = {
  // Declared for the checker; the evaluator has forms of its own for them.
  "_&&_(bool, bool): bool": unreached,
  "_||_(bool, bool): bool": unreached,
  "_?_:_(bool, T, T): T": unreached,
  "@not_strictly_false(bool): bool": unreached,
  "_[_](list<T>, int): T": unreached,
  "_[_](map<K, V>, K): V": unreached,
  "_[_](optional<list<T>>, int): optional<T>": unreached,
  "_[_](optional<map<K, V>>, K): optional<V>": unreached,
  "_[?_](list<T>, int): optional<T>": unreached,
  "_[?_](map<K, V>, K): optional<V>": unreached,
  "_[?_](optional<list<T>>, int): optional<T>": unreached,
  "_[?_](optional<map<K, V>>, K): optional<V>": unreached,
  "!_(bool): bool": ([value]: readonly [boolean]) => !value,
};

function unreached(): never {
  throw new CelError("no such overload");
}

const equality: Functions = {
  "_==_(T, T): bool": ([a, b]: readonly [Value, Value], budget) => areEqual(a, b, budget),
  "_!=_(T, T): bool": ([a, b]: readonly [Value, Value], budget) => !areEqual(a, b, budget),
  "@in(T, list<T>): bool": ([wanted, list]: readonly [Value, ListValue], budget) => {
    for (const each of list) {
      budget.charge(1);
      if (areEqual(wanted, each, budget)) return true;
    }
    return false;
  },
  "@in(K, map<K, V>): bool": ([key, map]: readonly [Value, MapValue]) => map.get(key) !== undefined,
};

const orderedTypes = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];
const numbers = ["int", "uint", "double"];
const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  "_<_": (order) => order < 0,
  "_<=_": (order) => order <= 0,
  "_>_": (order) => order > 0,
  "_>=_": (order) => order >= 0,
};

/** Of two values of a type, and of numbers of any two types. */
const orders: Functions = Object.fromEntries(
  Object.entries(comparisons).flatMap(([name, holds]) => {
    const pairs = [
      ...orderedTypes.map((type) => [type, type]),
      ...numbers.flatMap((a) => numbers.filter((b) => a !== b).map((b) => [a, b])),
    ];
    return pairs.map(([a, b]) => [
      `${name}(${a}, ${b}): bool`,
      ([left, right]: readonly [Value, Value], budget: Budget): boolean => {
        const order = compareValues(left, right, budget);
        if (order !== undefined) return holds(order);
        throw new CelError("NaN values cannot be ordered");
      },
    ]);
  }),
);

const arithmetic: Functions = {
  "_+_(int, int): int": ([a, b]: readonly [bigint, bigint]) => int(a + b),
  "_+_(uint, uint): uint": ([a, b]: readonly [Uint, Uint]) => uint(a.value + b.value),
  "_+_(double, double): double": ([a, b]: readonly [number, number]) => a + b,
  "_+_(string, string): string": ([a, b]: readonly [string, string], budget) => {
    budget.chargeText(a.length + b.length);
    return a + b;
  },
  "_+_(bytes, bytes): bytes": ([a, b]: readonly [Uint8Array, Uint8Array], budget) => {
    budget.chargeText(a.length + b.length);
    return Uint8Array.from([...a, ...b]);
  },
  "_+_(list<T>, list<T>): list<T>": ([a, b]: readonly [ListValue, ListValue], budget) => concatenated(a, b, budget),
  "_-_(int, int): int": ([a, b]: readonly [bigint, bigint]) => int(a - b),
  "_-_(uint, uint): uint": ([a, b]: readonly [Uint, Uint]) => uint(a.value - b.value),
  "_-_(double, double): double": ([a, b]: readonly [number, number]) => a - b,
  "_*_(int, int): int": ([a, b]: readonly [bigint, bigint]) => int(a * b),
  "_*_(uint, uint): uint": ([a, b]: readonly [Uint, Uint]) => uint(a.value * b.value),
  "_*_(double, double): double": ([a, b]: readonly [number, number]) => a * b,
  "_/_(int, int): int": ([a, b]: readonly [bigint, bigint]) => int(a / nonZero(b, "division by zero")),
  "_/_(uint, uint): uint": ([a, b]: readonly [Uint, Uint]) => uint(a.value / nonZero(b.value, "division by zero")),
  "_/_(double, double): double": ([a, b]: readonly [number, number]) => a / b,
  "_%_(int, int): int": ([a, b]: readonly [bigint, bigint]) => int(a % nonZero(b, "modulus by zero")),
  "_%_(uint, uint): uint": ([a, b]: readonly [Uint, Uint]) => uint(a.value % nonZero(b.value, "modulus by zero")),
  "-_(int): int": ([a]: readonly [bigint]) => int(-a),
  "-_(double): double": ([a]: readonly [number]) => -a,
};

function nonZero(value: bigint, message: string): bigint {
  if (value === 0n) throw new CelError(message);
  return value;
}

/** Lists of a schema are joined by what they are: sets and lists with keys hold nothing twice. */
function concatenated(a: ListValue, b: ListValue, budget: Budget): ListValue {
  budget.chargeText(a.size + b.size);
  const { semantics } = a;
  const joined = a.toArray();
  if (!semantics || semantics.type === "atomic") {
    for (let i = 0; i < b.size; i++) joined.push(b.at(i));
    return ListValue.of(joined);
  }
  for (const each of b) {
    const at = joined.findIndex((known) => isSameElement(known, each, semantics, budget));
    if (at < 0) joined.push(each);
    else joined[at] = each;
  }
  return ListValue.of(joined, semantics);
}

function isSameElement(
  a: Value,
  b: Value,
  semantics: Exclude<NonNullable<ListValue["semantics"]>, { readonly type: "atomic" }>,
  budget: Budget,
): boolean {
  if (semantics.type === "set") return areEqual(a, b, budget);
  const keyOf = (value: Value, key: string): Value =>
    typeof value === "object" && value !== null && "get" in value ? (value.get(key) ?? null) : null;
  return semantics.keys.every((key) => areEqual(keyOf(a, key), keyOf(b, key), budget));
}

const temporalArithmetic: Functions = {
  "_+_(timestamp, duration): timestamp": ([a, b]: readonly [Timestamp, Duration]) =>
    makeTimestamp(a.nanos + b.nanos, a.offsetMinutes),
  "_+_(duration, timestamp): timestamp": ([a, b]: readonly [Duration, Timestamp]) =>
    makeTimestamp(a.nanos + b.nanos, b.offsetMinutes),
  "_+_(duration, duration): duration": ([a, b]: readonly [Duration, Duration]) => makeDuration(a.nanos + b.nanos),
  "_-_(timestamp, timestamp): duration": ([a, b]: readonly [Timestamp, Timestamp]) => makeDuration(a.nanos - b.nanos),
  "_-_(timestamp, duration): timestamp": ([a, b]: readonly [Timestamp, Duration]) =>
    makeTimestamp(a.nanos - b.nanos, a.offsetMinutes),
  "_-_(duration, duration): duration": ([a, b]: readonly [Duration, Duration]) => makeDuration(a.nanos - b.nanos),
};

const conversions: Functions = {
  "bool(bool): bool": same,
  "bool(string): bool": ([text]: readonly [string]) => {
    if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
    if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
    throw conversionError("bool");
  },
  "int(int): int": same,
  "int(uint): int": ([value]: readonly [Uint]) => int(value.value),
  "int(double): int": ([value]: readonly [number]) => int(whole(value)),
  "int(string): int": ([text]: readonly [string]) => int(integer(text, /^[+-]?\d{1,20}$/, "int")),
  "int(timestamp): int": ([time]: readonly [Timestamp]) => time.nanos / second,
  "int(duration): int": ([duration]: readonly [Duration]) => duration.nanos,
  "uint(uint): uint": same,
  "uint(int): uint": ([value]: readonly [bigint]) => uint(value),
  "uint(double): uint": ([value]: readonly [number]) => uint(whole(value)),
  "uint(string): uint": ([text]: readonly [string]) => uint(integer(text, /^\d{1,20}$/, "uint")),
  "double(double): double": same,
  "double(int): double": ([value]: readonly [bigint]) => Number(value),
  "double(uint): double": ([value]: readonly [Uint]) => Number(value.value),
  "double(string): double": ([text]: readonly [string]) => {
    if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
    if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
    if (/^nan$/i.test(text)) return NaN;
    throw conversionError("double");
  },
  "string(string): string": same,
  "string(bool): string": ([value]: readonly [boolean]) => String(value),
  "string(int): string": ([value]: readonly [bigint]) => String(value),
  "string(uint): string": ([value]: readonly [Uint]) => String(value.value),
  "string(double): string": ([value]: readonly [number]) => formatDouble(value),
  "string(bytes): string": ([bytes]: readonly [Uint8Array], budget) => {
    budget.chargeText(bytes.length);
    try {
      return utf8DecodeStrict(bytes);
    } catch {
      throw new CelError("invalid UTF-8 in bytes, cannot convert to string");
    }
  },
  "string(timestamp): string": ([time]: readonly [Timestamp]) => formatTimestamp(time),
  "string(duration): string": ([duration]: readonly [Duration]) => formatDurationSeconds(duration),
  "bytes(bytes): bytes": same,
  "bytes(string): bytes": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return utf8Encode(text);
  },
  "timestamp(timestamp): timestamp": same,
  "timestamp(int): timestamp": ([seconds]: readonly [bigint]) => makeTimestamp(seconds * second),
  "timestamp(string): timestamp": ([text]: readonly [string]) => {
    const time = parseTimestamp(text);
    if (time) return time;
    throw new CelError(`parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse`);
  },
  "duration(duration): duration": same,
  "duration(int): duration": ([nanos]: readonly [bigint]) => makeDuration(nanos),
  "duration(string): duration": ([text]: readonly [string]) => {
    const duration = parseDurationNanos(text);
    if (duration) return duration;
    throw new CelError(`time: invalid duration ${JSON.stringify(text)}`);
  },
  "type(T): type<T>": ([value]: readonly [Value]) => new TypeValue(typeOfValue(value)),
  "dyn(T): dyn": same,
};

function same([value]: readonly Value[]): Value {
  return value ?? null;
}

function whole(value: number): bigint {
  if (!Number.isFinite(value)) throw new CelError("integer overflow");
  return BigInt(Math.trunc(value));
}

function conversionError(to: string): CelError {
  return new CelError(`type conversion error from 'string' to '${to}'`);
}

function integer(text: string, pattern: RegExp, to: string): bigint {
  if (!pattern.test(text)) throw conversionError(to);
  return BigInt(text.replace(/^\+/, ""));
}

/** As Go's FormatFloat with `g`: an exponent below -4 and from 6 on, of two digits at least. */
export function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 6)
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return String(value);
}

const sizes: Functions = Object.fromEntries(
  [
    ["string", (text: string, budget: Budget): bigint => BigInt(codePointCount(text, budget))] as const,
    ["bytes", (bytes: Uint8Array): bigint => BigInt(bytes.length)] as const,
    ["list<T>", (list: ListValue): bigint => BigInt(list.size)] as const,
    ["map<K, V>", (map: MapValue): bigint => BigInt(map.size)] as const,
  ].flatMap(([type, size]) => {
    const sizeOf = ([value]: readonly [never], budget: Budget): bigint => size(value, budget);
    return [
      [`size(${type}): int`, sizeOf],
      [`${type}.size(): int`, sizeOf],
    ];
  }),
);

function codePointCount(text: string, budget: Budget): number {
  budget.chargeText(text.length);
  let count = text.length;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--;
  return count;
}

function strings(regexps: Regexps): Functions {
  const matches = ([text, pattern]: readonly [string, string], budget: Budget): boolean => {
    // Upstream's estimate: the pattern counts a quarter of each character of the text.
    budget.charge((1 + text.length * 0.1) * Math.max(pattern.length * 0.25, 1));
    return regexps.get(pattern).test(text);
  };
  const over =
    (test: (text: string, part: string) => boolean) =>
    ([text, part]: readonly [string, string], budget: Budget): boolean => {
      budget.chargeText(text.length);
      return test(text, part);
    };
  return {
    "string.contains(string): bool": over((text, part) => text.includes(part)),
    "string.startsWith(string): bool": over((text, part) => text.startsWith(part)),
    "string.endsWith(string): bool": over((text, part) => text.endsWith(part)),
    "matches(string, string): bool": matches,
    "string.matches(string): bool": matches,
  };
}

const calendarFields: Readonly<Record<string, (time: CalendarTime) => number>> = {
  getFullYear: ({ year }) => year,
  getMonth: ({ month }) => month,
  getDayOfYear: ({ dayOfYear }) => dayOfYear,
  getDayOfMonth: ({ day }) => day - 1,
  getDate: ({ day }) => day,
  getDayOfWeek: ({ weekday }) => weekday,
  getHours: ({ hours }) => hours,
  getMinutes: ({ minutes }) => minutes,
  getSeconds: ({ seconds }) => seconds,
  getMilliseconds: ({ milliseconds }) => milliseconds,
};

const durationUnits: Readonly<Record<string, (nanos: bigint) => bigint>> = {
  getHours: (nanos) => nanos / (3600n * second),
  getMinutes: (nanos) => nanos / (60n * second),
  getSeconds: (nanos) => nanos / second,
  getMilliseconds: (nanos) => nanos / 1_000_000n,
};

const calendar: Functions = Object.fromEntries([
  ...Object.entries(calendarFields).flatMap(([name, read]) => [
    [`timestamp.${name}(): int`, ([time]: readonly [Timestamp]) => BigInt(read(calendarTime(time, "UTC")))],
    [
      `timestamp.${name}(string): int`,
      ([time, zone]: readonly [Timestamp, string]) => BigInt(read(calendarTime(time, zone))),
    ],
  ]),
  ...Object.entries(durationUnits).map(([name, read]) => [
    `duration.${name}(): int`,
    ([duration]: readonly [Duration]) => read(duration.nanos),
  ]),
]) as Functions;
