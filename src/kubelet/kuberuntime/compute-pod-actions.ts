import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import { restartsAfterExit, restartsAllAfterExit } from "../../component-helpers/container-restart.ts";
import { allContainers, isHostNetwork, isSidecar } from "../api/pods.ts";
import { type ContainerRecord, latestContainer, type PodRecord } from "../container/pod-record.ts";
import { restartsAll, restartsAfterKill, shouldContainerBeRestarted } from "../container/restart-policy.ts";
import { containerHash } from "./container-hash.ts";
import { type ContainerResize, containerResize } from "./container-resize.ts";

/** What the probes say of a container; undefined while they have said nothing. */
export interface ProbeVerdicts {
  liveness(containerId: string): "success" | "failure" | undefined;
  startup(containerId: string): "success" | "failure" | undefined;
}

export interface ContainerToKill {
  readonly record: ContainerRecord;
  readonly container: Container;
  readonly message: string;
  readonly reason: "liveness" | "startup" | "changed" | "unknown" | "resize";
}

/** A container that goes so that the pod starts over in its sandbox. */
export interface ContainerToReset {
  readonly record: ContainerRecord;
  readonly container: Container;
}

/** What has to be done to bring the runtime to what the pod asks for. */
export interface PodActions {
  /** Stop everything of the pod first. */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  /** The sandbox to use when none is created. */
  readonly sandboxId: string | undefined;
  /** Of the sandbox to create. */
  readonly attempt: number;
  /** Containers for debugging, which run once. */
  readonly ephemeralContainersToStart: readonly Container[];
  readonly initContainersToStart: readonly Container[];
  readonly containersToStart: readonly Container[];
  readonly containersToKill: readonly ContainerToKill[];
  /** Those that go on running with other resources. */
  readonly containersToResize: readonly ContainerResize[];
  /** In this order; nothing is started in the same pass. */
  readonly containersToReset: readonly ContainerToReset[];
}

/** Compares the pod with what the runtime has. Pure. */
export function computePodActions(pod: Pod, record: PodRecord, probes: ProbeVerdicts): PodActions {
  const sandbox = sandboxState(pod, record);
  if (restartsAll(pod, record)) return actionsForReset(pod, record, sandbox);
  if (sandbox.mustCreate) return actionsForNewSandbox(pod, record, sandbox);
  const init = initContainerActions(pod, record, sandbox.id, probes);
  const ephemeral = (pod.spec.ephemeralContainers ?? []).filter((c) => latestContainer(record, c.name) === undefined);
  const base = {
    createSandbox: false,
    sandboxId: sandbox.id,
    attempt: sandbox.attempt,
    containersToResize: containersToResize(pod, record),
    containersToReset: [],
    ephemeralContainersToStart: ephemeral,
  };
  if (init.hasFailed)
    return {
      ...base,
      killPod: true,
      ephemeralContainersToStart: [],
      initContainersToStart: [],
      containersToStart: [],
      containersToKill: [],
    };
  const kill = [...init.kill];
  const start: Container[] = [];
  if (!init.isInitialized) {
    return {
      ...base,
      killPod: false,
      initContainersToStart: init.start,
      containersToStart: [],
      containersToKill: kill,
    };
  }
  let keepCount = 0;
  for (const container of pod.spec.containers) {
    const latest = latestContainer(record, container.name);
    if (latest?.state !== "running") {
      if (!shouldContainerBeRestarted(pod, container, record)) continue;
      start.push(container);
      // Its state cannot be told; whatever may be left of it goes first.
      if (latest?.state === "unknown") {
        const message = `Container is in "Unknown" state, try killing it before restart`;
        kill.push({ record: latest, container, message, reason: "unknown" });
      }
      continue;
    }
    const verdict = verdictOnRunning(pod, container, latest, probes);
    if (!verdict) {
      keepCount++;
      continue;
    }
    if (verdict.restart) start.push(container);
    kill.push(verdict.kill);
  }
  // All is done and nothing is to come: the sandbox and the sidecars have no purpose any more.
  const isDone = keepCount === 0 && start.length === 0;
  return {
    ...base,
    killPod: isDone,
    initContainersToStart: isDone ? [] : init.start,
    containersToStart: start,
    containersToKill: kill,
  };
}

function containersToResize(pod: Pod, record: PodRecord): readonly ContainerResize[] {
  const found = allContainers(pod).flatMap((container): readonly ContainerResize[] => {
    const latest = latestContainer(record, container.name);
    const resize = latest && containerResize(pod, container, latest);
    return resize && !resize.needsRestart ? [resize] : [];
  });
  // What is given back is there for the others.
  return found.sort((a, b) => a.memoryChange - b.memoryChange);
}

interface SandboxVerdict {
  readonly mustCreate: boolean;
  readonly id: string | undefined;
  readonly attempt: number;
}

function sandboxState(pod: Pod, record: PodRecord): SandboxVerdict {
  const newest = record.sandboxes[0];
  if (!newest) return { mustCreate: true, id: undefined, attempt: 0 };
  const { id } = newest;
  const attempt = Math.max(...record.sandboxes.map((s) => s.metadata.attempt)) + 1;
  const readyCount = record.sandboxes.filter((s) => s.state === "ready").length;
  const network = isHostNetwork(pod) ? "node" : "pod";
  const hasOtherNetwork = newest.namespaceOptions !== undefined && newest.namespaceOptions.network !== network;
  const lacksAddress = !isHostNetwork(pod) && record.ips.length === 0;
  if (readyCount > 1 || newest.state !== "ready" || hasOtherNetwork || lacksAddress)
    return { mustCreate: true, id, attempt };
  return { mustCreate: false, id, attempt: newest.metadata.attempt };
}

const nothing = {
  killPod: false,
  createSandbox: false,
  ephemeralContainersToStart: [],
  initContainersToStart: [],
  containersToStart: [],
  containersToKill: [],
  containersToResize: [],
  containersToReset: [],
} as const;

function actionsForNewSandbox(pod: Pod, record: PodRecord, sandbox: SandboxVerdict): PodActions {
  const actions = { ...nothing, killPod: true, createSandbox: true, sandboxId: sandbox.id, attempt: sandbox.attempt };
  const isDeleted = pod.metadata.deletionTimestamp !== undefined;
  const isDone = pod.spec.restartPolicy === "Never" && sandbox.attempt !== 0 && record.containers.length > 0;
  if (isDeleted || isDone) return { ...actions, createSandbox: false };
  const containersToStart = pod.spec.containers.filter((container) => {
    const latest = latestContainer(record, container.name);
    const policy = container.restartPolicy ?? pod.spec.restartPolicy;
    return !(policy === "OnFailure" && latest?.state === "exited" && latest.exitCode === 0);
  });
  const isInitialized = pod.spec.containers.some((c) => latestContainer(record, c.name) !== undefined);
  if (containersToStart.length === 0 && isInitialized) return { ...actions, createSandbox: false };
  const firstInit = pod.spec.initContainers?.[0];
  return firstInit ? { ...actions, initContainersToStart: [firstInit] } : { ...actions, containersToStart };
}

/** Everything goes; what gave cause goes last, for it is what tells that the others have to. */
function actionsForReset(pod: Pod, record: PodRecord, sandbox: SandboxVerdict): PodActions {
  const found = (containers: readonly Container[]): ContainerToReset[] =>
    containers.flatMap((container) =>
      record.containers.filter((c) => c.name === container.name).map((r) => ({ record: r, container })),
    );
  const all = [...found(pod.spec.containers), ...found(pod.spec.initContainers ?? [])];
  const isCause = ({ record: { state, exitCode }, container }: ContainerToReset): boolean =>
    state === "exited" && restartsAllAfterExit(container, exitCode);
  return {
    ...nothing,
    sandboxId: sandbox.id,
    attempt: sandbox.attempt,
    containersToReset: [...all.filter((c) => !isCause(c)), ...all.filter(isCause)],
  };
}

interface InitActions {
  readonly isInitialized: boolean;
  readonly hasFailed: boolean;
  readonly start: readonly Container[];
  readonly kill: readonly ContainerToKill[];
}

/**
 * Init containers run one after the other. The last one that has a container in this sandbox is where the pod stands;
 * sidecars before it are kept running.
 *
 * Differs from upstream: containers of an earlier sandbox do not count, so they need not be purged when a new one is made.
 */
function initContainerActions(
  pod: Pod,
  record: PodRecord,
  sandboxId: string | undefined,
  probes: ProbeVerdicts,
): InitActions {
  const inits = pod.spec.initContainers ?? [];
  if (inits.length === 0) return { isInitialized: true, hasFailed: false, start: [], kill: [] };
  const here = record.containers.filter((c) => c.sandboxId === sandboxId);
  const latest = (container: Container): ContainerRecord | undefined => here.find((c) => c.name === container.name);
  const hasStarted = pod.spec.containers.some((c) => latest(c) !== undefined);
  const position = hasStarted ? inits.length : inits.findLastIndex((c) => latest(c) !== undefined);
  const start: Container[] = [];
  const kill: ContainerToKill[] = [];
  const keepSidecar = (container: Container): void => {
    const found = latest(container);
    if (found?.state !== "running") start.push(container);
    else {
      const verdict = verdictOnRunning(pod, container, found, probes);
      if (verdict) {
        kill.push(verdict.kill);
        start.push(container);
      }
    }
  };
  for (const container of inits.slice(0, Math.max(position, 0))) if (isSidecar(container)) keepSidecar(container);
  if (hasStarted) return { isInitialized: true, hasFailed: false, start, kill };
  const current = inits[position];
  const next = inits[position + 1];
  const advance = (): InitActions => {
    if (next) start.push(next);
    return { isInitialized: next === undefined, hasFailed: false, start, kill };
  };
  if (!current) return advance();
  const found = latest(current);
  const waiting = { isInitialized: false, hasFailed: false, start, kill };
  if (isSidecar(current)) {
    keepSidecar(current);
    const isStarted = found?.state === "running" && (!current.startupProbe || probes.startup(found.id) === "success");
    return isStarted ? advance() : waiting;
  }
  if (found?.state === "running") return waiting;
  if (found?.state === "exited") {
    if (found.exitCode === 0) return advance();
    if (!restartsAfterExit(pod, current, found.exitCode))
      return { isInitialized: false, hasFailed: true, start: [], kill: [] };
  }
  start.push(current);
  return waiting;
}

/** Why a running container must go, or undefined when it may stay. */
function verdictOnRunning(
  pod: Pod,
  container: Container,
  record: ContainerRecord,
  probes: ProbeVerdicts,
): { readonly kill: ContainerToKill; readonly restart: boolean } | undefined {
  const verdict = (text: string, reason: ContainerToKill["reason"], restart: boolean) => ({
    kill: {
      record,
      container,
      message: `Container ${container.name} ${text}${restart ? ", will be restarted" : ""}`,
      reason,
    },
    restart,
  });
  const restart = restartsAfterKill(pod, container);
  // A changed definition takes effect whatever the restart policy says.
  if (record.hash !== "" && record.hash !== containerHash(container))
    return verdict("definition changed", "changed", true);
  if (probes.liveness(record.id) === "failure") return verdict("failed liveness probe", "liveness", restart);
  if (probes.startup(record.id) === "failure") return verdict("failed startup probe", "startup", restart);
  if (containerResize(pod, container, record)?.needsRestart === true) {
    const message = `Container ${container.name} resize requires restart`;
    return { kill: { record, container, message, reason: "resize" }, restart: true };
  }
  return undefined;
}
