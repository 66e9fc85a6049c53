import type { PersistentVolume, Pod, Volume } from "../../api/core/v1/types.gen.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import { claimNameOf } from "../../component-helpers/storage/volume-claims.ts";
import type { BoundVolume } from "../config/object-store.ts";
import type { CsiVolumes } from "../csi/csi-volumes.ts";
import type { KubeletPorts } from "../ports.ts";
import { allContainers } from "../api/pods.ts";
import { followLinks, prepareHostPath, statFollowing } from "./host-path.ts";
import { MountError } from "./mount-error.ts";
import type { PayloadSources } from "./payloads.ts";
import { setVolumeOwnership } from "./volume-ownership.ts";

/** Volumes whose storage outlives the pod: those of a claim, whether the pod's author made it or the pod's template. */
export function isClaimVolume(volume: Volume): boolean {
  return Boolean(volume.persistentVolumeClaim ?? volume.ephemeral);
}

export interface ClaimOptions {
  readonly ports: Pick<KubeletPorts, "fileSystem" | "mounter">;
  readonly sources: PayloadSources;
  readonly pod: Pod;
  readonly volume: Volume;
  /** Where a volume of the node itself is mounted. */
  readonly path: string;
  readonly csi?: CsiVolumes;
  readonly signal: AbortSignal;
}

/**
 * Mounts the claim's volume, or an inline volume of a driver, where it stays until the pod is gone, so that later syncs
 * depend on nobody. Rejects while the claim is not bound.
 *
 * Differs from upstream: volumes on the node (`hostPath`, `local`) and those of CSI drivers are the only ones; all are
 * mounted below the pod's directory, block devices as well. A `local` device is no file system by itself: nobody makes one.
 */
export async function setUpClaim(options: ClaimOptions): Promise<void> {
  const { ports, sources, pod, volume, path, csi, signal } = options;
  const { uid } = pod.metadata;
  if (await ports.mounter.isMounted(path)) return;
  if (csi && (await csi.isSetUp(uid, volume.name))) return refresh(csi, options);
  if (volume.csi) {
    if (!csi) throw new Error(`driver name ${volume.csi.driver} not found in the list of registered CSI drivers`);
    return csi.setUp(pod, volume.name, { kind: "inline", source: volume.csi }, sources.tokens, signal);
  }
  const bound = await boundVolume(options);
  const { hostPath, local, volumeMode, csi: driven } = bound.volume.spec;
  const { name } = bound.volume.metadata;
  checkUse(pod, volume, volumeMode ?? "Filesystem");
  if (driven) {
    if (!csi) throw new Error(`driver name ${driven.driver} not found in the list of registered CSI drivers`);
    await csi.setUp(pod, volume.name, { kind: "persistent", ...bound }, sources.tokens, signal);
    return csi.expand(pod, volume.name, bound.volume, bound.claim);
  }
  if (!hostPath && !local) throw new Error(`no volume plugin matched: ${name}`);
  await bindNodeVolume(options, bound.volume);
}

/** A driver's volume that is mounted: it may want to be published again, and may have grown. */
async function refresh(csi: CsiVolumes, options: ClaimOptions): Promise<void> {
  const { pod, volume, sources, signal } = options;
  const { uid } = pod.metadata;
  const republish = await csi.wantsRepublish(uid, volume.name);
  if (volume.csi) {
    if (!republish) return;
    return csi.setUp(pod, volume.name, { kind: "inline", source: volume.csi }, sources.tokens, signal);
  }
  let bound: BoundVolume;
  try {
    bound = await boundVolume(options);
  } catch {
    // What runs goes on without the API server, and with a claim that is being deleted.
    return;
  }
  if (republish) await csi.setUp(pod, volume.name, { kind: "persistent", ...bound }, sources.tokens, signal);
  try {
    await csi.expand(pod, volume.name, bound.volume, bound.claim);
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    // A volume that does not grow is no reason not to go on with the pod.
    sources.recorder.event(pod, "Warning", "VolumeResizeFailed", error.message);
  }
}

/** A volume is a file system or a device to all of the pod's containers. */
function checkUse(pod: Pod, { name }: Volume, mode: "Block" | "Filesystem"): void {
  const wrong = mode === "Block" ? "volumeMounts" : "volumeDevices";
  const isWrong = allContainers(pod).some((container) => (container[wrong] ?? []).some((use) => use.name === name));
  if (isWrong) throw new Error(`volume ${name} has volumeMode ${mode}, but is specified in ${wrong}`);
}

function boundVolume({ sources, pod, volume }: ClaimOptions): Promise<BoundVolume> {
  const { namespace, uid } = pod.metadata;
  const claimName = claimNameOf(pod, volume) ?? "";
  return sources.objects.boundVolume(namespace, claimName, volume.ephemeral ? uid : undefined);
}

async function bindNodeVolume({ ports, pod, path }: ClaimOptions, persistent: PersistentVolume): Promise<void> {
  const { fileSystem, mounter } = ports;
  const { hostPath, local } = persistent.spec;
  const source = hostPath?.path ?? local?.path ?? "";
  if (persistent.spec.volumeMode === "Block") {
    if ((await statFollowing(fileSystem, source))?.type !== "block-device") {
      throw new Error(`path "${source}" is not a block device`);
    }
    await fileSystem.makeDirectory(path.slice(0, path.lastIndexOf("/")), 0o750);
    await fileSystem.writeFile(path, new Uint8Array(), 0o600);
    return mounter.bind(source, path, { readOnly: false });
  }
  if (hostPath?.type === "DirectoryOrCreate") await makeOpenDirectory(fileSystem, source);
  if (hostPath) await prepareHostPath(fileSystem, hostPath);
  const found = await followLinks(fileSystem, source);
  if (found === undefined) throw new Error(`path "${source}" does not exist`);
  if (local && found.info.type === "block-device") {
    throw new Error(`path "${source}" is a block device: making a file system on it is not supported, mount it before`);
  }
  if ((await fileSystem.stat(path)) === undefined) await fileSystem.makeDirectory(path, 0o750);
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup !== undefined && local) {
    const policy = fsGroupChangePolicy === "OnRootMismatch" ? "OnRootMismatch" : "Always";
    await setVolumeOwnership(fileSystem, found.path, { fsGroup, policy });
  }
  await mounter.bind(source, path, { readOnly: false });
}

/** A new volume is for whichever user the container runs as. */
async function makeOpenDirectory(fs: FileSystem, path: string): Promise<void> {
  if ((await fs.stat(path)) !== undefined) return;
  await fs.makeDirectory(path, 0o777);
  // The process's umask took bits away.
  await fs.chmod(path, 0o777);
}
