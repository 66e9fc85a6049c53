import type { Pod } from "../../api/core/v1/types.gen.ts";
import { concatBytes } from "../../component-base/bytes.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import type { ContainerRecord, PodRecord } from "../container/pod-record.ts";

export interface ContainerLogManagerOptions {
  readonly fileSystem: FileSystem;
  readonly runtime: RuntimeService;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pods: () => readonly Pod[];
  readonly podRecord: (uid: string) => Promise<PodRecord>;
  readonly periodMs: number;
  /** A log is rotated when it is larger. */
  readonly maxBytes: number;
  /** Of one container, the current one included; at least 2. */
  readonly maxFiles: number;
}

const compressedSuffix = ".gz";
const temporarySuffix = ".tmp";

/**
 * Keeps containers' logs small. The log of a container is one file the runtime writes; beside it lie older ones, named by
 * when they were put aside, all but the newest of them compressed:
 *
 *     0.log   0.log.20260102-030405   0.log.20260102-030000.gz
 */
export class ContainerLogManager {
  readonly #options: ContainerLogManagerOptions;

  constructor(options: ContainerLogManagerOptions) {
    if (options.maxFiles < 2) throw new RangeError(`invalid maxFiles: ${options.maxFiles}, must be > 1`);
    this.#options = options;
  }

  /** Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, periodMs } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, periodMs, signal).catch(() => {});
      if (!signal.aborted) await this.round(signal);
    }
  }

  /** Rotates every log that has become too large. One that cannot be does not keep the others. */
  async round(signal: AbortSignal): Promise<void> {
    const { pods, podRecord, fileSystem, maxBytes, logger } = this.#options;
    for (const pod of pods()) {
      try {
        const { containers } = await podRecord(pod.metadata.uid);
        for (const container of containers) {
          if (signal.aborted) return;
          if (container.state !== "running" || container.logPath === "") continue;
          const info = await fileSystem.stat(container.logPath);
          if (info && info.sizeBytes >= maxBytes) await this.#rotate(container, signal);
        }
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("Failed to rotate container logs", { pod: pod.metadata.name, error: errorText(error) });
      }
    }
  }

  async #rotate({ id, logPath }: ContainerRecord, signal: AbortSignal): Promise<void> {
    const { fileSystem, runtime, clock, maxFiles } = this.#options;
    const older = await rotatedLogs(fileSystem, logPath);
    // With the current one and the one it becomes there are two more.
    const kept = older.slice(Math.max(0, older.length - (maxFiles - 2)));
    for (const path of older) if (!kept.includes(path)) await fileSystem.remove(path);
    for (const path of kept) if (!path.endsWith(compressedSuffix)) await compress(fileSystem, path);
    const aside = `${logPath}.${timestampOf(clock.now())}`;
    await fileSystem.rename(logPath, aside);
    try {
      await runtime.reopenContainerLog(id, { signal });
    } catch (error) {
      // The runtime goes on writing the file it has open: it gets its name back.
      await fileSystem.rename(aside, logPath);
      throw error;
    }
  }
}

/** The older logs beside a container's, oldest first; leftovers of an interrupted compression are removed. */
export async function rotatedLogs(fileSystem: FileSystem, logPath: string): Promise<readonly string[]> {
  const slash = logPath.lastIndexOf("/");
  const directory = logPath.slice(0, slash);
  const prefix = `${logPath.slice(slash + 1)}.`;
  if ((await fileSystem.stat(directory)) === undefined) return [];
  const paths: string[] = [];
  for (const name of await fileSystem.list(directory)) {
    if (!name.startsWith(prefix)) continue;
    if (name.endsWith(temporarySuffix)) await fileSystem.remove(`${directory}/${name}`);
    else paths.push(`${directory}/${name}`);
  }
  return paths;
}

/** `20260102-030405`, which sorts by time. */
function timestampOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
}

async function compress(fileSystem: FileSystem, path: string): Promise<void> {
  const content = await fileSystem.readFile(path);
  const stream = new Blob([content.slice()]).stream().pipeThrough(new CompressionStream("gzip"));
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  await fileSystem.writeFile(`${path}${temporarySuffix}`, concatBytes(parts), 0o640);
  await fileSystem.rename(`${path}${temporarySuffix}`, `${path}${compressedSuffix}`);
  await fileSystem.remove(path);
}
