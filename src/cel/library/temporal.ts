import { CelError } from "../errors.ts";
import { Duration, Timestamp } from "../values/value.ts";

const second = 1_000_000_000n;
/** Years 1 to 9999. */
const timestampMin = -62_135_596_800n * second;
const timestampMax = 253_402_300_800n * second - 1n;
const int64Max = 2n ** 63n - 1n;

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: second,
  m: 60n * second,
  h: 3600n * second,
};

export function makeTimestamp(nanos: bigint, offsetMinutes = 0): Timestamp {
  if (nanos < timestampMin || nanos > timestampMax) throw new CelError("timestamp overflow");
  return new Timestamp(nanos, offsetMinutes);
}

export function makeDuration(nanos: bigint): Duration {
  if (nanos > int64Max || nanos < -int64Max - 1n) throw new CelError("duration overflow");
  return new Duration(nanos);
}

/** RFC 3339 with nanoseconds; undefined for other texts. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return undefined;
  const [, day = "", time = "", fraction = "", zone = ""] = match;
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  // A day that is none, such as 30 February, would be read as one of the next month.
  if (Number.isNaN(ms) || Number(day.slice(8)) > daysOfMonth(Number(day.slice(0, 4)), Number(day.slice(5, 7))))
    return undefined;
  const [, sign = "", hours = "0", minutes = "0"] = /^([+-])(\d\d):(\d\d)$/.exec(zone) ?? [];
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  return makeTimestamp(BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0")), offset);
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

export function formatTimestamp({ nanos, offsetMinutes }: Timestamp): string {
  const seconds = floorDiv(nanos, second);
  const fraction = (nanos - seconds * second).toString().padStart(9, "0").replace(/0+$/, "");
  const text = new Date(Number(seconds) * 1000 + offsetMinutes * 60_000).toISOString().slice(0, -5);
  return `${text}${fraction === "" ? "" : `.${fraction}`}${zoneText(offsetMinutes)}`;
}

function zoneText(offsetMinutes: number): string {
  if (offsetMinutes === 0) return "Z";
  const absolute = Math.abs(offsetMinutes);
  const [hours, minutes] = [Math.floor(absolute / 60), absolute % 60].map((part) => String(part).padStart(2, "0"));
  return `${offsetMinutes < 0 ? "-" : "+"}${hours}:${minutes}`;
}

export function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** Go's duration text; undefined for other texts. */
export function parseDurationNanos(text: string): Duration | undefined {
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return new Duration(0n);
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest) || rest.length > 128) return undefined;
  let sum = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of rest.matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const nanos = unitNanos[unit] ?? 0n;
    sum += BigInt(whole || "0") * nanos + (BigInt(fraction || "0") * nanos) / 10n ** BigInt(fraction.length);
  }
  const nanos = sign === "-" ? -sum : sum;
  return nanos > int64Max || nanos < -int64Max - 1n ? undefined : new Duration(nanos);
}

/** Seconds with their fraction, `90s`, `1.5s`: as CEL turns durations into strings. */
export function formatDurationSeconds({ nanos }: Duration): string {
  const absolute = nanos < 0n ? -nanos : nanos;
  const fraction = (absolute % second).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanos < 0n ? "-" : ""}${absolute / second}${fraction === "" ? "" : `.${fraction}`}s`;
}

/** Year, month from 0, day, weekday from 0 for Sunday, day of the year from 0, hours, minutes, seconds there. Throws CelError. */
export interface CalendarTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly dayOfYear: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly milliseconds: number;
}

/** In a zone of the IANA database, or one given as `+hh:mm`. */
export function calendarTime({ nanos }: Timestamp, zone: string): CalendarTime {
  const ms = Number(floorDiv(nanos, 1_000_000n));
  const date = new Date(ms + zoneOffsetMs(ms, zone));
  const year = date.getUTCFullYear();
  const startOfDay = Date.UTC(2000, date.getUTCMonth(), date.getUTCDate());
  const isLeap = daysOfMonth(year, 2) === 29;
  const dayOfLeapYear = Math.round((startOfDay - Date.UTC(2000, 0, 1)) / 86_400_000);
  return {
    year,
    month: date.getUTCMonth(),
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    dayOfYear: !isLeap && date.getUTCMonth() > 1 ? dayOfLeapYear - 1 : dayOfLeapYear,
    hours: date.getUTCHours(),
    minutes: date.getUTCMinutes(),
    seconds: date.getUTCSeconds(),
    milliseconds: date.getUTCMilliseconds(),
  };
}

function zoneOffsetMs(ms: number, zone: string): number {
  if (zone === "" || zone === "UTC") return 0;
  const fixed = /^([+-]?)(\d{1,2}):(\d\d)$/.exec(zone);
  if (fixed) {
    const [, sign, hours, minutes] = fixed;
    return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  }
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  } catch {
    // The runtime knows no such zone; Go's words.
    throw new CelError(`unknown time zone ${zone}`);
  }
  const name = format.formatToParts(ms).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
