import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { Event } from "../../api/events/v1/types.gen.ts";
import { eventsV1 } from "../../api/resources.gen.ts";
import type { Timer } from "../../component-base/clock.ts";
import { LruMap } from "../../component-base/lru-map.ts";
import { EventNames, EventQueue, messageCharactersMax, referenceTo, type EventWriterOptions } from "./event-queue.ts";
import type { EventTarget, SeriesRecorder } from "./event-recorder.ts";

// Upstream's: a series is over when nothing was seen for so long, and is brought up to date as often while it lasts.
const finishMs = 360_000;
const refreshMs = 1_800_000;
// Of more kinds of events than this, the one seen longest ago is taken for over.
const seriesMax = 4096;

interface Series {
  readonly event: Input<Event>;
  /** Undefined while it was seen once. */
  count: number | undefined;
  seenAtMs: number;
  writtenAtMs: number;
}

/**
 * Makes a recorder of events.k8s.io/v1: an event that is seen again becomes a series, which is written at once, every
 * half an hour, and when it is over. Events alike but for their note are the same one.
 */
export function createSeriesRecorder(options: EventWriterOptions): SeriesRecorder & AsyncDisposable {
  return new SeriesWriter(options);
}

class SeriesWriter implements SeriesRecorder, AsyncDisposable {
  readonly #options: EventWriterOptions;
  readonly #names: EventNames;
  readonly #queue: EventQueue<Series>;
  readonly #series = new LruMap<string, Series>(seriesMax);
  /** Running while there is a series: the next look at all of them. */
  #timer: Timer | undefined;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#names = new EventNames(options.clock, options.random);
    this.#queue = new EventQueue(options, (series) => (signal) => this.#send(series, signal));
  }

  event(
    target: EventTarget,
    type: "Normal" | "Warning",
    reason: string,
    note: string,
    { action, related }: { readonly action: string; readonly related?: EventTarget },
  ): void {
    const { clock, component, host } = this.#options;
    const now = clock.now();
    const about = {
      regarding: referenceTo(target),
      ...(related ? { related: referenceTo(related) } : {}),
      type,
      reason,
      action,
      reportingController: component,
      reportingInstance: host ? `${component}-${host}` : component,
    };
    const key = JSON.stringify(about);
    this.#timer ??= clock.setTimer(finishMs, () => this.#look());
    const known = this.#series.get(key);
    if (known) {
      const isNews = known.count === undefined;
      known.count = (known.count ?? 1) + 1;
      known.seenAtMs = now;
      if (isNews) this.#write(known);
      return;
    }
    const event = {
      metadata: this.#names.next(target),
      eventTime: microTime(now),
      ...about,
      note: note.slice(0, messageCharactersMax),
    };
    const series = { event, count: undefined, seenAtMs: now, writtenAtMs: now };
    this.#series.set(key, series);
    this.#write(series);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#queue[Symbol.asyncDispose]();
  }

  #write(series: Series): void {
    series.writtenAtMs = this.#options.clock.now();
    // As it is now: it may be seen again before its turn.
    this.#queue.add({ ...series });
  }

  #look(): void {
    const { clock } = this.#options;
    const now = clock.now();
    for (const [key, series] of this.#series.entries()) {
      const isOver = series.seenAtMs <= now - finishMs;
      if (series.count !== undefined && (isOver || series.writtenAtMs <= now - refreshMs)) this.#write(series);
      if (isOver) this.#series.delete(key);
    }
    this.#timer = this.#series.size > 0 ? clock.setTimer(finishMs, () => this.#look()) : undefined;
  }

  async #send({ event, count, seenAtMs }: Series, signal: AbortSignal): Promise<void> {
    const client = this.#options.client.resource(eventsV1, event.metadata?.namespace ?? "default");
    if (count === undefined) {
      await client.create(event, { signal });
      return;
    }
    const series = { count, lastObservedTime: microTime(seenAtMs) };
    try {
      await client.patch(event.metadata?.name ?? "", "strategic", { series }, { signal });
    } catch (error) {
      // The event has expired in the store.
      if (!isNotFound(error)) throw error;
      await client.create({ ...event, series }, { signal });
    }
  }
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
