import { utf8Decode, utf8Encode } from "../bytes.ts";
import { FileSystemError, writeFileAtomic } from "../file-system.ts";
import type { FileSystem } from "../file-system.ts";
import { checkEqual } from "./check.ts";

/** One behaviour of the FileSystem port, in an empty directory of its own. */
export interface FileSystemCase {
  readonly name: string;
  readonly run: (fileSystem: FileSystem, directory: string) => Promise<void>;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof FileSystemError ? error.code : String(error);
  }
}

async function textOf(fileSystem: FileSystem, path: string): Promise<string> {
  return utf8Decode(await fileSystem.readFile(path));
}

/** What every FileSystem must do. */
export const fileSystemSuite: readonly FileSystemCase[] = [
  {
    name: "files are written, read, truncated and written again",
    run: async (fs, dir) => {
      const path = `${dir}/a`;
      await fs.writeFile(path, utf8Encode("hello world"), 0o600);
      checkEqual(await textOf(fs, path), "hello world", "content");
      await fs.writeFile(path, utf8Encode("bye"));
      checkEqual(await textOf(fs, path), "bye", "content after truncation");
      const info = await fs.stat(path);
      checkEqual([info?.type, info?.sizeBytes, info?.mode], ["file", 3, 0o600], "stat");
      await fs.writeFile(path, new Uint8Array(0));
      checkEqual((await fs.readFile(path)).length, 0, "empty file");
    },
  },
  {
    name: "a handle reads and writes at offsets",
    run: async (fs, dir) => {
      await using file = await fs.open(`${dir}/a`, "create-exclusive", 0o640);
      await file.write([utf8Encode("abc"), new Uint8Array(0), utf8Encode("def")], 0);
      await file.write([utf8Encode("X")], 2);
      await file.write([utf8Encode("end")], 10);
      await file.datasync();
      const buffer = new Uint8Array(20);
      checkEqual(await file.read(buffer, 1), 12, "count");
      checkEqual(utf8Decode(buffer.subarray(0, 12)), "bXdef\0\0\0\0end", "content");
      checkEqual(await file.read(buffer, 13), 0, "at the end");
      checkEqual(await file.read(buffer.subarray(0, 2), 0), 2, "short buffer");
      checkEqual(await file.size(), 13, "size");
      await file.truncate(3);
      checkEqual([await file.size(), await textOf(fs, `${dir}/a`)], [3, "abX"], "truncated");
      await file.truncate(5);
      checkEqual(await textOf(fs, `${dir}/a`), "abX\0\0", "grown by truncate");
    },
  },
  {
    name: "many chunks are written in order",
    run: async (fs, dir) => {
      const chunks = Array.from({ length: 3000 }, (_, i) => new Uint8Array(i % 7).fill(i));
      await using file = await fs.open(`${dir}/a`, "create-exclusive");
      await file.write(chunks, 5);
      const expected = chunks.flatMap((c) => [...c]);
      checkEqual([...(await fs.readFile(`${dir}/a`)).subarray(5)], expected, "content");
    },
  },
  {
    name: "allocate grows with zeros and never shrinks",
    run: async (fs, dir) => {
      await using file = await fs.open(`${dir}/a`, "create-exclusive");
      await file.write([utf8Encode("abc")], 0);
      await file.allocate(3_000_000);
      await file.datasync();
      checkEqual(await file.size(), 3_000_000, "size");
      const content = await fs.readFile(`${dir}/a`);
      checkEqual(
        [utf8Decode(content.subarray(0, 3)), content.subarray(3).every((b) => b === 0)],
        ["abc", true],
        "content",
      );
      await file.allocate(10);
      checkEqual(await file.size(), 3_000_000, "size after allocating less");
    },
  },
  {
    name: "open flags create, require and protect",
    run: async (fs, dir) => {
      checkEqual(await codeOf(fs.open(`${dir}/a`, "read")), "ENOENT", "read absent");
      checkEqual(await codeOf(fs.open(`${dir}/a`, "write")), "ENOENT", "write absent");
      await (await fs.open(`${dir}/a`, "create-exclusive"))[Symbol.asyncDispose]();
      checkEqual(await codeOf(fs.open(`${dir}/a`, "create-exclusive")), "EEXIST", "create present");
      {
        await using reader = await fs.open(`${dir}/a`, "read");
        checkEqual(await codeOf(reader.write([utf8Encode("x")], 0)), "EBADF", "write to a reader");
        await using writer = await fs.open(`${dir}/a`, "write");
        await writer.write([utf8Encode("xyz")], 0);
        const buffer = new Uint8Array(3);
        checkEqual([await writer.read(buffer, 0), await reader.read(buffer, 1)], [3, 2], "a writer reads too");
      }
      const closed = await fs.open(`${dir}/a`, "write");
      await closed[Symbol.asyncDispose]();
      await closed[Symbol.asyncDispose]();
      checkEqual(await codeOf(closed.write([utf8Encode("x")], 0)), "EBADF", "write to a closed file");
    },
  },
  {
    name: "an open file outlives its name",
    run: async (fs, dir) => {
      await using file = await fs.open(`${dir}/a`, "create-exclusive");
      await file.write([utf8Encode("abc")], 0);
      await fs.rename(`${dir}/a`, `${dir}/b`);
      await file.write([utf8Encode("d")], 3);
      checkEqual(await textOf(fs, `${dir}/b`), "abcd", "renamed");
      await fs.remove(`${dir}/b`);
      checkEqual(await file.read(new Uint8Array(9), 0), 4, "removed");
    },
  },
  {
    name: "rename replaces files and moves directories",
    run: async (fs, dir) => {
      await fs.writeFile(`${dir}/a`, utf8Encode("a"));
      await fs.writeFile(`${dir}/b`, utf8Encode("b"));
      await fs.rename(`${dir}/a`, `${dir}/b`);
      checkEqual([await fs.list(dir), await textOf(fs, `${dir}/b`)], [["b"], "a"], "replaced");
      checkEqual(await codeOf(fs.rename(`${dir}/none`, `${dir}/c`)), "ENOENT", "absent");
      await fs.makeDirectory(`${dir}/d/e`);
      await fs.rename(`${dir}/b`, `${dir}/d/e/f`);
      await fs.rename(`${dir}/d`, `${dir}/g`);
      checkEqual(await textOf(fs, `${dir}/g/e/f`), "a", "moved");
    },
  },
  {
    name: "directories are made with parents, listed in order and removed",
    run: async (fs, dir) => {
      await fs.makeDirectory(`${dir}/x/y/z`, 0o700);
      await fs.makeDirectory(`${dir}/x/y`);
      for (const name of ["c", "a", "B"]) await fs.writeFile(`${dir}/x/${name}`, utf8Encode(name));
      checkEqual(await fs.list(`${dir}/x`), ["B", "a", "c", "y"], "list");
      const info = await fs.stat(`${dir}/x/y/z`);
      checkEqual([info?.type, info?.mode], ["directory", 0o700], "stat");
      checkEqual(await codeOf(fs.remove(`${dir}/x`)), "ENOTEMPTY", "remove of a full directory");
      await fs.remove(`${dir}/x/y/z`);
      await fs.removeAll(`${dir}/x`);
      await fs.removeAll(`${dir}/x`);
      await fs.removeAll(`${dir}/none/none`);
      checkEqual(await fs.list(dir), [], "list after removal");
      await fs.syncDirectory(dir);
    },
  },
  {
    name: "what is absent or of the wrong type says so",
    run: async (fs, dir) => {
      await fs.writeFile(`${dir}/file`, utf8Encode("x"));
      checkEqual(await fs.stat(`${dir}/none`), undefined, "stat");
      checkEqual(await codeOf(fs.readFile(`${dir}/none`)), "ENOENT", "readFile");
      checkEqual(await codeOf(fs.writeFile(`${dir}/none/a`, utf8Encode("x"))), "ENOENT", "writeFile");
      checkEqual(await codeOf(fs.remove(`${dir}/none`)), "ENOENT", "remove");
      checkEqual(await codeOf(fs.list(`${dir}/none`)), "ENOENT", "list");
      checkEqual(await codeOf(fs.list(`${dir}/file`)), "ENOTDIR", "list of a file");
      checkEqual(await codeOf(fs.readFile(`${dir}/file/a`)), "ENOTDIR", "path through a file");
      checkEqual(await codeOf(fs.readFile(dir)), "EISDIR", "readFile of a directory");
      checkEqual(await codeOf(fs.makeDirectory(`${dir}/file`)), "EEXIST", "makeDirectory over a file");
    },
  },
  {
    name: "symlinks are followed but by stat, rename and remove",
    run: async (fs, dir) => {
      await fs.makeDirectory(`${dir}/v1`);
      await fs.makeDirectory(`${dir}/v2`);
      await fs.writeFile(`${dir}/v1/f`, utf8Encode("one"));
      await fs.writeFile(`${dir}/v2/f`, utf8Encode("two"));
      await fs.symlink("v1", `${dir}/current`);
      await fs.symlink("current/f", `${dir}/f`);
      checkEqual(await textOf(fs, `${dir}/f`), "one", "through two links");
      checkEqual([(await fs.stat(`${dir}/f`))?.type, await fs.readLink(`${dir}/f`)], ["symlink", "current/f"], "link");
      await fs.symlink("v2", `${dir}/new`);
      await fs.rename(`${dir}/new`, `${dir}/current`);
      checkEqual(await textOf(fs, `${dir}/f`), "two", "after the swap");
      checkEqual(await codeOf(fs.symlink("x", `${dir}/f`)), "EEXIST", "symlink over a file");
      checkEqual(await codeOf(fs.readLink(`${dir}/v1`)), "EINVAL", "readLink of a directory");
      await fs.symlink(`${dir}/v1/../v1/f`, `${dir}/absolute`);
      checkEqual(await textOf(fs, `${dir}/absolute`), "one", "absolute target with dots");
      await fs.symlink("loop", `${dir}/loop`);
      checkEqual(await codeOf(fs.readFile(`${dir}/loop`)), "ELOOP", "loop");
      await fs.remove(`${dir}/current`);
      checkEqual(await textOf(fs, `${dir}/v2/f`), "two", "target of a removed link");
    },
  },
  {
    name: "modes change",
    run: async (fs, dir) => {
      await fs.writeFile(`${dir}/a`, utf8Encode("x"), 0o644);
      await fs.chmod(`${dir}/a`, 0o751);
      checkEqual((await fs.stat(`${dir}/a`))?.mode, 0o751, "mode");
      checkEqual(await codeOf(fs.chmod(`${dir}/none`, 0o600)), "ENOENT", "absent");
    },
  },
  {
    name: "a lock is exclusive until it is released",
    run: async (fs, dir) => {
      const first = await fs.lock(`${dir}/lock`);
      checkEqual(await codeOf(fs.lock(`${dir}/lock`)), "EWOULDBLOCK", "second");
      await using other = await fs.lock(`${dir}/other`);
      await first[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
      await using again = await fs.lock(`${dir}/lock`);
      checkEqual(await codeOf(fs.lock(`${dir}/lock`)), "EWOULDBLOCK", "after taking it again");
      checkEqual([typeof other, typeof again], ["object", "object"], "locks");
    },
  },
  {
    name: "free space is known, and atomic files leave no trace of their making",
    run: async (fs, dir) => {
      checkEqual((await fs.freeBytes(dir)) > 0, true, "free bytes");
      await fs.writeFile(`${dir}/a.tmp`, utf8Encode("left behind"));
      await writeFileAtomic(fs, `${dir}/a`, utf8Encode("1"), 0o600);
      await writeFileAtomic(fs, `${dir}/a`, utf8Encode("2"), 0o600);
      checkEqual([await fs.list(dir), await textOf(fs, `${dir}/a`)], [["a"], "2"], "file");
    },
  },
];
