import type { Clock } from "../../component-base/clock.ts";
import { MetricRegistry, type Counter, type Histogram } from "../../component-base/metrics.ts";

// 10 ns … 10 s by factors of ten, upstream's buckets for both durations.
const durationBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10];

/** Upstream's `workqueue_*` metrics for one queue. */
export class WorkQueueMetrics<K> {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #depth: Counter;
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #queueDuration: Histogram;
  readonly #workDuration: Histogram;
  readonly #addedAt = new Map<K, number>();
  readonly #startedAt = new Map<K, number>();

  constructor(name: string, clock: Clock, registry: MetricRegistry = new MetricRegistry()) {
    this.#name = name;
    this.#clock = clock;
    this.#depth = registry.gauge("workqueue_depth", "Current depth of workqueue", ["name"]);
    this.#adds = registry.counter("workqueue_adds_total", "Total number of adds handled by workqueue", ["name"]);
    this.#retries = registry.counter("workqueue_retries_total", "Total number of retries handled by workqueue", [
      "name",
    ]);
    this.#queueDuration = registry.histogram(
      "workqueue_queue_duration_seconds",
      "How long in seconds an item stays in workqueue before being requested",
      durationBuckets,
      ["name"],
    );
    this.#workDuration = registry.histogram(
      "workqueue_work_duration_seconds",
      "How long in seconds processing an item from workqueue takes",
      durationBuckets,
      ["name"],
    );
  }

  depth(length: number): void {
    this.#depth.set(length, this.#name);
  }

  added(key: K): void {
    this.#adds.inc(this.#name);
    this.#addedAt.set(key, this.#clock.monotonic());
  }

  started(key: K): void {
    const now = this.#clock.monotonic();
    const addedAt = this.#addedAt.get(key);
    if (addedAt !== undefined) this.#queueDuration.observe((now - addedAt) / 1000, this.#name);
    this.#addedAt.delete(key);
    this.#startedAt.set(key, now);
  }

  finished(key: K): void {
    const startedAt = this.#startedAt.get(key);
    if (startedAt !== undefined) this.#workDuration.observe((this.#clock.monotonic() - startedAt) / 1000, this.#name);
    this.#startedAt.delete(key);
  }

  retried(): void {
    this.#retries.inc(this.#name);
  }
}
