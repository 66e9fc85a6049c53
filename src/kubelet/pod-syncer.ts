import type { Pod, PodStatus } from "../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../client/record/event-recorder.ts";
import type { Clock } from "../component-base/clock.ts";
import type { FileSystem } from "../component-base/file-system.ts";
import type { RuntimeService } from "../cri-api/runtime/v1/services.ts";
import { parseTime } from "../component-helpers/time.ts";
import type { AllocationManager } from "./allocation/allocation-manager.ts";
import { isHostNetwork, isStaticPod, isTerminalPhase } from "./api/pods.ts";
import { semanticEqual } from "../component-helpers/semantic-equal.ts";
import { podQosClass } from "../component-helpers/pod-qos.ts";
import type { ObjectStore } from "./config/object-store.ts";
import { isRunning, type PodRecord } from "./container/pod-record.ts";
import type { DownwardFacts } from "./environment/downward-api.ts";
import { collectPodGarbage } from "./kuberuntime/container-gc.ts";
import type { ContainerKiller } from "./kuberuntime/container-killer.ts";
import type { Rejection } from "./lifecycle/pod-admission.ts";
import type { KuberuntimeManager, StartFailure } from "./kuberuntime/kuberuntime-manager.ts";
import { isResizing } from "./kuberuntime/container-resize.ts";
import { podCgroupResources } from "./kuberuntime/linux-resources.ts";
import { podLogDirectory } from "./kuberuntime/sandbox-config.ts";
import type { RuntimeState } from "./nodestatus/runtime-state.ts";
import type { PodRecordCache } from "./pleg/pod-record-cache.ts";
import type { PodLifecycle } from "./pod-workers.ts";
import type { CgroupManager } from "./ports.ts";
import type { ProbeManager } from "./prober/probe-manager.ts";
import { finalStatus } from "./status/final-status.ts";
import { generatePodStatus, type PodVerdict, publishable, withCurrentReadiness } from "./status/generate-pod-status.ts";
import type { StatusManager } from "./status/status-manager.ts";
import type { TokenManager } from "./volumes/token-manager.ts";
import { MountError } from "./volumes/mount-error.ts";
import type { VolumeManager } from "./volumes/volume-manager.ts";

export interface PodSyncerOptions {
  readonly runtime: RuntimeService;
  readonly state: RuntimeState;
  readonly records: PodRecordCache;
  readonly kuberuntime: KuberuntimeManager;
  readonly killer: ContainerKiller;
  readonly probes: ProbeManager;
  readonly statuses: StatusManager;
  readonly volumes: VolumeManager;
  readonly objects: ObjectStore;
  readonly tokens: TokenManager;
  readonly cgroups: CgroupManager;
  readonly fileSystem: FileSystem;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly allocations: AllocationManager;
  readonly podLogsDirectory: string;
  readonly hostIps: () => Promise<readonly string[]>;
  readonly downwardFacts: (podIps: readonly string[]) => Promise<DownwardFacts>;
  /** Whether the node takes a pod it has not seen before; a pod that is taken counts from then on. */
  readonly admit: (pod: Pod) => Promise<Rejection | undefined>;
  /** Keeps the API's image of a static pod. */
  readonly syncMirror: (pod: Pod, signal: AbortSignal) => Promise<void>;
  /** Asks for another pass soon. */
  readonly wake: (uid: string) => void;
}

// How soon a resize that cannot be yet is tried again, when nothing else happens.
const resizeRetryMs = 30_000;

const noFailures: ReadonlyMap<string, StartFailure> = new Map();

/**
 * The steps of a pod's life over the kubelet's parts. Its own memory is only why containers could not be started, and why
 * the node ends a pod.
 */
export class PodSyncer implements PodLifecycle {
  readonly #options: PodSyncerOptions;
  readonly #failures = new Map<string, ReadonlyMap<string, StartFailure>>();
  readonly #verdicts = new Map<string, PodVerdict>();
  readonly #rejected = new Set<string>();

  constructor(options: PodSyncerOptions) {
    this.#options = options;
  }

  /** The pod ends as Failed for this reason. Whoever says so ends it at the pod workers as well. The first verdict counts. */
  condemn(uid: string, verdict: PodVerdict): void {
    if (!this.#verdicts.has(uid)) this.#verdicts.set(uid, verdict);
  }

  isCondemned(uid: string): boolean {
    return this.#verdicts.has(uid);
  }

  /**
   * A probe's verdict changed: it is told at once, whatever the pass under way waits for, and also of a pod that takes its
   * time to end. Others follow it to take the pod out of service.
   */
  noteReadiness(pod: Pod): void {
    const { statuses, probes } = this.#options;
    const known = statuses.get(pod.metadata.uid);
    if (known && !isTerminalPhase(known.phase)) statuses.set(pod, withCurrentReadiness(pod, known, probes));
  }

  async syncPod(
    wanted: Pod,
    signal: AbortSignal,
  ): Promise<{ readonly isTerminal: boolean; readonly retryInMs?: number }> {
    const { allocations } = this.#options;
    const { uid } = wanted.metadata;
    await allocations.resize(wanted);
    // From here on the pod asks for what is allocated to it.
    const pod = allocations.allocated(wanted);
    const { state, records, probes, kuberuntime, recorder, clock, wake, runtime, fileSystem } = this.#options;
    const runtimeProblem = state.runtimeProblem();
    if (runtimeProblem !== undefined) throw new Error(runtimeProblem);
    const record = await records.get(uid, signal);
    const refusal = await this.#options.admit(pod);
    if (refusal) {
      const { reason, message } = refusal;
      recorder.event(pod, "Warning", reason, message);
      this.#rejected.add(uid);
      this.#options.statuses.set(pod, rejectedStatus(pod, refusal));
      return { isTerminal: true };
    }
    if (isStaticPod(pod)) await this.#options.syncMirror(pod, signal);
    this.#noteResize(pod, record, undefined, true);
    // Before the first status: a container with a readiness probe is not ready for want of somebody who asks.
    probes.addPod(pod);
    const deadlineInMs = this.#deadlineInMs(pod);
    if (deadlineInMs !== undefined && deadlineInMs <= 0 && !this.#verdicts.has(uid)) {
      recorder.event(pod, "Normal", deadlineExceeded.reason, deadlineExceeded.message);
      this.condemn(uid, deadlineExceeded);
    }
    const status = await this.#setStatus(pod, record, { isTerminal: false });
    if (isTerminalPhase(status.phase)) return { isTerminal: true };
    for (const c of record.containers) if (c.state === "running") probes.containerRuns(uid, c.name, c.id);
    const networkProblem = state.networkProblem();
    if (networkProblem !== undefined && !isHostNetwork(pod)) {
      recorder.event(pod, "Warning", "NetworkNotReady", `network is not ready: ${networkProblem}`);
      throw new Error(networkProblem);
    }
    await this.#mount(pod, record, signal);
    const result = await kuberuntime.syncPod({ ...pod, status }, record, signal).catch((error: unknown) => {
      // Interrupted, perhaps after something was done.
      records.invalidate(uid);
      throw error;
    });
    this.#failures.set(uid, result.failures);
    if (result.resizeError !== undefined) this.#noteResize(pod, record, result.resizeError, true);
    if (result.hasActed) {
      records.invalidate(uid);
      wake(uid);
    } else if (await collectPodGarbage(runtime, fileSystem, record, signal)) records.invalidate(uid);
    const after = await records.get(uid, signal);
    if (result.resizeError === undefined) this.#noteResize(pod, after, undefined, !result.isGroupResized);
    const latest = await this.#setStatus(pod, after, { isTerminal: false });
    if (isTerminalPhase(latest.phase)) return { isTerminal: true };
    if (result.error !== undefined) throw result.error;
    const isWaiting = allocations.pendingUids().includes(uid) || result.resizeError !== undefined;
    const retries = [
      isWaiting ? resizeRetryMs : undefined,
      deadlineInMs,
      result.retryAtMs === undefined ? undefined : result.retryAtMs - clock.now(),
    ];
    const known = retries.filter((ms) => ms !== undefined);
    return { isTerminal: false, ...(known.length === 0 ? {} : { retryInMs: Math.max(0, Math.min(...known)) }) };
  }

  async syncTerminatingPod(
    pod: Pod,
    options: { readonly gracePeriodSeconds?: number; readonly isOrphan: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { uid } = pod.metadata;
    const { records, probes, killer, runtime } = this.#options;
    const { signal, isOrphan } = options;
    const record = await records.get(uid, signal);
    if (!isOrphan) {
      await this.#setStatus(pod, record, { isTerminal: false });
      probes.stopLivenessAndStartup(uid);
    }
    await killer.killAll(pod, record, options);
    for (const sandbox of record.sandboxes) {
      if (sandbox.state === "ready") await runtime.stopPodSandbox(sandbox.id, { signal });
    }
    probes.removePod(uid);
    records.invalidate(uid);
    const after = await records.get(uid, signal);
    if (isRunning(after)) throw new Error("detected running containers after a successful KillPod, CRI violation");
    if (!isOrphan) await this.#setStatus(pod, after, { isTerminal: true });
  }

  async syncTerminatedPod(
    pod: Pod,
    { isOrphan, signal }: { readonly isOrphan: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { uid } = pod.metadata;
    const { records, volumes, cgroups, statuses } = this.#options;
    if (!isOrphan) await this.#setStatus(pod, await records.get(uid, signal), { isTerminal: true, isFinal: true });
    await volumes.tearDown(uid);
    await cgroups.removePod(uid);
    if (!isOrphan) statuses.finish(pod);
  }

  async removePod(pod: Pod, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    const { records, runtime, fileSystem, podLogsDirectory, statuses, kuberuntime, tokens, volumes } = this.#options;
    records.invalidate(uid);
    const record = await records.get(uid, signal);
    for (const container of record.containers) await runtime.removeContainer(container.id, { signal });
    for (const sandbox of record.sandboxes) {
      await runtime.stopPodSandbox(sandbox.id, { signal });
      await runtime.removePodSandbox(sandbox.id, { signal });
    }
    await fileSystem.removeAll(podLogDirectory(podLogsDirectory, pod));
    await volumes.tearDown(uid);
    statuses.forget(uid);
    kuberuntime.forgetPod(uid);
    tokens.forgetPod(uid);
    records.forget(uid);
    this.#failures.delete(uid);
    this.#verdicts.delete(uid);
    this.#rejected.delete(uid);
    await this.#options.allocations.forget(uid);
    // What it had may be what others wait for.
    for (const waiting of this.#options.allocations.pendingUids()) this.#options.wake(waiting);
  }

  /** Whether the runtime, and the pod's control group, have by now what is allocated. */
  #noteResize(pod: Pod, record: PodRecord, error: string | undefined, isUnderWay: boolean): void {
    const { allocations } = this.#options;
    const isGroupResized = isUnderWay && this.#isGroupResized(pod);
    if (error !== undefined || isGroupResized || isResizing(pod, record)) allocations.notCompleted(pod, error);
    else allocations.completed(pod);
  }

  #isGroupResized(pod: Pod): boolean {
    return !semanticEqual(podCgroupResources(this.#options.allocations.former(pod)), podCgroupResources(pod));
  }

  async #mount(pod: Pod, record: PodRecord, signal: AbortSignal): Promise<void> {
    const { volumes, objects, tokens, downwardFacts, recorder } = this.#options;
    const facts = await downwardFacts(record.ips);
    // A pod that is being made sees what its volumes refer to as it is now.
    if (record.sandboxes.length === 0) objects.invalidate(pod.metadata.namespace);
    try {
      await volumes.mountAll(pod, { objects, tokens, facts, recorder }, signal);
    } catch (error) {
      if (error instanceof MountError) recorder.event(pod, "Warning", "FailedMount", error.message);
      throw error;
    }
  }

  /** Resolves to the status as it will be; what is written may hold the end back for a while. */
  async #setStatus(
    pod: Pod,
    record: PodRecord,
    options: { readonly isTerminal: boolean; readonly isFinal?: boolean },
  ): Promise<PodStatus> {
    const { statuses, probes, state, hostIps, allocations } = this.#options;
    const { uid } = pod.metadata;
    // There is nothing to tell of a pod that never was.
    if (this.#rejected.has(uid)) return statuses.get(uid) ?? pod.status;
    const previous = statuses.get(uid) ?? pod.status;
    const verdict = this.#verdicts.get(uid);
    const status = generatePodStatus(allocations.allocated(pod), {
      ...options,
      ...(verdict ? { verdict } : {}),
      record,
      previous,
      failures: this.#failures.get(uid) ?? noFailures,
      readiness: probes,
      hostIps: await hostIps(),
      runtimeName: state.runtimeName,
      canMountRecursiveReadOnly: state.canMountRecursiveReadOnly(pod),
      isGroupResizing: this.#isGroupResized(allocations.allocated(pod)),
      resize: allocations.conditions(pod),
    });
    statuses.set(pod, options.isFinal ? finalStatus(pod, status) : publishable(status, record, previous));
    return status;
  }

  /** Milliseconds until the pod's active deadline; undefined without one. */
  #deadlineInMs(pod: Pod): number | undefined {
    const { activeDeadlineSeconds } = pod.spec;
    const { statuses, clock } = this.#options;
    if (activeDeadlineSeconds === undefined) return undefined;
    const { startTime } = statuses.get(pod.metadata.uid) ?? pod.status;
    const startedMs = startTime === undefined ? clock.now() : parseTime(startTime);
    return startedMs + activeDeadlineSeconds * 1000 - clock.now();
  }
}

/** Of a pod the node does not take: no more than why. */
function rejectedStatus(pod: Pod, { reason, message }: Rejection): PodStatus {
  const { generation } = pod.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: "Failed",
    reason,
    message: `Pod was rejected: ${message}`,
    qosClass: podQosClass(pod),
  };
}

const deadlineExceeded = {
  reason: "DeadlineExceeded",
  message: "Pod was active on the node longer than the specified deadline",
};

/** Lets the pod's group have what it has and what it had, whichever is more, so that no order of changes hits a limit. */
export async function widenPodCgroup(cgroups: CgroupManager, pod: Pod, former: Pod, pidsLimit: number): Promise<void> {
  const next = podCgroupResources(pod);
  const before = podCgroupResources(former);
  const more = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : Math.max(a, b);
  const cpuQuota = more(next.cpuQuota, before.cpuQuota);
  const memoryLimitInBytes = more(next.memoryLimitInBytes, before.memoryLimitInBytes);
  await cgroups.ensurePod(pod.metadata.uid, podQosClass(pod), {
    ...(next.cpuPeriod === undefined ? {} : { cpuPeriod: next.cpuPeriod }),
    ...(next.cpuShares === undefined ? {} : { cpuShares: next.cpuShares }),
    ...(cpuQuota === undefined ? {} : { cpuQuota }),
    ...(memoryLimitInBytes === undefined ? {} : { memoryLimitInBytes }),
    ...(pidsLimit > 0 ? { pidsLimit } : {}),
  });
}

/** Creates the pod's control group; resolves to the parent for its sandbox. Processes are not limited by 0 and less. */
export function ensurePodCgroup(cgroups: CgroupManager, pod: Pod, pidsLimit: number): Promise<string> {
  const resources = { ...podCgroupResources(pod), ...(pidsLimit > 0 ? { pidsLimit } : {}) };
  return cgroups.ensurePod(pod.metadata.uid, podQosClass(pod), resources);
}
