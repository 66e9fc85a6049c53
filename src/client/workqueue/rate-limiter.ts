import { backoffDelay, type BackoffOptions } from "../../component-base/backoff.ts";
import type { Clock } from "../../component-base/clock.ts";
import { TokenBucket, type TokenBucketOptions } from "../flowcontrol/token-bucket.ts";

/** Says how long a key that failed should wait. */
export interface RateLimiter<K> {
  /** Counts one more failure of the key and returns its delay in milliseconds. */
  when(key: K): number;
  /** The key succeeded: its failures are forgotten. */
  forget(key: K): void;
  /** How often the key has failed since it was last forgotten. */
  failures(key: K): number;
}

/** Doubles the delay of each key with each of its failures. */
export class ItemExponentialRateLimiter<K> implements RateLimiter<K> {
  readonly #options: BackoffOptions;
  readonly #failures = new Map<K, number>();

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  when(key: K): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    return backoffDelay(this.#options, failures);
  }

  forget(key: K): void {
    this.#failures.delete(key);
  }

  failures(key: K): number {
    return this.#failures.get(key) ?? 0;
  }
}

/** One bucket for all keys: bounds the retries of the whole queue. */
export class BucketRateLimiter<K> implements RateLimiter<K> {
  readonly #bucket: TokenBucket;

  constructor(clock: Clock, options: TokenBucketOptions) {
    this.#bucket = new TokenBucket(clock, options);
  }

  when(_key: K): number {
    return this.#bucket.reserve();
  }

  forget(_key: K): void {}

  failures(_key: K): number {
    return 0;
  }
}

/** The longest delay any of its limiters asks for. */
export class MaxOfRateLimiter<K> implements RateLimiter<K> {
  readonly #limiters: readonly RateLimiter<K>[];

  constructor(limiters: readonly RateLimiter<K>[]) {
    this.#limiters = limiters;
  }

  when(key: K): number {
    return Math.max(...this.#limiters.map((l) => l.when(key)));
  }

  forget(key: K): void {
    for (const limiter of this.#limiters) limiter.forget(key);
  }

  failures(key: K): number {
    return Math.max(...this.#limiters.map((l) => l.failures(key)));
  }
}

/** Upstream's default for controllers: 5 ms doubling to 1000 s per key, and 10 retries a second (burst 100) overall. */
export function defaultControllerRateLimiter<K>(clock: Clock): RateLimiter<K> {
  return new MaxOfRateLimiter<K>([
    new ItemExponentialRateLimiter<K>({ initialMs: 5, maxMs: 1_000_000 }),
    new BucketRateLimiter<K>(clock, { qps: 10, burst: 100 }),
  ]);
}
