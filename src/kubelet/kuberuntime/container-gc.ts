import type { FileSystem } from "../../component-base/file-system.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import { rotatedLogs } from "../logs/container-log-manager.ts";
import type { ContainerRecord, PodRecord } from "../container/pod-record.ts";

/**
 * Removes what nobody can ask for any more: of each container name the dead ones but the newest, and dead sandboxes
 * but the newest that no container is left of. Resolves to whether something was removed.
 */
export async function collectPodGarbage(
  runtime: RuntimeService,
  fileSystem: FileSystem,
  record: PodRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const removed = new Set<string>();
  const seenDead = new Set<string>();
  for (const container of record.containers) {
    if (container.state === "running") continue;
    if (!seenDead.has(container.name)) {
      seenDead.add(container.name);
      continue;
    }
    await runtime.removeContainer(container.id, { signal });
    await removeLog(fileSystem, container);
    removed.add(container.id);
  }
  for (const sandbox of record.sandboxes.slice(1)) {
    if (sandbox.state === "ready") continue;
    if (record.containers.some((c) => c.sandboxId === sandbox.id && !removed.has(c.id))) continue;
    await runtime.removePodSandbox(sandbox.id, { signal });
    removed.add(sandbox.id);
  }
  return removed.size > 0;
}

async function removeLog(fileSystem: FileSystem, container: ContainerRecord): Promise<void> {
  for (const path of await rotatedLogs(fileSystem, container.logPath)) await fileSystem.removeAll(path);
  await fileSystem.removeAll(container.logPath);
}
