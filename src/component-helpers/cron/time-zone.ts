/** A wall clock's reading. */
export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  /** 0 is Sunday. */
  readonly weekday: number;
}

/** True for a name of the time zone database, as it is written there. */
export function isTimeZone(name: string): boolean {
  if (name === "UTC") return true;
  // Offsets are no names, though the platform takes them.
  if (/^[+-]/.test(name)) return false;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions();
    // The platform does not mind the case; files of zones do.
    return timeZone === name || timeZone.toLowerCase() !== name.toLowerCase();
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A time zone by its IANA name, UTC unless given. Throws RangeError for one that nobody knows. */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat | undefined;

  constructor(name = "UTC") {
    if (name === "UTC" || name === "Etc/UTC") return;
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** How far the zone's clock is ahead of UTC at that moment. */
  offsetMs(atMs: number): number {
    if (!this.#format) return 0;
    const part: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(atMs)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000;
  }

  local(atMs: number): LocalTime {
    const wall = new Date(atMs + this.offsetMs(atMs));
    return {
      year: wall.getUTCFullYear(),
      month: wall.getUTCMonth() + 1,
      day: wall.getUTCDate(),
      hour: wall.getUTCHours(),
      minute: wall.getUTCMinutes(),
      weekday: wall.getUTCDay(),
    };
  }

  /** RFC 3339 with the zone's offset. */
  format(atMs: number): string {
    const offset = this.offsetMs(atMs);
    const wall = new Date(atMs + offset).toISOString().replace(/\.\d+Z$/, "");
    if (offset === 0) return `${wall}Z`;
    const minutes = Math.abs(offset) / 60_000;
    const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
    return `${wall}${offset < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
  }
}
