import type { ContainerStatus, Pod } from "../../api/core/v1/types.gen.ts";
import { age } from "./age.ts";
import { none } from "./format.ts";

/** Name, Ready, Status, Restarts, Age, IP, Node, Nominated Node, Readiness Gates. */
export function podCells(pod: Pod, nowMs: number): readonly unknown[] {
  const { spec, status } = pod;
  const summary = summarize(pod);
  const gates = spec.readinessGates ?? [];
  const gatesTrue = gates.filter((gate) => hasCondition(pod, gate.conditionType)).length;
  return [
    pod.metadata.name,
    `${summary.ready}/${summary.total}`,
    summary.reason,
    summary.restarts.text(nowMs),
    age(pod.metadata.creationTimestamp, nowMs),
    status.podIPs?.[0]?.ip || status.podIP || none,
    spec.nodeName || none,
    status.nominatedNodeName || none,
    gates.length === 0 ? none : `${gatesTrue}/${gates.length}`,
  ];
}

interface Summary {
  readonly reason: string;
  readonly ready: number;
  readonly total: number;
  readonly restarts: Restarts;
}

/** Restarts of some containers and when the last one ended. */
class Restarts {
  #count = 0;
  #last = "";

  add(status: ContainerStatus): void {
    this.#count += status.restartCount;
    const finished = status.lastState?.terminated?.finishedAt ?? "";
    if (finished !== "" && (this.#last === "" || Date.parse(finished) > Date.parse(this.#last))) this.#last = finished;
  }

  text(nowMs: number): string {
    if (this.#count === 0 || this.#last === "") return String(this.#count);
    return `${this.#count} (${age(this.#last, nowMs)} ago)`;
  }
}

/** The state of the containers in one word, the most telling one: init containers first, then the first troubled container. */
function summarize(pod: Pod): Summary {
  const { spec, status } = pod;
  const init = summarizeInit(pod);
  let reason = init.reason ?? phaseReason(pod);
  let ready = init.sidecarsReady;
  let restarts = init.allRestarts;
  if (init.reason === undefined || hasCondition(pod, "Initialized")) {
    restarts = init.sidecarRestarts;
    let hasRunning = false;
    for (const container of [...(status.containerStatuses ?? [])].reverse()) {
      restarts.add(container);
      const { waiting, terminated, running } = container.state ?? {};
      if (waiting?.reason) reason = waiting.reason;
      else if (terminated) reason = terminatedReason(terminated);
      else if (container.ready && running) {
        hasRunning = true;
        ready++;
      }
    }
    if (reason === "Completed" && hasRunning) reason = hasCondition(pod, "Ready") ? "Running" : "NotReady";
  }
  if (pod.metadata.deletionTimestamp) {
    if (status.reason === "NodeLost") reason = "Unknown";
    else if (status.phase !== "Failed" && status.phase !== "Succeeded") reason = "Terminating";
  }
  const sidecars = (spec.initContainers ?? []).filter((c) => c.restartPolicy === "Always").length;
  return { reason, ready, total: spec.containers.length + sidecars, restarts };
}

function phaseReason(pod: Pod): string {
  const gated = pod.status.conditions?.some((c) => c.type === "PodScheduled" && c.reason === "SchedulingGated");
  return gated ? "SchedulingGated" : pod.status.reason || (pod.status.phase ?? "");
}

interface InitSummary {
  /** Set while initialisation is not over. */
  readonly reason: string | undefined;
  readonly sidecarsReady: number;
  readonly allRestarts: Restarts;
  readonly sidecarRestarts: Restarts;
}

function summarizeInit({ spec, status }: Pod): InitSummary {
  const containers = spec.initContainers ?? [];
  const sidecars = new Set(containers.filter((c) => c.restartPolicy === "Always").map((c) => c.name));
  const result = { sidecarsReady: 0, allRestarts: new Restarts(), sidecarRestarts: new Restarts() };
  for (const [index, container] of (status.initContainerStatuses ?? []).entries()) {
    const isSidecar = sidecars.has(container.name);
    result.allRestarts.add(container);
    if (isSidecar) result.sidecarRestarts.add(container);
    const { waiting, terminated } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar && container.started) {
      if (container.ready) result.sidecarsReady++;
      continue;
    }
    let reason = `Init:${index}/${containers.length}`;
    if (terminated) reason = `Init:${terminatedReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== "PodInitializing") reason = `Init:${waiting.reason}`;
    return { ...result, reason };
  }
  return { ...result, reason: undefined };
}

function terminatedReason(state: {
  readonly reason?: string;
  readonly signal?: number;
  readonly exitCode: number;
}): string {
  return state.reason || (state.signal ? `Signal:${state.signal}` : `ExitCode:${state.exitCode}`);
}

function hasCondition(pod: Pod, type: string): boolean {
  return pod.status.conditions?.some((c) => c.type === type && c.status === "True") ?? false;
}
