import { isAborted } from "../../component-base/clock.ts";
import { FileSystemError, isNotExist } from "../../component-base/file-system.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { Random } from "../../component-base/random.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import type { Revision, StoreFullError } from "../backend.ts";
import type { BaseState, CommitLog, LogRecord } from "../commit-log.ts";
import { BytesWriter } from "./bytes-io.ts";
import type { Crc32c } from "./crc32c.ts";
import { parseSnapshotName, segmentName, snapshotName } from "./files.ts";
import type { FreeSpace } from "./free-space.ts";
import { writeLogRecord } from "./log-codec.ts";
import { recordHeaderBytes, recordTypes, writeRecord } from "./record.ts";
import type { RecordPosition } from "./record.ts";
import type { Recovered, SealedSegment } from "./recovery.ts";
import { createSegment } from "./segment.ts";
import type { Segment } from "./segment.ts";
import { writeSnapshot } from "./snapshot.ts";

export interface WalLimits {
  /** Size of a new log's first segment. Each further one is twice the one before, up to `segmentBytesMax`. */
  readonly segmentBytesMin: number;
  readonly segmentBytesMax: number;
  /** A snapshot is made when it lets the log drop so many bytes, or as many as the last snapshot had if that is more. */
  readonly snapshotBytesMin: number;
}

export interface WalLogOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly random: Random;
  readonly logger: Logger;
  readonly crc: Crc32c;
  readonly freeSpace: FreeSpace;
  readonly limits: WalLimits;
  /** Held as long as the log is open. */
  readonly lock: AsyncDisposable;
  readonly recovered: Recovered;
}

/**
 * The write-ahead log: records appended to preallocated segments, one `datasync` a batch.
 *
 *     wal-7 (sealed) → wal-8 (sealed) → wal-9 (active: records, then zeros) → wal-10 (prepared, empty)
 *
 * The next segment is prepared in the background once half of the active one is used. A batch never spans segments: the
 * old one is closed by an end record and synced before the new one is written to. Segments whose history is compacted
 * are dropped once a snapshot, made in the background, stands for them.
 */
export class WalLog implements CommitLog {
  readonly #options: WalLogOptions;
  readonly #background: TaskGroup;
  readonly #out = new BytesWriter();
  #active: Segment;
  #activeFirstSequence: number;
  #next: Segment | undefined;
  #preparing: Promise<void> | undefined;
  #sealed: SealedSegment[];
  /** Of the last record written. */
  #sequence: number;
  /** Of the last record known durable. */
  #synced: number;
  #revision: Revision;
  #snapshotBytes: number;
  #isSnapshotting = false;
  #hasFailed = false;

  static async open(options: WalLogOptions): Promise<WalLog> {
    const { fileSystem, directory, random, crc, limits, recovered } = options;
    const first = { number: 1, sizeBytes: limits.segmentBytesMin };
    const segment =
      recovered.active?.segment ??
      (await createSegment(fileSystem, directory, first.number, first.sizeBytes, random, crc));
    return new WalLog(options, segment);
  }

  private constructor(options: WalLogOptions, active: Segment) {
    const { recovered, logger } = options;
    this.#options = options;
    this.#background = new TaskGroup({
      onFailure: (error) => logger.error("Background work of the log failed", { error }),
    });
    this.#active = active;
    this.#activeFirstSequence = recovered.active?.firstSequence ?? recovered.sequence + 1;
    this.#next = recovered.next;
    this.#sealed = [...recovered.sealed];
    this.#sequence = recovered.sequence;
    this.#synced = recovered.sequence;
    this.#revision = recovered.state.history.revision;
    this.#snapshotBytes = recovered.snapshotBytes;
  }

  admission(isGrowing: boolean): StoreFullError | undefined {
    return this.#options.freeSpace.refusal(isGrowing);
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    let chain = this.#encode(records);
    // Room for the end record is always kept.
    const isTooLong = (): boolean =>
      this.#active.offset + this.#out.length + recordHeaderBytes > this.#active.sizeBytes;
    if (isTooLong()) {
      await this.#rotate(this.#out.length);
      chain = this.#encode(records);
    }
    await this.#write(chain, this.#sequence + records.length);
    for (const record of records) if (record.type === "transaction") this.#revision = record.revision;
    this.#out.reset();
  }

  async sync(): Promise<void> {
    await this.#failing(() => this.#active.file.datasync());
    this.#synced = this.#sequence;
    this.#options.freeSpace.poke();
    if (this.#active.offset > this.#active.sizeBytes / 2) this.#prepareNext();
  }

  compacted(base: BaseState): void {
    if (this.#isSnapshotting || this.#hasFailed) return;
    const droppable = this.#sealed.filter((s) => s.lastRevision <= base.revision);
    const bytes = droppable.reduce((sum, s) => sum + s.sizeBytes, 0);
    const worthBytes = Math.max(this.#options.limits.snapshotBytesMin, this.#snapshotBytes);
    if (droppable.length === 0 || bytes < worthBytes) return;
    this.#isSnapshotting = true;
    this.#background.spawn(async (signal) => {
      try {
        await this.#snapshot(base, droppable, signal);
      } catch (error) {
        if (isAborted(error)) throw error;
        if (isNoSpace(error)) this.#options.freeSpace.noteFull(this.#snapshotBytes);
        // The log stays as long as it was; the next compaction tries again.
        this.#options.logger.warn("Snapshot failed", { revision: base.revision, error });
      } finally {
        this.#isSnapshotting = false;
      }
    });
  }

  async close(): Promise<void> {
    await this.#preparing;
    await this.#background[Symbol.asyncDispose]();
    await this.#options.freeSpace.stop();
    try {
      if (!this.#hasFailed) await this.#mark();
    } finally {
      await this.#next?.file[Symbol.asyncDispose]();
      await this.#active.file[Symbol.asyncDispose]();
      await this.#options.lock[Symbol.asyncDispose]();
    }
  }

  /** Encodes for the active segment as it is now; returns the checksum of the last record. */
  #encode(records: readonly LogRecord[]): number {
    this.#out.reset();
    let chain = this.#active.chain;
    let sequence = this.#sequence;
    for (const record of records) {
      const position: RecordPosition = { previous: chain, sequence: ++sequence, synced: this.#synced };
      const type = recordTypes[record.type];
      chain = writeRecord(this.#out, this.#active.checksumOf, type, position, (out) => writeLogRecord(out, record));
    }
    return chain;
  }

  /** Writes what is encoded. Only when all of it is written does the log move on: a part is wiped out. */
  async #write(chain: number, sequence: number): Promise<void> {
    const bytes = this.#out.written();
    try {
      await this.#active.file.write([bytes], this.#active.offset);
    } catch (error) {
      if (!isNoSpace(error)) {
        this.#hasFailed = true;
        throw error;
      }
      await this.#failing(() => this.#wipe());
      this.#options.freeSpace.noteFull(bytes.length);
      throw this.#options.freeSpace.error(error);
    }
    this.#active.offset += bytes.length;
    this.#active.chain = chain;
    this.#sequence = sequence;
  }

  /** Takes back what a failed write may have left: its writers are told that nothing happened. */
  async #wipe(): Promise<void> {
    await this.#active.file.write([new Uint8Array(recordHeaderBytes)], this.#active.offset);
    await this.#active.file.datasync();
  }

  /** Goes on in the next segment, which has room for `neededBytes`. Throws StoreFullError, having changed nothing. */
  async #rotate(neededBytes: number): Promise<void> {
    await this.#preparing;
    const next = await this.#takeNext(neededBytes);
    try {
      await this.#writeAlone(recordTypes.endOfSegment);
    } catch (error) {
      this.#next = next;
      throw error;
    }
    await this.#failing(() => this.#active.file.datasync());
    this.#synced = this.#sequence;
    const { number, sizeBytes, file } = this.#active;
    this.#sealed.push({
      number,
      sizeBytes,
      firstSequence: this.#activeFirstSequence,
      lastRevision: this.#revision,
    });
    this.#active = next;
    this.#activeFirstSequence = this.#sequence + 1;
    await file[Symbol.asyncDispose]();
  }

  /** A record of ours, without payload. */
  async #writeAlone(type: number): Promise<void> {
    this.#out.reset();
    const sequence = this.#sequence + 1;
    const position: RecordPosition = { previous: this.#active.chain, sequence, synced: this.#synced };
    const chain = writeRecord(this.#out, this.#active.checksumOf, type, position);
    await this.#write(chain, sequence);
  }

  async #takeNext(neededBytes: number): Promise<Segment> {
    const { freeSpace } = this.#options;
    const sizeBytes = neededBytes + 8 * recordHeaderBytes;
    try {
      const next = this.#next ?? (await this.#create(sizeBytes));
      this.#next = next;
      if (next.sizeBytes < next.offset + neededBytes + recordHeaderBytes) {
        await next.file.allocate(sizeBytes);
        await next.file.datasync();
        next.sizeBytes = sizeBytes;
      }
      this.#next = undefined;
      return next;
    } catch (error) {
      if (!isNoSpace(error)) {
        this.#hasFailed = true;
        throw error;
      }
      freeSpace.noteFull(this.#smallestBytes(sizeBytes));
      throw freeSpace.error(error);
    }
  }

  /** Of the usual size, or of the smallest when that would eat into the space to be left free. */
  async #create(neededBytes: number): Promise<Segment> {
    const { fileSystem, directory, random, crc, limits, freeSpace } = this.#options;
    const usual = Math.max(Math.min(this.#active.sizeBytes * 2, limits.segmentBytesMax), neededBytes);
    await freeSpace.check();
    const sizeBytes = [usual, this.#smallestBytes(neededBytes)].find((bytes) => freeSpace.hasRoomFor(bytes));
    if (sizeBytes === undefined) throw new FileSystemError("ENOSPC", "too little free space for another segment");
    return createSegment(fileSystem, directory, this.#active.number + 1, sizeBytes, random, crc);
  }

  #smallestBytes(neededBytes: number): number {
    return Math.max(this.#options.limits.segmentBytesMin, neededBytes);
  }

  /** In the background, unless it is there, under way or hopeless. Failure shows when the segment is needed. */
  #prepareNext(): void {
    const { freeSpace, logger } = this.#options;
    if (this.#next || this.#preparing || freeSpace.isFull) return;
    this.#preparing = this.#create(0)
      .then(
        (segment) => {
          this.#next = segment;
        },
        (error: unknown) => {
          if (isNoSpace(error)) freeSpace.noteFull(this.#smallestBytes(0));
          logger.warn("Preparing the next segment failed", { error });
        },
      )
      .finally(() => {
        this.#preparing = undefined;
      });
  }

  async #snapshot(base: BaseState, droppable: readonly SealedSegment[], signal: AbortSignal): Promise<void> {
    const { fileSystem, directory, logger } = this.#options;
    const last = droppable.at(-1);
    const following = this.#sealed.find((s) => s.number > (last?.number ?? 0));
    const logStart = following
      ? { segment: following.number, sequence: following.firstSequence }
      : { segment: this.#active.number, sequence: this.#activeFirstSequence };
    this.#snapshotBytes = await writeSnapshot(fileSystem, directory, base, logStart, signal);
    // From here on the segments are not needed, whether or not they can be removed.
    this.#sealed = this.#sealed.filter((s) => s.number >= logStart.segment);
    for (const name of await fileSystem.list(directory)) {
      const revision = parseSnapshotName(name);
      const isOld = revision !== undefined && revision < base.revision;
      if (isOld) await removeIfThere(fileSystem, `${directory}/${snapshotName(revision)}`);
    }
    for (const { number } of droppable) await removeIfThere(fileSystem, `${directory}/${segmentName(number)}`);
    await fileSystem.syncDirectory(directory);
    logger.debug("Snapshot written", { revision: base.revision, bytes: this.#snapshotBytes });
  }

  /** Vouches for the last batch, which no later one will. Best effort: nothing is lost without it. */
  async #mark(): Promise<void> {
    if (this.#active.offset + 2 * recordHeaderBytes > this.#active.sizeBytes) return;
    try {
      await this.#writeAlone(recordTypes.mark);
      await this.#active.file.datasync();
    } catch (error) {
      this.#options.logger.warn("Could not mark the log as cleanly closed", { error });
    }
  }

  async #failing(operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof FileSystemError && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.remove(path);
  } catch (error) {
    if (!isNotExist(error)) throw error;
  }
}
