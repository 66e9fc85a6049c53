import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import type { Counter } from "../../component-base/metrics.ts";
import { isCriticalPod, isTerminalPhase } from "../api/pods.ts";
import type { PodRecord } from "../container/pod-record.ts";
import type { KubeletPorts } from "../ports.ts";
import type { StatsProvider } from "../stats/stats-provider.ts";
import { hasLocalStorageLimit, localStorageViolation } from "./local-storage.ts";
import { type Candidate, evictionMessage, rankPods } from "./ranking.ts";
import {
  crossedThresholds,
  type Observation,
  type Pressure,
  type Signal,
  signals,
  type Threshold,
} from "./thresholds.ts";

/** Ends a pod as Failed for a reason. */
export interface Eviction {
  readonly message: string;
  readonly gracePeriodSeconds: number;
  /** Whether the node is why, and not the pod's own limits. */
  readonly isNodePressure: boolean;
}

export interface EvictionManagerOptions {
  readonly nodeName: string;
  readonly ports: KubeletPorts;
  readonly stats: StatsProvider;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly rootDirectory: string;
  readonly thresholds: readonly Threshold[];
  readonly periodMs: number;
  /** How long a pressure is told after it was last seen. */
  readonly pressureTransitionMs: number;
  /** The most grace a pod gets when a soft threshold is why. */
  readonly maxPodGraceSeconds: number;
  readonly pods: () => readonly Pod[];
  readonly podRecord: (uid: string) => Promise<PodRecord>;
  readonly evict: (pod: Pod, eviction: Eviction) => void;
  /** Whether nothing of an evicted pod is left on the node but its object. */
  readonly isCleanedUp: (uid: string) => boolean;
  /** Counts evictions by their signal. */
  readonly evictions: Counter;
  /** Frees what the node itself holds on disk; resolves when nothing more can be done. */
  readonly reclaimDisk: (signal: AbortSignal) => Promise<void>;
}

// Upstream's immediate eviction: 0 would mean the pod's own grace period to some runtimes.
const immediateGraceSeconds = 1;
// What an evicted pod gives back is waited for, so that no second one goes in its place.
const cleanupLookMs = 1_000;
const cleanupLooksMax = 30;

/**
 * Looks after the node: when memory, disk or process ids run short it says so, frees what it can, and ends the pod that
 * matters least, one a round. Pods that use more of the disk than they may are ended too.
 */
export class EvictionManager {
  readonly #options: EvictionManagerOptions;
  /** Since when each crossed threshold is. */
  #crossed = new Map<Threshold, number>();
  /** Those that were answered, and are so until their minimum reclaim is reached. */
  #met: ReadonlySet<Threshold> = new Set();
  readonly #pressureSeenMs = new Map<Pressure, number>();

  constructor(options: EvictionManagerOptions) {
    this.#options = options;
  }

  /** Whether the node is short of it, or was a short while ago. */
  isUnder(pressure: Pressure): boolean {
    const seenMs = this.#pressureSeenMs.get(pressure);
    return seenMs !== undefined && this.#options.clock.monotonic() - seenMs < this.#options.pressureTransitionMs;
  }

  /** Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, periodMs } = this.#options;
    while (!signal.aborted) {
      try {
        const evicted = await this.round(signal);
        if (evicted.length > 0) {
          await this.#untilCleanedUp(evicted, signal);
          continue;
        }
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("Eviction manager: failed to synchronize", { error: errorText(error) });
      }
      await sleep(clock, periodMs, signal).catch(() => {});
    }
  }

  async #untilCleanedUp(evicted: readonly Pod[], signal: AbortSignal): Promise<void> {
    const { clock, logger, isCleanedUp } = this.#options;
    for (let looks = 0; looks < cleanupLooksMax; looks++) {
      if (evicted.every(({ metadata }) => isCleanedUp(metadata.uid))) return;
      await sleep(clock, cleanupLookMs, signal);
    }
    const pods = evicted.map(({ metadata }) => metadata.name);
    logger.warn("Eviction manager: timed out waiting for pods to be cleaned up", { pods });
  }

  /** One look at everything. Resolves to the pods that were ended. */
  async round(signal: AbortSignal): Promise<readonly Pod[]> {
    let due = await this.#due();
    const beyondLimits = await this.#enforceLocalStorage();
    if (beyondLimits.length > 0 || !due) return beyondLimits;
    const { logger, evict, evictions } = this.#options;
    this.#tell(due.threshold);
    if (signals[due.threshold.signal].pressure === "DiskPressure") {
      await this.#options.reclaimDisk(signal);
      due = await this.#due();
      if (!due) return [];
    }
    const { threshold, observed } = due;
    const { resource } = signals[threshold.signal];
    for (const candidate of rankPods(await this.#candidates(resource), resource)) {
      const { pod } = candidate;
      if (isCriticalPod(pod)) continue;
      const message = evictionMessage(resource, candidate, threshold, observed);
      const { maxPodGraceSeconds } = this.#options;
      const gracePeriodSeconds = threshold.isHard
        ? immediateGraceSeconds
        : Math.min(maxPodGraceSeconds, pod.spec.terminationGracePeriodSeconds ?? maxPodGraceSeconds);
      evict(pod, { message, gracePeriodSeconds, isNodePressure: true });
      evictions.inc(threshold.signal);
      return [pod];
    }
    logger.error("Eviction manager: unable to evict any pods from the node");
    return [];
  }

  #tell({ signal }: Threshold): void {
    const { logger, recorder, nodeName: name } = this.#options;
    const { resource } = signals[signal];
    logger.warn("Eviction manager: attempting to reclaim", { resource });
    recorder.event(
      { apiVersion: "v1", kind: "Node", metadata: { name, uid: name } },
      "Warning",
      "EvictionThresholdMet",
      `Attempting to reclaim ${resource}`,
    );
  }

  /** The first threshold, in the order of their signals, that is crossed and has been for as long as it may be. */
  async #due(): Promise<{ readonly threshold: Threshold; readonly observed: Observation } | undefined> {
    const { thresholds, clock } = this.#options;
    const observations = await this.#observe();
    const now = clock.monotonic();
    const crossed = crossedThresholds(thresholds, observations, this.#met);
    this.#crossed = new Map(crossed.map((threshold) => [threshold, this.#crossed.get(threshold) ?? now]));
    for (const { signal } of crossed) this.#pressureSeenMs.set(signals[signal].pressure, now);
    const order = Object.keys(signals);
    const due = crossed
      .filter((threshold) => now - (this.#crossed.get(threshold) ?? now) >= threshold.graceMs)
      .sort((a, b) => order.indexOf(a.signal) - order.indexOf(b.signal));
    this.#met = new Set(due);
    const [threshold] = due;
    const observed = threshold && observations.get(threshold.signal);
    return threshold && observed && { threshold, observed };
  }

  async #observe(): Promise<ReadonlyMap<Signal, Observation>> {
    const { ports, stats, rootDirectory, thresholds } = this.#options;
    const out = new Map<Signal, Observation>();
    const asks = (prefix: string): boolean => thresholds.some(({ signal }) => signal.startsWith(prefix));
    const [usage, facts] = await Promise.all([ports.host.usage(), ports.host.facts()]);
    out.set("memory.available", { available: usage.memoryAvailableBytes, capacity: facts.memoryBytes });
    if (asks("allocatableMemory.")) {
      const pods = (await ports.cgroups.allPodsStats())?.memory;
      // Without a limit on the pods together there is nothing to fall short of.
      if (pods?.availableBytes !== undefined && pods.workingSetBytes !== undefined) {
        const { availableBytes, workingSetBytes } = pods;
        out.set("allocatableMemory.available", {
          available: availableBytes,
          capacity: availableBytes + workingSetBytes,
        });
      }
    }
    if (usage.pids)
      out.set("pid.available", { available: usage.pids.max - usage.pids.current, capacity: usage.pids.max });
    if (asks("nodefs.")) {
      const fs = await ports.disks.fileSystem(rootDirectory);
      out.set("nodefs.available", { available: fs.availableBytes, capacity: fs.capacityBytes });
      out.set("nodefs.inodesFree", { available: fs.inodesFree, capacity: fs.inodes });
    }
    const images = asks("imagefs.") ? await stats.imageFileSystem() : undefined;
    if (images) {
      out.set("imagefs.available", { available: images.availableBytes, capacity: images.capacityBytes });
      out.set("imagefs.inodesFree", { available: images.inodesFree, capacity: images.inodes });
    }
    return out;
  }

  async #candidates(resource: string): Promise<readonly Candidate[]> {
    const { stats } = this.#options;
    const isDisk = resource !== "memory" && resource !== "pids";
    const { pods } = isDisk ? await stats.summary() : await stats.cpuAndMemory();
    const byUid = new Map(pods.map((each) => [each.podRef.uid, each]));
    return this.#living().map((pod) => ({ pod, stats: byUid.get(pod.metadata.uid) }));
  }

  #living(): readonly Pod[] {
    return this.#options
      .pods()
      .filter((pod) => !isTerminalPhase(pod.status.phase) && pod.metadata.deletionTimestamp === undefined);
  }

  /** Resolves to the pods that were ended. Only pods with limits are looked at: the runtime takes its time to answer. */
  async #enforceLocalStorage(): Promise<readonly Pod[]> {
    const { stats, podRecord, evict, evictions } = this.#options;
    const evicted: Pod[] = [];
    for (const pod of this.#living().filter(hasLocalStorageLimit)) {
      const violation = localStorageViolation(pod, await stats.podDisk(pod, await podRecord(pod.metadata.uid)));
      if (violation === undefined || isCriticalPod(pod)) continue;
      const { message, limit } = violation;
      evict(pod, { message, gracePeriodSeconds: immediateGraceSeconds, isNodePressure: false });
      evictions.inc(limit);
      evicted.push(pod);
    }
    return evicted;
  }
}
