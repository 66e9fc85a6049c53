import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../component-base/bytes.ts";
import { Crc32c } from "./crc32c.ts";
import { encodeRecord, findRecord, readRecord, recordTypes } from "./record.ts";

test("the checksum is CRC-32C", () => {
  const crc = new Crc32c();
  const of = (bytes: Uint8Array): number => crc.update(0, bytes, 0, bytes.length);
  // The check value of the catalogue, and the vectors of RFC 3720.
  assert.equal(of(utf8Encode("123456789")), 0xe3069283);
  assert.equal(of(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(of(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(of(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

test("a checksum goes on from the one before", () => {
  const crc = new Crc32c();
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i * 7);
  const whole = crc.update(0, bytes, 0, 100);
  for (let at = 0; at <= 100; at++) assert.equal(crc.update(crc.update(0, bytes, 0, at), bytes, at, 100), whole);
});

test("a record is read as written, and not with any bit changed or byte missing", () => {
  const checksumOf = new Crc32c().seeded(5);
  const position = { previous: 9, sequence: 2 ** 40, synced: 2 ** 40 - 3 };
  const { bytes, checksum } = encodeRecord(checksumOf, recordTypes.grant, position, (out) => out.string("payload"));
  const record = readRecord(bytes, 0, checksumOf);
  assert.deepEqual({ ...record, payload: undefined }, { ...position, type: 2, checksum, end: 43, payload: undefined });
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(readRecord(flipped, 0, checksumOf), undefined);
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(readRecord(bytes.subarray(0, length), 0, checksumOf), undefined);
  }
  assert.equal(readRecord(bytes, 0, new Crc32c().seeded(6)), undefined, "of another segment");
});

test("records are found anywhere", () => {
  const checksumOf = new Crc32c().seeded(0);
  const { bytes } = encodeRecord(checksumOf, recordTypes.mark, { previous: 0, sequence: 4, synced: 1 });
  const file = new Uint8Array(200);
  file.set(bytes.subarray(0, 9), 11);
  file.set(bytes, 77);
  assert.equal(findRecord(file, 0, checksumOf, () => true)?.end, 77 + bytes.length);
  assert.equal(
    findRecord(file, 0, checksumOf, (r) => r.synced > 1),
    undefined,
  );
  assert.equal(
    findRecord(file, 78, checksumOf, () => true),
    undefined,
  );
});
