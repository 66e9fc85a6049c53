import type { ContainerStatus, Pod, PodCondition, PodStatus } from "../../api/core/v1/types.gen.ts";
import { mayRestartAll } from "../../component-helpers/container-restart.ts";
import { isSidecar } from "../api/pods.ts";

/** The condition types the kubelet owns; all others belong to somebody else and are left alone. */
export const ownedConditions: ReadonlySet<string> = new Set([
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
  "AllContainersRestarting",
  "PodResizePending",
  "PodResizeInProgress",
]);

export interface ReadyInput {
  readonly phase: NonNullable<PodStatus["phase"]>;
  readonly initStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
  /** Of the types somebody else owns. */
  readonly foreign: readonly PodCondition[];
}

export interface ConditionInput extends ReadyInput {
  /** The sandbox is up with its network. */
  readonly hasReadySandbox: boolean;
  /** One of them ended by whose rule all of them start over. */
  readonly isRestartingAll: boolean;
  /** Of a resize, if there is one. */
  readonly resize: readonly PodCondition[];
}

type Verdict = Pick<PodCondition, "status" | "reason" | "message">;

const isTrue: Verdict = { status: "True" };

/** The kubelet's conditions, without transition times. */
export function podConditions(pod: Pod, input: ConditionInput): PodCondition[] {
  return [
    made(pod, "PodReadyToStartContainers", input.hasReadySandbox ? isTrue : { status: "False" }),
    made(pod, "Initialized", initializedVerdict(pod, input)),
    ...readyConditions(pod, input),
    made(pod, "PodScheduled", isTrue),
    ...(mayRestartAll(pod) ? [{ type: "AllContainersRestarting", ...restartingAllVerdict(input) }] : []),
    ...input.resize,
  ];
}

/** Ready and ContainersReady. */
export function readyConditions(pod: Pod, input: ReadyInput): PodCondition[] {
  const containersReady = containersReadyVerdict(pod, input);
  return [made(pod, "Ready", readyVerdict(pod, containersReady, input)), made(pod, "ContainersReady", containersReady)];
}

function made(pod: Pod, type: string, verdict: Verdict): PodCondition {
  const { generation } = pod.metadata;
  return { type, ...(generation === undefined ? {} : { observedGeneration: generation }), ...verdict };
}

function restartingAllVerdict({ phase, isRestartingAll }: ConditionInput): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  if (!isRestartingAll) return { status: "False" };
  return {
    status: "True",
    reason: "RestartAllContainersStarted",
    message: "container exited with restart policy rule",
  };
}

function initializedVerdict(pod: Pod, { phase, initStatuses, containerStatuses }: ConditionInput): Verdict {
  const inits = pod.spec.initContainers ?? [];
  if (inits.length === 0) return isTrue;
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  // Once a regular container has started, the pod was initialized, whatever is left of its init containers.
  if (containerStatuses.some((s) => s.started === true || s.state.running || s.lastState.terminated)) return isTrue;
  const byName = new Map(initStatuses.map((s) => [s.name, s]));
  const isUnknown = inits.filter((c) => !byName.has(c.name));
  const incomplete = inits.filter((c) => {
    const status = byName.get(c.name);
    if (!status) return false;
    return isSidecar(c) ? status.started !== true : !(status.ready || status.state.terminated?.exitCode === 0);
  });
  if (isUnknown.length === 0 && incomplete.length === 0) return isTrue;
  return {
    status: "False",
    reason: "ContainersNotInitialized",
    message: listText(isUnknown, incomplete, "incomplete"),
  };
}

function containersReadyVerdict(pod: Pod, { phase, initStatuses, containerStatuses }: ReadyInput): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const byName = new Map([...initStatuses, ...containerStatuses].map((s) => [s.name, s]));
  const counted = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  const isUnknown = counted.filter((c) => !byName.has(c.name));
  const unready = counted.filter((c) => byName.get(c.name)?.ready === false);
  if (isUnknown.length === 0 && unready.length === 0) return isTrue;
  return { status: "False", reason: "ContainersNotReady", message: listText(isUnknown, unready, "unready") };
}

function readyVerdict(pod: Pod, containersReady: Verdict, { foreign }: ReadyInput): Verdict {
  if (containersReady.status !== "True") return containersReady;
  const problems: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const found = foreign.find((c) => c.type === conditionType);
    if (!found) problems.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (found.status !== "True")
      problems.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`);
  }
  return problems.length === 0
    ? isTrue
    : { status: "False", reason: "ReadinessGatesNotReady", message: problems.join(", ") };
}

function listText(
  unknown: readonly { readonly name: string }[],
  known: readonly { readonly name: string }[],
  what: string,
): string {
  const parts: string[] = [];
  const names = (list: readonly { readonly name: string }[]): string => list.map((c) => c.name).join(" ");
  if (unknown.length > 0) parts.push(`containers with unknown status: [${names(unknown)}]`);
  if (known.length > 0) parts.push(`containers with ${what} status: [${names(known)}]`);
  return parts.join(", ");
}
