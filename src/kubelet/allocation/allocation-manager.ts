import type { Container, Pod, PodCondition, ResourceRequirements } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { type FileSystem, writeFileAtomic } from "../../component-base/file-system.ts";
import type { Logger } from "../../component-base/logger.ts";
import { podRequests, resourceAmounts } from "../../component-helpers/resource/pod-requests.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { allContainers, isTerminalPhase } from "../api/pods.ts";

/** What a pod was admitted with, or last resized to. */
interface Allocation {
  readonly containers: Readonly<Record<string, ResourceRequirements>>;
  readonly resources?: ResourceRequirements;
}

interface Pending {
  readonly reason: "Deferred" | "Infeasible";
  readonly message: string;
  readonly generation: number;
}

interface InProgress {
  readonly generation: number;
  readonly error?: string;
}

interface Entry {
  allocation: Allocation;
  /** Before the resize that is in progress. */
  former: Allocation | undefined;
  pending: Pending | undefined;
  inProgress: InProgress | undefined;
  isResized: boolean;
}

export interface AllocationManagerOptions {
  readonly fileSystem: FileSystem;
  /** The checkpoint's. */
  readonly path: string;
  readonly recorder: EventRecorder;
  readonly logger: Logger;
  /** The pods of this node. */
  readonly pods: () => readonly Pod[];
  /** What pods may use of the node. */
  readonly allocatable: () => Readonly<Record<string, string>>;
}

/**
 * What each pod of the node may use by now. A pod's spec says what is wanted; what is allocated follows when there is room:
 *
 * ```
 *   spec = allocated ──spec changes──> fits? ──yes──> allocated, in progress ──runtime has it──> spec = allocated
 *                                        │ no                                  │ runtime refuses: Error, tried again
 *                                        v
 *                                     pending (Deferred) ──looked at again when pods go, and every half minute
 * ```
 *
 * The checkpoint holds pods that were resized; of all others the allocation is what their status tells, or else their spec.
 */
export class AllocationManager {
  readonly #options: AllocationManagerOptions;
  readonly #entries = new Map<string, Entry>();
  #checkpoint: Readonly<Record<string, Allocation>> = {};

  constructor(options: AllocationManagerOptions) {
    this.#options = options;
  }

  /** Reads the checkpoint. Call once, before the first pod. */
  async load(): Promise<void> {
    const { fileSystem, path, logger } = this.#options;
    if ((await fileSystem.stat(path)) === undefined) return;
    try {
      this.#checkpoint = JSON.parse(utf8Decode(await fileSystem.readFile(path))) as Record<string, Allocation>;
    } catch (error) {
      logger.error("the checkpoint of allocations cannot be read: statuses count instead", { path, error });
    }
  }

  /** The pod with what is allocated to it in place of what it asks for. */
  allocated(pod: Pod): Pod {
    return withAllocation(pod, this.#entry(pod).allocation);
  }

  /** The pod with what it had before the resize that is in progress; as allocated when there is none. */
  former(pod: Pod): Pod {
    const { former, allocation } = this.#entry(pod);
    return withAllocation(pod, former ?? allocation);
  }

  /** Allocates what the pod asks for, if there is room. */
  async resize(pod: Pod): Promise<void> {
    const entry = this.#entry(pod);
    const wanted = allocationOf(pod);
    if (semanticEqual(wanted, entry.allocation)) {
      entry.pending = undefined;
      return;
    }
    const { recorder } = this.#options;
    const generation = pod.metadata.generation ?? 0;
    const message = this.#whyNot(pod);
    if (message !== undefined) {
      const { pending } = entry;
      entry.pending = { reason: "Deferred", message, generation };
      if (pending?.generation !== generation) {
        recorder.event(
          pod,
          "Warning",
          "ResizeDeferred",
          resizeMessage("Pod resize Deferred", pod, generation, message),
        );
      }
      return;
    }
    entry.former ??= entry.allocation;
    entry.allocation = wanted;
    entry.isResized = true;
    entry.pending = undefined;
    entry.inProgress = { generation };
    await this.#save();
    recorder.event(pod, "Normal", "ResizeStarted", resizeMessage("Pod resize started", pod, generation));
  }

  /** The runtime has everything that is allocated. */
  completed(pod: Pod): void {
    const entry = this.#entry(pod);
    entry.former = undefined;
    if (!entry.inProgress) return;
    const { generation } = entry.inProgress;
    entry.inProgress = undefined;
    const allocated = withAllocation(pod, entry.allocation);
    this.#options.recorder.event(
      pod,
      "Normal",
      "ResizeCompleted",
      resizeMessage("Pod resize completed", allocated, generation),
    );
  }

  /** The runtime has not got what is allocated yet, or refused it. */
  notCompleted(pod: Pod, error: string | undefined): void {
    const entry = this.#entry(pod);
    const generation = entry.inProgress?.generation ?? pod.metadata.generation ?? 0;
    const before = entry.inProgress?.error;
    const text = error ?? before;
    entry.inProgress = { generation, ...(text === undefined ? {} : { error: text }) };
    if (error === undefined || error === before) return;
    const allocated = withAllocation(pod, entry.allocation);
    this.#options.recorder.event(
      pod,
      "Warning",
      "ResizeError",
      resizeMessage("Pod resize error", allocated, generation, error),
    );
  }

  /** The conditions of the pod that tell of a resize; none when there is none. */
  conditions(pod: Pod): readonly PodCondition[] {
    const { pending, inProgress } = this.#entry(pod);
    return [
      ...(pending
        ? [
            {
              type: "PodResizePending",
              status: "True" as const,
              observedGeneration: pending.generation,
              reason: pending.reason,
              message: pending.message,
            },
          ]
        : []),
      ...(inProgress
        ? [
            {
              type: "PodResizeInProgress",
              status: "True" as const,
              observedGeneration: inProgress.generation,
              ...(inProgress.error === undefined ? {} : { reason: "Error", message: inProgress.error }),
            },
          ]
        : []),
    ];
  }

  /** The pods that wait for room. */
  pendingUids(): readonly string[] {
    return [...this.#entries].filter(([, { pending }]) => pending).map(([uid]) => uid);
  }

  async forget(uid: string): Promise<void> {
    const wasResized = this.#entries.get(uid)?.isResized === true;
    this.#entries.delete(uid);
    if (wasResized) await this.#save();
  }

  #entry(pod: Pod): Entry {
    const { uid } = pod.metadata;
    const known = this.#entries.get(uid);
    if (known) return known;
    const saved = this.#checkpoint[uid];
    const entry: Entry = {
      allocation: saved ?? allocationOfStatus(pod) ?? allocationOf(pod),
      former: undefined,
      pending: undefined,
      inProgress: inProgressOf(pod),
      isResized: saved !== undefined,
    };
    this.#entries.set(uid, entry);
    return entry;
  }

  /** Which resource is too short for the pod beside the others of the node; undefined when it fits. */
  #whyNot(pod: Pod): string | undefined {
    const { pods, allocatable } = this.#options;
    const capacity = resourceAmounts(allocatable());
    const wanted = podRequests({ ...pod, status: {} });
    const others = pods()
      .filter((other) => other.metadata.uid !== pod.metadata.uid && !isTerminalPhase(other.status.phase))
      .map((other) => podRequests({ ...this.allocated(other), status: {} }));
    for (const name of ["cpu", "memory"]) {
      const used = others.reduce((sum, requests) => sum + (requests.get(name) ?? 0), 0);
      const requested = wanted.get(name) ?? 0;
      const total = capacity.get(name) ?? 0;
      if (requested > 0 && used + requested > total) {
        return `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${total}`;
      }
    }
    return undefined;
  }

  async #save(): Promise<void> {
    const { fileSystem, path } = this.#options;
    const resized = [...this.#entries].filter(([, { isResized }]) => isResized);
    const content = Object.fromEntries(resized.map(([uid, { allocation }]) => [uid, allocation]));
    await writeFileAtomic(fileSystem, path, utf8Encode(JSON.stringify(content)), 0o600);
  }
}

function allocationOf(pod: Pod): Allocation {
  const containers = Object.fromEntries(allContainers(pod).map(({ name, resources }) => [name, resources ?? {}]));
  return { containers, ...(pod.spec.resources ? { resources: pod.spec.resources } : {}) };
}

/** Of a pod that ran before this kubelet did. Undefined when its status tells of no container that runs. */
function allocationOfStatus(pod: Pod): Allocation | undefined {
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  if (!statuses.some(({ state, resources }) => state.running && resources)) return undefined;
  const spec = allocationOf(pod);
  const containers = Object.fromEntries(
    Object.entries(spec.containers).map(([name, resources]) => {
      const found = statuses.find((status) => status.name === name);
      if (!found?.resources || !found.state.running) return [name, resources];
      const requests = found.allocatedResources ?? found.resources.requests;
      return [name, { ...found.resources, ...(requests ? { requests } : {}) }];
    }),
  );
  return { ...spec, containers };
}

function inProgressOf(pod: Pod): InProgress | undefined {
  const condition = pod.status.conditions?.find(({ type }) => type === "PodResizeInProgress");
  return condition && { generation: condition.observedGeneration ?? pod.metadata.generation ?? 0 };
}

function withAllocation(pod: Pod, { containers, resources }: Allocation): Pod {
  const replaced = (container: Container): Container => ({
    ...container,
    resources: containers[container.name] ?? container.resources ?? {},
  });
  const { resources: _, ...spec } = pod.spec;
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(replaced),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(replaced) } : {}),
      ...(resources ? { resources } : {}),
    },
  };
}

/** `Pod resize started: {"containers":[{"name":"c","resources":{…}}],"generation":2}` */
function resizeMessage(prefix: string, pod: Pod, generation: number, error?: string): string {
  const summary = (list: readonly Container[] | undefined): unknown =>
    list && list.length > 0 ? list.map(({ name, resources }) => ({ name, resources })) : undefined;
  const details = {
    initContainers: summary(pod.spec.initContainers),
    containers: summary(pod.spec.containers),
    generation,
    error,
  };
  return `${prefix}: ${JSON.stringify(details)}`;
}
