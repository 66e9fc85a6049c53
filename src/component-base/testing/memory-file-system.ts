import type { Clock } from "../clock.ts";
import { SteppingClock } from "../stepping-clock.ts";
import { FileSystemError } from "../file-system.ts";
import type { FileHandle, FileInfo, FileSystem } from "../file-system.ts";
import { randomInt } from "../random.ts";
import type { Random } from "../random.ts";
import { MemoryFile } from "./memory-file.ts";

interface Directory {
  readonly type: "directory";
  mode: number;
  modifiedMs: number;
  readonly entries: Map<string, Inode>;
  /** As of the last `syncDirectory`. */
  durable: ReadonlyMap<string, Inode>;
  /** What happened to the entries since, oldest first. Each change is atomic. */
  unsynced: (readonly EntryChange[])[];
}

interface Symlink {
  readonly type: "symlink";
  mode: number;
  modifiedMs: number;
  readonly target: string;
}

interface RegularFile {
  readonly type: "file";
  mode: number;
  modifiedMs: number;
  readonly content: MemoryFile;
}

type Inode = Directory | Symlink | RegularFile;

interface EntryChange {
  readonly name: string;
  /** Undefined when the entry went away. */
  readonly inode: Inode | undefined;
}

interface Place {
  readonly parent: Directory;
  readonly name: string;
  readonly inode: Inode | undefined;
}

const symlinksMax = 40;

/**
 * Files in memory, with what matters about real ones: errors by their POSIX codes, a capacity, locks, symlinks, and the
 * difference between what was written and what is durable, which `crash` brings to light.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #clock: Clock;
  #root: Directory;
  readonly #locked = new Set<string>();
  /** Bytes that all files together may take. */
  capacityBytes: number;

  constructor(options: { readonly clock?: Clock; readonly capacityBytes?: number } = {}) {
    this.#clock = options.clock ?? new SteppingClock();
    this.capacityBytes = options.capacityBytes ?? Infinity;
    this.#root = this.#newDirectory(0o755);
  }

  /**
   * The disk after a power cut. Of every file, pages that were not synced survive or not, at random; of every
   * directory, changes that were not synced survive up to a random one. Nothing is shared with this file system.
   */
  crash(random: Random): MemoryFileSystem {
    const after = new MemoryFileSystem({ clock: this.#clock, capacityBytes: this.capacityBytes });
    after.#root = crashDirectory(this.#root, random, new Map());
    return after;
  }

  /** The disk after the process was killed: everything written is there, and locks are gone. */
  kill(): MemoryFileSystem {
    const after = new MemoryFileSystem({ clock: this.#clock, capacityBytes: this.capacityBytes });
    after.#root = copyDirectory(this.#root, new Map());
    return after;
  }

  async open(path: string, flags: "read" | "write" | "create-exclusive", mode = 0o644): Promise<FileHandle> {
    if (flags === "create-exclusive") {
      const place = this.#place(path, false);
      if (place.inode) throw failure("EEXIST", "open", path);
      const file = this.#newFile(mode);
      change(place.parent, [{ name: place.name, inode: file }]);
      return this.#handle(file, path, true);
    }
    return this.#handle(this.#file(path, "open"), path, flags === "write");
  }

  async readFile(path: string): Promise<Uint8Array> {
    const { content } = this.#file(path, "open");
    const bytes = new Uint8Array(content.size);
    content.read(bytes, 0);
    return bytes;
  }

  async writeFile(path: string, data: Uint8Array, mode = 0o644): Promise<void> {
    const place = this.#place(path, true);
    let file = place.inode;
    if (!file) {
      file = this.#newFile(mode);
      change(place.parent, [{ name: place.name, inode: file }]);
    }
    if (file.type !== "file") throw failure("EISDIR", "open", path);
    file.content.resize(0);
    this.#write(file, [data], 0, path);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#place(from, false);
    const target = this.#place(to, false);
    if (!source.inode) throw failure("ENOENT", "rename", from);
    if (source.inode === target.inode) return;
    if (target.inode?.type === "directory") {
      if (source.inode.type !== "directory") throw failure("EISDIR", "rename", to);
      if (target.inode.entries.size > 0) throw failure("ENOTEMPTY", "rename", to);
    } else if (target.inode && source.inode.type === "directory") throw failure("ENOTDIR", "rename", to);
    const leaves: EntryChange = { name: source.name, inode: undefined };
    const arrives: EntryChange = { name: target.name, inode: source.inode };
    if (source.parent === target.parent) change(source.parent, [leaves, arrives]);
    else {
      change(target.parent, [arrives]);
      change(source.parent, [leaves]);
    }
  }

  async remove(path: string): Promise<void> {
    const { parent, name, inode } = this.#place(path, false);
    if (!inode) throw failure("ENOENT", "remove", path);
    if (inode.type === "directory" && inode.entries.size > 0) throw failure("ENOTEMPTY", "remove", path);
    change(parent, [{ name, inode: undefined }]);
  }

  async removeAll(path: string): Promise<void> {
    let place: Place;
    try {
      place = this.#place(path, false);
    } catch (error) {
      if (error instanceof FileSystemError && error.code === "ENOENT") return;
      throw error;
    }
    if (place.inode) change(place.parent, [{ name: place.name, inode: undefined }]);
  }

  async makeDirectory(path: string, mode = 0o755): Promise<void> {
    let prefix = "";
    for (const part of path.split("/").filter(Boolean)) {
      prefix += `/${part}`;
      const place = this.#place(prefix, true);
      if (place.inode?.type === "directory") continue;
      if (place.inode) throw failure("EEXIST", "mkdir", path);
      change(place.parent, [{ name: place.name, inode: this.#newDirectory(mode) }]);
    }
  }

  async list(path: string): Promise<readonly string[]> {
    return [...this.#directory(path, "list").entries.keys()].sort();
  }

  async stat(path: string): Promise<FileInfo | undefined> {
    let inode: Inode | undefined;
    try {
      ({ inode } = this.#place(path, false));
    } catch (error) {
      if (error instanceof FileSystemError && error.code === "ENOENT") return undefined;
      throw error;
    }
    if (!inode) return undefined;
    const sizeBytes =
      inode.type === "file" ? inode.content.size : inode.type === "symlink" ? inode.target.length : 4096;
    return { type: inode.type, sizeBytes, mode: inode.mode, modifiedMs: inode.modifiedMs, gid: 0 };
  }

  async symlink(target: string, path: string): Promise<void> {
    const place = this.#place(path, false);
    if (place.inode) throw failure("EEXIST", "symlink", path);
    const inode: Symlink = { type: "symlink", mode: 0o777, modifiedMs: this.#clock.now(), target };
    change(place.parent, [{ name: place.name, inode }]);
  }

  async readLink(path: string): Promise<string> {
    const { inode } = this.#place(path, false);
    if (!inode) throw failure("ENOENT", "readlink", path);
    if (inode.type !== "symlink") throw failure("EINVAL", "readlink", path);
    return inode.target;
  }

  async chmod(path: string, mode: number): Promise<void> {
    this.#existing(path, "chmod").mode = mode;
  }

  /** Owners are not kept. */
  async chown(path: string, _uid: number, _gid: number): Promise<void> {
    this.#existing(path, "chown");
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = this.#directory(path, "sync");
    directory.durable = new Map(directory.entries);
    directory.unsynced = [];
  }

  async freeBytes(path: string): Promise<number> {
    this.#existing(path, "statfs");
    return Math.max(this.capacityBytes - this.#usedBytes(), 0);
  }

  async lock(path: string): Promise<AsyncDisposable> {
    if (this.#locked.has(path)) throw failure("EWOULDBLOCK", "lock", path);
    if (!this.#place(path, true).inode) await this.writeFile(path, new Uint8Array(0), 0o600);
    this.#locked.add(path);
    let isHeld = true;
    return {
      [Symbol.asyncDispose]: async () => {
        if (isHeld) this.#locked.delete(path);
        isHeld = false;
      },
    };
  }

  #handle(file: RegularFile, path: string, isWritable: boolean): FileHandle {
    let isOpen = true;
    const check = (operation: string, writes: boolean): void => {
      if (!isOpen || (writes && !isWritable)) throw failure("EBADF", operation, path);
    };
    return {
      read: async (buffer, offset) => {
        check("read", false);
        return file.content.read(buffer, offset);
      },
      write: async (chunks, offset) => {
        check("write", true);
        this.#write(file, chunks, offset, path);
      },
      datasync: async () => {
        check("datasync", false);
        file.content.sync();
      },
      truncate: async (length) => {
        check("truncate", true);
        this.#checkSpace(length - file.content.size, "truncate", path);
        file.content.resize(length);
      },
      allocate: async (length) => {
        check("allocate", true);
        this.#checkSpace(length - file.content.size, "allocate", path);
        if (length > file.content.size) file.content.resize(length);
      },
      size: async () => {
        check("size", false);
        return file.content.size;
      },
      [Symbol.asyncDispose]: async () => {
        isOpen = false;
      },
    };
  }

  #write(file: RegularFile, chunks: readonly Uint8Array[], offset: number, path: string): void {
    const length = chunks.reduce((sum, c) => sum + c.length, 0);
    this.#checkSpace(offset + length - file.content.size, "write", path);
    let at = offset;
    for (const chunk of chunks) {
      file.content.write(chunk, at);
      at += chunk.length;
    }
    file.modifiedMs = this.#clock.now();
  }

  #checkSpace(growthBytes: number, operation: string, path: string): void {
    if (growthBytes > 0 && this.#usedBytes() + growthBytes > this.capacityBytes)
      throw failure("ENOSPC", operation, path);
  }

  #usedBytes(): number {
    let used = 0;
    const add = (directory: Directory): void => {
      for (const inode of directory.entries.values()) {
        if (inode.type === "directory") add(inode);
        else if (inode.type === "file") used += inode.content.size;
      }
    };
    add(this.#root);
    return used;
  }

  #newDirectory(mode: number): Directory {
    return {
      type: "directory",
      mode,
      modifiedMs: this.#clock.now(),
      entries: new Map(),
      durable: new Map(),
      unsynced: [],
    };
  }

  #newFile(mode: number): RegularFile {
    return { type: "file", mode, modifiedMs: this.#clock.now(), content: new MemoryFile() };
  }

  #existing(path: string, operation: string): Inode {
    const { inode } = this.#place(path, true);
    if (!inode) throw failure("ENOENT", operation, path);
    return inode;
  }

  #file(path: string, operation: string): RegularFile {
    const inode = this.#existing(path, operation);
    if (inode.type !== "file") throw failure("EISDIR", operation, path);
    return inode;
  }

  #directory(path: string, operation: string): Directory {
    const inode = this.#existing(path, operation);
    if (inode.type !== "directory") throw failure("ENOTDIR", operation, path);
    return inode;
  }

  /** Where a path leads: the directory, the name in it, and what is there. Links on the way are followed. */
  #place(path: string, followsLast: boolean): Place {
    let parts = path.split("/").filter(Boolean);
    const above: Directory[] = [];
    let directory = this.#root;
    let place: Place = { parent: this.#root, name: "", inode: this.#root };
    for (let links = 0; parts.length > 0;) {
      const [name = "", ...rest] = parts;
      parts = rest;
      if (name === "." || name === "..") {
        if (name === "..") directory = above.pop() ?? this.#root;
        place = { parent: above.at(-1) ?? this.#root, name: "", inode: directory };
        continue;
      }
      const inode = directory.entries.get(name);
      place = { parent: directory, name, inode };
      if (inode?.type === "symlink" && (rest.length > 0 || followsLast)) {
        if (++links > symlinksMax) throw failure("ELOOP", "resolve", path);
        parts = [...inode.target.split("/").filter(Boolean), ...rest];
        if (inode.target.startsWith("/")) {
          directory = this.#root;
          above.length = 0;
        }
        continue;
      }
      if (rest.length === 0) break;
      if (!inode) throw failure("ENOENT", "resolve", path);
      if (inode.type !== "directory") throw failure("ENOTDIR", "resolve", path);
      above.push(directory);
      directory = inode;
    }
    return place;
  }
}

function failure(code: string, operation: string, path: string): FileSystemError {
  return new FileSystemError(code, `${code}: ${operation} '${path}'`);
}

function change(directory: Directory, changes: readonly EntryChange[]): void {
  apply(directory.entries, changes);
  directory.unsynced.push(changes);
}

function apply(entries: Map<string, Inode>, changes: readonly EntryChange[]): void {
  for (const { name, inode } of changes) {
    if (inode) entries.set(name, inode);
    else entries.delete(name);
  }
}

function crashDirectory(directory: Directory, random: Random, copies: Map<Inode, Inode>): Directory {
  const entries = new Map(directory.durable);
  const survivors = randomInt(random, directory.unsynced.length + 1);
  for (const changes of directory.unsynced.slice(0, survivors)) apply(entries, changes);
  return rebuild(directory, entries, copies, (inode) => {
    if (inode.type === "directory") return crashDirectory(inode, random, copies);
    return inode.type === "file" ? { ...inode, content: inode.content.crash(random) } : inode;
  });
}

function copyDirectory(directory: Directory, copies: Map<Inode, Inode>): Directory {
  return rebuild(directory, directory.entries, copies, (inode) => {
    if (inode.type === "directory") return copyDirectory(inode, copies);
    return inode.type === "file" ? { ...inode, content: inode.content.copy() } : inode;
  });
}

/** A durable directory of copies; an inode under two names is copied once. */
function rebuild(
  directory: Directory,
  entries: ReadonlyMap<string, Inode>,
  copies: Map<Inode, Inode>,
  copy: (inode: Inode) => Inode,
): Directory {
  const copied = new Map<string, Inode>();
  for (const [name, inode] of entries) {
    const known = copies.get(inode) ?? copy(inode);
    copies.set(inode, known);
    copied.set(name, known);
  }
  return { ...directory, entries: copied, durable: new Map(copied), unsynced: [] };
}
