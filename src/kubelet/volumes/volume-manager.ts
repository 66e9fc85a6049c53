import type { Container, Pod, Volume, VolumeMount } from "../../api/core/v1/types.gen.ts";
import type { Clock } from "../../component-base/clock.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import { errorText } from "../../component-base/logger.ts";
import type { Random } from "../../component-base/random.ts";
import type { Device, ImageSpec, KeyValue, Mount, MountPropagation } from "../../cri-api/runtime/v1/types.ts";
import { isHostNetwork } from "../api/pods.ts";
import { wholeValue } from "../api/quantities.ts";
import { hostsFile } from "../network/hosts-file.ts";
import { podHostName } from "../network/host-name.ts";
import { podCgroupResources } from "../kuberuntime/linux-resources.ts";
import type { KubeletPorts } from "../ports.ts";
import { writeAtomically } from "./atomic-writer.ts";
import { prepareHostPath, statFollowing } from "./host-path.ts";
import type { CsiVolumes } from "../csi/csi-volumes.ts";
import { isClaimVolume, setUpClaim } from "./claim.ts";
import { MountError } from "./mount-error.ts";
import { isLiveVolume, type PayloadSources, volumePayload } from "./payloads.ts";
import { findWithin, requestedSubPath, resolveWithin } from "./sub-path.ts";

export interface VolumeManagerOptions {
  readonly ports: KubeletPorts;
  readonly clock: Clock;
  readonly random: Random;
  /** Holds `pods/<uid>/…`. */
  readonly rootDirectory: string;
  readonly clusterDomain: string;
  /** Absent where there can be no storage drivers. */
  readonly csi?: CsiVolumes;
}

export interface MountInput {
  readonly podIps: readonly string[];
  readonly environment: readonly KeyValue[];
  /** Of image volumes, by volume: what the runtime mounts in place of a path. */
  readonly images: ReadonlyMap<string, ImageSpec>;
  /** Whether the runtime can make a mount read only with all that is mounted below it. */
  readonly canMountRecursiveReadOnly: boolean;
}

/** Makes the volumes of pods, keeps those from the API up to date, and removes them. Its only memory is the file system. */
export class VolumeManager {
  readonly #options: VolumeManagerOptions;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
  }

  podDirectory(uid: string): string {
    return `${this.#options.rootDirectory}/pods/${uid}`;
  }

  /** Whether the pod has to be looked at from time to time because of its volumes. */
  hasLiveVolumes(pod: Pod): boolean {
    // Those of drivers may have to be published again or have grown.
    const mayBeDriven = (volume: Volume): boolean =>
      this.#options.csi !== undefined && (isClaimVolume(volume) || volume.csi !== undefined);
    return (pod.spec.volumes ?? []).some((volume) => isLiveVolume(volume) || mayBeDriven(volume));
  }

  /** Makes or updates every volume of the pod. Rejects with MountError on the first that cannot be. Idempotent. */
  async mountAll(pod: Pod, sources: PayloadSources, signal: AbortSignal): Promise<void> {
    const { fileSystem } = this.#options.ports;
    await fileSystem.makeDirectory(`${this.podDirectory(pod.metadata.uid)}/volumes`, 0o750);
    await fileSystem.makeDirectory(`${this.podDirectory(pod.metadata.uid)}/containers`, 0o750);
    for (const volume of pod.spec.volumes ?? []) {
      try {
        await this.#setUp(pod, volume, sources, signal);
      } catch (error) {
        if (signal.aborted || error instanceof MountError) throw error;
        throw new MountError(`MountVolume.SetUp failed for volume "${volume.name}" : ${errorText(error)}`, {
          cause: error,
        });
      }
    }
  }

  /** The mounts of one container, with the files the kubelet itself keeps for it. */
  async mountsFor(pod: Pod, container: Container, input: MountInput): Promise<Mount[]> {
    const out: Mount[] = [];
    const variables = new Map(input.environment.map((v) => [v.key, v.value]));
    for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
      const volume = (pod.spec.volumes ?? []).find((v) => v.name === mount.name);
      if (!volume) throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
      const recursiveReadOnly = resolveRecursiveReadOnly(mount, input.canMountRecursiveReadOnly);
      const subPath = requestedSubPath(mount, variables);
      out.push({
        containerPath: mount.mountPath.startsWith("/") ? mount.mountPath : `/${mount.mountPath}`,
        readonly: mount.readOnly === true || volume.persistentVolumeClaim?.readOnly === true || isReadOnly(volume),
        propagation: propagation(mount.mountPropagation),
        ...(recursiveReadOnly ? { recursiveReadOnly } : {}),
        ...(await this.#mountSource(pod, volume, { subPath, place: `${container.name}/${index}` }, input)),
      });
    }
    if (!out.some((m) => m.containerPath === "/etc/hosts") && (isHostNetwork(pod) || input.podIps.length > 0)) {
      out.push({
        containerPath: "/etc/hosts",
        hostPath: await this.#writeHostsFile(pod, input.podIps),
        readonly: false,
      });
    }
    const messagePath = container.terminationMessagePath;
    if (messagePath) {
      out.push({ containerPath: messagePath, hostPath: await this.#terminationLog(pod, container), readonly: false });
    }
    return out;
  }

  /** The devices of one container. */
  async devicesFor(pod: Pod, container: Container): Promise<Device[]> {
    const out: Device[] = [];
    for (const { name, devicePath } of container.volumeDevices ?? []) {
      const volume = (pod.spec.volumes ?? []).find((v) => v.name === name);
      if (!volume) throw new Error(`cannot find volume "${name}" to pass into container "${container.name}"`);
      out.push({
        containerPath: devicePath,
        hostPath: await this.#mountedPathOf(pod, volume),
        permissions: volume.persistentVolumeClaim?.readOnly ? "r" : "mrw",
      });
    }
    return out;
  }

  async #mountSource(
    pod: Pod,
    volume: Volume,
    { subPath, place }: { readonly subPath: string; readonly place: string },
    { images }: MountInput,
  ): Promise<Pick<Mount, "hostPath" | "image" | "imageSubPath">> {
    const image = images.get(volume.name);
    if (image) return { hostPath: "", image, imageSubPath: subPath };
    const root = await this.#mountedPathOf(pod, volume);
    if (subPath === "") return { hostPath: root };
    return { hostPath: await this.#bindSubPath(pod, root, subPath, `${volume.name}/${place}`) };
  }

  /**
   * A part of a volume is mounted by way of a bind mount of our own: the runtime would follow its path again, over links
   * that a container has put there since. One of an earlier container of the name makes way; that container keeps its own.
   */
  async #bindSubPath(pod: Pod, root: string, subPath: string, place: string): Promise<string> {
    const { fileSystem, mounter } = this.#options.ports;
    const target = `${this.#subPathDirectory(pod.metadata.uid)}/${place}`;
    await mounter.unmount(target);
    if (await fileSystem.stat(target)) await fileSystem.remove(target);
    const mode = (await statFollowing(fileSystem, root))?.mode ?? 0o755;
    const path = await resolveWithin(fileSystem, root, subPath);
    if (path === "") return root;
    await mounter.bindWithin(root, path, target, { mode, readOnly: false });
    return target;
  }

  #subPathDirectory(uid: string): string {
    return `${this.podDirectory(uid)}/volume-subpaths`;
  }

  /** A file in one of the pod's volumes; undefined when there is none. Rejects when there is no such volume. */
  async readFile(pod: Pod, volumeName: string, path: string): Promise<Uint8Array | undefined> {
    const { fileSystem } = this.#options.ports;
    const volume = (pod.spec.volumes ?? []).find((v) => v.name === volumeName);
    if (!volume) throw new Error(`cannot find the volume "${volumeName}" referenced by FileKeyRef`);
    const root = await this.#mountedPathOf(pod, volume);
    const found = await findWithin(fileSystem, root, path);
    return found === undefined ? undefined : fileSystem.readFile(found, root);
  }

  /** Unmounts and removes everything of the pod. Nothing is removed below a mount that would not go. */
  async tearDown(uid: string): Promise<void> {
    const { mounter, fileSystem } = this.#options.ports;
    const directory = this.podDirectory(uid);
    if ((await fileSystem.stat(directory)) === undefined) return;
    for (const path of await mounter.listBelow(this.#subPathDirectory(uid))) await mounter.unmount(path);
    // Before anything else is unmounted: only their drivers may unmount theirs.
    await this.#options.csi?.tearDown(uid);
    for (const path of await mounter.listBelow(directory)) await mounter.unmount(path);
    const left = await mounter.listBelow(directory);
    if (left.length > 0) throw new Error(`still mounted: ${left.join(", ")}`);
    await fileSystem.removeAll(directory);
  }

  /** The uids of the pods that have a directory. */
  async listPods(): Promise<readonly string[]> {
    const root = `${this.#options.rootDirectory}/pods`;
    return (await this.#options.ports.fileSystem.stat(root)) ? this.#options.ports.fileSystem.list(root) : [];
  }

  async #setUp(pod: Pod, volume: Volume, sources: PayloadSources, signal: AbortSignal): Promise<void> {
    const { ports, clock } = this.#options;
    const fs = ports.fileSystem;
    const fsGroup = pod.spec.securityContext?.fsGroup;
    if (volume.hostPath) return prepareHostPath(fs, volume.hostPath);
    // The runtime mounts it.
    if (volume.image) return;
    const path = this.#hostPathOf(pod, volume);
    if (isClaimVolume(volume) || volume.csi) {
      const { csi } = this.#options;
      return setUpClaim({ ports, sources, pod, volume, path, signal, ...(csi ? { csi } : {}) });
    }
    if (volume.emptyDir) {
      const memoryBytes = Math.min(
        wholeValue(sources.facts.allocatable["memory"]) || Infinity,
        podCgroupResources(pod).memoryLimitInBytes || Infinity,
      );
      return this.#setUpEmptyDir(path, volume.emptyDir, { fsGroup, memoryBytes });
    }
    const payload = await volumePayload(pod, volume, sources);
    if (!payload) throw new Error(`no volume plugin matched: ${Object.keys(volume).join(", ")}`);
    if ((await fs.stat(path)) === undefined) await fs.makeDirectory(path, 0o777);
    // What is secret lives in memory, never on the node's disk.
    if (volume.secret ?? volume.projected) await ports.mounter.mountTmpfs(path, { mode: 0o777 });
    const stamp = new Date(clock.now()).toISOString().replaceAll(/[-T:]/g, "_").replace("Z", "");
    const suffix = Math.floor(this.#options.random.next() * 1e9)
      .toString()
      .padStart(9, "0");
    await writeAtomically(fs, path, payload, {
      versionName: `${stamp}.${suffix}`,
      ...(fsGroup === undefined ? {} : { fsGroup }),
    });
  }

  async #setUpEmptyDir(
    path: string,
    source: NonNullable<Volume["emptyDir"]>,
    { fsGroup, memoryBytes }: { readonly fsGroup: number | undefined; readonly memoryBytes: number },
  ): Promise<void> {
    const { fileSystem: fs, mounter } = this.#options.ports;
    const isMemory = source.medium === "Memory";
    const isThere = (await fs.stat(path)) !== undefined;
    if (source.medium && !isMemory) throw new Error(`unknown storage medium "${source.medium}"`);
    if (!isThere) await fs.makeDirectory(path, 0o777);
    if (isMemory && !(await mounter.isMounted(path))) {
      // Never more than the pod's processes together may take.
      const sizeBytes = Math.min(wholeValue(source.sizeLimit) || Infinity, memoryBytes);
      await mounter.mountTmpfs(path, { mode: 0o777, ...(sizeBytes < Infinity ? { sizeBytes } : {}) });
    } else if (isThere) return;
    // The process's umask took bits away.
    await fs.chmod(path, 0o777);
    if (fsGroup === undefined) return;
    await fs.chown(path, 0, fsGroup);
    await fs.chmod(path, 0o2777);
  }

  /** Where the volume is once it is made: a claim's may be of either kind. */
  async #mountedPathOf(pod: Pod, volume: Volume): Promise<string> {
    const { csi, ports } = this.#options;
    if (csi && (isClaimVolume(volume) || volume.csi)) {
      const directory = csi.directoryOf(pod.metadata.uid, volume.name);
      if (await ports.fileSystem.stat(directory)) return `${directory}/mount`;
    }
    return this.#hostPathOf(pod, volume);
  }

  #hostPathOf(pod: Pod, volume: Volume): string {
    if (volume.hostPath) return volume.hostPath.path;
    return `${this.podDirectory(pod.metadata.uid)}/volumes/kubernetes.io~${pluginName(volume)}/${volume.name}`;
  }

  async #writeHostsFile(pod: Pod, podIps: readonly string[]): Promise<string> {
    const { ports, clusterDomain } = this.#options;
    const path = `${this.podDirectory(pod.metadata.uid)}/etc-hosts`;
    const text = hostsFile({
      podIps,
      ...podHostName(pod, clusterDomain),
      aliases: pod.spec.hostAliases ?? [],
      ...(isHostNetwork(pod) ? { hostNetworkText: await ports.host.hostsFile() } : {}),
    });
    await ports.fileSystem.writeFile(path, utf8Encode(text), 0o644);
    await ports.fileSystem.chmod(path, 0o644);
    return path;
  }

  async #terminationLog(pod: Pod, container: Container): Promise<string> {
    const { ports, random } = this.#options;
    const directory = `${this.podDirectory(pod.metadata.uid)}/containers/${container.name}`;
    await ports.fileSystem.makeDirectory(directory, 0o750);
    const id = Math.floor(random.next() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
    const path = `${directory}/${id}`;
    await ports.fileSystem.writeFile(path, new Uint8Array(), 0o666);
    // The container's user, whoever that is, must be able to write it.
    await ports.fileSystem.chmod(path, 0o666);
    return path;
  }
}

function pluginName(volume: Volume): string {
  if (volume.configMap) return "configmap";
  if (volume.secret) return "secret";
  if (volume.projected) return "projected";
  if (volume.downwardAPI) return "downward-api";
  if (isClaimVolume(volume)) return "local-volume";
  return "empty-dir";
}

/** Content from the API is the kubelet's to write, and an image is nobody's. */
function isReadOnly(volume: Volume): boolean {
  return isLiveVolume(volume) || volume.image !== undefined;
}

/** Rejects, in upstream's words, what cannot be; `IfPossible` is what the runtime can do. */
function resolveRecursiveReadOnly(mount: VolumeMount, isSupported: boolean): boolean {
  const { name, recursiveReadOnly: mode, readOnly, mountPropagation } = mount;
  if (mode === undefined || mode === "Disabled") return false;
  const prefix = `failed to resolve recursive read-only mode: volume "${name}" requested recursive read-only mode, but it is not`;
  if (!readOnly) throw new Error(`${prefix} read-only`);
  if (mountPropagation !== undefined && mountPropagation !== "None") {
    throw new Error(`${prefix} compatible with propagation "${mountPropagation}"`);
  }
  if (mode === "Enabled" && !isSupported) throw new Error(`${prefix} supported by the runtime`);
  return isSupported;
}

function propagation(mode: "Bidirectional" | "HostToContainer" | "None" | undefined): MountPropagation {
  switch (mode) {
    case "Bidirectional":
      return "bidirectional";
    case "HostToContainer":
      return "hostToContainer";
    case "None":
    case undefined:
      return "private";
  }
}
