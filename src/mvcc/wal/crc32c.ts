/** The Castagnoli polynomial, bits reversed. */
const polynomial = 0x82f63b78;

/** A checksum of `bytes[from, to)`. */
export type Checksum = (bytes: Uint8Array, from: number, to: number) => number;

/** CRC-32C, eight bytes a step: about 1 GB/s. The tables (8 KB) belong to the instance. */
export class Crc32c {
  readonly #table = createTables();

  /** A checksum that starts from `seed`, so that what is sound under one seed is not under another. */
  seeded(seed: number): Checksum {
    return (bytes, from, to) => this.update(seed, bytes, from, to);
  }

  /** The checksum of `bytes[from, to)` following data whose checksum is `crc`; 0 for the first. */
  update(crc: number, bytes: Uint8Array, from: number, to: number): number {
    const t = this.#table;
    let c = ~crc;
    let i = from;
    for (const end = to - 7; i < end; i += 8) {
      c ^= byte(bytes, i) | (byte(bytes, i + 1) << 8) | (byte(bytes, i + 2) << 16) | (byte(bytes, i + 3) << 24);
      c =
        word(t, 0x700 | (c & 0xff)) ^
        word(t, 0x600 | ((c >>> 8) & 0xff)) ^
        word(t, 0x500 | ((c >>> 16) & 0xff)) ^
        word(t, 0x400 | (c >>> 24)) ^
        word(t, 0x300 | byte(bytes, i + 4)) ^
        word(t, 0x200 | byte(bytes, i + 5)) ^
        word(t, 0x100 | byte(bytes, i + 6)) ^
        word(t, byte(bytes, i + 7));
    }
    for (; i < to; i++) c = word(t, (c ^ byte(bytes, i)) & 0xff) ^ (c >>> 8);
    return ~c >>> 0;
  }
}

/** Table k advances a byte through k further zero bytes. */
function createTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    tables[n] = c;
  }
  for (let i = 256; i < tables.length; i++) {
    const c = word(tables, i - 256);
    tables[i] = word(tables, c & 0xff) ^ (c >>> 8);
  }
  return tables;
}

// Indexes are in bounds by construction; a check per byte would halve the speed.
function byte(bytes: Uint8Array, i: number): number {
  return bytes[i] as number;
}

function word(table: Int32Array, i: number): number {
  return table[i] as number;
}
