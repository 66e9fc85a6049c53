import { goQuote } from "./go-format.ts";

// Times of API objects are RFC 3339 text; inside, they are milliseconds since 1970.

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(Z|[+-](\d\d):(\d\d))$/;

interface TimeParts {
  /** Whole seconds, in milliseconds. */
  readonly secondMs: number;
  readonly fraction: string;
}

/** Reads RFC 3339 text with any offset and fraction; undefined when it is none. Sub-millisecond digits become a fraction. */
export function parseTime(text: string): number | undefined {
  const parts = readTime(text);
  return parts === undefined ? undefined : parts.secondMs + Number(`0.${parts.fraction || "0"}`) * 1000;
}

/** `2026-01-31T08:05:09Z`: whole seconds, as metav1.Time is written. */
export function formatTime(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-31T08:05:09.123000Z`: microseconds, as metav1.MicroTime is written. */
export function formatMicroTime(ms: number): string {
  const micros = Math.floor(ms * 1000);
  const second = Math.floor(micros / 1_000_000);
  const fraction = String(micros - second * 1_000_000).padStart(6, "0");
  return `${new Date(second * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

function readTime(text: string): TimeParts | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", zone = "Z", zoneHours = "0", zoneMinutes = "0"] =
    match;
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (h > 23 || mi > 59 || s > 59 || Number(zoneHours) > 24 || Number(zoneMinutes) > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(y, mo - 1, d);
  // A day the month does not have has rolled over into another month.
  if (date.getUTCMonth() !== mo - 1 || date.getUTCDate() !== d) return undefined;
  const offsetMinutes = (zone.startsWith("-") ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes));
  return { secondMs: date.getTime() + (h * 3600 + (mi - offsetMinutes) * 60 + s) * 1000, fraction };
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Reads Go's duration text (`1h30m`, `1.5s`, `-100ms`) as milliseconds. Throws with Go's message. */
export function parseDuration(text: string): number {
  const quoted = goQuote(text);
  const [, sign, rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  if (rest === "" || text.length > 128) throw new Error(`time: invalid duration ${quoted}`);
  let sum = 0;
  const part = /([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)/y;
  while (part.lastIndex < rest.length) {
    const match = part.exec(rest);
    if (match === null) throw new Error(`time: invalid duration ${quoted}`);
    const [, amount, unit = ""] = match;
    if (unit === "") throw new Error(`time: missing unit in duration ${quoted}`);
    const ms = Object.hasOwn(unitMs, unit) ? unitMs[unit] : undefined;
    if (ms === undefined) throw new Error(`time: unknown unit ${goQuote(unit)} in duration ${quoted}`);
    sum += Number(amount) * ms;
  }
  // 64 bits of nanoseconds.
  if (sum > 2 ** 63 / 1e6) throw new Error(`time: invalid duration ${quoted}`);
  return sign === "-" ? -sum : sum;
}

/** `1m30s`, `1.5s`, `100ms`, `1h0m0s`, `0s`: as Go prints a duration. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const sign = ms < 0 ? "-" : "";
  const nanos = Math.round(Math.abs(ms) * 1e6);
  if (nanos < 1000) return `${sign}${nanos}ns`;
  if (nanos < 1e6) return `${sign}${nanos / 1000}µs`;
  if (nanos < 1e9) return `${sign}${nanos / 1e6}ms`;
  const minutes = Math.floor(nanos / 6e10);
  const seconds = `${(nanos - minutes * 6e10) / 1e9}s`;
  if (minutes === 0) return `${sign}${seconds}`;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60}m${seconds}`;
}
