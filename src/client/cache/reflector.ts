import { isExpired, isGone, statusErrorFromStatus } from "../../apimachinery/errors/status-error.ts";
import { AssertionError } from "../../component-base/assert.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import { deadline, sleep, TimeoutError, type Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import { MetricRegistry, type Counter } from "../../component-base/metrics.ts";
import { randomInt, type Random } from "../../component-base/random.ts";
import type { ClientWatchEvent, ListOptions, ResourceClient } from "../rest/api-client.ts";
import { metadataOf } from "./object-key.ts";

/** Where a reflector puts what it sees. Called in the order of the server's changes. */
export interface ReflectorTarget<T> {
  /** The complete state; what is not in it is gone. */
  replace(objects: readonly T[]): void;
  set(object: T): void;
  delete(object: T): void;
}

export interface ReflectorOptions<T> {
  readonly client: ResourceClient<T>;
  readonly target: ReflectorTarget<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** For logs and metrics, e.g. `pods`. */
  readonly name: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadataOnly?: boolean;
  /** Gets the first state from a watch with sendInitialEvents instead of a list. */
  readonly watchList?: boolean;
}

// Upstream's: 800 ms doubling to 30 s, each up to twice as long at random, forgotten after two quiet minutes.
const backoff = { initialMs: 800, maxMs: 30_000, jitter: 1 };
const backoffResetMs = 120_000;
// A watch asks to be ended after 5 to 10 minutes at random, which spreads reconnects over time and servers.
const watchTimeoutMinSeconds = 300;
// A server that has not ended the watch this long after it should have is not there any more, whatever the connection says.
const watchOverdueSeconds = 30;
const initialEventsEnd = "k8s.io/initial-events-end";

/**
 * Keeps a target equal to one collection of the server: list, then watch from the list's revision, resumed from the
 * last revision seen. It lists again only when the server no longer has the revision (410).
 *
 *   list ──> watch ──(ended, no answer)──> watch from the last revision
 *    ^         │
 *    └─(410)───┘
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #lists: Counter;
  readonly #watches: Counter;
  /** Where the next watch starts; undefined until there is a complete state. */
  #revision: string | undefined;
  /** Where the next list starts: "0" lets the server answer from its cache; "" asks for the latest after a 410. */
  #listRevision = "0";
  #failures = 0;
  #failedAt = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    const metrics = options.metrics ?? new MetricRegistry();
    this.#lists = metrics.counter("reflector_lists_total", "Lists done by reflectors", ["resource"]);
    this.#watches = metrics.counter("reflector_watches_total", "Watches started by reflectors", ["resource"]);
  }

  /** Resolves when the signal aborts, and not before. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#cycle(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof AssertionError) throw error;
        await this.#recover(error, signal);
      }
    }
  }

  async #cycle(signal: AbortSignal): Promise<void> {
    if (this.#revision === undefined && !this.#options.watchList) await this.#list(signal);
    const before = this.#revision;
    const startedAt = this.#options.clock.monotonic();
    await this.#watch(signal);
    // A server that ends watches at once, having said nothing, must not be asked again and again without a pause.
    const wasShort = this.#options.clock.monotonic() - startedAt < 1000;
    if (wasShort && before === this.#revision && !signal.aborted) await this.#pause(signal);
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (isExpired(error) || isGone(error)) {
      const isFirst = this.#listRevision !== "";
      this.#revision = undefined;
      this.#listRevision = "";
      // The first relist is at once: the state is known to be old. A list that expires again waits.
      if (isFirst) return;
    } else if (error instanceof TimeoutError) {
      this.#options.logger.warn("watch is overdue, will resume it", { resource: this.#options.name });
      return;
    } else {
      this.#options.logger.warn("list or watch failed, will try again", { resource: this.#options.name, error });
    }
    await this.#pause(signal);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const now = clock.monotonic();
    this.#failures = now - this.#failedAt > backoffResetMs ? 1 : this.#failures + 1;
    this.#failedAt = now;
    await sleep(clock, backoffDelay(backoff, this.#failures, random), signal).catch(() => {
      // Aborted: run() sees the signal.
    });
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, target, name } = this.#options;
    this.#lists.inc(name);
    const objects: T[] = [];
    let page = await client.list({ ...this.#selection(), resourceVersion: this.#listRevision, signal });
    objects.push(...page.items);
    while (page.metadata.continue) {
      page = await client.list({ ...this.#selection(), continue: page.metadata.continue, signal });
      for (const item of page.items) objects.push(item);
    }
    target.replace(objects);
    this.#seen(page.metadata.resourceVersion);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, clock, random, name } = this.#options;
    this.#watches.inc(name);
    const timeoutSeconds = watchTimeoutMinSeconds + randomInt(random, watchTimeoutMinSeconds);
    using limit = deadline(clock, (timeoutSeconds + watchOverdueSeconds) * 1000, signal);
    // With watchList the first events are the state itself, and a bookmark tells where it is complete.
    let initial: T[] | undefined = this.#revision === undefined ? [] : undefined;
    const events = client.watch({
      ...this.#selection(),
      ...(initial ? { sendInitialEvents: true } : {}),
      resourceVersion: this.#revision ?? "",
      allowWatchBookmarks: true,
      timeoutSeconds,
      signal: limit.signal,
    });
    for await (const event of events) {
      if (event.type === "ERROR") throw statusErrorFromStatus(event.object, 0);
      if (!initial) {
        this.#apply(event);
      } else if (event.type !== "BOOKMARK") {
        initial.push(event.object);
      } else if (metadataOf(event.object).annotations?.[initialEventsEnd] === "true") {
        this.#options.target.replace(initial);
        initial = undefined;
        this.#seen(metadataOf(event.object).resourceVersion);
      }
      if (signal.aborted) return;
    }
  }

  #apply(event: Exclude<ClientWatchEvent<T>, { readonly type: "ERROR" }>): void {
    if (event.type === "DELETED") this.#options.target.delete(event.object);
    else if (event.type !== "BOOKMARK") this.#options.target.set(event.object);
    this.#seen(metadataOf(event.object).resourceVersion);
  }

  #seen(revision: string | undefined): void {
    if (!revision) return;
    this.#revision = revision;
    this.#listRevision = revision;
  }

  #selection(): Pick<ListOptions, "labelSelector" | "fieldSelector" | "metadataOnly"> {
    const { labelSelector, fieldSelector, metadataOnly } = this.#options;
    return {
      ...(labelSelector ? { labelSelector } : {}),
      ...(fieldSelector ? { fieldSelector } : {}),
      ...(metadataOnly ? { metadataOnly } : {}),
    };
  }
}
