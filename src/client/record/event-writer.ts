import { isNotFound, StatusError } from "../../apimachinery/errors/status-error.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { Event } from "../../api/core/v1/types.gen.ts";
import { events } from "../../api/resources.gen.ts";
import { isAborted, sleep, type Clock } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { MetricRegistry, type Counter } from "../../component-base/metrics.ts";
import { randomInt, type Random } from "../../component-base/random.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import type { ApiClient } from "../rest/api-client.ts";
import { EventCorrelator, type CorrelatedEvent } from "./event-correlator.ts";
import type { EventRecorder, EventTarget } from "./event-recorder.ts";

export interface EventWriterOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** Who reports, e.g. `deployment-controller`. */
  readonly component: string;
  /** The node, for components of one. */
  readonly host?: string;
}

// Upstream's limits: what does not fit the queue is dropped, and a server out of reach is tried twelve times, 10 s apart.
const queueSizeMax = 1000;
const attemptsMax = 12;
const retryMs = 10_000;

/** Makes a recorder that writes Events one after the other in the background. Dispose stops it; what is queued is lost. */
export function createEventRecorder(options: EventWriterOptions): EventRecorder & AsyncDisposable {
  return new EventWriter(options);
}

class EventWriter implements EventRecorder, AsyncDisposable {
  readonly #options: EventWriterOptions;
  readonly #correlator: EventCorrelator;
  readonly #queue: Input<Event>[] = [];
  readonly #wake = new EventSignal();
  readonly #discarded: Counter;
  readonly #tasks: TaskGroup;
  /**
   * Makes names unique when the clock does not move between two events. Begins anywhere: other writers tell of the same
   * objects at the same time.
   */
  #sequence: number;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#sequence = randomInt(options.random, 1_000_000);
    this.#correlator = new EventCorrelator(options.clock);
    const metrics = options.metrics ?? new MetricRegistry();
    this.#discarded = metrics.counter("event_recorder_discarded_total", "Events not written", ["component", "cause"]);
    // The failure of the writer itself is a bug; events are lost then, and the log says so. Work goes on.
    this.#tasks = new TaskGroup({ onFailure: (error) => options.logger.error("event writer stopped", { error }) });
    this.#tasks.spawn((signal) => this.#run(signal));
  }

  event(target: EventTarget, type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void {
    if (this.#queue.length >= queueSizeMax) {
      this.#discarded.inc(this.#options.component, "queue-full");
      return;
    }
    this.#queue.push(this.#make(target, type, reason, message, fieldPath));
    this.#wake.set();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const next = this.#queue.shift();
      if (next) await this.#write(this.#correlator.correlate(next), signal);
      else await this.#wake.wait(signal);
    }
  }

  async #write(correlated: CorrelatedEvent, signal: AbortSignal): Promise<void> {
    const { component } = this.#options;
    if (correlated.action === "drop") {
      this.#discarded.inc(component, "rate-limit");
      return;
    }
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      try {
        this.#correlator.stored(correlated.key, await this.#send(correlated, signal));
        return;
      } catch (error) {
        if (isAborted(error) || signal.aborted) return;
        if (error instanceof StatusError) {
          // Refused for good, e.g. the namespace is going away. Events are best effort.
          this.#discarded.inc(component, "refused");
          this.#options.logger.debug("event refused", { error });
          return;
        }
        // The first pause is random, so that the components of a restarted server do not come back in step.
        const delayMs = attempt === 1 ? retryMs * this.#options.random.next() : retryMs;
        await sleep(this.#options.clock, delayMs, signal).catch(() => {
          // Aborted: the next attempt ends at once.
        });
      }
    }
    this.#discarded.inc(component, "unreachable");
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

  #make(target: EventTarget, type: string, reason: string, message: string, fieldPath?: string): Input<Event> {
    const { clock, component, host } = this.#options;
    const now = clock.now();
    const time = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
    const { name = "", namespace, uid, resourceVersion } = target.metadata;
    // Upstream's suffix is the time in nanoseconds; the part below a millisecond counts instead.
    const suffix = (BigInt(Math.floor(now)) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000)).toString(16);
    return {
      metadata: { name: `${name}.${suffix}`, namespace: namespace ?? "default" },
      involvedObject: {
        ...(target.kind ? { kind: target.kind } : {}),
        ...(target.apiVersion ? { apiVersion: target.apiVersion } : {}),
        ...(namespace ? { namespace } : {}),
        name,
        ...(uid ? { uid } : {}),
        ...(resourceVersion ? { resourceVersion } : {}),
        ...(fieldPath ? { fieldPath } : {}),
      },
      reason,
      message: message.slice(0, 1024),
      source: { component, ...(host ? { host } : {}) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? "",
    };
  }
}
