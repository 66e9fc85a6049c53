import { type FileHandle, type FileInfo, type FileSystem, FileSystemError } from "../../component-base/file-system.ts";

interface Directory {
  readonly type: "directory";
  readonly entries: Map<string, Entry>;
  mode: number;
  uid: number;
  gid: number;
}

interface File {
  readonly type: "file";
  data: Uint8Array;
  mode: number;
  uid: number;
  gid: number;
}

interface Symlink {
  readonly type: "symlink";
  readonly target: string;
  mode: number;
  uid: number;
  gid: number;
}

type Entry = Directory | File | Symlink;

const linksMax = 40;

/** Files in memory, with directories, links and modes: for simulated nodes and tests. Nothing is durable. */
export class MemoryFileSystem implements FileSystem {
  readonly #root: Directory;
  readonly #locked = new Set<string>();

  constructor(root: Directory = directory(0o755)) {
    this.#root = root;
  }

  /** The same files, each to be changed without the other noticing. */
  fork(): MemoryFileSystem {
    return new MemoryFileSystem(copyDirectory(this.#root));
  }

  async open(path: string, flags: "read" | "write" | "create-exclusive", mode = 0o644): Promise<FileHandle> {
    if (flags === "create-exclusive") {
      const { parent, name } = this.#parent(path);
      if (parent.entries.has(name)) throw new FileSystemError("EEXIST", `file already exists: ${path}`);
      const created = file(new Uint8Array(), mode);
      parent.entries.set(name, created);
      return new MemoryFile(created, true);
    }
    return new MemoryFile(this.#file(path), flags === "write");
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.#file(path).data.slice();
  }

  async writeFile(path: string, data: Uint8Array, mode = 0o644): Promise<void> {
    const found = this.#find(path, true);
    if (found?.type === "directory") throw new FileSystemError("EISDIR", `is a directory: ${path}`);
    if (found?.type === "file") {
      found.data = data.slice();
      return;
    }
    const { parent, name } = this.#parent(path);
    parent.entries.set(name, file(data.slice(), mode));
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#parent(from);
    const entry = source.parent.entries.get(source.name);
    if (!entry) throw notExist(from);
    const target = this.#parent(to);
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, entry);
  }

  async remove(path: string): Promise<void> {
    const { parent, name } = this.#parent(path);
    const entry = parent.entries.get(name);
    if (!entry) throw notExist(path);
    if (entry.type === "directory" && entry.entries.size > 0) {
      throw new FileSystemError("ENOTEMPTY", `directory not empty: ${path}`);
    }
    parent.entries.delete(name);
  }

  async removeAll(path: string): Promise<void> {
    const parent = this.#find(path.slice(0, path.lastIndexOf("/")) || "/", true);
    if (parent?.type === "directory") parent.entries.delete(path.slice(path.lastIndexOf("/") + 1));
  }

  async makeDirectory(path: string, mode = 0o755): Promise<void> {
    let current = this.#root;
    const names = parts(path);
    for (const [i, part] of names.entries()) {
      let next = current.entries.get(part);
      if (!next) {
        next = directory(mode);
        current.entries.set(part, next);
      }
      if (next.type !== "directory") {
        throw new FileSystemError(i === names.length - 1 ? "EEXIST" : "ENOTDIR", `not a directory: ${path}`);
      }
      current = next;
    }
  }

  async list(path: string): Promise<readonly string[]> {
    const found = this.#find(path, true);
    if (!found) throw notExist(path);
    if (found.type !== "directory") throw new FileSystemError("ENOTDIR", `not a directory: ${path}`);
    return [...found.entries.keys()].sort();
  }

  async stat(path: string): Promise<FileInfo | undefined> {
    const found = this.#find(path, false);
    if (!found) return undefined;
    const sizeBytes = found.type === "file" ? found.data.length : 0;
    return { type: found.type, sizeBytes, mode: found.mode, modifiedMs: 0, gid: found.gid };
  }

  async symlink(target: string, path: string): Promise<void> {
    const { parent, name } = this.#parent(path);
    if (parent.entries.has(name)) throw new FileSystemError("EEXIST", `file already exists: ${path}`);
    parent.entries.set(name, { type: "symlink", target, mode: 0o777, uid: 0, gid: 0 });
  }

  async readLink(path: string): Promise<string> {
    const found = this.#find(path, false);
    if (found?.type !== "symlink") throw new FileSystemError("EINVAL", `not a link: ${path}`);
    return found.target;
  }

  async chmod(path: string, mode: number): Promise<void> {
    this.#existing(path).mode = mode;
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    const found = this.#find(path, false);
    if (!found) throw notExist(path);
    if (uid !== -1) found.uid = uid;
    if (gid !== -1) found.gid = gid;
  }

  /** Who owns a file, which the port itself does not tell. */
  ownerOf(path: string): { readonly uid: number; readonly gid: number } {
    const { uid, gid } = this.#existing(path);
    return { uid, gid };
  }

  async syncDirectory(): Promise<void> {}

  async freeBytes(): Promise<number> {
    return 2 ** 40;
  }

  async lock(path: string): Promise<AsyncDisposable> {
    if (this.#locked.has(path)) throw new FileSystemError("EWOULDBLOCK", `already locked: ${path}`);
    this.#locked.add(path);
    return { [Symbol.asyncDispose]: async () => void this.#locked.delete(path) };
  }

  #existing(path: string): Entry {
    const found = this.#find(path, true);
    if (!found) throw notExist(path);
    return found;
  }

  #file(path: string): File {
    const found = this.#existing(path);
    if (found.type !== "file") throw new FileSystemError("EISDIR", `is a directory: ${path}`);
    return found;
  }

  #parent(path: string): { readonly parent: Directory; readonly name: string } {
    const at = path.lastIndexOf("/");
    const parent = this.#find(path.slice(0, at) || "/", true);
    if (parent?.type !== "directory") throw notExist(path);
    return { parent, name: path.slice(at + 1) };
  }

  #find(path: string, follow: boolean): Entry | undefined {
    const pending = parts(path);
    const trail: Directory[] = [this.#root];
    let links = 0;
    while (pending.length > 0) {
      const part = pending.shift() ?? "";
      const here = trail.at(-1);
      if (!here) return undefined;
      if (part === ".") continue;
      if (part === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const next = here.entries.get(part);
      if (next?.type === "directory") trail.push(next);
      else if (next?.type === "symlink" && (pending.length > 0 || follow)) {
        if (++links > linksMax) throw new FileSystemError("ELOOP", `too many links: ${path}`);
        if (next.target.startsWith("/")) trail.length = 1;
        pending.unshift(...parts(next.target));
      } else if (pending.length === 0 || !next) return pending.length === 0 ? next : undefined;
      else throw new FileSystemError("ENOTDIR", `not a directory: ${path}`);
    }
    return trail.at(-1);
  }
}

class MemoryFile implements FileHandle {
  readonly #file: File;
  #isWritable: boolean;

  constructor(file: File, isWritable: boolean) {
    this.#file = file;
    this.#isWritable = isWritable;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const chunk = this.#file.data.subarray(offset, offset + buffer.length);
    buffer.set(chunk);
    return chunk.length;
  }

  async write(chunks: readonly Uint8Array[], offset: number): Promise<void> {
    if (!this.#isWritable) throw new FileSystemError("EBADF", "file is not open for writing");
    let at = offset;
    for (const chunk of chunks) {
      this.#grow(at + chunk.length);
      this.#file.data.set(chunk, at);
      at += chunk.length;
    }
  }

  async datasync(): Promise<void> {}

  async truncate(length: number): Promise<void> {
    this.#file.data = this.#file.data.slice(0, length);
    this.#grow(length);
  }

  async allocate(length: number): Promise<void> {
    this.#grow(length);
  }

  async size(): Promise<number> {
    return this.#file.data.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isWritable = false;
  }

  #grow(length: number): void {
    if (this.#file.data.length >= length) return;
    const grown = new Uint8Array(length);
    grown.set(this.#file.data);
    this.#file.data = grown;
  }
}

function copyDirectory(from: Directory): Directory {
  const entries = new Map<string, Entry>();
  for (const [name, entry] of from.entries) {
    if (entry.type === "directory") entries.set(name, copyDirectory(entry));
    else if (entry.type === "file") entries.set(name, { ...entry, data: entry.data.slice() });
    else entries.set(name, { ...entry });
  }
  return { ...from, entries };
}

function directory(mode: number): Directory {
  return { type: "directory", entries: new Map(), mode, uid: 0, gid: 0 };
}

function file(data: Uint8Array, mode: number): File {
  return { type: "file", data, mode, uid: 0, gid: 0 };
}

function parts(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function notExist(path: string): FileSystemError {
  return new FileSystemError("ENOENT", `no such file or directory: ${path}`);
}
