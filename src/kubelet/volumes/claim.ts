import type { Pod, Volume } from "../../api/core/v1/types.gen.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { ObjectStore } from "../config/object-store.ts";
import type { KubeletPorts } from "../ports.ts";
import { prepareHostPath } from "./host-path.ts";

/** Volumes whose storage outlives the pod: those of a claim, whether the pod's author made it or the pod's template. */
export function isClaimVolume(volume: Volume): boolean {
  return Boolean(volume.persistentVolumeClaim ?? volume.ephemeral);
}

/**
 * Binds the directory of the claim's volume at `path`, where it stays until the pod is gone, so that later syncs ask
 * nobody. Rejects while the claim is not bound.
 *
 * Differs from upstream: volumes on the node (`hostPath`, `local`) are the only ones; all are mounted below the pod's
 * directory. Block volumes are refused.
 */
export async function setUpClaim(options: {
  readonly ports: Pick<KubeletPorts, "fileSystem" | "mounter">;
  readonly objects: ObjectStore;
  readonly pod: Pod;
  readonly volume: Volume;
  readonly path: string;
}): Promise<void> {
  const { ports, objects, pod, volume, path } = options;
  const { fileSystem, mounter } = ports;
  if (await mounter.isMounted(path)) return;
  const { namespace, name, uid } = pod.metadata;
  const persistent = volume.persistentVolumeClaim
    ? await objects.boundVolume(namespace, volume.persistentVolumeClaim.claimName)
    : await objects.boundVolume(namespace, `${name}-${volume.name}`, uid);
  const { hostPath, local, volumeMode } = persistent.spec;
  if (volumeMode === "Block") throw new Error(`block volumes are not supported: ${persistent.metadata.name}`);
  const source = hostPath?.path ?? local?.path;
  if (source === undefined) throw new Error(`no volume plugin matched: ${persistent.metadata.name}`);
  if (hostPath?.type === "DirectoryOrCreate") await makeOpenDirectory(fileSystem, source);
  if (hostPath) await prepareHostPath(fileSystem, hostPath);
  if ((await fileSystem.stat(source)) === undefined) throw new Error(`path "${source}" does not exist`);
  if ((await fileSystem.stat(path)) === undefined) await fileSystem.makeDirectory(path, 0o750);
  const fsGroup = pod.spec.securityContext?.fsGroup;
  if (fsGroup !== undefined && local) {
    await fileSystem.chown(source, 0, fsGroup);
    await fileSystem.chmod(source, 0o2775);
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
