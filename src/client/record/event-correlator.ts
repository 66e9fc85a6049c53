import type { Event } from "../../api/core/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { Clock } from "../../component-base/clock.ts";
import { TokenBucket } from "../flowcontrol/token-bucket.ts";
import { LruMap } from "../../component-base/lru-map.ts";

/** What to do with one occurrence. */
export type CorrelatedEvent =
  | { readonly action: "create"; readonly event: Input<Event>; readonly key: string }
  | {
      readonly action: "patch";
      readonly event: Input<Event>;
      readonly key: string;
      readonly name: string;
      readonly patch: Input<Event>;
    }
  | { readonly action: "drop" };

interface Observation {
  readonly name: string;
  readonly count: number;
  readonly firstTimestamp: string;
}

interface Aggregate {
  readonly messages: Set<string>;
  lastAtMs: number;
}

// Upstream's defaults. Each map forgets what was used longest ago.
const cacheSizeMax = 4096;
const similarMax = 10;
const similarWithinMs = 600_000;
const spamBurst = 25;
const spamQps = 1 / 300;

/**
 * Keeps the number of Event objects and writes small, as upstream's correlator does:
 * - ten different messages of one reason about one object within ten minutes become one "combined" event;
 * - the same event again becomes a higher count of the first one;
 * - one source writes about one object at most 25 times, and then once in five minutes.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #aggregates = new LruMap<string, Aggregate>(cacheSizeMax);
  readonly #observed = new LruMap<string, Observation>(cacheSizeMax);
  readonly #buckets = new LruMap<string, TokenBucket>(cacheSizeMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  correlate(occurrence: Input<Event>): CorrelatedEvent {
    const { event, key } = this.#aggregate(occurrence);
    const last = this.#observed.get(key);
    if (!this.#mayWrite(event)) return { action: "drop" };
    if (!last) return { action: "create", event, key };
    const count = last.count + 1;
    const counted = { ...event, count, firstTimestamp: last.firstTimestamp };
    return {
      action: "patch",
      key,
      name: last.name,
      event: counted,
      patch: { count, lastTimestamp: event.lastTimestamp ?? "", message: event.message ?? "" },
    };
  }

  /** To be told what the server stored, so that the next occurrence counts it up. */
  stored(key: string, event: Event): void {
    this.#observed.set(key, {
      name: event.metadata.name,
      count: event.count ?? 1,
      firstTimestamp: event.firstTimestamp ?? "",
    });
  }

  #aggregate(event: Input<Event>): { readonly event: Input<Event>; readonly key: string } {
    const similar = similarKey(event);
    const message = event.message ?? "";
    const now = this.#clock.now();
    let aggregate = this.#aggregates.get(similar);
    if (!aggregate || now - aggregate.lastAtMs > similarWithinMs) aggregate = { messages: new Set(), lastAtMs: now };
    aggregate.lastAtMs = now;
    this.#aggregates.set(similar, aggregate);
    if (aggregate.messages.has(message) || aggregate.messages.size < similarMax - 1) {
      aggregate.messages.add(message);
      return { event, key: `${similar}|${message}` };
    }
    return { event: { ...event, message: `(combined from similar events): ${message}` }, key: similar };
  }

  #mayWrite(event: Input<Event>): boolean {
    const key = sourceKey(event);
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      bucket = new TokenBucket(this.#clock, { qps: spamQps, burst: spamBurst });
      this.#buckets.set(key, bucket);
    }
    return bucket.tryTake();
  }
}

function sourceKey(event: Input<Event>): string {
  const { source, involvedObject: about } = event;
  return [source?.component, source?.host, about?.kind, about?.namespace, about?.name, about?.uid, about?.apiVersion]
    .map((part) => part ?? "")
    .join("|");
}

function similarKey(event: Input<Event>): string {
  return [sourceKey(event), event.involvedObject?.fieldPath ?? "", event.type ?? "", event.reason ?? ""].join("|");
}
