import type { LocalTime, TimeZone } from "./time-zone.ts";

/** Text that is no schedule. The message says why. */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
}

/** When something is due. */
export interface Schedule {
  /** The first time after `afterMs`; undefined when there is none within five years, as for 30 February. */
  next(afterMs: number): number | undefined;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: Readonly<Record<string, number>>;
}

/** The values of a field, and whether it was left open by a star. */
interface FieldValues {
  readonly values: ReadonlySet<number>;
  readonly isOpen: boolean;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const fields: readonly Field[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: Object.fromEntries(months.map((name, i) => [name, i + 1])) },
  { name: "day of week", min: 0, max: 6, names: Object.fromEntries(days.map((name, i) => [name, i])) },
];

const descriptors: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const horizonMs = 5 * 366 * 24 * hourMs;

/**
 * The schedule a crontab line, a descriptor such as `@daily` or `@every 1h30m` means, on the wall clock of the zone.
 * Throws ScheduleError.
 */
export function parseSchedule(text: string, zone: TimeZone): Schedule {
  const every = /^@every\s+(.+)$/.exec(text)?.[1];
  if (every !== undefined) return everySchedule(parseDuration(every));
  const line = text.startsWith("@") ? descriptors[text.toLowerCase()] : text;
  if (line === undefined) throw new ScheduleError(`unrecognized descriptor: ${text}`);
  const parts = line.trim().split(/\s+/);
  if (parts.length !== fields.length)
    throw new ScheduleError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(" ")}]`);
  return new CrontabSchedule(
    fields.map((field, i) => parseField(parts[i] ?? "", field)),
    zone,
  );
}

class CrontabSchedule implements Schedule {
  readonly #minutes: ReadonlySet<number>;
  readonly #hours: ReadonlySet<number>;
  readonly #months: ReadonlySet<number>;
  readonly #isDay: (local: LocalTime) => boolean;
  readonly #zone: TimeZone;

  constructor(all: readonly FieldValues[], zone: TimeZone) {
    const nothing: FieldValues = { values: new Set(), isOpen: false };
    const [minute = nothing, hour = nothing, dayOfMonth = nothing, month = nothing, dayOfWeek = nothing] = all;
    this.#minutes = minute.values;
    this.#hours = hour.values;
    this.#months = month.values;
    this.#zone = zone;
    // Both given: either will do. One left open: the other decides.
    const isEither = !dayOfMonth.isOpen && !dayOfWeek.isOpen;
    this.#isDay = (local) => {
      const fitsMonth = dayOfMonth.values.has(local.day);
      const fitsWeek = dayOfWeek.values.has(local.weekday);
      return isEither ? fitsMonth || fitsWeek : fitsMonth && fitsWeek;
    };
  }

  /** Skips what cannot match in the largest steps that are safe, and looks at the wall clock after each. */
  next(afterMs: number): number | undefined {
    const end = afterMs + horizonMs;
    let at = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
    while (at <= end) {
      const local = this.#zone.local(at);
      if (!this.#months.has(local.month)) at = this.#startOf(at, Date.UTC(local.year, local.month, 1));
      else if (!this.#isDay(local)) at = this.#startOf(at, Date.UTC(local.year, local.month - 1, local.day + 1));
      else if (!this.#hours.has(local.hour)) at += hourMs - local.minute * minuteMs;
      else if (!this.#minutes.has(local.minute)) at += minuteMs;
      else return at;
    }
    return undefined;
  }

  /** The moment of a wall clock time, later than `at` even where the zone's clock skips that time. */
  #startOf(at: number, wallMs: number): number {
    const guess = wallMs - this.#zone.offsetMs(at);
    return Math.max(wallMs - this.#zone.offsetMs(guess), at + minuteMs);
  }
}

function everySchedule(periodMs: number): Schedule {
  // At least a second, in whole seconds.
  const step = Math.max(1000, Math.floor(periodMs / 1000) * 1000);
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + step };
}

function parseDuration(text: string): number {
  const units: Readonly<Record<string, number>> = { h: hourMs, m: minuteMs, s: 1000, ms: 1 };
  let total = 0;
  const rest = text.replace(/(\d+(?:\.\d+)?)(ms|h|m|s)/g, (_, amount: string, unit: string) => {
    total += Number(amount) * (units[unit] ?? 0);
    return "";
  });
  if (rest !== "" || text === "") throw new ScheduleError(`failed to parse duration @every ${text}`);
  return total;
}

function parseField(text: string, field: Field): FieldValues {
  const values = new Set<number>();
  let isOpen = false;
  for (const part of text.split(",")) {
    const [range = "", step, ...more] = part.split("/");
    if (more.length > 0) throw new ScheduleError(`too many slashes: ${part}`);
    const [low = "", high, ...rest] = range.split("-");
    if (rest.length > 0) throw new ScheduleError(`too many hyphens: ${part}`);
    const isStar = low === "*" || low === "?";
    const first = isStar ? field.min : parseValue(low, field);
    let last = isStar ? field.max : first;
    if (high !== undefined) last = parseValue(high, field);
    // `5/15` means from 5 on.
    else if (step !== undefined) last = field.max;
    const by = step === undefined ? 1 : parseNumber(step);
    if (isStar && by === 1) isOpen = true;
    checkRange(part, field, first, last, by);
    for (let value = first; value <= last; value += by) values.add(value);
  }
  return { values, isOpen };
}

function checkRange(part: string, { min, max }: Field, first: number, last: number, by: number): void {
  if (first < min) throw new ScheduleError(`beginning of range (${first}) below minimum (${min}): ${part}`);
  if (last > max) throw new ScheduleError(`end of range (${last}) above maximum (${max}): ${part}`);
  if (first > last) throw new ScheduleError(`beginning of range (${first}) beyond end of range (${last}): ${part}`);
  if (by === 0) throw new ScheduleError(`step of range should be a positive number: ${part}`);
}

function parseValue(text: string, { names }: Field): number {
  return names?.[text.toLowerCase()] ?? parseNumber(text);
}

function parseNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new ScheduleError(`failed to parse int from ${text}`);
  return Number(text);
}
