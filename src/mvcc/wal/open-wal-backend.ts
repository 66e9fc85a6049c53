import type { Clock } from "../../component-base/clock.ts";
import { FileSystemError } from "../../component-base/file-system.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { Logger } from "../../component-base/logger.ts";
import { SystemRandom } from "../../component-base/random.ts";
import type { Random } from "../../component-base/random.ts";
import type { Backend, StoreFailedError } from "../backend.ts";
import { defaultHistoryPolicy } from "../history-policy.ts";
import type { HistoryPolicy } from "../history-policy.ts";
import { MvccBackend } from "../mvcc-backend.ts";
import { Crc32c } from "./crc32c.ts";
import { lockName } from "./files.ts";
import { FreeSpace } from "./free-space.ts";
import { recover } from "./recovery.ts";
import { WalLog } from "./wal-log.ts";
import type { WalLimits } from "./wal-log.ts";

const mebibyte = 1024 * 1024;

export interface WalBackendOptions extends Partial<WalLimits> {
  /** Absolute path; created with mode 0700 when absent. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: Random;
  readonly historyPolicy?: HistoryPolicy;
  /** Puts are refused while the disk has less free space than this. 64 MiB by default. */
  readonly freeBytesMin?: number;
  /** Told once when the log has failed and no write will be accepted again: the component should end and start anew. */
  readonly onFailure?: (error: StoreFailedError) => void;
}

/**
 * The embedded store: everything in memory, every write in a log before it counts. Throws StoreCorruptError when the
 * directory is damaged beyond what a crash can do, and FileSystemError EWOULDBLOCK when another process has it open.
 */
export async function openWalBackend(options: WalBackendOptions): Promise<Backend> {
  const { directory, fileSystem, clock, logger } = options;
  const crc = new Crc32c();
  await makeDurableDirectory(fileSystem, directory);
  // Released when opening fails on the way; afterwards the log owns it all.
  await using held = new AsyncDisposableStack();
  const lock = held.use(await fileSystem.lock(`${directory}/${lockName}`));
  const freeBytesMin = options.freeBytesMin ?? 64 * mebibyte;
  const freeSpace = new FreeSpace({ fileSystem, directory, clock, logger, freeBytesMin });
  held.defer(() => freeSpace.stop());
  const recovered = await recover({ fileSystem, directory, crc, logger });
  for (const segment of [recovered.active?.segment, recovered.next]) held.use(segment?.file);
  await freeSpace.check();
  const limits: WalLimits = {
    segmentBytesMin: options.segmentBytesMin ?? 4 * mebibyte,
    segmentBytesMax: options.segmentBytesMax ?? 64 * mebibyte,
    snapshotBytesMin: options.snapshotBytesMin ?? 16 * mebibyte,
  };
  const random = options.random ?? new SystemRandom();
  const log = await WalLog.open({ fileSystem, directory, random, logger, crc, freeSpace, limits, lock, recovered });
  held.move();
  return new MvccBackend({
    clock,
    logger,
    log,
    historyPolicy: options.historyPolicy ?? defaultHistoryPolicy,
    initial: recovered.state,
    onFailure: options.onFailure ?? (() => {}),
  });
}

/** A directory whose name no crash takes away, those above it included: a crash may have come after they were made. */
async function makeDurableDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  await fileSystem.makeDirectory(directory, 0o700);
  for (let path = parentOf(directory); ; path = parentOf(path)) {
    try {
      await fileSystem.syncDirectory(path);
    } catch (error) {
      // Not ours to sync, hence not ours to have made.
      if (!(error instanceof FileSystemError && /^(EACCES|EPERM|EROFS|EINVAL)$/.test(error.code))) throw error;
    }
    if (path === "/") return;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
