import type { Clock } from "../../component-base/clock.ts";

export interface TokenBucketOptions {
  /** Tokens added per second. */
  readonly qps: number;
  /** The most tokens it holds; it starts full. */
  readonly burst: number;
}

/** A token bucket on a Clock. Costs O(1) a call and holds no timer. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: number;

  constructor(clock: Clock, options: TokenBucketOptions) {
    this.#clock = clock;
    this.#perMs = options.qps / 1000;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#filledAt = clock.monotonic();
  }

  /** Takes a token when there is one. */
  tryTake(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes a token, in advance if need be, and returns the milliseconds until it is really there. */
  reserve(): number {
    this.#refill();
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
  }
}
