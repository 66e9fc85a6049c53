import type {
  CSIVolumeSource,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  SecretReference,
} from "../../api/core/v1/types.gen.ts";
import { persistentVolumeClaims, secrets, volumeAttachments } from "../../api/resources.gen.ts";
import { isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { CSIDriver } from "../../api/storage/v1/types.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { base64Decode, utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import { type FileSystem, writeFileAtomic } from "../../component-base/file-system.ts";
import { KeyedLock } from "../../component-base/keyed-lock.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import { sha256Hex } from "../../component-base/sha256.ts";
import { formatTime } from "../../component-helpers/time.ts";
import { attachmentName, inlineVolumeHandle, uniqueVolumeName } from "../../component-helpers/storage/csi-volumes.ts";
import { CsiError, csiErrorText, isFinal, isInfeasible } from "../../csi/v1/csi-error.ts";
import { hasNodeCapability, type CsiNode } from "../../csi/v1/services.ts";
import type { AccessMode, VolumeCapability, VolumeUsage } from "../../csi/v1/types.ts";
import type { Mounter } from "../ports.ts";
import { MountError } from "../volumes/mount-error.ts";
import type { TokenManager } from "../volumes/token-manager.ts";
import { setVolumeOwnership } from "../volumes/volume-ownership.ts";

export interface CsiVolumesOptions {
  readonly fileSystem: FileSystem;
  readonly mounter: Mounter;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly nodeName: string;
  readonly rootDirectory: string;
  /** Rejects when there is no such driver on the node. */
  readonly driver: (name: string) => CsiNode;
  /** What the API says of a driver. */
  readonly driverObject: (name: string) => CSIDriver | undefined;
  /** Resolves when the node's status names every volume in use; rejects when it could not be written. */
  readonly reportInUse: (signal: AbortSignal) => Promise<void>;
  /** What the node's status says is attached, as it is now. */
  readonly volumesAttached: (signal: AbortSignal) => Promise<readonly string[]>;
}

/** Where a volume of the pod comes from. */
export type CsiSource =
  | { readonly kind: "inline"; readonly source: CSIVolumeSource }
  | { readonly kind: "persistent"; readonly volume: PersistentVolume; readonly claim: PersistentVolumeClaim };

/** What is kept of a mounted volume, beside where it is mounted. */
interface VolumeData {
  readonly driverName: string;
  readonly volumeHandle: string;
  /** Of the PersistentVolume, or of the pod's volume. */
  readonly specVolID: string;
  readonly volumeLifecycleMode: "Ephemeral" | "Persistent";
  readonly nodeName: string;
  /** Absent for volumes that are not attached. */
  readonly attachmentID?: string;
}

interface PlacedVolume {
  readonly data: VolumeData;
  /** The directory of the pod's volume, or of the staged one. */
  readonly directory: string;
}

const dataFile = "vol_data.json";
const plugin = "kubernetes.io~csi";
const attachTimeoutMs = 120_000;
const attachPollMs = 250;

/**
 * CSI volumes of the node's pods. The file system is the memory:
 *
 * ```
 * pods/<uid>/volumes/kubernetes.io~csi/<volume>/vol_data.json   written before, removed after the volume is published
 * pods/<uid>/volumes/kubernetes.io~csi/<volume>/mount           where it is published
 * plugins/kubernetes.io/csi/<driver>/<hash>/vol_data.json       written before, removed after the volume is staged
 * plugins/kubernetes.io/csi/<driver>/<hash>/globalmount         where it is staged, once for all pods
 * ```
 *
 * A volume is staged before the first and unstaged after the last of its pods; both happen under the volume's lock, and
 * whether a pod is the last is read from the pods' files. A kubelet that starts again finds everything there.
 */
export class CsiVolumes {
  readonly #options: CsiVolumesOptions;
  readonly #locks = new KeyedLock<string>();
  /** Attached volumes that are staged or published, or about to be. */
  readonly #inUse = new Set<string>();

  constructor(options: CsiVolumesOptions) {
    this.#options = options;
  }

  /** Reads what an earlier kubelet left mounted. */
  async recover(): Promise<void> {
    for (const { data } of [...(await this.#published()), ...(await this.#staged())]) {
      if (data.attachmentID !== undefined) this.#inUse.add(uniqueVolumeName(data.driverName, data.volumeHandle));
    }
  }

  /** For the node's status, sorted. */
  volumesInUse(): readonly string[] {
    return [...this.#inUse].sort();
  }

  /** The volume's directory for the pod, which holds `mount`. */
  directoryOf(podUid: string, volumeName: string): string {
    return `${this.#options.rootDirectory}/pods/${podUid}/volumes/${plugin}/${volumeName}`;
  }

  async isSetUp(podUid: string, volumeName: string): Promise<boolean> {
    return this.#isPublished(`${this.directoryOf(podUid, volumeName)}/mount`);
  }

  /** A driver may mount a device, or make it. */
  async #isPublished(target: string): Promise<boolean> {
    if (await this.#options.mounter.isMounted(target)) return true;
    return (await this.#options.fileSystem.stat(target))?.type === "block-device";
  }

  /**
   * Publishes the volume for the pod: waits until it is attached, stages it and publishes it. A volume that is published
   * already is published again when its driver wants that. Rejects with MountError.
   */
  async setUp(pod: Pod, volumeName: string, from: CsiSource, tokens: TokenManager, signal: AbortSignal): Promise<void> {
    const data = this.#describe(pod, volumeName, from);
    const { driverName, volumeHandle, specVolID } = data;
    const directory = this.directoryOf(pod.metadata.uid, volumeName);
    const failed = (step: string, error: unknown): MountError =>
      new MountError(`MountVolume.${step} failed for volume "${specVolID}" : ${csiErrorText(error)}`, { cause: error });
    let driver: CsiNode;
    try {
      driver = this.#options.driver(driverName);
      this.#checkLifecycle(data);
    } catch (error) {
      throw failed("SetUp", error);
    }
    const unique = uniqueVolumeName(driverName, volumeHandle);
    const isExclusive = from.kind === "persistent" && from.volume.spec.accessModes?.includes("ReadWriteOncePod");
    // From here on the volume has this pod: whoever else lets go of it leaves it staged and in use.
    await this.#locks.run(unique, async () => {
      const others = (await this.#published()).filter((other) => isSameVolume(other.data, data));
      if (isExclusive && others.some((other) => other.directory !== directory)) {
        const why = "volume uses the ReadWriteOncePod access mode and is already in use by another pod";
        throw failed("SetUp", new Error(why));
      }
      await this.#write(directory, data);
    });
    let publishContext: Readonly<Record<string, string>> = {};
    if (data.attachmentID !== undefined) {
      try {
        publishContext = await this.#attached(data, data.attachmentID, signal);
      } catch (error) {
        throw signal.aborted ? error : failed("WaitForAttach", error);
      }
    }
    await this.#locks.run(unique, async () => {
      const isRemount = await this.#isPublished(`${directory}/mount`);
      await this.#write(directory, data);
      const { capabilities } = await driver.nodeGetCapabilities();
      const stages = from.kind === "persistent" && hasNodeCapability({ capabilities }, "STAGE_UNSTAGE_VOLUME");
      const stagingTargetPath = stages ? this.#stagingPath(data) : undefined;
      try {
        if (stagingTargetPath !== undefined && from.kind === "persistent") {
          await this.#stage(driver, data, from, { stagingTargetPath, publishContext });
        }
      } catch (error) {
        throw failed("MountDevice", error);
      }
      const common = { publishContext, ...(stagingTargetPath === undefined ? {} : { stagingTargetPath }) };
      const groupByDriver = hasNodeCapability({ capabilities }, "VOLUME_MOUNT_GROUP");
      try {
        await this.#publish(driver, pod, data, from, { ...common, tokens, groupByDriver, directory });
        if (!groupByDriver && !isRemount) await this.#applyGroup(pod, data, from, `${directory}/mount`);
      } catch (error) {
        if (isFinal(error) && !isRemount) await this.#forgetTarget(directory);
        throw failed("SetUp", error);
      }
    });
  }

  /** Whether a published volume has to be published again and again. */
  async wantsRepublish(podUid: string, volumeName: string): Promise<boolean> {
    const data = await this.#read(this.directoryOf(podUid, volumeName));
    return data !== undefined && this.#options.driverObject(data.driverName)?.spec.requiresRepublish === true;
  }

  /** Unpublishes the pod's volumes and unstages those that no other pod has. Idempotent. */
  async tearDown(podUid: string): Promise<void> {
    const parent = `${this.#options.rootDirectory}/pods/${podUid}/volumes/${plugin}`;
    for (const name of await this.#list(parent)) {
      const directory = `${parent}/${name}`;
      const data = await this.#read(directory);
      if (!data) continue;
      await this.#locks.run(uniqueVolumeName(data.driverName, data.volumeHandle), async () => {
        const { driverName, volumeHandle: volumeId } = data;
        await this.#options.driver(driverName).nodeUnpublishVolume({ volumeId, targetPath: `${directory}/mount` });
        await this.#forgetTarget(directory);
        await this.#release(data);
      });
    }
  }

  /** Unstages what no pod has, which a kubelet that ended in between leaves behind. */
  async sweep(): Promise<void> {
    for (const { data } of await this.#staged()) {
      await this.#locks.run(uniqueVolumeName(data.driverName, data.volumeHandle), () => this.#release(data));
    }
  }

  /** What the driver says the volume holds; undefined when it says nothing. */
  async usage(podUid: string, volumeName: string): Promise<readonly VolumeUsage[] | undefined> {
    const directory = this.directoryOf(podUid, volumeName);
    const data = await this.#read(directory);
    if (!data) return undefined;
    const driver = this.#options.driver(data.driverName);
    if (!hasNodeCapability(await driver.nodeGetCapabilities(), "GET_VOLUME_STATS")) return undefined;
    const request = { volumeId: data.volumeHandle, volumePath: `${directory}/mount` };
    return (await driver.nodeGetVolumeStats(request)).usage;
  }

  /**
   * Makes the file system of a claim's volume as large as the volume is by now, and tells so in the claim. Nothing to do
   * when it is. Rejects with MountError; a driver that says it cannot be done is not asked again.
   */
  async expand(pod: Pod, volumeName: string, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const wanted = volume.spec.capacity?.["storage"] ?? "0";
    const status = claim.status.allocatedResourceStatuses?.["storage"];
    const isPending = status === "NodeResizePending" || status === "NodeResizeInProgress";
    if (!isPending || Quantity.parse(wanted).compare(Quantity.parse(claim.status.capacity?.["storage"] ?? "0")) <= 0)
      return;
    const directory = this.directoryOf(pod.metadata.uid, volumeName);
    const data = await this.#read(directory);
    if (!data) return;
    const failed = (error: unknown): MountError =>
      new MountError(`MountVolume.NodeExpandVolume failed for volume "${data.specVolID}" : ${csiErrorText(error)}`, {
        cause: error,
      });
    let current = claim;
    await this.#locks.run(uniqueVolumeName(data.driverName, data.volumeHandle), async () => {
      try {
        if (status !== "NodeResizeInProgress")
          current = await this.#patchClaim(claim, { status: "NodeResizeInProgress" });
        const driver = this.#options.driver(data.driverName);
        const capabilities = await driver.nodeGetCapabilities();
        const stages = hasNodeCapability(capabilities, "STAGE_UNSTAGE_VOLUME");
        await driver.nodeExpandVolume({
          volumeId: data.volumeHandle,
          volumePath: `${directory}/mount`,
          capacityRange: { requiredBytes: Quantity.parse(wanted).toNumber() },
          volumeCapability: persistentCapability(volume),
          ...(stages ? { stagingTargetPath: this.#stagingPath(data) } : {}),
          ...(await this.#secrets(volume.spec.csi?.nodeExpandSecretRef)),
        });
      } catch (error) {
        // Somebody else wrote the claim: it is looked at again soon.
        if (isConflict(error)) return;
        if (isFinal(error)) await this.#noteFailure(current, error);
        throw failed(error);
      }
      await this.#patchClaim(current, { capacity: wanted });
      const message = `MountVolume.NodeExpandVolume succeeded for volume "${data.specVolID}" ${this.#options.nodeName}`;
      this.#options.recorder.event(pod, "Normal", "FileSystemResizeSuccessful", message);
      this.#options.recorder.event(claim, "Normal", "FileSystemResizeSuccessful", message);
    });
  }

  async #noteFailure(claim: PersistentVolumeClaim, error: unknown): Promise<void> {
    const condition = {
      type: "NodeResizeError",
      status: "True",
      message: `failed to expand pvc with ${csiErrorText(error)}`,
      lastTransitionTime: formatTime(this.#options.clock.now()),
    };
    try {
      await this.#patchClaim(claim, { ...(isInfeasible(error) ? { status: "NodeResizeInfeasible" } : {}), condition });
    } catch (failure) {
      // The failure itself is told by an event; the claim gets its condition with the next attempt.
      this.#options.logger.warn("the claim could not be told that its expansion failed", { error: failure });
    }
  }

  async #patchClaim(
    claim: PersistentVolumeClaim,
    change: { readonly status?: string; readonly capacity?: string; readonly condition?: object },
  ): Promise<PersistentVolumeClaim> {
    const { namespace, name, resourceVersion } = claim.metadata;
    const isDone = change.capacity !== undefined;
    const resizeConditions = ["Resizing", "FileSystemResizePending", "ControllerResizeError", "NodeResizeError"];
    const removed = (claim.status.conditions ?? [])
      .filter(({ type }) => resizeConditions.includes(type))
      .map(({ type }) => ({ type, $patch: "delete" }));
    const conditions = isDone ? removed : change.condition ? [change.condition] : [];
    const status = {
      ...(isDone ? { capacity: { storage: change.capacity } } : {}),
      ...(isDone || change.status !== undefined
        ? { allocatedResourceStatuses: { storage: isDone ? null : change.status } }
        : {}),
      ...(conditions.length > 0 ? { conditions } : {}),
    };
    return this.#options.client
      .resource(persistentVolumeClaims, namespace)
      .patch(name, "strategic", { metadata: { resourceVersion }, status }, { subresource: "status" });
  }

  #describe(pod: Pod, volumeName: string, from: CsiSource): VolumeData {
    const { nodeName } = this.#options;
    if (from.kind === "inline") {
      const volumeHandle = inlineVolumeHandle(pod.metadata.uid, volumeName);
      const { driver: driverName } = from.source;
      return { driverName, volumeHandle, specVolID: volumeName, volumeLifecycleMode: "Ephemeral", nodeName };
    }
    const { csi } = from.volume.spec;
    if (!csi) throw new Error(`no volume plugin matched: ${from.volume.metadata.name}`);
    const { driver: driverName, volumeHandle } = csi;
    // A driver nobody says anything about has its volumes attached.
    const isAttached = this.#options.driverObject(driverName)?.spec.attachRequired !== false;
    return {
      driverName,
      volumeHandle,
      specVolID: from.volume.metadata.name,
      volumeLifecycleMode: "Persistent",
      nodeName,
      ...(isAttached ? { attachmentID: attachmentName(volumeHandle, driverName, nodeName) } : {}),
    };
  }

  #checkLifecycle({ driverName, volumeLifecycleMode: mode }: VolumeData): void {
    const object = this.#options.driverObject(driverName);
    if (!object && mode === "Persistent") return;
    if (!object) throw new Error(`volume mode "${mode}" not supported by driver ${driverName} (no CSIDriver object)`);
    const modes = object.spec.volumeLifecycleModes ?? ["Persistent"];
    if (modes.includes(mode)) return;
    const only = modes.map((m) => `"${m}"`).join(" ");
    throw new Error(`volume mode "${mode}" not supported by driver ${driverName} (only supports [${only}])`);
  }

  /** Waits until the volume is attached; resolves to what attaching it told. From before that on the volume is in use. */
  async #attached(
    { driverName, volumeHandle }: VolumeData,
    attachment: string,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    const { client, clock, reportInUse, volumesAttached } = this.#options;
    const unique = uniqueVolumeName(driverName, volumeHandle);
    if (!this.#inUse.has(unique)) {
      this.#inUse.add(unique);
      await reportInUse(signal);
    }
    for (const end = clock.monotonic() + attachTimeoutMs; ;) {
      const found = await this.#attachment(client, attachment, signal);
      const { attached = false, attachmentMetadata = {}, attachError } = found?.status ?? {};
      // Only the node's status is written in turns with `volumesInUse`: what it says stays until the volume is not used.
      if (attached && (await volumesAttached(signal)).includes(unique)) return attachmentMetadata;
      if (clock.monotonic() >= end) {
        if (attachError?.message) throw new Error(attachError.message);
        throw new Error(
          `timed out waiting for external-attacher of ${driverName} CSI driver to attach volume ${volumeHandle}`,
        );
      }
      await sleep(clock, attachPollMs, signal);
    }
  }

  async #attachment(client: ApiClient, name: string, signal: AbortSignal) {
    try {
      return await client.resource(volumeAttachments).get(name, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #stage(
    driver: CsiNode,
    data: VolumeData,
    { volume }: Extract<CsiSource, { kind: "persistent" }>,
    paths: { readonly stagingTargetPath: string; readonly publishContext: Readonly<Record<string, string>> },
  ): Promise<void> {
    const { stagingTargetPath, publishContext } = paths;
    const { fileSystem, mounter } = this.#options;
    if (await mounter.isMounted(stagingTargetPath)) return;
    await fileSystem.makeDirectory(stagingTargetPath, 0o750);
    await this.#write(parentOf(stagingTargetPath), data);
    const { csi } = volume.spec;
    try {
      await driver.nodeStageVolume({
        volumeId: data.volumeHandle,
        publishContext,
        stagingTargetPath,
        volumeCapability: persistentCapability(volume),
        volumeContext: csi?.volumeAttributes ?? {},
        ...(await this.#secrets(csi?.nodeStageSecretRef)),
      });
    } catch (error) {
      if (isFinal(error)) await fileSystem.removeAll(parentOf(stagingTargetPath));
      throw error;
    }
  }

  async #publish(
    driver: CsiNode,
    pod: Pod,
    data: VolumeData,
    from: CsiSource,
    options: {
      readonly stagingTargetPath?: string;
      readonly publishContext: Readonly<Record<string, string>>;
      readonly tokens: TokenManager;
      readonly groupByDriver: boolean;
      readonly directory: string;
    },
  ): Promise<void> {
    const { stagingTargetPath, publishContext, tokens, groupByDriver, directory } = options;
    const { driverName, volumeHandle: volumeId, volumeLifecycleMode } = data;
    const object = this.#options.driverObject(driverName);
    const { fsType, readOnly = false, volumeAttributes = {} } = sourceOf(from);
    const secretRef = this.#publishSecretOf(pod, from);
    const tokenText = await podTokens(pod, object, tokens);
    const inSecrets = object?.spec.serviceAccountTokenInSecrets === true;
    const secretData = { ...(await this.#secrets(secretRef)).secrets, ...(inSecrets ? tokenText : {}) };
    const fsGroup = groupByDriver ? pod.spec.securityContext?.fsGroup : undefined;
    await driver.nodePublishVolume({
      volumeId,
      publishContext,
      ...(stagingTargetPath === undefined ? {} : { stagingTargetPath }),
      targetPath: `${directory}/mount`,
      volumeCapability:
        from.kind === "inline"
          ? mountCapability(fsType, "SINGLE_NODE_WRITER", [], fsGroup)
          : persistentCapability(from.volume, fsGroup),
      readonly: readOnly,
      secrets: secretData,
      volumeContext: {
        ...volumeAttributes,
        ...(object?.spec.podInfoOnMount ? podInfo(pod, volumeLifecycleMode) : {}),
        ...(inSecrets ? {} : tokenText),
      },
    });
  }

  #publishSecretOf({ metadata }: Pod, from: CsiSource): SecretReference | undefined {
    if (from.kind === "persistent") return from.volume.spec.csi?.nodePublishSecretRef;
    const name = from.source.nodePublishSecretRef?.name;
    return name === undefined ? undefined : { name, namespace: metadata.namespace };
  }

  async #applyGroup(pod: Pod, { driverName }: VolumeData, from: CsiSource, path: string): Promise<void> {
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    const { fsType, readOnly } = sourceOf(from);
    const policy = this.#options.driverObject(driverName)?.spec.fsGroupPolicy ?? "ReadWriteOnceWithFSType";
    if (fsGroup === undefined || policy === "None" || readOnly) return;
    if (from.kind === "persistent" && isBlock(from.volume)) return;
    if (policy !== "File") {
      if (!fsType) return;
      const modes = from.kind === "inline" ? ["ReadWriteOnce"] : (from.volume.spec.accessModes ?? []);
      if (!modes.some((mode) => mode === "ReadWriteOnce" || mode === "ReadWriteOncePod")) return;
    }
    try {
      await setVolumeOwnership(this.#options.fileSystem, path, {
        fsGroup,
        policy: fsGroupChangePolicy === "OnRootMismatch" ? "OnRootMismatch" : "Always",
      });
    } catch (error) {
      throw new Error(`applyFSGroup failed for vol ${path}: ${errorText(error)}`, { cause: error });
    }
  }

  /** Unstages the volume unless some pod has it. Called under its lock. */
  async #release(data: VolumeData): Promise<void> {
    const { driverName, volumeHandle } = data;
    if ((await this.#published()).some((published) => isSameVolume(published.data, data))) return;
    const stagingTargetPath = this.#stagingPath(data);
    if (await this.#options.fileSystem.stat(stagingTargetPath)) {
      await this.#options.driver(driverName).nodeUnstageVolume({ volumeId: volumeHandle, stagingTargetPath });
      if (await this.#options.mounter.isMounted(stagingTargetPath)) {
        throw new Error(`${stagingTargetPath} is still mounted`);
      }
      await this.#options.fileSystem.removeAll(parentOf(stagingTargetPath));
    }
    if (!this.#inUse.delete(uniqueVolumeName(driverName, volumeHandle))) return;
    try {
      // The volume may be waited for elsewhere.
      await this.#options.reportInUse(new AbortController().signal);
    } catch (error) {
      this.#options.logger.debug("the node's status is told later what is in use", { error });
    }
  }

  /** Removes what is kept of a volume that is not published. */
  async #forgetTarget(directory: string): Promise<void> {
    if (await this.#options.mounter.isMounted(`${directory}/mount`)) throw new Error(`${directory}/mount is mounted`);
    await this.#options.fileSystem.removeAll(directory);
  }

  #stagingPath({ driverName, volumeHandle }: VolumeData): string {
    return `${this.#stagingRoot}/${driverName}/${sha256Hex(volumeHandle)}/globalmount`;
  }

  get #stagingRoot(): string {
    return `${this.#options.rootDirectory}/plugins/kubernetes.io/csi`;
  }

  async #published(): Promise<readonly PlacedVolume[]> {
    const root = `${this.#options.rootDirectory}/pods`;
    const parents = (await this.#list(root)).map((uid) => `${root}/${uid}/volumes/${plugin}`);
    return this.#dataBelow(parents);
  }

  async #staged(): Promise<readonly PlacedVolume[]> {
    return this.#dataBelow((await this.#list(this.#stagingRoot)).map((driver) => `${this.#stagingRoot}/${driver}`));
  }

  async #dataBelow(parents: readonly string[]): Promise<readonly PlacedVolume[]> {
    const found: PlacedVolume[] = [];
    for (const parent of parents) {
      for (const name of await this.#list(parent)) {
        const data = await this.#read(`${parent}/${name}`);
        if (data) found.push({ data, directory: `${parent}/${name}` });
      }
    }
    return found;
  }

  async #list(directory: string): Promise<readonly string[]> {
    const { fileSystem } = this.#options;
    return (await fileSystem.stat(directory)) ? fileSystem.list(directory) : [];
  }

  async #read(directory: string): Promise<VolumeData | undefined> {
    const { fileSystem } = this.#options;
    const path = `${directory}/${dataFile}`;
    if ((await fileSystem.stat(path)) === undefined) return undefined;
    return JSON.parse(utf8Decode(await fileSystem.readFile(path))) as VolumeData;
  }

  async #write(directory: string, data: VolumeData): Promise<void> {
    await this.#options.fileSystem.makeDirectory(directory, 0o750);
    await writeFileAtomic(
      this.#options.fileSystem,
      `${directory}/${dataFile}`,
      utf8Encode(JSON.stringify(data)),
      0o600,
    );
  }

  async #secrets(ref: SecretReference | undefined): Promise<{ readonly secrets?: Readonly<Record<string, string>> }> {
    if (!ref?.name) return {};
    const secret = await this.#options.client.resource(secrets, ref.namespace ?? "").get(ref.name);
    const entries = Object.entries(secret.data ?? {}).map(([key, value]) => [key, utf8Decode(base64Decode(value))]);
    return { secrets: Object.fromEntries(entries) as Record<string, string> };
  }
}

function isSameVolume(a: VolumeData, b: VolumeData): boolean {
  return a.driverName === b.driverName && a.volumeHandle === b.volumeHandle;
}

function sourceOf(from: CsiSource): {
  readonly fsType?: string;
  readonly readOnly?: boolean;
  readonly volumeAttributes?: Readonly<Record<string, string>>;
} {
  if (from.kind === "inline") return from.source;
  const { csi } = from.volume.spec;
  if (!csi) throw new CsiError("invalidArgument", "not a CSI volume");
  return csi;
}

function accessModeOf({ spec }: PersistentVolume): AccessMode {
  switch (spec.accessModes?.[0]) {
    case "ReadOnlyMany":
      return "MULTI_NODE_READER_ONLY";
    case "ReadWriteMany":
      return "MULTI_NODE_MULTI_WRITER";
    default:
      return "SINGLE_NODE_WRITER";
  }
}

function persistentCapability(volume: PersistentVolume, group?: number): VolumeCapability {
  const accessMode = { mode: accessModeOf(volume) };
  if (isBlock(volume)) return { block: {}, accessMode };
  const { csi, mountOptions = [] } = volume.spec;
  return mountCapability(csi?.fsType, accessMode.mode, mountOptions, group);
}

function isBlock({ spec: { volumeMode } }: PersistentVolume): boolean {
  return volumeMode === "Block";
}

function mountCapability(
  fsType: string | undefined,
  mode: AccessMode,
  mountFlags: readonly string[],
  group?: number,
): VolumeCapability {
  const volumeMountGroup = group === undefined ? "" : String(group);
  return { mount: { fsType: fsType ?? "", mountFlags, volumeMountGroup }, accessMode: { mode } };
}

function podInfo({ metadata, spec }: Pod, mode: VolumeData["volumeLifecycleMode"]): Readonly<Record<string, string>> {
  const prefix = "csi.storage.k8s.io";
  return {
    [`${prefix}/pod.name`]: metadata.name,
    [`${prefix}/pod.namespace`]: metadata.namespace,
    [`${prefix}/pod.uid`]: metadata.uid,
    [`${prefix}/serviceAccount.name`]: spec.serviceAccountName ?? "",
    [`${prefix}/ephemeral`]: String(mode === "Ephemeral"),
  };
}

/** The tokens the driver wants of the pod's service account, as it wants them. */
async function podTokens(
  pod: Pod,
  object: CSIDriver | undefined,
  tokens: TokenManager,
): Promise<Readonly<Record<string, string>>> {
  const requests = object?.spec.tokenRequests ?? [];
  if (requests.length === 0) return {};
  const out: Record<string, { token: string; expirationTimestamp: string }> = {};
  for (const { audience, expirationSeconds = 3600 } of requests) {
    const { token, expiresMs } = await tokens.tokenWithExpiry(pod, { audience, expirationSeconds });
    out[audience] = { token, expirationTimestamp: formatTime(expiresMs) };
  }
  return { "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify(out) };
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
