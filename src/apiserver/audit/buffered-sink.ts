import { sleep } from "../../component-base/clock.ts";
import type { Timer } from "../../component-base/clock.ts";
import { TokenBucket } from "../../client/flowcontrol/token-bucket.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import { reportLostEvents } from "./audit-errors.ts";
import type { AuditEnvironment } from "./audit-pipeline.ts";
import type { AuditEvent, AuditSink } from "./audit-sink.ts";

export interface BatchOptions {
  /** Events that may wait; further ones are lost, and counted. */
  readonly bufferMax: number;
  readonly batchMax: number;
  /** An event is sent no later than this. */
  readonly waitMaxMs: number;
  /** How often batches are sent; as they come unless given. */
  readonly throttle?: { readonly perSecond: number; readonly burst: number };
  /** The next batch does not wait for the last to be taken. */
  readonly isConcurrent: boolean;
}

/** Takes events at once and hands them on together: requests do not wait for the backend. */
export class BufferedSink implements AuditSink, AsyncDisposable {
  readonly #sink: AuditSink;
  readonly #options: BatchOptions;
  readonly #environment: AuditEnvironment;
  readonly #limiter: TokenBucket | undefined;
  readonly #deliveries = new TaskGroup();
  #waiting: AuditEvent[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  constructor(sink: AuditSink, options: BatchOptions, environment: AuditEnvironment) {
    this.#sink = sink;
    this.#options = options;
    this.#environment = environment;
    const { throttle } = options;
    this.#limiter = throttle && new TokenBucket(environment.clock, { qps: throttle.perSecond, burst: throttle.burst });
  }

  /** As upstream true also for what is lost: the request is not to blame. */
  record(events: readonly AuditEvent[]): boolean {
    const room = this.#isClosed ? 0 : Math.max(this.#options.bufferMax - this.#waiting.length, 0);
    for (const event of events.slice(0, room)) this.#waiting.push(event);
    const lost = events.slice(room);
    if (lost.length > 0) {
      const why = this.#isClosed ? "audit backend shut down" : "audit buffer queue blocked";
      reportLostEvents("buffered", lost, new Error(why), this.#environment);
    }
    if (this.#waiting.length >= this.#options.batchMax) this.#send();
    else if (this.#waiting.length > 0)
      this.#timer ??= this.#environment.clock.setTimer(this.#options.waitMaxMs, () => this.#send());
    return true;
  }

  /** Sends what waits, and waits for it to be taken or given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    // Who is sending may have looked for more before this was closed.
    while (this.#sending || this.#waiting.length > 0) {
      this.#send();
      await this.#sending;
    }
    await this.#deliveries[Symbol.asyncDispose]();
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  async #sendAll(): Promise<void> {
    do {
      const delayMs = this.#limiter?.reserve() ?? 0;
      if (delayMs > 0) await sleep(this.#environment.clock, delayMs);
      const batch = this.#waiting.splice(0, this.#options.batchMax);
      if (this.#options.isConcurrent) this.#deliveries.spawn(async () => void (await this.#sink.record(batch)));
      else await this.#sink.record(batch);
    } while (this.#waiting.length >= this.#options.batchMax || (this.#isClosed && this.#waiting.length > 0));
    if (this.#waiting.length > 0 && !this.#timer)
      this.#timer = this.#environment.clock.setTimer(this.#options.waitMaxMs, () => this.#send());
  }
}
