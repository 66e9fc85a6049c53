import type { Clock } from "../component-base/clock.ts";

/** A `metav1.Time`: whole seconds, UTC. */
export function timestamp(clock: Clock): string {
  return formatTime(clock.now());
}

export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A `metav1.MicroTime`. */
export function microTimestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace("Z", "000Z");
}

/** Milliseconds since the epoch; 0 for a missing time, which is before all others. */
export function parseTime(time: string | undefined): number {
  return time ? Date.parse(time) : 0;
}
