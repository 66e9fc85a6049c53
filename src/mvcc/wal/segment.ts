import type { FileHandle, FileSystem } from "../../component-base/file-system.ts";
import type { Random } from "../../component-base/random.ts";
import { BytesReader } from "./bytes-io.ts";
import type { Checksum, Crc32c } from "./crc32c.ts";
import { corrupt, discard, segmentName, temporarySuffix } from "./files.ts";
import { encodeRecord, readRecord, recordTypes } from "./record.ts";
import type { RawRecord } from "./record.ts";

const formatVersion = 1;

/** A segment open for appending. */
export interface Segment {
  readonly number: number;
  readonly file: FileHandle;
  /** Bytes with blocks reserved. */
  sizeBytes: number;
  /** Where the next record goes. */
  offset: number;
  /** Checksum of the last record. */
  chain: number;
  /** For records in this segment. */
  readonly checksumOf: Checksum;
}

/**
 * A new segment, zeros behind its header, durable under its name. Reserving blocks ahead keeps a sync from having to
 * write file metadata, and a commit from meeting a full disk. The header's nonce seeds the checksums:
 * records of another segment that a file system might let shine through are not sound here.
 */
export async function createSegment(
  fileSystem: FileSystem,
  directory: string,
  number: number,
  sizeBytes: number,
  random: Random,
  crc: Crc32c,
): Promise<Segment> {
  const path = `${directory}/${segmentName(number)}`;
  const temporary = path + temporarySuffix;
  if (await fileSystem.stat(temporary)) await fileSystem.remove(temporary);
  const header = encodeRecord(
    crc.seeded(0),
    recordTypes.segmentHeader,
    { previous: 0, sequence: 0, synced: 0 },
    (out) => {
      out.uint32(formatVersion);
      out.number(number);
      out.bytes(random.bytes(16));
    },
  );
  const file = await fileSystem.open(temporary, "create-exclusive", 0o600);
  try {
    await file.allocate(sizeBytes);
    await file.write([header.bytes], 0);
    await file.datasync();
    await fileSystem.rename(temporary, path);
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    await discard(fileSystem, temporary);
    throw error;
  }
  const { bytes, checksum } = header;
  return { number, file, sizeBytes, offset: bytes.length, chain: checksum, checksumOf: crc.seeded(checksum) };
}

/** The header of a segment's bytes. A bad one is rot: segments get their name only when they are durable. */
export function readSegmentHeader(path: string, bytes: Uint8Array, number: number, crc: Crc32c): RawRecord {
  const record = readRecord(bytes, 0, crc.seeded(0));
  if (record?.type !== recordTypes.segmentHeader) throw corrupt(path, 0, "damaged segment header");
  const reader = new BytesReader(record.payload);
  const version = reader.uint32();
  if (version !== formatVersion) throw corrupt(path, 0, `unknown format version ${version}`);
  const found = reader.number();
  if (found !== number) throw corrupt(path, 0, `header of segment ${found}`);
  return record;
}
