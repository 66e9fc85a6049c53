import { type Clock, sleep } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { podNameLabel, podNamespaceLabel, podUidLabel } from "../../cri-api/runtime/v1/labels.ts";
import type { RuntimeEvents, RuntimeService } from "../../cri-api/runtime/v1/services.ts";

/** A pod the runtime has something of. */
export interface RuntimePod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export interface PlegOptions {
  readonly runtime: RuntimeService;
  readonly events: RuntimeEvents;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two looks at everything while the event source works, and while it does not. */
  readonly relistPeriodMs: number;
  readonly relistPeriodWithoutEventsMs: number;
  /** Something about the pod changed in the runtime. */
  readonly onChange: (podUid: string) => void;
  /** After each relist, all pods of the runtime. */
  readonly onRelist: (pods: readonly RuntimePod[]) => void;
}

/** Three minutes without a relist and the node is not ready, as upstream. */
const healthyMs = 180_000;
// Events come in bunches; a look costs as much as the runtime has containers. Upstream looks once a second.
const relistDistanceMs = 100;

/**
 * The pod lifecycle event generator: tells which pods changed in the runtime. The runtime's events make it prompt, a slow
 * relist makes it right: it compares what every pod consists of with what it was.
 */
export class Pleg {
  readonly #options: PlegOptions;
  readonly #wake = new EventSignal();
  #fingerprints = new Map<string, string>();
  #relistedMs: number | undefined;

  constructor(options: PlegOptions) {
    this.#options = options;
  }

  /** Undefined when healthy, else the text for the node's condition. */
  problem(): string | undefined {
    if (this.#relistedMs === undefined) return "PLEG is not healthy: pleg has yet to be successful";
    const elapsed = this.#options.clock.monotonic() - this.#relistedMs;
    // Where relists are meant to be rarer than that, one may be missed.
    const limitMs = Math.max(healthyMs, 2 * this.#options.relistPeriodMs);
    if (elapsed <= limitMs) return undefined;
    return `PLEG is not healthy: pleg was last seen active ${Math.round(elapsed / 1000)}s ago; threshold is ${limitMs / 60_000}m0s`;
  }

  /** Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { events, onChange, clock } = this.#options;
    const unsubscribe = events.subscribe(
      (event) => {
        if (event.podUid === undefined) this.#wake.set();
        else onChange(event.podUid);
      },
      () => this.#wake.set(),
    );
    try {
      while (!signal.aborted) {
        const startedMs = clock.monotonic();
        await this.#relist(signal);
        const period = events.isHealthy() ? this.#options.relistPeriodMs : this.#options.relistPeriodWithoutEventsMs;
        await this.#wait(clock, period, signal);
        await pause(clock, relistDistanceMs - (clock.monotonic() - startedMs), signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** Until something happens, for so long at most. */
  async #wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const either = AbortSignal.any([signal, woken.signal]);
    const wake = this.#wake.wait(either).then(() => woken.abort());
    try {
      await sleep(clock, ms, either);
    } catch {
      // Woken early, or stopped: the loop looks which.
    }
    woken.abort();
    await wake;
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { runtime, logger, clock, onChange, onRelist } = this.#options;
    const parts = new Map<string, string[]>();
    const pods = new Map<string, RuntimePod>();
    const add = (labels: Readonly<Record<string, string>>, part: string): void => {
      const uid = labels[podUidLabel];
      // What carries no pod's label is not the kubelet's.
      if (uid === undefined) return;
      const known = parts.get(uid);
      if (known) known.push(part);
      else {
        parts.set(uid, [part]);
        pods.set(uid, { uid, name: labels[podNameLabel] ?? "", namespace: labels[podNamespaceLabel] ?? "" });
      }
    };
    try {
      const [sandboxes, containers] = await Promise.all([
        runtime.listPodSandbox({}, { signal }),
        runtime.listContainers({}, { signal }),
      ]);
      for (const s of sandboxes) add(s.labels, `${s.id}${s.state}`);
      for (const c of containers) add(c.labels, `${c.id}${c.state}`);
    } catch (error) {
      if (signal.aborted) return;
      logger.error("GenericPLEG: Unable to retrieve pods", { error });
      return;
    }
    this.#relistedMs = clock.monotonic();
    const fingerprints = new Map<string, string>();
    for (const [uid, list] of parts) fingerprints.set(uid, list.sort().join());
    const before = this.#fingerprints;
    this.#fingerprints = fingerprints;
    for (const [uid, fingerprint] of fingerprints) if (before.get(uid) !== fingerprint) onChange(uid);
    for (const uid of before.keys()) if (!fingerprints.has(uid)) onChange(uid);
    onRelist([...pods.values()]);
  }
}

/** Shorter when the signal aborts. */
async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  try {
    await sleep(clock, ms, signal);
  } catch {
    // Stopped: the caller looks.
  }
}
