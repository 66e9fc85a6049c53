import { BytesWriter } from "./bytes-io.ts";
import type { Checksum } from "./crc32c.ts";

/**
 * The one framing of everything on disk, in segments as in snapshots:
 *
 *      0  magic      uint32   where a record may begin
 *      4  checksum   uint32   CRC-32C of everything after it, seeded
 *      8  length     uint32   bytes of payload
 *     12  previous   uint32   checksum of the record before: the chain; 0 in the first record of a file
 *     16  sequence   float64  counts records over all segments, without gaps
 *     24  unsynced   uint32   sequence minus the highest sequence known durable when this was written
 *     28  type       uint8, then three zero bytes
 *     32  payload
 *
 * `unsynced` is what tells rot from a torn tail: a bad record that a later one knows to have been durable was not torn
 * by a crash. Checksums in a segment start from its header's, which a nonce makes unguessable: a record that a user put
 * into a value is none.
 */
export const recordHeaderBytes = 32;

const magic = 0x316b3877;
const magicBytes = [0x77, 0x38, 0x6b, 0x31] as const;

export const recordTypes = {
  transaction: 1,
  grant: 2,
  revoke: 3,
  compact: 4,
  /** The segment is complete; the log goes on in the next one. */
  endOfSegment: 5,
  /** Written on a clean shutdown: vouches for everything before it. */
  mark: 6,
  segmentHeader: 7,
  snapshotHeader: 8,
  snapshotEntries: 9,
  snapshotEnd: 10,
} as const;

/** Where a record stands in its log. */
export interface RecordPosition {
  readonly previous: number;
  readonly sequence: number;
  /** The highest sequence known durable. */
  readonly synced: number;
}

export interface RawRecord extends RecordPosition {
  readonly type: number;
  readonly checksum: number;
  /** A view of the bytes read. */
  readonly payload: Uint8Array;
  /** Offset of the byte after the record. */
  readonly end: number;
}

/** Appends a record to `out`; `writePayload` writes its payload. Returns the record's checksum. */
export function writeRecord(
  out: BytesWriter,
  checksumOf: Checksum,
  type: number,
  position: RecordPosition,
  writePayload?: (out: BytesWriter) => void,
): number {
  const start = out.length;
  out.uint32(magic);
  out.uint32(0);
  out.uint32(0);
  out.uint32(position.previous);
  out.number(position.sequence);
  out.uint32(position.sequence - position.synced);
  out.uint32(type);
  writePayload?.(out);
  out.setUint32(start + 8, out.length - start - recordHeaderBytes);
  const checksum = checksumOf(out.buffer, start + 8, out.length);
  out.setUint32(start + 4, checksum);
  return checksum;
}

/** The record at `offset`, or undefined when there is no whole and sound one. */
export function readRecord(bytes: Uint8Array, offset: number, checksumOf: Checksum): RawRecord | undefined {
  if (offset + recordHeaderBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, recordHeaderBytes);
  if (view.getUint32(0, true) !== magic) return undefined;
  const end = offset + recordHeaderBytes + view.getUint32(8, true);
  if (end > bytes.length) return undefined;
  const checksum = view.getUint32(4, true);
  if (checksumOf(bytes, offset + 8, end) !== checksum) return undefined;
  const sequence = view.getFloat64(16, true);
  return {
    type: view.getUint8(28),
    checksum,
    previous: view.getUint32(12, true),
    sequence,
    synced: sequence - view.getUint32(24, true),
    payload: bytes.subarray(offset + recordHeaderBytes, end),
    end,
  };
}

/** The first sound record that begins at `offset` or later and passes the test. */
export function findRecord(
  bytes: Uint8Array,
  offset: number,
  checksumOf: Checksum,
  test: (record: RawRecord) => boolean,
): RawRecord | undefined {
  for (let at = bytes.indexOf(magicBytes[0], offset); at !== -1; at = bytes.indexOf(magicBytes[0], at + 1)) {
    if (!magicBytes.every((b, i) => bytes[at + i] === b)) continue;
    const record = readRecord(bytes, at, checksumOf);
    if (record && test(record)) return record;
  }
  return undefined;
}

/** A record alone, as its bytes. */
export function encodeRecord(
  checksumOf: Checksum,
  type: number,
  position: RecordPosition,
  writePayload?: (out: BytesWriter) => void,
): { readonly bytes: Uint8Array; readonly checksum: number } {
  const out = new BytesWriter();
  const checksum = writeRecord(out, checksumOf, type, position, writePayload);
  return { bytes: out.written(), checksum };
}
