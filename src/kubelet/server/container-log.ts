import { concatBytes, utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import { type FileHandle, type FileSystem, isNotExist } from "../../component-base/file-system.ts";
import type { ByteSink } from "../../component-base/http.ts";

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Lines from the end; absent is all. */
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly limitBytes?: number;
  readonly stream?: "stdout" | "stderr";
}

export interface LogSource {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly path: string;
  /** Whether more may still be written. */
  readonly isRunning: () => Promise<boolean>;
  /** Resolves early when the container may have written or ended. */
  readonly pollMs: number;
}

const chunkBytes = 64 * 1024;
const newline = 10;

/**
 * Writes a container's log, as the client asked, from the file the runtime writes:
 *
 *     2026-01-02T03:04:05.000000006Z stdout F a line
 *     2026-01-02T03:04:05.000000007Z stdout P the beginning of a longer li
 *     2026-01-02T03:04:05.000000008Z stdout F ne
 *
 * Following polls the file; a file renamed away by rotation is read to its end before the new one is opened.
 */
export async function writeContainerLog(source: LogSource, options: LogOptions, sink: ByteSink): Promise<void> {
  const { fileSystem, path, clock } = source;
  const writer = new LineWriter(options, sink);
  let reader = await openReader(fileSystem, path, options.tailLines);
  try {
    while (!sink.signal.aborted && !writer.isFull) {
      const wasRunning = options.follow && (await source.isRunning());
      await drain(reader, writer, sink);
      if (!options.follow || sink.signal.aborted || writer.isFull) return;
      // Only what was written before the container ended can have been missed, so one look after it is enough.
      if (!wasRunning) return;
      await sleep(clock, source.pollMs, sink.signal).catch(() => {});
      if (await wasRotated(fileSystem, path, reader)) {
        await drain(reader, writer, sink);
        await reader.file[Symbol.asyncDispose]();
        reader = await openReader(fileSystem, path, undefined);
      }
    }
  } finally {
    await reader.file[Symbol.asyncDispose]();
  }
}

interface Reader {
  readonly file: FileHandle;
  offset: number;
  /** The beginning of a line whose end is not written yet. */
  rest: Uint8Array;
}

async function openReader(fs: FileSystem, path: string, tailLines: number | undefined): Promise<Reader> {
  const file = await fs.open(path, "read");
  const offset = tailLines === undefined ? 0 : await offsetOfTail(file, tailLines);
  return { file, offset, rest: new Uint8Array() };
}

/** Where the last `lines` lines begin: reads backwards, chunk by chunk. */
async function offsetOfTail(file: FileHandle, lines: number): Promise<number> {
  let end = await file.size();
  if (lines <= 0) return end;
  // The newline that ends the last line does not begin another.
  let wanted = lines + 1;
  while (end > 0) {
    const start = Math.max(0, end - chunkBytes);
    const chunk = new Uint8Array(end - start);
    await file.read(chunk, start);
    for (let i = chunk.length - 1; i >= 0; i--) {
      if (chunk[i] === newline && --wanted === 0) return start + i + 1;
    }
    end = start;
  }
  return 0;
}

async function drain(reader: Reader, writer: LineWriter, sink: ByteSink): Promise<void> {
  const buffer = new Uint8Array(chunkBytes);
  while (!sink.signal.aborted && !writer.isFull) {
    const count = await reader.file.read(buffer, reader.offset);
    if (count === 0) return;
    reader.offset += count;
    const data = concatBytes([reader.rest, buffer.slice(0, count)]);
    const end = data.lastIndexOf(newline) + 1;
    reader.rest = data.slice(end);
    const out = writer.convert(data.subarray(0, end));
    if (out.length > 0 && !sink.write([out])) await sink.drained();
  }
}

/** The path is another file than the one that is open: shorter than what was read of it, or empty after a rename. */
async function wasRotated(fs: FileSystem, path: string, reader: Reader): Promise<boolean> {
  try {
    const info = await fs.stat(path);
    return info !== undefined && info.sizeBytes < reader.offset;
  } catch (error) {
    if (isNotExist(error)) return false;
    throw error;
  }
}

/** Turns lines of the file into what the client sees. */
class LineWriter {
  readonly #options: LogOptions;
  #left: number;
  #isContinued = false;

  constructor(options: LogOptions, _sink: ByteSink) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  get isFull(): boolean {
    return this.#left <= 0;
  }

  convert(lines: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    let start = 0;
    for (let end = lines.indexOf(newline); end >= 0 && this.#left > 0; end = lines.indexOf(newline, start)) {
      const part = this.#line(lines.subarray(start, end));
      start = end + 1;
      if (!part) continue;
      const kept = part.length > this.#left ? part.slice(0, this.#left) : part;
      this.#left -= kept.length;
      parts.push(kept);
    }
    return concatBytes(parts);
  }

  #line(line: Uint8Array): Uint8Array | undefined {
    const first = line.indexOf(32);
    const second = line.indexOf(32, first + 1);
    const third = line.indexOf(32, second + 1);
    if (first < 0 || second < 0) return undefined;
    const time = utf8Decode(line.subarray(0, first));
    const stream = utf8Decode(line.subarray(first + 1, second));
    const tags = utf8Decode(line.subarray(second + 1, third < 0 ? line.length : third));
    const text = third < 0 ? new Uint8Array() : line.slice(third + 1);
    const { stream: wanted, sinceMs, timestamps } = this.#options;
    if (wanted && stream !== wanted) return undefined;
    if (sinceMs !== undefined && Date.parse(time) < sinceMs) return undefined;
    const isPartial = tags.split(":").includes("P");
    const prefix = timestamps && !this.#isContinued ? [utf8Encode(`${time} `)] : [];
    this.#isContinued = isPartial;
    return concatBytes([...prefix, text, ...(isPartial ? [] : [Uint8Array.of(newline)])]);
  }
}
