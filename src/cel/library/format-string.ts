import { utf8DecodeStrict } from "../../component-base/bytes.ts";
import { CelError, type Issue } from "../errors.ts";
import type { Budget } from "../eval/budget.ts";
import type { Expr } from "../syntax/ast.ts";
import { Duration, isMap, kindOf, ListValue, Timestamp, TypeValue, Uint, type Value } from "../values/value.ts";
import { formatDouble } from "./standard.ts";
import { formatDurationSeconds, formatTimestamp } from "./temporal.ts";

/** `"%s is %d".format([…])`: `%s %d %f %e %b %x %X %o`, the middle two with a precision. Throws CelError. */
export function formatString(format: string, args: ListValue, budget: Budget): string {
  budget.chargeText(format.length);
  let next = 0;
  return format.replace(clauses, (clause, precision: string | undefined, verb: string) => {
    if (clause === "%%") return "%";
    if (verb === "") throw new CelError("unexpected end of format string");
    if (next >= args.size) throw new CelError(`index ${next} out of range`);
    const print = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (!print) throw new CelError(unknownClause(verb));
    const made = print(args.at(next++), precisionOf(precision));
    budget.chargeText(made.length);
    return made;
  });
}

const clauses = /%(?:%|(\.\d+)?([a-zA-Z]?))/g;

/** Digits behind the point; more than a hundred no number is printed with. */
function precisionOf(text: string | undefined): number {
  return text === undefined ? 6 : Math.min(Number(text.slice(1)), 100);
}

function unknownClause(verb: string): string {
  return `could not parse formatting clause: unrecognized formatting clause "${verb}"`;
}

/** What is wrong with a call of `format` as far as its literals tell. */
export function formatIssue(call: {
  readonly at: number;
  readonly format: Expr | undefined;
  readonly args: Expr | undefined;
}): readonly Issue[] {
  const { at, format, args } = call;
  if (format?.kind !== "constant" || typeof format.value !== "string" || args?.kind !== "list") return [];
  const { elements } = args;
  let next = 0;
  for (const [clause, precision, verb = ""] of format.value.matchAll(clauses)) {
    if (clause === "%%") continue;
    const element = elements[next]?.value;
    if (!element && verb !== "") return [{ at, message: `index ${next} out of range` }];
    const print = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (!print) return [{ at, message: unknownClause(verb) }];
    next++;
    if (element?.kind !== "constant") continue;
    try {
      print(element.value, precisionOf(precision));
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      return [{ at: element.at, message: error.message }];
    }
  }
  return [];
}

type Verb = (value: Value, precision: number) => string;

const verbs: Readonly<Record<string, Verb>> = {
  s: (value) => plainText(value),
  d: (value) => {
    const integer = integerOf(value);
    if (integer !== undefined) return String(integer);
    if (typeof value === "number" && !Number.isFinite(value)) return formatDouble(value).replace("+Inf", "Infinity");
    throw mismatch("decimal clause can only be used on integers", value);
  },
  f: (value, precision) => numberOf(value, "fixed-point clause can only be used on doubles").toFixed(precision),
  // cel-go prints six digits whatever is asked for, and the exponent in superscript.
  e: (value) => {
    const [mantissa = "", exponent = ""] = numberOf(value, "scientific clause can only be used on doubles")
      .toExponential(6)
      .split("e");
    const power = `${exponent.startsWith("-") ? "⁻" : ""}${exponent.slice(1).padStart(2, "0")}`;
    return `${mantissa}×10${power.replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)] ?? digit)}`;
  },
  b: (value) => {
    if (typeof value === "boolean") return value ? "1" : "0";
    return inBase(value, 2, "only integers and bools can be formatted as binary");
  },
  o: (value) => inBase(value, 8, "octal clause can only be used on integers"),
  x: (value) => hexadecimal(value),
  X: (value) => hexadecimal(value).toUpperCase(),
};

function hexadecimal(value: Value): string {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  if (bytes instanceof Uint8Array) return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return inBase(value, 16, "only integers, byte buffers, and strings can be formatted as hex");
}

function inBase(value: Value, base: number, message: string): string {
  const integer = integerOf(value);
  if (integer === undefined) throw mismatch(message, value);
  return integer.toString(base);
}

function integerOf(value: Value): bigint | undefined {
  if (typeof value === "bigint") return value;
  return value instanceof Uint ? value.value : undefined;
}

function numberOf(value: Value, message: string): number {
  if (typeof value === "number") return value;
  const integer = integerOf(value);
  if (integer === undefined) throw mismatch(message, value);
  return Number(integer);
}

function mismatch(message: string, value: Value): CelError {
  return new CelError(`error during formatting: ${message}, was given ${kindOf(value)}`);
}

/** As `%s` prints what lists and maps hold. */
function innerText(value: Value): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(6) : plainText(value);
}

/** As `%s` prints a value. */
function plainText(value: Value): string {
  if (typeof value === "string") return value;
  if (value === null) return "null";
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return formatDouble(value).replace("+Inf", "Infinity").replace("-Inf", "-Infinity");
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return utf8DecodeStrict(value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDurationSeconds(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof ListValue) return `[${[...value].map(innerText).join(", ")}]`;
  if (isMap(value)) {
    const entries = value.keys().map((key) => [innerText(key), innerText(value.get(key) ?? null)] as const);
    const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([key, member]) => `${key}:${member}`).join(", ")}}`;
  }
  throw mismatch(
    "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
    value,
  );
}
