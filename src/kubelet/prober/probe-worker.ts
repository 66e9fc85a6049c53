import type { Container, Pod, Probe } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import { containerFieldPath } from "../api/pods.ts";
import type { ContainerRecord } from "../container/pod-record.ts";
import type { ProbeRunner } from "./probe-runner.ts";

export type ProbeType = "liveness" | "readiness" | "startup";

const titles: Readonly<Record<ProbeType, string>> = {
  liveness: "Liveness",
  readiness: "Readiness",
  startup: "Startup",
};

/** What a worker asks about its container each time. */
export interface ProbeTargetSource {
  /** The newest container of that name and the pod's address; undefined when there is none. */
  current(podUid: string, containerName: string): Promise<ProbeTarget | undefined>;
  isStarted(podUid: string, containerName: string, containerId: string): boolean;
  pod(podUid: string): Pod | undefined;
}

export interface ProbeTarget {
  readonly record: ContainerRecord;
  readonly podIp: string;
}

export interface ProbeWorkerOptions {
  readonly podUid: string;
  readonly container: Container;
  readonly type: ProbeType;
  readonly probe: Probe;
  readonly source: ProbeTargetSource;
  readonly runner: ProbeRunner;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  /** What counts until the first probe of a container. */
  readonly initial: (containerId: string) => ProbeVerdict | undefined;
  readonly onVerdict: () => void;
  /** Told of every probe, before it is weighed. */
  readonly onResult: (result: ProbeVerdict) => void;
}

export type ProbeVerdict = "success" | "failure";

/**
 * Probes one container for one purpose, period after period:
 *
 * ```
 * no container ─> waiting ─(a new container runs)─> probing ─(threshold crossed)─> verdict
 *                    ^                                                   │
 *                    └──(liveness or startup failed: on hold until another container takes its place)
 * ```
 */
export class ProbeWorker {
  readonly #options: ProbeWorkerOptions;
  #containerId: string | undefined;
  #verdict: ProbeVerdict | undefined;
  #streak: { readonly result: ProbeVerdict; readonly count: number } | undefined;
  #isOnHold = false;
  #nudged = new AbortController();

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
  }

  get type(): ProbeType {
    return this.#options.type;
  }

  /** Of this very container; undefined when nothing is known of it. */
  verdict(containerId: string): ProbeVerdict | undefined {
    return containerId === this.#containerId ? this.#verdict : undefined;
  }

  /** The verdict, or what counts until there is one. */
  verdictOrInitial(containerId: string): ProbeVerdict | undefined {
    return containerId === this.#containerId ? this.#verdict : this.#options.initial(containerId);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { probe, clock } = this.#options;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    while (!signal.aborted) {
      this.#nudged = new AbortController();
      const { signal: nudged } = this.#nudged;
      await this.#probeOnce(signal);
      try {
        await sleep(clock, periodMs, AbortSignal.any([signal, nudged]));
      } catch (error) {
        if (!nudged.aborted) throw error;
      }
    }
  }

  /** The container now runs: if it is a new one, it is probed at once instead of with the next period. */
  nudge(containerId: string): void {
    if (containerId !== this.#containerId) this.#nudged.abort();
  }

  async #probeOnce(signal: AbortSignal): Promise<void> {
    const { podUid, container, type, probe, source, clock } = this.#options;
    const target = await source.current(podUid, container.name);
    const pod = source.pod(podUid);
    if (!target || !pod) return;
    const { record, podIp } = target;
    if (record.id !== this.#containerId) this.#adopt(record.id);
    if (this.#isOnHold) return;
    if (record.state !== "running") {
      if (type === "readiness") this.#set("failure");
      return;
    }
    if (pod.metadata.deletionTimestamp !== undefined && type !== "readiness") return;
    if (clock.now() - record.startedAtMs < (probe.initialDelaySeconds ?? 0) * 1000) return;
    const isStarted = source.isStarted(podUid, container.name, record.id);
    // A started container needs no startup probe any more; until it has started, nothing else is probed.
    if (isStarted === (type === "startup")) return;
    const answer = await this.#options.runner.run({ pod, container, containerId: record.id, podIp }, probe, signal);
    if (signal.aborted || record.id !== this.#containerId) return;
    this.#count(pod, answer.result === "failure" ? "failure" : "success", answer.result, answer.output);
  }

  #adopt(containerId: string): void {
    this.#containerId = containerId;
    this.#verdict = this.#options.initial(containerId);
    this.#streak = undefined;
    this.#isOnHold = false;
  }

  #count(pod: Pod, result: ProbeVerdict, raw: "success" | "warning" | "failure", output: string): void {
    const { type, probe, recorder, container } = this.#options;
    this.#options.onResult(result);
    if (raw !== "success") {
      const text =
        raw === "failure" ? `${titles[type]} probe failed: ${output}` : `${titles[type]} probe warning: ${output}`;
      const reason = raw === "failure" ? "Unhealthy" : "ProbeWarning";
      recorder.event(pod, "Warning", reason, text, containerFieldPath(pod, container.name));
    }
    const count = this.#streak?.result === result ? this.#streak.count + 1 : 1;
    this.#streak = { result, count };
    const threshold = result === "failure" ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1);
    if (count < threshold) return;
    this.#set(result);
    if (result === "failure" && type !== "readiness") {
      // The container is going to be killed; probing on would only repeat the verdict.
      this.#isOnHold = true;
      this.#streak = undefined;
    }
  }

  #set(verdict: ProbeVerdict): void {
    if (this.#verdict === verdict) return;
    this.#verdict = verdict;
    this.#options.onVerdict();
  }
}
