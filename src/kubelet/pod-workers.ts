import type { Pod } from "../api/core/v1/types.gen.ts";
import { backoffDelay } from "../component-base/backoff.ts";
import type { Clock, Timer } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { TaskGroup } from "../component-base/task-group.ts";
import { isTerminalPhase } from "./api/pods.ts";
import { isOwnChange } from "./status/status-patch.ts";

/** The steps of a pod's life, each idempotent and safe to be aborted and asked for again. */
export interface PodLifecycle {
  /** Brings a living pod to what it asks for. Tells whether it has ended by itself, and when to look again. */
  syncPod(pod: Pod, signal: AbortSignal): Promise<{ readonly isTerminal: boolean; readonly retryInMs?: number }>;
  /** Stops everything of the pod. Resolves when nothing runs any more. */
  syncTerminatingPod(
    pod: Pod,
    options: { readonly gracePeriodSeconds?: number; readonly isOrphan: boolean; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Frees what the stopped pod held on the node, and lets its object go. */
  syncTerminatedPod(pod: Pod, options: { readonly isOrphan: boolean; readonly signal: AbortSignal }): Promise<void>;
  /** The object is gone: removes the last traces. */
  removePod(pod: Pod, signal: AbortSignal): Promise<void>;
}

export type Phase = "syncing" | "terminating" | "terminated" | "finished";

interface Worker {
  pod: Pod;
  phase: Phase;
  /** Its object is gone from the API (or never was there). */
  isRemoved: boolean;
  /** It was found in the runtime and nobody knows of it. */
  readonly isOrphan: boolean;
  gracePeriodSeconds: number | undefined;
  isRunning: boolean;
  isPending: boolean;
  failures: number;
  controller: AbortController;
  timer: Timer | undefined;
}

const retry = { initialMs: 500, maxMs: 10_000 };

export interface PodWorkersOptions {
  readonly lifecycle: PodLifecycle;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: TaskGroup;
  readonly onForget: (uid: string) => void;
}

/**
 * One serial worker per pod uid:
 *
 * ```
 *  seen in the API          found in the runtime only
 *        │                             │
 *        v     deleted, evicted        v       all stopped        volumes, cgroup freed       object gone
 *     syncing ────────────────────> terminating ──────> terminated ──────> finished ──────────────> (forgotten)
 *        │      or ended by itself     ^
 *        └─────────────────────────────┘
 * ```
 *
 * No step goes back. A pod at rest costs a map entry: no timer, no task.
 */
export class PodWorkers {
  readonly #options: PodWorkersOptions;
  readonly #workers = new Map<string, Worker>();

  constructor(options: PodWorkersOptions) {
    this.#options = options;
  }

  get(uid: string): Pod | undefined {
    return this.#workers.get(uid)?.pod;
  }

  has(uid: string): boolean {
    return this.#workers.has(uid);
  }

  phase(uid: string): Phase | undefined {
    return this.#workers.get(uid)?.phase;
  }

  /** The pods known, in the order they came. */
  pods(): Pod[] {
    return [...this.#workers.values()].filter((w) => !w.isOrphan).map((w) => w.pod);
  }

  /** The pod was added or changed in the API. */
  update(pod: Pod): void {
    const { uid } = pod.metadata;
    const known = this.#workers.get(uid);
    if (!known) {
      // One that has ended before this kubelet saw it must not start again.
      const hasEnded = isTerminalPhase(pod.status.phase) || pod.metadata.deletionTimestamp !== undefined;
      this.#start(pod, hasEnded ? "terminating" : "syncing", false);
      return;
    }
    const before = known.pod;
    known.pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) this.#terminate(known, pod.metadata.deletionGracePeriodSeconds);
    // The kubelet's own write of a finished pod's status is no reason to look again.
    else if (known.phase === "syncing" && isTerminalPhase(pod.status.phase)) this.#terminate(known, undefined);
    if (known.phase === "syncing" && isOwnChange(before, pod)) return;
    this.#wake(known);
  }

  /** The pod's object is gone. */
  remove(uid: string): void {
    const known = this.#workers.get(uid);
    if (!known) return;
    known.isRemoved = true;
    this.#terminate(known, known.pod.metadata.deletionGracePeriodSeconds);
    this.#wake(known);
  }

  /** The node ends the pod, whatever the API says. Without a grace period the pod's own counts. */
  end(uid: string, gracePeriodSeconds?: number): void {
    const known = this.#workers.get(uid);
    if (!known) return;
    this.#terminate(known, gracePeriodSeconds);
    this.#wake(known);
  }

  /** The runtime has a pod that nobody knows of. */
  addOrphan(pod: Pod): void {
    if (!this.#workers.has(pod.metadata.uid)) this.#start(pod, "terminating", true);
  }

  /** Something about the pod may have changed. */
  wake(uid: string): void {
    const known = this.#workers.get(uid);
    if (known && known.phase !== "finished") this.#wake(known);
  }

  #start(pod: Pod, phase: Phase, isOrphan: boolean): void {
    const worker: Worker = {
      pod,
      phase,
      isRemoved: isOrphan,
      isOrphan,
      gracePeriodSeconds: pod.metadata.deletionGracePeriodSeconds,
      isRunning: false,
      isPending: false,
      failures: 0,
      controller: new AbortController(),
      timer: undefined,
    };
    this.#workers.set(pod.metadata.uid, worker);
    this.#wake(worker);
  }

  /** Grace periods only ever get shorter; a shorter one interrupts the wait for the longer. */
  #terminate(worker: Worker, gracePeriodSeconds: number | undefined): void {
    const before = worker.gracePeriodSeconds;
    const isShorter = gracePeriodSeconds !== undefined && gracePeriodSeconds < (before ?? Number.POSITIVE_INFINITY);
    if (isShorter) worker.gracePeriodSeconds = gracePeriodSeconds;
    if (worker.phase === "syncing") worker.phase = "terminating";
    else if (worker.phase !== "terminating" || !isShorter || before === undefined) return;
    worker.failures = 0;
    worker.controller.abort();
    worker.controller = new AbortController();
  }

  #wake(worker: Worker): void {
    worker.isPending = true;
    worker.timer?.cancel();
    worker.timer = undefined;
    if (worker.isRunning) return;
    worker.isRunning = true;
    this.#options.tasks.spawn(async (signal) => {
      try {
        while (worker.isPending && !signal.aborted) {
          worker.isPending = false;
          await this.#step(worker, signal);
        }
      } finally {
        worker.isRunning = false;
      }
    });
  }

  async #step(worker: Worker, signal: AbortSignal): Promise<void> {
    const { controller, pod } = worker;
    const own = AbortSignal.any([signal, controller.signal]);
    try {
      await this.#advance(worker, own);
      worker.failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      // Interrupted on purpose: what interrupted it is pending, or makes it so here.
      if (controller.signal.aborted) {
        worker.isPending = true;
        return;
      }
      worker.failures++;
      this.#options.logger.warn("Error syncing pod, skipping", {
        pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
        uid: pod.metadata.uid,
        error,
      });
      this.#wakeLater(worker, backoffDelay(retry, worker.failures));
    }
  }

  async #advance(worker: Worker, signal: AbortSignal): Promise<void> {
    const { lifecycle } = this.#options;
    const { isOrphan } = worker;
    switch (worker.phase) {
      case "syncing": {
        const { isTerminal, retryInMs } = await lifecycle.syncPod(worker.pod, signal);
        // `#terminate` may have moved it on meanwhile.
        if (worker.phase !== "syncing") worker.isPending = true;
        else if (isTerminal) {
          worker.phase = "terminating";
          worker.isPending = true;
        } else if (retryInMs !== undefined) this.#wakeLater(worker, retryInMs);
        return;
      }
      case "terminating": {
        const { gracePeriodSeconds } = worker;
        await lifecycle.syncTerminatingPod(worker.pod, {
          ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: Math.max(gracePeriodSeconds, 1) }),
          isOrphan,
          signal,
        });
        worker.phase = "terminated";
        worker.isPending = true;
        return;
      }
      case "terminated":
        await lifecycle.syncTerminatedPod(worker.pod, { isOrphan, signal });
        worker.phase = "finished";
        worker.isPending = true;
        return;
      case "finished":
        if (!worker.isRemoved) return;
        await lifecycle.removePod(worker.pod, signal);
        worker.timer?.cancel();
        this.#workers.delete(worker.pod.metadata.uid);
        this.#options.onForget(worker.pod.metadata.uid);
        worker.isPending = false;
    }
  }

  #wakeLater(worker: Worker, delayMs: number): void {
    worker.timer?.cancel();
    worker.timer = this.#options.clock.setTimer(Math.max(delayMs, 0), () => this.#wake(worker));
  }
}
