import type { FileSystem } from "../../component-base/file-system.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { Revision } from "../backend.ts";
import type { InitialState } from "../mvcc-backend.ts";
import type { Checksum, Crc32c } from "./crc32c.ts";
import { corrupt, parseSegmentName, parseSnapshotName, segmentName, snapshotName, temporarySuffix } from "./files.ts";
import { readLogRecord } from "./log-codec.ts";
import { findRecord, readRecord, recordTypes } from "./record.ts";
import type { RawRecord } from "./record.ts";
import { Replay } from "./replay.ts";
import { readSegmentHeader } from "./segment.ts";
import type { Segment } from "./segment.ts";
import { readSnapshot } from "./snapshot.ts";
import type { LogStart, Snapshot } from "./snapshot.ts";

/** A complete segment that the log still needs for its history. */
export interface SealedSegment {
  readonly number: number;
  readonly sizeBytes: number;
  readonly firstSequence: number;
  /** The newest revision in it or before it. */
  readonly lastRevision: Revision;
}

/** What a directory held. */
export interface Recovered {
  readonly state: InitialState;
  readonly sealed: readonly SealedSegment[];
  /** Undefined in an empty directory. */
  readonly active: { readonly segment: Segment; readonly firstSequence: number } | undefined;
  /** Prepared ahead and still empty. */
  readonly next: Segment | undefined;
  /** Of the last record; all up to it are durable. */
  readonly sequence: number;
  readonly snapshotBytes: number;
}

export interface RecoveryOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly crc: Crc32c;
  readonly logger: Logger;
}

/**
 * Reads snapshot and segments into a state. Where the log stops, it decides between two causes. A crash can have torn
 * only what was never synced: the end is then cut off, as nobody was told of it. Anything else is rot, and the store
 * refuses to start, naming the place. What survived without having been synced is synced before it counts.
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { fileSystem, directory } = options;
  const names = await fileSystem.list(directory);
  for (const name of names) if (name.endsWith(temporarySuffix)) await fileSystem.remove(`${directory}/${name}`);
  const snapshots = names.flatMap((n) => parseSnapshotName(n) ?? []);
  const newest = snapshots.length > 0 ? Math.max(...snapshots) : undefined;
  const snapshot = newest === undefined ? undefined : await readSnapshot(fileSystem, directory, newest);
  const start = snapshot?.logStart ?? { segment: 1, sequence: 1 };
  const segments = names.flatMap((n) => parseSegmentName(n) ?? []);
  // A crash can come between the rename of a snapshot and the removal of what it replaces.
  for (const old of snapshots) if (old !== newest) await fileSystem.remove(`${directory}/${snapshotName(old)}`);
  for (const old of segments) if (old < start.segment) await fileSystem.remove(`${directory}/${segmentName(old)}`);
  const needed = segments.filter((n) => n >= start.segment).sort((a, b) => a - b);
  checkNumbers(directory, needed, start, snapshot);
  return new LogReader(options, snapshot, start).read(needed);
}

function checkNumbers(
  directory: string,
  numbers: readonly number[],
  start: LogStart,
  snapshot: Snapshot | undefined,
): void {
  if (numbers.length === 0 && !snapshot) return;
  const count = Math.max(numbers.length, 1);
  for (let i = 0; i < count; i++) {
    const number = start.segment + i;
    if (numbers[i] !== number) throw corrupt(`${directory}/${segmentName(number)}`, 0, "segment is missing");
  }
}

/** The segment in which the log ends, before anything is done about it. */
interface LogEnd {
  readonly number: number;
  readonly firstSequence: number;
  readonly bytes: Uint8Array;
  readonly header: RawRecord;
  readonly last: RawRecord;
}

class LogReader {
  readonly #options: RecoveryOptions;
  readonly #snapshot: Snapshot | undefined;
  readonly #replay: Replay;
  readonly #sealed: SealedSegment[] = [];
  #sequence: number;

  constructor(options: RecoveryOptions, snapshot: Snapshot | undefined, start: LogStart) {
    this.#options = options;
    this.#snapshot = snapshot;
    this.#replay = new Replay(snapshot);
    this.#sequence = start.sequence - 1;
  }

  async read(numbers: readonly number[]): Promise<Recovered> {
    const end = await this.#readToEnd(numbers);
    const empty = end ? numbers.slice(numbers.indexOf(end.number) + 1) : [];
    for (const number of empty) await this.#checkEmpty(number, end);
    if (empty[1]) throw corrupt(this.#path(empty[1]), 0, "more than one segment after the end of the log");
    if (this.#snapshot && this.#replay.revision <= this.#snapshot.revision) {
      const path = this.#path(numbers.at(-1) ?? 1);
      throw corrupt(path, end?.last.end ?? 0, `log ends before the snapshot of ${this.#snapshot.revision}`);
    }
    // Everything is judged: only now is anything changed.
    await using held = new AsyncDisposableStack();
    const active = end && { segment: await this.#repair(end), firstSequence: end.firstSequence };
    held.use(active?.segment.file);
    const next = empty[0] === undefined ? undefined : await this.#openEmpty(empty[0]);
    held.move();
    return {
      state: this.#replay.finish(),
      sealed: this.#sealed,
      active,
      next,
      sequence: this.#sequence,
      snapshotBytes: this.#snapshot?.sizeBytes ?? 0,
    };
  }

  async #readToEnd(numbers: readonly number[]): Promise<LogEnd | undefined> {
    for (const number of numbers) {
      const end = await this.#readSegment(number);
      if (end) return end;
    }
    const last = numbers.at(-1);
    if (last === undefined) return undefined;
    throw corrupt(this.#path(last + 1), 0, "segment is missing: the one before it says that the log goes on");
  }

  /** Replays a segment. Returns where the log ends if it ends here. */
  async #readSegment(number: number): Promise<LogEnd | undefined> {
    const path = this.#path(number);
    const bytes = await this.#options.fileSystem.readFile(path);
    const firstSequence = this.#sequence + 1;
    const header = readSegmentHeader(path, bytes, number, this.#options.crc);
    const checksumOf = this.#options.crc.seeded(header.checksum);
    let last = header;
    while (last.type !== recordTypes.endOfSegment) {
      const record = readRecord(bytes, last.end, checksumOf);
      if (!record || record.previous !== last.checksum || record.sequence !== this.#sequence + 1) {
        // No sound record follows: a torn tail to cut off, or rot.
        this.#checkTorn(path, bytes, last, checksumOf);
        return { number, firstSequence, bytes, header, last };
      }
      this.#apply(path, last.end, record);
      this.#sequence = record.sequence;
      last = record;
    }
    const lastRevision = this.#replay.revision;
    this.#sealed.push({ number, sizeBytes: bytes.length, firstSequence, lastRevision });
    return undefined;
  }

  #apply(path: string, offset: number, record: RawRecord): void {
    if (record.type === recordTypes.endOfSegment || record.type === recordTypes.mark) return;
    try {
      const logged = readLogRecord(record.type, record.payload);
      if (!logged) throw new RangeError(`unexpected record type ${record.type}`);
      this.#replay.apply(logged);
    } catch (error) {
      // Its checksum is right: it was written so, by a newer version or a bug.
      throw corrupt(path, offset, error instanceof Error ? error.message : "malformed record");
    }
  }

  #checkTorn(path: string, bytes: Uint8Array, last: RawRecord, checksumOf: Checksum): void {
    const expected = this.#sequence + 1;
    const witness = findRecord(bytes, last.end, checksumOf, (r) => r.synced >= expected);
    if (!witness) return;
    throw corrupt(path, last.end, `damaged record ${expected}, which record ${witness.sequence} knows was durable`);
  }

  /** Anything in a segment after the one in which the log seems to end proves that it does not end there. */
  async #checkEmpty(number: number, end: LogEnd | undefined): Promise<void> {
    const path = this.#path(number);
    const bytes = await this.#options.fileSystem.readFile(path);
    const header = readSegmentHeader(path, bytes, number, this.#options.crc);
    if (!findRecord(bytes, header.end, this.#options.crc.seeded(header.checksum), () => true)) return;
    const broken = end?.number ?? number;
    throw corrupt(this.#path(broken), end?.last.end ?? 0, `damaged record, but the log goes on in segment ${number}`);
  }

  /** Opens the segment for appending, its torn tail cut off and what survived of the last batch durable. */
  async #repair({ number, bytes, header, last }: LogEnd): Promise<Segment> {
    const path = this.#path(number);
    const file = await this.#options.fileSystem.open(path, "write");
    const dataEnd = endOfData(bytes);
    if (dataEnd > last.end) {
      const cut = { file: path, offset: last.end, bytes: dataEnd - last.end };
      this.#options.logger.warn("Cut off the torn end of the log, which was never acknowledged", cut);
      await file.write([new Uint8Array(dataEnd - last.end)], last.end);
    }
    await file.datasync();
    const checksumOf = this.#options.crc.seeded(header.checksum);
    return { number, file, sizeBytes: bytes.length, offset: last.end, chain: last.checksum, checksumOf };
  }

  async #openEmpty(number: number): Promise<Segment> {
    const path = this.#path(number);
    const bytes = await this.#options.fileSystem.readFile(path);
    const { end, checksum } = readSegmentHeader(path, bytes, number, this.#options.crc);
    const file = await this.#options.fileSystem.open(path, "write");
    const checksumOf = this.#options.crc.seeded(checksum);
    return { number, file, sizeBytes: bytes.length, offset: end, chain: checksum, checksumOf };
  }

  #path(number: number): string {
    return `${this.#options.directory}/${segmentName(number)}`;
  }
}

/** Offset after the last byte that is not zero. */
function endOfData(bytes: Uint8Array): number {
  let end = bytes.length;
  if (bytes.byteOffset % 4 === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    let i = words.length;
    if (bytes.subarray(i * 4).every((b) => b === 0)) {
      while (i > 0 && words[i - 1] === 0) i--;
      end = i * 4;
    }
  }
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}
