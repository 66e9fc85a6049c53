import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { Event } from "../../api/core/v1/types.gen.ts";
import { events } from "../../api/resources.gen.ts";
import { EventCorrelator, type CorrelatedEvent } from "./event-correlator.ts";
import { EventNames, EventQueue, messageCharactersMax, referenceTo, type EventWriterOptions } from "./event-queue.ts";
import type { EventRecorder, EventTarget } from "./event-recorder.ts";

/** Makes a recorder that writes Events one after the other in the background. Dispose stops it; what is queued is lost. */
export function createEventRecorder(options: EventWriterOptions): EventRecorder & AsyncDisposable {
  return new EventWriter(options);
}

class EventWriter implements EventRecorder, AsyncDisposable {
  readonly #options: EventWriterOptions;
  readonly #correlator: EventCorrelator;
  readonly #names: EventNames;
  readonly #queue: EventQueue<Input<Event>>;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#correlator = new EventCorrelator(options.clock);
    this.#names = new EventNames(options.clock, options.random);
    this.#queue = new EventQueue(options, (occurrence) => {
      const correlated = this.#correlator.correlate(occurrence);
      if (correlated.action === "drop") {
        this.#queue.discard("rate-limit");
        return undefined;
      }
      return async (signal) => this.#correlator.stored(correlated.key, await this.#send(correlated, signal));
    });
  }

  event(target: EventTarget, type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void {
    const { clock, component, host } = this.#options;
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    this.#queue.add({
      metadata: this.#names.next(target),
      involvedObject: referenceTo(target, fieldPath),
      reason,
      message: message.slice(0, messageCharactersMax),
      source: { component, ...(host ? { host } : {}) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? "",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue[Symbol.asyncDispose]();
  }

  async #send(correlated: Exclude<CorrelatedEvent, { action: "drop" }>, signal: AbortSignal): Promise<Event> {
    const client = this.#options.client.resource(events, correlated.event.metadata?.namespace ?? "default");
    if (correlated.action === "patch") {
      try {
        return await client.patch(correlated.name, "strategic", correlated.patch, { signal });
      } catch (error) {
        // The first one has expired in the store: begin a new one, with the count so far.
        if (!isNotFound(error)) throw error;
      }
    }
    return client.create(correlated.event, { signal });
  }
}
