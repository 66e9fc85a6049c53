import type { Pod } from "../../api/core/v1/types.gen.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import type { Clock, Timer } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import { podInfo, podKey, type PodInfo } from "../cache/pod-info.ts";
import type { ClusterEvent, Status } from "../framework/interface.ts";
import { Heap } from "./heap.ts";

/** A pod on its way through the queue. */
export interface QueuedPod {
  readonly info: PodInfo;
  readonly attempts: number;
  /** When it last entered the queue; ties in priority go to the earlier one. */
  readonly sinceMs: number;
  readonly backoffUntilMs: number;
  /** The plugins that refused it in its last attempt. */
  readonly rejectedBy: ReadonlySet<string>;
}

export interface QueuePolicy {
  lessThan(a: PodInfo, b: PodInfo): boolean;
  preEnqueue(pod: Pod): Status | undefined;
  mayHelp(pod: Pod, rejectedBy: ReadonlySet<string>, event: ClusterEvent): boolean;
}

// podInitialBackoffSeconds, podMaxBackoffSeconds and podMaxInUnschedulablePodsDuration of kube-scheduler.
const backoff = { initialMs: 1_000, maxMs: 10_000 };
const unschedulableMaxMs = 5 * 60_000;
// How often pods are looked for that have stayed that long, as upstream.
const unschedulableCheckMs = 30_000;

/**
 *            add                 pop                      done: scheduled ──▶ gone
 *   ──▶ active ───────────────────▶ in flight ─────────────done: rejected
 *         ▲  ▲                        (events meanwhile are remembered)   │
 *         │  └── back-off over ── backoff ◀── an event may help ── unschedulable
 *         └──── an event may help and the back-off is over ────────────┘
 *   gated: refused by PreEnqueue; looked at again when the pod itself changes.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #policy: QueuePolicy;
  readonly #active: Heap<QueuedPod>;
  readonly #backoff: Heap<QueuedPod>;
  readonly #unschedulable = new Map<string, QueuedPod>();
  readonly #gated = new Map<string, QueuedPod>();
  /** What happened while a pod was being tried, which its attempt may not have seen; undefined once it has a node. */
  readonly #inFlight = new Map<string, ClusterEvent[] | undefined>();
  readonly #wake = new EventSignal();
  #timer: Timer | undefined;
  #checkUnschedulableAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, policy: QueuePolicy) {
    this.#clock = clock;
    this.#policy = policy;
    const keyOf = (p: QueuedPod): string => p.info.key;
    this.#active = new Heap(keyOf, (a, b) => {
      if (policy.lessThan(a.info, b.info)) return true;
      return !policy.lessThan(b.info, a.info) && a.sinceMs < b.sinceMs;
    });
    this.#backoff = new Heap(keyOf, (a, b) => a.backoffUntilMs < b.backoffUntilMs);
  }

  /** Pods by place, for the scheduler_pending_pods metric. */
  counts(): {
    readonly active: number;
    readonly backoff: number;
    readonly unschedulable: number;
    readonly gated: number;
  } {
    return {
      active: this.#active.size,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size,
      gated: this.#gated.size,
    };
  }

  /** A new pod without a node, or one that changed. */
  set(pod: Pod): void {
    const key = podKey(pod);
    const known =
      this.#active.get(key) ?? this.#backoff.get(key) ?? this.#unschedulable.get(key) ?? this.#gated.get(key);
    if (this.#inFlight.has(key)) return;
    const sameSpec = known && known.info.pod.metadata.generation === pod.metadata.generation;
    const queued: QueuedPod = known
      ? { ...known, info: podInfo(pod) }
      : {
          info: podInfo(pod),
          attempts: 0,
          sinceMs: this.#clock.monotonic(),
          backoffUntilMs: 0,
          rejectedBy: new Set(),
        };
    // A status update (the scheduler's own PodScheduled condition) changes nothing about whether the pod fits.
    if (sameSpec && this.#unschedulable.has(key)) {
      this.#unschedulable.set(key, queued);
      return;
    }
    this.#removeEverywhere(key);
    if (this.#policy.preEnqueue(pod)) this.#gated.set(key, queued);
    else this.#enqueue(queued);
  }

  delete(pod: Pod): void {
    this.#removeEverywhere(podKey(pod));
  }

  /** The next pod to try; waits for one. Undefined once the signal aborts. Answer every pod with `done`. */
  async pop(signal: AbortSignal): Promise<QueuedPod | undefined> {
    while (!signal.aborted) {
      const queued = this.#active.pop();
      if (queued) {
        this.#inFlight.set(queued.info.key, []);
        return { ...queued, attempts: queued.attempts + 1 };
      }
      await this.#wake.wait(signal);
    }
    return undefined;
  }

  /**
   * The pod has a node and is being bound, which may take minutes when volumes are bound first: events are no longer
   * remembered for it.
   */
  decided(queued: QueuedPod): void {
    this.#inFlight.set(queued.info.key, undefined);
  }

  /** The attempt succeeded: the pod leaves the queue. */
  done(queued: QueuedPod): void {
    this.#inFlight.delete(queued.info.key);
  }

  /** The attempt failed. `current` is the pod as it is now, undefined when it is gone or assigned. */
  requeue(queued: QueuedPod, current: Pod | undefined, rejectedBy: ReadonlySet<string>): void {
    const events = this.#inFlight.get(queued.info.key);
    this.#inFlight.delete(queued.info.key);
    if (!current) return;
    const now = this.#clock.monotonic();
    const next: QueuedPod = {
      info: podInfo(current),
      attempts: queued.attempts,
      sinceMs: now,
      backoffUntilMs: now + backoffDelay(backoff, queued.attempts),
      rejectedBy,
    };
    // After its decision no events were remembered for it, so it does not wait for one either.
    const failedByError = rejectedBy.size === 0 || events === undefined;
    const helped = events?.some((event) => this.#policy.mayHelp(current, rejectedBy, event));
    const changed = current.metadata.generation !== queued.info.pod.metadata.generation;
    if (failedByError || helped || changed) this.#enqueue(next);
    else {
      this.#unschedulable.set(next.info.key, next);
      this.#schedule();
    }
  }

  /** Moves the pods that the event may help; those still in back-off wait for its end. */
  onEvent(event: ClusterEvent): void {
    for (const events of this.#inFlight.values()) events?.push(event);
    for (const [key, queued] of this.#unschedulable) {
      if (!this.#policy.mayHelp(queued.info.pod, queued.rejectedBy, event)) continue;
      this.#unschedulable.delete(key);
      this.#enqueue(queued);
    }
  }

  /** Tries the pod again without an event, after its back-off; nothing when it is not waiting for one. */
  activate(key: string): void {
    const queued = this.#unschedulable.get(key);
    if (!queued) return;
    this.#unschedulable.delete(key);
    this.#enqueue(queued);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #enqueue(queued: QueuedPod): void {
    if (queued.backoffUntilMs > this.#clock.monotonic()) {
      this.#backoff.push(queued);
      this.#schedule();
    } else {
      this.#active.push(queued);
      this.#wake.set();
    }
  }

  #removeEverywhere(key: string): void {
    this.#active.delete(key);
    this.#backoff.delete(key);
    this.#unschedulable.delete(key);
    this.#gated.delete(key);
  }

  /** One timer for whatever is due next: the end of a back-off, or of the longest stay without an event. */
  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    if (this.#unschedulable.size === 0) this.#checkUnschedulableAtMs = Number.POSITIVE_INFINITY;
    else if (this.#checkUnschedulableAtMs === Number.POSITIVE_INFINITY) {
      this.#checkUnschedulableAtMs = now + unschedulableCheckMs;
    }
    const due = Math.min(
      this.#backoff.peek()?.backoffUntilMs ?? Number.POSITIVE_INFINITY,
      this.#checkUnschedulableAtMs,
    );
    if (due === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.setTimer(Math.max(0, due - now), () => this.#onTimer());
  }

  #onTimer(): void {
    const now = this.#clock.monotonic();
    for (let next = this.#backoff.peek(); next && next.backoffUntilMs <= now; next = this.#backoff.peek()) {
      this.#backoff.pop();
      this.#active.push(next);
    }
    if (now >= this.#checkUnschedulableAtMs) {
      this.#checkUnschedulableAtMs = Number.POSITIVE_INFINITY;
      for (const [key, queued] of this.#unschedulable) {
        if (queued.sinceMs + unschedulableMaxMs > now) continue;
        this.#unschedulable.delete(key);
        this.#active.push(queued);
      }
    }
    if (this.#active.size > 0) this.#wake.set();
    this.#schedule();
  }
}
