import type { Clock, Timer } from "../../component-base/clock.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import { defaultControllerRateLimiter, type RateLimiter } from "./rate-limiter.ts";
import { WorkQueueMetrics } from "./work-queue-metrics.ts";

export interface WorkQueueOptions<K> {
  /** The metrics' `name` label. */
  readonly name: string;
  readonly clock: Clock;
  readonly metrics?: MetricRegistry;
  /** Upstream's default for controllers unless given. */
  readonly rateLimiter?: RateLimiter<K>;
}

/**
 * A queue of keys to work on. A key is in it at most once, and is never given to two workers at once: added again while
 * being processed, it waits until `done`.
 *
 *            add                 get                done, not added meanwhile
 *   absent ───────> waiting ───────────> processing ────────────────────────> absent
 *                      ^                     │ done, added meanwhile
 *                      └─────────────────────┘
 *
 * It is bounded by the number of distinct keys its user has.
 */
export class WorkQueue<K> {
  readonly #clock: Clock;
  readonly #rateLimiter: RateLimiter<K>;
  readonly #metrics: WorkQueueMetrics<K>;
  /** Waiting, in the order of arrival. */
  readonly #waiting = new Set<K>();
  readonly #processing = new Set<K>();
  /** Added while processing. */
  readonly #again = new Set<K>();
  readonly #delayed = new Map<K, { readonly at: number; readonly timer: Timer }>();
  #takers: ((key: K | undefined) => void)[] = [];
  #isShutDown = false;

  constructor(options: WorkQueueOptions<K>) {
    this.#clock = options.clock;
    this.#rateLimiter = options.rateLimiter ?? defaultControllerRateLimiter<K>(options.clock);
    this.#metrics = new WorkQueueMetrics<K>(options.name, options.clock, options.metrics);
  }

  /** The number of keys waiting, without those delayed or being processed. */
  get length(): number {
    return this.#waiting.size;
  }

  /** True when nothing waits, is being processed or is delayed. */
  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#processing.size === 0 && this.#delayed.size === 0;
  }

  add(key: K): void {
    if (this.#isShutDown || this.#waiting.has(key) || this.#again.has(key)) return;
    this.#metrics.added(key);
    if (this.#processing.has(key)) this.#again.add(key);
    else this.#makeReady(key);
  }

  /** Adds the key once `delayMs` have passed; of several delays of one key the earliest counts. */
  addAfter(key: K, delayMs: number): void {
    if (this.#isShutDown) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const at = this.#clock.monotonic() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.at <= at) return;
    earlier?.timer.cancel();
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, timer });
  }

  /** Adds the key after the delay its failures call for. */
  addRateLimited(key: K): void {
    this.#metrics.retried();
    this.addAfter(key, this.#rateLimiter.when(key));
  }

  /** To be called when work on the key succeeded. */
  forget(key: K): void {
    this.#rateLimiter.forget(key);
  }

  failures(key: K): number {
    return this.#rateLimiter.failures(key);
  }

  /** The next key, when there is one; undefined once the queue is shut down. Each key must be returned with `done`. */
  get(): Promise<K | undefined> {
    if (this.#isShutDown) return Promise.resolve(undefined);
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      this.#take(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: K): void {
    this.#processing.delete(key);
    this.#metrics.finished(key);
    if (this.#again.delete(key) && !this.#isShutDown) this.#makeReady(key);
  }

  /** Gives up what waits and wakes everybody who waits for a key. Keys being processed are finished by their workers. */
  shutDown(): void {
    this.#isShutDown = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#again.clear();
    const takers = this.#takers;
    this.#takers = [];
    for (const take of takers) take(undefined);
  }

  #makeReady(key: K): void {
    const take = this.#takers.shift();
    if (take) {
      this.#take(key);
      take(key);
      return;
    }
    this.#waiting.add(key);
    this.#metrics.depth(this.#waiting.size);
  }

  #take(key: K): void {
    this.#processing.add(key);
    this.#metrics.started(key);
    this.#metrics.depth(this.#waiting.size);
  }
}
