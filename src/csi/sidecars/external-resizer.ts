import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimCondition,
  PersistentVolumeClaimStatus,
} from "../../api/core/v1/types.gen.ts";
import { persistentVolumeClaims, persistentVolumes } from "../../api/resources.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { timestamp } from "../../component-helpers/time.ts";
import { isClaimedBy } from "../../component-helpers/storage/volume-claims.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { csiErrorText, isFinal, isInfeasible } from "../v1/csi-error.ts";
import { capabilityOf, isOwnVolume, type DriverDeployment } from "./driver-deployment.ts";
import { bytes } from "./external-provisioner.ts";

/** Makes volumes of a driver larger when their claims ask for it: upstream's external-resizer. */
export function externalResizer(deployment: DriverDeployment): ControllerDescriptor {
  return {
    name: "csi-external-resizer",
    eventSource: `external-resizer ${deployment.name}`,
    serviceAccount: "csi-external-resizer",
    rules: [
      { verbs: ["get", "list", "watch", "patch"], apiGroups: [""], resources: ["persistentvolumes"] },
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumeclaims"] },
      { verbs: ["patch", "update"], apiGroups: [""], resources: ["persistentvolumeclaims/status"] },
      { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    ],
    create: (context) => new ExternalResizer(context, deployment),
  };
}

type ResizeState = NonNullable<PersistentVolumeClaimStatus["allocatedResourceStatuses"]>[string];

const resizeConditions: ReadonlySet<string> = new Set([
  "Resizing",
  "FileSystemResizePending",
  "ControllerResizeError",
  "NodeResizeError",
]);

/**
 * What is under way is in the claim's status, so that whoever comes after a crash goes on with it:
 *
 * ```
 * (none) ──> ControllerResizeInProgress ──driver──> NodeResizePending ──kubelet──> NodeResizeInProgress ──> (none)
 *                 │  ^                      └─ nothing to do on the node ────────────────────────────────────^
 *  cannot be done │  │ the claim asks for another size
 *                 v  │
 *            ControllerResizeInfeasible
 * ```
 *
 * `allocatedResources` is the size that is being made. A claim may take a request back that could not be had, down to
 * what it has; a size that the driver may be at work on is finished first.
 */
class ExternalResizer implements Controller {
  readonly #context: ControllerContext;
  readonly #deployment: DriverDeployment;
  readonly #queue: ReconcileController;

  constructor(context: ControllerContext, deployment: DriverDeployment) {
    const { informers } = context;
    this.#context = context;
    this.#deployment = deployment;
    this.#queue = new ReconcileController({
      ...context,
      name: "csi_resizer",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#queue.watch(informers.for(persistentVolumeClaims));
    this.#queue.watch(informers.for(persistentVolumes), ({ spec: { claimRef } }) =>
      claimRef ? [`${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`] : [],
    );
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const { informers } = this.#context;
    const claim = informers.for(persistentVolumeClaims).lister.getByKey(key);
    if (!claim || claim.metadata.deletionTimestamp || claim.status.phase !== "Bound") return;
    const volume = informers.for(persistentVolumes).lister.getByKey(claim.spec.volumeName ?? "");
    if (!volume || !isClaimedBy(volume, claim) || !isOwnVolume(this.#deployment, volume)) return;
    const state = claim.status.allocatedResourceStatuses?.["storage"];
    const requested = storage(claim.spec.resources.requests);
    const current = storage(claim.status.capacity);
    const allocated = storage(claim.status.allocatedResources);
    if (state === "NodeResizePending" || state === "NodeResizeInProgress") return;
    // A call may be under way for the size that was allocated, though the claim asks for another by now.
    const wanted = state === "ControllerResizeInProgress" ? allocated : requested;
    if (wanted <= current) return;
    if (state === "ControllerResizeInfeasible" && allocated === wanted) return;
    await this.#expand(claim, volume, wanted, signal);
  }

  async #expand(
    claim: PersistentVolumeClaim,
    volume: PersistentVolume,
    wanted: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { recorder, client } = this.#context;
    const { driver, name, canExpand } = this.#deployment;
    const volumeName = volume.metadata.name;
    recorder.event(claim, "Normal", "Resizing", `External resizer is resizing volume ${volumeName}`);
    const started = await this.#setStatus(
      claim,
      { state: "ControllerResizeInProgress", allocated: wanted, condition: { type: "Resizing", status: "True" } },
      signal,
    );
    const { csi, accessModes = [], volumeMode, mountOptions } = volume.spec;
    const isBlock = volumeMode === "Block";
    let result = { capacityBytes: wanted, nodeExpansionRequired: true };
    // What is as large already was expanded before a crash.
    if (canExpand && storage(volume.spec.capacity) < wanted) {
      try {
        result = await driver.controllerExpandVolume({
          volumeId: csi?.volumeHandle ?? "",
          capacityRange: { requiredBytes: wanted },
          volumeCapability: capabilityOf({ accessMode: accessModes[0], isBlock, fsType: csi?.fsType, mountOptions }),
        });
      } catch (error) {
        const message = `resize volume "${volumeName}" by resizer "${name}" failed: ${csiErrorText(error)}`;
        recorder.event(claim, "Warning", "VolumeResizeFailed", message);
        if (isFinal(error)) {
          const condition = { type: "ControllerResizeError", status: "True" as const, message };
          const state = isInfeasible(error) ? "ControllerResizeInfeasible" : "ControllerResizeInProgress";
          await this.#setStatus(started, { state, allocated: wanted, condition }, signal);
          if (isInfeasible(error)) return;
        }
        throw error;
      }
    }
    const size = bytes(result.capacityBytes);
    if (storage(volume.spec.capacity) < result.capacityBytes) {
      const patch = { spec: { capacity: { storage: size } } };
      await client.resource(persistentVolumes).patch(volumeName, "merge", patch, { signal });
    }
    if (!result.nodeExpansionRequired) {
      await this.#setStatus(started, { capacity: size }, signal);
      recorder.event(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded");
      return;
    }
    const condition = {
      type: "FileSystemResizePending",
      status: "True" as const,
      message: "Waiting for user to (re-)start a pod to finish file system resize of volume on node.",
    };
    await this.#setStatus(started, { state: "NodeResizePending", allocated: wanted, condition }, signal);
    recorder.event(claim, "Normal", "FileSystemResizeRequired", "Require file system resize of volume on node");
  }

  async #setStatus(
    claim: PersistentVolumeClaim,
    change: {
      readonly state?: ResizeState;
      readonly allocated?: number;
      readonly capacity?: string;
      readonly condition?: Pick<PersistentVolumeClaimCondition, "type" | "status" | "message">;
    },
    signal: AbortSignal,
  ): Promise<PersistentVolumeClaim> {
    const { state, allocated, capacity, condition } = change;
    const { conditions = [], allocatedResourceStatuses, ...status } = claim.status;
    const others = conditions.filter(({ type }) => !resizeConditions.has(type));
    const since = conditions.find(({ type }) => type === condition?.type)?.lastTransitionTime;
    const lastTransitionTime = since ?? timestamp(this.#context.clock);
    const { storage: _storage, ...otherStates } = allocatedResourceStatuses ?? {};
    const states = state === undefined ? otherStates : { ...otherStates, storage: state };
    const next = {
      ...status,
      ...(capacity === undefined ? {} : { capacity: { ...status.capacity, storage: capacity } }),
      ...(allocated === undefined
        ? {}
        : { allocatedResources: { ...status.allocatedResources, storage: bytes(allocated) } }),
      ...(Object.keys(states).length > 0 ? { allocatedResourceStatuses: states } : {}),
      conditions: condition ? [...others, { ...condition, lastTransitionTime }] : others,
    };
    return this.#context.client
      .resource(persistentVolumeClaims, claim.metadata.namespace)
      .updateStatus({ ...claim, status: next }, { signal });
  }
}

function storage(list: Readonly<Record<string, string>> | undefined): number {
  return Quantity.parse(list?.["storage"] ?? "0").toNumber();
}
