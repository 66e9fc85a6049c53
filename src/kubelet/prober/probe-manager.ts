import type { Container, Pod, Probe } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Counter } from "../../component-base/metrics.ts";
import type { TaskGroup } from "../../component-base/task-group.ts";
import { allContainers } from "../api/pods.ts";
import type { ProbeVerdicts } from "../kuberuntime/compute-pod-actions.ts";
import type { ReadinessSource } from "../status/generate-pod-status.ts";
import type { ProbeRunner } from "./probe-runner.ts";
import { type ProbeTarget, type ProbeType, type ProbeVerdict, ProbeWorker } from "./probe-worker.ts";

const probeTypes: readonly ProbeType[] = ["startup", "readiness", "liveness"];

interface Running {
  readonly worker: ProbeWorker;
  readonly stop: () => void;
}

export interface ProbeManagerOptions {
  readonly runner: ProbeRunner;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  readonly current: (podUid: string, containerName: string) => Promise<ProbeTarget | undefined>;
  readonly pod: (podUid: string) => Pod | undefined;
  /** A verdict of one of the pod's probes changed. */
  readonly onVerdict: (podUid: string) => void;
  /** Counts probes by container, namespace, pod, uid, type and result. */
  readonly results: Counter;
}

const resultNames: Readonly<Record<ProbeVerdict, string>> = { success: "successful", failure: "failed" };
const typeNames: Readonly<Record<ProbeType, string>> = {
  startup: "Startup",
  readiness: "Readiness",
  liveness: "Liveness",
};

/** The probe workers of all pods. A container without probes costs nothing. */
export class ProbeManager implements ReadinessSource, ProbeVerdicts {
  readonly #options: ProbeManagerOptions;
  /** By pod uid, then by `type/container`. */
  readonly #pods = new Map<string, Map<string, Running>>();

  constructor(options: ProbeManagerOptions) {
    this.#options = options;
  }

  /** Starts the workers the pod has not got yet. Idempotent. */
  addPod(pod: Pod): void {
    for (const container of allContainers(pod)) {
      this.#add(pod, container, "startup", container.startupProbe);
      this.#add(pod, container, "readiness", container.readinessProbe);
      this.#add(pod, container, "liveness", container.livenessProbe);
    }
  }

  /** A container of the pod runs, perhaps since just now. */
  containerRuns(podUid: string, containerName: string, containerId: string): void {
    for (const type of probeTypes) this.#worker(podUid, type, containerName)?.nudge(containerId);
  }

  /** A pod that is ending is probed for readiness only. */
  stopLivenessAndStartup(uid: string): void {
    for (const [key, running] of this.#pods.get(uid) ?? []) {
      if (running.worker.type === "readiness") continue;
      running.stop();
      this.#pods.get(uid)?.delete(key);
    }
  }

  removePod(uid: string): void {
    for (const running of this.#pods.get(uid)?.values() ?? []) running.stop();
    this.#pods.delete(uid);
    this.#options.results.forget((labels) => labels[3] === uid);
  }

  isStarted(podUid: string, containerName: string, containerId: string): boolean {
    const worker = this.#worker(podUid, "startup", containerName);
    return !worker || worker.verdictOrInitial(containerId) === "success";
  }

  isReady(podUid: string, containerName: string, containerId: string): boolean {
    const worker = this.#worker(podUid, "readiness", containerName);
    return !worker || worker.verdictOrInitial(containerId) === "success";
  }

  liveness(containerId: string): ProbeVerdict | undefined {
    return this.#verdict("liveness", containerId);
  }

  startup(containerId: string): ProbeVerdict | undefined {
    return this.#verdict("startup", containerId);
  }

  #verdict(type: ProbeType, containerId: string): ProbeVerdict | undefined {
    for (const workers of this.#pods.values()) {
      for (const { worker } of workers.values()) {
        const verdict = worker.type === type ? worker.verdict(containerId) : undefined;
        if (verdict) return verdict;
      }
    }
    return undefined;
  }

  #worker(podUid: string, type: ProbeType, containerName: string): ProbeWorker | undefined {
    return this.#pods.get(podUid)?.get(`${type}/${containerName}`)?.worker;
  }

  #add(pod: Pod, container: Container, type: ProbeType, probe: Probe | undefined): void {
    if (!probe) return;
    const uid = pod.metadata.uid;
    const workers = this.#pods.get(uid) ?? new Map<string, Running>();
    this.#pods.set(uid, workers);
    const key = `${type}/${container.name}`;
    if (workers.has(key)) return;
    const { runner, recorder, clock, tasks, current, onVerdict } = this.#options;
    const worker = new ProbeWorker({
      podUid: uid,
      container,
      type,
      probe,
      runner,
      recorder,
      clock,
      source: { current, pod: this.#options.pod, isStarted: (...args) => this.isStarted(...args) },
      initial: (containerId) => initialVerdict(type, this.#options.pod(uid) ?? pod, container.name, containerId),
      onVerdict: () => onVerdict(uid),
      onResult: (result) => {
        const { name, namespace } = pod.metadata;
        this.#options.results.inc(container.name, namespace, name, uid, typeNames[type], resultNames[result]);
      },
    });
    const stopped = new AbortController();
    workers.set(key, { worker, stop: () => stopped.abort() });
    tasks.spawn(async (signal) => {
      try {
        await worker.run(AbortSignal.any([signal, stopped.signal]));
      } catch (error) {
        if (!stopped.signal.aborted) throw error;
      }
    });
  }
}

/**
 * A container is alive until a probe says otherwise, and not ready or started until one says so. What the API has on
 * record of this very container counts: a kubelet that restarts does not take ready pods out of service.
 */
function initialVerdict(type: ProbeType, pod: Pod, name: string, containerId: string): ProbeVerdict | undefined {
  if (type === "liveness") return "success";
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  const known = statuses.find((s) => s.name === name && s.containerID?.endsWith(`://${containerId}`));
  if (type === "startup") return known?.started ? "success" : undefined;
  return known?.ready ? "success" : "failure";
}
