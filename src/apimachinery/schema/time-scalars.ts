import { goQuote } from "../go-format.ts";
import { formatTime } from "../time.ts";
import { describeValue, ScalarMismatch } from "./scalars.ts";

// Times as API objects hold them. Upstream reads them by Go's layouts, part by part from the left, and says which part did not
// fit; clients see that text.

interface Part {
  /** As the layout writes it. */
  readonly layout: string;
  readonly pattern: RegExp;
  /** Numbers outside of it are told only when the whole text fits the layout. */
  readonly range?: readonly [name: string, min: number, max: number];
}

const literal = (text: string): Part => ({ layout: text, pattern: new RegExp(text, "y") });
const beforeFraction: readonly Part[] = [
  { layout: "2006", pattern: /\d{4}/y },
  literal("-"),
  { layout: "01", pattern: /\d\d/y, range: ["month", 1, 12] },
  literal("-"),
  { layout: "02", pattern: /\d\d/y },
  literal("T"),
  // One digit will do here, as in Go.
  { layout: "15", pattern: /\d\d?/y, range: ["hour", 0, 23] },
  literal(":"),
  { layout: "04", pattern: /\d\d/y, range: ["minute", 0, 59] },
  literal(":"),
  { layout: "05", pattern: /\d\d/y, range: ["second", 0, 59] },
];
const zone: Part = { layout: "Z07:00", pattern: /Z|[+-]\d\d:\d\d/y };
const secondsLayout = [...beforeFraction, { layout: "", pattern: /(?:[.,]\d+)?/y }, zone];
const microLayout = [...beforeFraction, { layout: ".000000", pattern: /[.,]\d{6}/y }, zone];

/** RFC 3339 text as milliseconds, without its fraction. Throws ScalarMismatch with Go's text. */
export function instantOf(text: string): number {
  return readTime(text, secondsLayout).ms;
}

/** A metav1.Time: UTC, whole seconds. */
export function decodeTime(value: unknown): unknown {
  const { ms } = readTime(value, secondsLayout);
  return zeroTimeAsNull(formatTime(ms));
}

/** A metav1.MicroTime: UTC, exactly six digits of fraction. */
export function decodeMicroTime(value: unknown): unknown {
  const { ms, fraction } = readTime(value, microLayout);
  return zeroTimeAsNull(`${formatTime(ms).slice(0, 19)}.${fraction}Z`);
}

/** The year 1 is how a time that was never set looks. */
function zeroTimeAsNull(text: string): string | null {
  return text.startsWith("0001-01-01T00:00:00") ? null : text;
}

/** Whole seconds, in milliseconds since 1970, and the digits of the fraction. */
function readTime(value: unknown, layout: readonly Part[]): { readonly ms: number; readonly fraction: string } {
  if (typeof value !== "string") {
    throw new ScalarMismatch(`json: cannot unmarshal ${describeValue(value)} into Go value of type string`);
  }
  const fail = (text: string) => new ScalarMismatch(`parsing time ${goQuote(value)}${text}`);
  const found: string[] = [];
  let outOfRange: string | undefined;
  let at = 0;
  for (const { layout: name, pattern, range } of layout) {
    pattern.lastIndex = at;
    const [text] = pattern.exec(value) ?? [];
    if (text === undefined) {
      const whole = layout.map((part) => part.layout).join("");
      throw fail(` as "${whole}": cannot parse ${goQuote(value.slice(at))} as "${name}"`);
    }
    if (range && (Number(text) < range[1] || Number(text) > range[2])) outOfRange ??= range[0];
    // Go stops at the first number out of range.
    if (outOfRange !== undefined) throw fail(`: ${outOfRange} out of range`);
    found.push(text);
    at += text.length;
  }
  const [year = "", , month = "", , day = "", , hour = "", , minute = "", , second = "", fraction = "", offset = "Z"] =
    found;
  const [offsetHours, offsetMinutes] = [Number(offset.slice(1, 3)), Number(offset.slice(4, 6))];
  if (offsetHours > 24) throw fail(": time zone offset hour out of range");
  if (offsetMinutes > 60) throw fail(": time zone offset minute out of range");
  if (at < value.length) throw fail(`: extra text: ${goQuote(value.slice(at))}`);
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // A day the month does not have has rolled over into another month.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) throw fail(": day out of range");
  const minutesEast = (offset.startsWith("-") ? -1 : 1) * (offsetHours * 60 + offsetMinutes);
  const seconds = Number(hour) * 3600 + (Number(minute) - minutesEast) * 60 + Number(second);
  return { ms: date.getTime() + seconds * 1000, fraction: fraction.slice(1) };
}
