import { isConflict } from "../apimachinery/errors/status-error.ts";
import { AssertionError } from "../component-base/assert.ts";
import { isAborted, type Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Counter, MetricRegistry } from "../component-base/metrics.ts";
import { objectKey } from "../client/cache/object-key.ts";
import type { SharedInformer } from "../client/cache/shared-informer.ts";
import type { RateLimiter } from "../client/workqueue/rate-limiter.ts";
import { WorkQueue } from "../client/workqueue/work-queue.ts";
import type { Controller } from "./controller.ts";

export interface ReconcileResult {
  /** Come back to the key after this time, though nothing has happened to it. */
  readonly requeueAfterMs?: number;
}

export interface ReconcileControllerOptions {
  /** Names the queue in logs and metrics. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** How many keys are worked on at a time. 5 unless given, as most upstream controllers have. */
  readonly workers?: number;
  readonly rateLimiter?: RateLimiter<string>;
  /** A key that has failed this often in a row is given up until its next event. Retried for ever unless given. */
  readonly retriesMax?: number;
  /**
   * Makes the world of one key as it should be: reads listers, compares, acts. Never runs twice at a time for one key.
   * A rejection brings the key back after its back-off.
   */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | void>;
}

/**
 * The skeleton of every controller: informer events become keys, keys wait in a queue, workers reconcile them.
 *
 *   event ─> keys ─> queue ─> reconcile ──(done)──> forgotten until the next event
 *                      ^          ├──(requeueAfterMs)──> later
 *                      └──────────┴──(rejected)──> after the key's back-off
 */
export class ReconcileController implements Controller {
  readonly #options: ReconcileControllerOptions;
  readonly #queue: WorkQueue<string>;
  readonly #logger: Logger;
  readonly #outcomes: Counter;

  constructor(options: ReconcileControllerOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ controller: options.name });
    this.#queue = new WorkQueue<string>({
      name: options.name,
      clock: options.clock,
      metrics: options.metrics,
      ...(options.rateLimiter ? { rateLimiter: options.rateLimiter } : {}),
    });
    this.#outcomes = options.metrics.counter("controller_reconcile_total", "Reconciliations by outcome", [
      "controller",
      "result",
    ]);
  }

  enqueue(key: string): void {
    this.#queue.add(key);
  }

  enqueueAfter(key: string, delayMs: number): void {
    this.#queue.addAfter(key, delayMs);
  }

  /** True when no key waits or is being worked on, now or later. */
  get isIdle(): boolean {
    return this.#queue.isIdle;
  }

  /**
   * Enqueues the keys an object stands for whenever it changes: its own key unless `keysOf` says otherwise. An update
   * enqueues the keys of both states. `concerns` leaves out updates that do not matter.
   */
  watch<T>(
    informer: SharedInformer<T>,
    keysOf: (object: T) => readonly string[] = (object) => [objectKey(object)],
    concerns: (previous: T, current: T) => boolean = () => true,
  ): void {
    const enqueueAll = (object: T): void => {
      for (const key of keysOf(object)) this.#queue.add(key);
    };
    informer.addEventHandler({
      onAdd: enqueueAll,
      onUpdate: (previous, current) => {
        if (!concerns(previous, current)) return;
        enqueueAll(previous);
        enqueueAll(current);
      },
      onDelete: enqueueAll,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#queue.shutDown();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    await Promise.all(Array.from({ length: this.#options.workers ?? 5 }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.#queue.get(); key !== undefined; key = await this.#queue.get()) {
      await this.#reconcile(key, signal);
      this.#queue.done(key);
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const { name, retriesMax, reconcile } = this.#options;
    try {
      const result = await reconcile(key, signal);
      this.#queue.forget(key);
      this.#outcomes.inc(name, result?.requeueAfterMs === undefined ? "success" : "requeue_after");
      if (result?.requeueAfterMs !== undefined) this.#queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (signal.aborted && (isAborted(error) || error === signal.reason)) return;
      this.#outcomes.inc(name, error instanceof AssertionError ? "bug" : "error");
      if (retriesMax !== undefined && this.#queue.failures(key) >= retriesMax) {
        this.#logger.error("giving up until the next event", { key, error });
        this.#queue.forget(key);
        return;
      }
      // A conflict is the usual answer to acting on a cache that is a little behind: its event is on the way.
      if (isConflict(error)) this.#logger.debug("conflict, will try again", { key, error });
      else this.#logger.error("reconcile failed, will try again", { key, error });
      this.#queue.addRateLimited(key);
    }
  }
}
