import { utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { type FileSystem, writeFileAtomic } from "../../component-base/file-system.ts";
import { CsiError } from "../v1/csi-error.ts";
import type { CsiDriver } from "../v1/services.ts";
import type {
  CapacityRange,
  ControllerCapabilities,
  ControllerExpandVolumeRequest,
  ControllerPublishVolumeRequest,
  ControllerUnpublishVolumeRequest,
  CreateVolumeRequest,
  DeleteVolumeRequest,
  NodeCapabilities,
  NodeExpandVolumeRequest,
  NodeGetVolumeStatsRequest,
  NodeInfo,
  NodePublishVolumeRequest,
  NodeStageVolumeRequest,
  PluginCapabilities,
  PluginInfo,
  Topology,
  Volume,
  VolumeCapability,
  VolumeUsage,
} from "../v1/types.ts";

export const hostpathDriverName = "hostpath.csi.k8s.io";
export const hostpathTopologyKey = "topology.hostpath.csi/node";
const ephemeralContext = "csi.storage.k8s.io/ephemeral";

/** Mounts of the machine the driver runs on. */
export interface BindMounter {
  bind(source: string, target: string, options: { readonly readOnly: boolean }): Promise<void>;
  /** Not mounted is fine. */
  unmount(path: string): Promise<void>;
  isMounted(path: string): Promise<boolean>;
}

/** Files as block devices. */
export interface LoopDevices {
  /** Resolves to the file's device, which it gets when it has none. */
  attach(file: string): Promise<string>;
  /** Makes the device as large as the file by now. No device is fine. */
  refresh(file: string): Promise<void>;
  /** No device is fine. */
  detach(file: string): Promise<void>;
}

export interface HostpathDriverOptions {
  readonly nodeId: string;
  /** Holds `<volume>/data` (a directory, or the file of a block volume) and `<volume>/volume.json`. */
  readonly directory: string;
  /** All volumes together. */
  readonly capacityBytes: number;
  readonly maxVolumeBytes: number;
  /** Volumes that fit the node; zero is no limit. */
  readonly maxVolumes: number;
  /** Whether volumes have to be attached before they are staged. */
  readonly isAttachable: boolean;
  readonly fileSystem: FileSystem;
  readonly mounter: BindMounter;
  /** Without them there are no block volumes. */
  readonly loops?: LoopDevices;
  readonly usage: (path: string) => Promise<readonly VolumeUsage[]>;
}

interface StoredVolume {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly isEphemeral: boolean;
  readonly isAttached: boolean;
  readonly isBlock: boolean;
}

/**
 * Volumes that are directories of one node. Sizes are promises the driver keeps account of; nothing enforces them. Its
 * only memory is the file system, so that it may be restarted at any time. Calls for one volume are made one at a time.
 */
export class HostpathDriver implements CsiDriver {
  readonly #options: HostpathDriverOptions;

  constructor(options: HostpathDriverOptions) {
    this.#options = options;
  }

  async getPluginInfo(): Promise<PluginInfo> {
    return { name: hostpathDriverName, vendorVersion: "v1" };
  }

  async getPluginCapabilities(): Promise<PluginCapabilities> {
    return {
      capabilities: [
        { service: { type: "CONTROLLER_SERVICE" } },
        { service: { type: "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
        { volumeExpansion: { type: "ONLINE" } },
      ],
    };
  }

  async probe(): Promise<{ readonly ready: boolean }> {
    return { ready: true };
  }

  async controllerGetCapabilities(): Promise<ControllerCapabilities> {
    const types = [
      "CREATE_DELETE_VOLUME",
      ...(this.#options.isAttachable ? (["PUBLISH_UNPUBLISH_VOLUME"] as const) : []),
      "GET_CAPACITY",
      "EXPAND_VOLUME",
    ] as const;
    return { capabilities: types.map((type) => ({ rpc: { type } })) };
  }

  async createVolume(request: CreateVolumeRequest): Promise<{ readonly volume: Volume }> {
    const { name, capacityRange, volumeCapabilities, accessibilityRequirements } = request;
    if (name === "") throw new CsiError("invalidArgument", "Name missing in request");
    if (volumeCapabilities.length === 0)
      throw new CsiError("invalidArgument", "Volume Capabilities missing in request");
    const isBlock = this.#isBlock(volumeCapabilities);
    const { requisite = [] } = accessibilityRequirements ?? {};
    if (requisite.length > 0 && !requisite.some((topology) => this.#isHere(topology))) {
      throw new CsiError("resourceExhausted", `no requisite topology is on node ${this.#options.nodeId}`);
    }
    const volumes = await this.#list();
    const existing = volumes.find((volume) => volume.name === name);
    if (existing) {
      if (!fits(existing.sizeBytes, capacityRange)) {
        throw new CsiError("alreadyExists", `Volume with the same name: ${name} but with different size already exist`);
      }
      return { volume: this.#described(existing) };
    }
    const sizeBytes = capacityRange?.requiredBytes ?? 0;
    this.#checkSize(sizeBytes, capacityRange, volumes);
    const volume = { id: name, name, sizeBytes, isEphemeral: false, isAttached: false, isBlock };
    await this.#make(volume);
    return { volume: this.#described(volume) };
  }

  async deleteVolume({ volumeId }: DeleteVolumeRequest): Promise<object> {
    const volume = await this.#find(required("Volume ID", volumeId));
    if (volume?.isAttached) {
      throw new CsiError("failedPrecondition", `volume '${volumeId}' is still used by '${this.#options.nodeId}' node`);
    }
    if (!volume) return {};
    if (volume.isBlock) await this.#options.loops?.detach(this.#data(volumeId));
    await this.#options.fileSystem.removeAll(this.#home(volumeId));
    return {};
  }

  async controllerPublishVolume(
    request: ControllerPublishVolumeRequest,
  ): Promise<{ readonly publishContext: object & Record<string, string> }> {
    if (request.nodeId !== this.#options.nodeId) {
      throw new CsiError(
        "notFound",
        `Not matching Node ID ${request.nodeId} to hostpath Node ID ${this.#options.nodeId}`,
      );
    }
    await this.#save({ ...(await this.#get(request.volumeId)), isAttached: true });
    return { publishContext: {} };
  }

  async controllerUnpublishVolume({ volumeId }: ControllerUnpublishVolumeRequest): Promise<object> {
    const volume = await this.#find(required("Volume ID", volumeId));
    // What is not there is not attached.
    if (volume) await this.#save({ ...volume, isAttached: false });
    return {};
  }

  async controllerExpandVolume(
    request: ControllerExpandVolumeRequest,
  ): Promise<{ readonly capacityBytes: number; readonly nodeExpansionRequired: boolean }> {
    const { volumeId, capacityRange } = request;
    const volume = await this.#get(volumeId);
    const wanted = capacityRange.requiredBytes ?? 0;
    if (wanted > volume.sizeBytes) {
      const { fileSystem } = this.#options;
      const others = (await this.#list()).filter(({ id }) => id !== volumeId);
      this.#checkSize(wanted, capacityRange, others);
      if (volume.isBlock) await resize(fileSystem, this.#data(volumeId), wanted);
      await this.#save({ ...volume, sizeBytes: wanted });
    }
    return { capacityBytes: Math.max(wanted, volume.sizeBytes), nodeExpansionRequired: true };
  }

  async getCapacity(): Promise<{ readonly availableCapacity: number; readonly maximumVolumeSize: number }> {
    const free = this.#free(await this.#list());
    return { availableCapacity: free, maximumVolumeSize: Math.min(free, this.#options.maxVolumeBytes) };
  }

  async nodeGetCapabilities(): Promise<NodeCapabilities> {
    const types = ["STAGE_UNSTAGE_VOLUME", "GET_VOLUME_STATS", "EXPAND_NODE_VOLUME"] as const;
    return { capabilities: types.map((type) => ({ rpc: { type } })) };
  }

  async nodeGetInfo(): Promise<NodeInfo> {
    const { nodeId, maxVolumes } = this.#options;
    return { nodeId, maxVolumesPerNode: maxVolumes, accessibleTopology: this.#topology() };
  }

  async nodeStageVolume(request: NodeStageVolumeRequest): Promise<object> {
    const volume = await this.#get(request.volumeId);
    const target = required("Target path", request.stagingTargetPath);
    this.#checkKind(volume, request.volumeCapability);
    if (this.#options.isAttachable && !volume.isAttached) {
      throw new CsiError("failedPrecondition", `volume '${volume.id}' is not attached to this node`);
    }
    if (!volume.isBlock) await this.#bind(this.#data(volume.id), target, false);
    return {};
  }

  async nodeUnstageVolume(request: { readonly volumeId: string; readonly stagingTargetPath: string }): Promise<object> {
    await this.#options.mounter.unmount(required("Target path", request.stagingTargetPath));
    return {};
  }

  async nodePublishVolume(request: NodePublishVolumeRequest): Promise<object> {
    const { volumeId, stagingTargetPath = "", volumeContext, readonly } = request;
    const targetPath = required("Target path", request.targetPath);
    const isEphemeral = volumeContext[ephemeralContext] === "true";
    if (isEphemeral && !(await this.#find(volumeId))) {
      await this.#make({ id: volumeId, name: volumeId, sizeBytes: 0, isEphemeral, isAttached: false, isBlock: false });
    }
    const volume = await this.#get(volumeId);
    this.#checkKind(volume, request.volumeCapability);
    if (volume.isBlock) {
      await this.#publishDevice(volume, targetPath);
      return {};
    }
    if (!volume.isEphemeral && !(await this.#options.mounter.isMounted(stagingTargetPath))) {
      throw new CsiError("failedPrecondition", `volume '${volumeId}' is not staged`);
    }
    await this.#bind(volume.isEphemeral ? this.#data(volumeId) : stagingTargetPath, targetPath, readonly);
    return {};
  }

  async nodeUnpublishVolume(request: { readonly volumeId: string; readonly targetPath: string }): Promise<object> {
    const { fileSystem, mounter } = this.#options;
    const targetPath = required("Target path", request.targetPath);
    await mounter.unmount(targetPath);
    if (await mounter.isMounted(targetPath)) throw new CsiError("internal", `${targetPath} is still mounted`);
    if (await fileSystem.stat(targetPath)) await fileSystem.remove(targetPath);
    const volume = await this.#find(request.volumeId);
    if (volume?.isBlock) await this.#options.loops?.detach(this.#data(volume.id));
    if (volume?.isEphemeral) await fileSystem.removeAll(this.#home(volume.id));
    return {};
  }

  async nodeGetVolumeStats(request: NodeGetVolumeStatsRequest): Promise<{ readonly usage: readonly VolumeUsage[] }> {
    const volume = await this.#get(request.volumeId);
    if (!(await this.#options.mounter.isMounted(required("Volume Path", request.volumePath)))) {
      throw new CsiError("notFound", `Could not get file information from ${request.volumePath}`);
    }
    const usage = await this.#options.usage(this.#data(volume.id));
    if (volume.sizeBytes === 0) return { usage };
    // The size that was promised is the size, whatever the disk below it has.
    return {
      usage: usage.map((u) =>
        u.unit === "BYTES" ? { ...u, total: volume.sizeBytes, available: Math.max(volume.sizeBytes - u.used, 0) } : u,
      ),
    };
  }

  async nodeExpandVolume(request: NodeExpandVolumeRequest): Promise<{ readonly capacityBytes: number }> {
    const volume = await this.#get(request.volumeId);
    const wanted = request.capacityRange.requiredBytes ?? 0;
    if (wanted > volume.sizeBytes) {
      throw new CsiError("outOfRange", `Requested capacity ${wanted} exceeds the volume's size ${volume.sizeBytes}`);
    }
    if (volume.isBlock) await this.#options.loops?.refresh(this.#data(volume.id));
    return { capacityBytes: volume.sizeBytes };
  }

  async #publishDevice({ id }: StoredVolume, targetPath: string): Promise<void> {
    const { fileSystem, mounter, loops } = this.#options;
    if (!loops || (await mounter.isMounted(targetPath))) return;
    await fileSystem.writeFile(targetPath, new Uint8Array(), 0o600);
    await mounter.bind(await loops.attach(this.#data(id)), targetPath, { readOnly: false });
  }

  async #bind(source: string, target: string, readOnly: boolean): Promise<void> {
    const { fileSystem, mounter } = this.#options;
    if (await mounter.isMounted(target)) return;
    await fileSystem.makeDirectory(target, 0o750);
    await mounter.bind(source, target, { readOnly });
  }

  #described({ id, sizeBytes }: StoredVolume): Volume {
    return { volumeId: id, capacityBytes: sizeBytes, volumeContext: {}, accessibleTopology: [this.#topology()] };
  }

  #topology(): Topology {
    return { segments: { [hostpathTopologyKey]: this.#options.nodeId } };
  }

  #isHere({ segments }: Topology): boolean {
    return segments[hostpathTopologyKey] === this.#options.nodeId;
  }

  #checkSize(sizeBytes: number, range: CapacityRange | undefined, others: readonly StoredVolume[]): void {
    const { maxVolumeBytes } = this.#options;
    const limit = range?.limitBytes || maxVolumeBytes;
    if (sizeBytes > Math.min(limit, maxVolumeBytes)) {
      throw new CsiError("outOfRange", `Requested capacity ${sizeBytes} exceeds maximum allowed ${maxVolumeBytes}`);
    }
    const free = this.#free(others);
    if (sizeBytes > free) {
      throw new CsiError("resourceExhausted", `Requested capacity ${sizeBytes} exceeds remaining capacity ${free}`);
    }
  }

  #free(volumes: readonly StoredVolume[]): number {
    return Math.max(
      volumes.reduce((free, { sizeBytes }) => free - sizeBytes, this.#options.capacityBytes),
      0,
    );
  }

  #home(id: string): string {
    // Names come from outside; one must not lead out of the directory.
    if (!/^[A-Za-z0-9][\w.-]*$/.test(id))
      throw new CsiError("invalidArgument", `Volume ID ${JSON.stringify(id)} is invalid`);
    return `${this.#options.directory}/${id}`;
  }

  #data(id: string): string {
    return `${this.#home(id)}/data`;
  }

  #isBlock(capabilities: readonly VolumeCapability[]): boolean {
    const isBlock = capabilities.some(({ block }) => block);
    if (!isBlock) return false;
    if (!this.#options.loops) throw new CsiError("invalidArgument", "block volumes are not supported on this node");
    if (capabilities.some(({ mount }) => mount)) {
      throw new CsiError("invalidArgument", "cannot have both block and mount access type");
    }
    return true;
  }

  #checkKind({ id, isBlock }: StoredVolume, capability: VolumeCapability): void {
    if (this.#isBlock([capability]) === isBlock) return;
    const kind = isBlock ? "block" : "mount";
    throw new CsiError("invalidArgument", `volume '${id}' is of access type ${kind}, and another one is asked for`);
  }

  async #make(volume: StoredVolume): Promise<void> {
    const { fileSystem } = this.#options;
    if (volume.isBlock) {
      await fileSystem.makeDirectory(this.#home(volume.id), 0o700);
      if (!(await fileSystem.stat(this.#data(volume.id)))) {
        await fileSystem.writeFile(this.#data(volume.id), new Uint8Array(), 0o600);
      }
      await resize(fileSystem, this.#data(volume.id), volume.sizeBytes);
      return this.#save(volume);
    }
    await fileSystem.makeDirectory(this.#data(volume.id), 0o777);
    // The process's umask took bits away.
    await fileSystem.chmod(this.#data(volume.id), 0o777);
    await this.#save(volume);
  }

  async #save(volume: StoredVolume): Promise<void> {
    const text = JSON.stringify(volume);
    await writeFileAtomic(this.#options.fileSystem, `${this.#home(volume.id)}/volume.json`, utf8Encode(text), 0o600);
  }

  async #find(id: string): Promise<StoredVolume | undefined> {
    const { fileSystem } = this.#options;
    const path = `${this.#home(id)}/volume.json`;
    if ((await fileSystem.stat(path)) === undefined) return undefined;
    return JSON.parse(utf8Decode(await fileSystem.readFile(path))) as StoredVolume;
  }

  async #get(id: string): Promise<StoredVolume> {
    const volume = await this.#find(required("Volume ID", id));
    if (!volume) throw new CsiError("notFound", `volume id ${id} does not exist in the volumes list`);
    return volume;
  }

  async #list(): Promise<readonly StoredVolume[]> {
    const { fileSystem, directory } = this.#options;
    if ((await fileSystem.stat(directory)) === undefined) return [];
    const found: StoredVolume[] = [];
    for (const id of await fileSystem.list(directory)) {
      const volume = await this.#find(id);
      if (volume) found.push(volume);
    }
    return found;
  }
}

function required(what: string, value: string): string {
  if (value === "") throw new CsiError("invalidArgument", `${what} missing in request`);
  return value;
}

/** Sparse: room is taken when it is written to. */
async function resize(fs: FileSystem, path: string, sizeBytes: number): Promise<void> {
  await using file = await fs.open(path, "write");
  await file.truncate(sizeBytes);
}

function fits(sizeBytes: number, range: CapacityRange | undefined): boolean {
  const { requiredBytes = 0, limitBytes = 0 } = range ?? {};
  return sizeBytes >= requiredBytes && (limitBytes === 0 || sizeBytes <= limitBytes);
}
