import type { FileSystem } from "../../component-base/file-system.ts";

/** The last `maxBytes` of a file, or all of a shorter one. */
export async function readTail(fileSystem: FileSystem, path: string, maxBytes: number): Promise<Uint8Array> {
  await using file = await fileSystem.open(path, "read");
  const size = await file.size();
  const length = Math.min(size, maxBytes);
  const buffer = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(buffer.subarray(filled), size - length + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}
