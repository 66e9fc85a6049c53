import { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { ObjectReference } from "../../api/core/v1/types.gen.ts";
import { isAborted, sleep, type Clock } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { MetricRegistry, type Counter } from "../../component-base/metrics.ts";
import { randomInt, type Random } from "../../component-base/random.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import type { ApiClient } from "../rest/api-client.ts";
import type { EventTarget } from "./event-recorder.ts";

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

type Write = (signal: AbortSignal) => Promise<void>;

/**
 * Writes events one after the other in the background. Dispose stops it; what is queued is lost. Each item is prepared
 * once, when its turn comes: undefined when it is not to be written.
 */
export class EventQueue<T> implements AsyncDisposable {
  readonly #options: EventWriterOptions;
  readonly #prepare: (item: T) => Write | undefined;
  readonly #queue: T[] = [];
  readonly #wake = new EventSignal();
  readonly #discarded: Counter;
  readonly #tasks: TaskGroup;

  constructor(options: EventWriterOptions, prepare: (item: T) => Write | undefined) {
    this.#options = options;
    this.#prepare = prepare;
    const metrics = options.metrics ?? new MetricRegistry();
    this.#discarded = metrics.counter("event_recorder_discarded_total", "Events not written", ["component", "cause"]);
    // The failure of the writer itself is a bug; events are lost then, and the log says so. Work goes on.
    this.#tasks = new TaskGroup({ onFailure: (error) => options.logger.error("event writer stopped", { error }) });
    this.#tasks.spawn((signal) => this.#run(signal));
  }

  add(item: T): void {
    if (this.#queue.length >= queueSizeMax) {
      this.discard("queue-full");
      return;
    }
    this.#queue.push(item);
    this.#wake.set();
  }

  /** Counts an event that is not written. */
  discard(cause: "queue-full" | "rate-limit" | "refused" | "unreachable"): void {
    this.#discarded.inc(this.#options.component, cause);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const next = this.#queue.shift();
      if (next === undefined) {
        await this.#wake.wait(signal);
        continue;
      }
      const write = this.#prepare(next);
      if (write) await this.#attempt(write, signal);
    }
  }

  async #attempt(write: Write, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      try {
        await write(signal);
        return;
      } catch (error) {
        if (isAborted(error) || signal.aborted) return;
        if (error instanceof StatusError) {
          // Refused for good, e.g. the namespace is going away. Events are best effort.
          this.discard("refused");
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
    this.discard("unreachable");
  }
}

/** Names events after what they are about and the time. */
export class EventNames {
  readonly #clock: Clock;
  /**
   * Makes names unique when the clock does not move between two events. Begins anywhere: other writers tell of the same
   * objects at the same time.
   */
  #sequence: number;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#sequence = randomInt(random, 1_000_000);
  }

  next({ metadata: { name = "", namespace = "default" } }: EventTarget): {
    readonly name: string;
    readonly namespace: string;
  } {
    // Upstream's suffix is the time in nanoseconds; the part below a millisecond counts instead.
    const suffix = BigInt(Math.floor(this.#clock.now())) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000);
    return { name: `${name}.${suffix.toString(16)}`, namespace };
  }
}

export function referenceTo({ kind, apiVersion, metadata }: EventTarget, fieldPath?: string): ObjectReference {
  const { name = "", namespace, uid, resourceVersion } = metadata;
  return {
    ...(kind ? { kind } : {}),
    ...(apiVersion ? { apiVersion } : {}),
    ...(namespace ? { namespace } : {}),
    name,
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
    ...(fieldPath ? { fieldPath } : {}),
  };
}

/** Upstream's limit of what an event tells. */
export const messageCharactersMax = 1024;
