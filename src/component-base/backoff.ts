import type { Random } from "./random.ts";

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Growth per failure; 2 unless given. */
  readonly factor?: number;
  /** Adds up to this fraction of the delay at random; 0 unless given. */
  readonly jitter?: number;
}

/** The delay before attempt number `failures` (1 = after the first failure). */
export function backoffDelay(options: BackoffOptions, failures: number, random?: Random): number {
  const factor = options.factor ?? 2;
  const base = Math.min(options.maxMs, options.initialMs * factor ** Math.min(Math.max(failures - 1, 0), 63));
  return options.jitter && random ? base * (1 + options.jitter * random.next()) : base;
}
