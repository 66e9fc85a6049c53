import * as zlib from "node:zlib";

import { spdyDictionary } from "./spdy-dictionary.ts";

/** Names are lower case; a name may have several values. */
export type SpdyHeaders = Readonly<Record<string, readonly string[]>>;

// Headers name a stream and little else; a block that unpacks to more is an attack.
const headersBytesMax = 1 << 20;

/** Packs and unpacks header blocks. A connection has one compression state per direction, so the order of calls is the order on the wire. */
export class SpdyHeaderCodec {
  readonly #deflate = new SequentialZlib(zlib.createDeflate({ dictionary: spdyDictionary() }));
  readonly #inflate = new SequentialZlib(zlib.createInflate({ dictionary: spdyDictionary() }));

  pack(headers: SpdyHeaders): Promise<Buffer> {
    const entries = Object.entries(headers);
    const parts: Buffer[] = [uint32(entries.length)];
    for (const [name, values] of entries) {
      for (const text of [name.toLowerCase(), values.join("\0")]) {
        const bytes = Buffer.from(text);
        parts.push(uint32(bytes.length), bytes);
      }
    }
    return this.#deflate.run(Buffer.concat(parts));
  }

  async unpack(block: Buffer): Promise<SpdyHeaders> {
    const bytes = await this.#inflate.run(block);
    const headers: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
    let at = 4;
    const text = (): string => {
      const length = bytes.readUInt32BE(at);
      at += 4 + length;
      return bytes.toString("utf8", at - length, at);
    };
    for (let left = bytes.readUInt32BE(0); left > 0; left--) {
      const name = text();
      headers[name] = text().split("\0");
    }
    return headers;
  }

  close(): void {
    this.#deflate.close();
    this.#inflate.close();
  }
}

/** Runs one buffer after the other through a zlib stream, and flushes after each. */
class SequentialZlib {
  readonly #stream: zlib.Deflate | zlib.Inflate;
  #last: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;
  #output: Buffer[] = [];
  #outputBytes = 0;

  constructor(stream: zlib.Deflate | zlib.Inflate) {
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => {
      this.#outputBytes += chunk.length;
      if (this.#outputBytes > headersBytesMax) stream.destroy(new Error("SPDY header block is too large"));
      else this.#output.push(chunk);
    });
    stream.on("error", (error) => (this.#failure = error));
  }

  run(input: Buffer): Promise<Buffer> {
    const result = this.#last.then(() => this.#runOne(input));
    this.#last = result.catch(() => {});
    return result;
  }

  close(): void {
    this.#stream.close();
  }

  #runOne(input: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure ?? this.#stream.destroyed) {
        reject(this.#failure ?? new Error("SPDY connection is closed"));
        return;
      }
      this.#stream.once("error", reject);
      this.#stream.write(input);
      this.#stream.flush(zlib.constants.Z_SYNC_FLUSH, () => {
        this.#stream.off("error", reject);
        const output = Buffer.concat(this.#output);
        this.#output = [];
        this.#outputBytes = 0;
        resolve(output);
      });
    });
  }
}

export function uint32(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) out.writeUInt32BE(value >>> 0, i * 4);
  return out;
}
