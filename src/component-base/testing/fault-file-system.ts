import { FileSystemError } from "../file-system.ts";
import type { FileHandle, FileInfo, FileSystem } from "../file-system.ts";

/** An operation about to happen. Reads are not counted: they change nothing. */
export interface FileOperation {
  /** Counts from 0. */
  readonly index: number;
  readonly type:
    | "open"
    | "write"
    | "datasync"
    | "truncate"
    | "allocate"
    | "rename"
    | "remove"
    | "makeDirectory"
    | "syncDirectory"
    | "other";
  readonly path: string;
}

export type Fault =
  /** The operation fails and does nothing. */
  | { readonly type: "error"; readonly code: string }
  /** A write does its first `share` (0 to 1), then fails. */
  | { readonly type: "torn"; readonly code: string; readonly share: number }
  /** A sync reports success and does nothing: a lying disk. */
  | { readonly type: "lost-sync" }
  /** The operation happens, but only then. */
  | { readonly type: "delay"; readonly until: Promise<void> }
  /** As torn, and nothing works after it. */
  | { readonly type: "crash"; readonly share: number };

/** Asked before every operation; undefined lets it happen. */
export type FaultPlan = (operation: FileOperation) => Fault | undefined;

/** Crashes at the n-th operation. */
export function crashAt(index: number, share = 0.5): FaultPlan {
  return (operation) => (operation.index === index ? { type: "crash", share } : undefined);
}

/** Fails the n-th operation of those that pass the test, once. */
export function failAt(code: string, n: number, test: (operation: FileOperation) => boolean): FaultPlan {
  let seen = 0;
  return (operation) => (test(operation) && seen++ === n ? { type: "error", code } : undefined);
}

/** A file system on which operations fail as planned. */
export class FaultFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #plan: FaultPlan;
  #count = 0;
  #hasCrashed = false;

  constructor(inner: FileSystem, plan: FaultPlan) {
    this.#inner = inner;
    this.#plan = plan;
  }

  /** Operations so far. */
  get operationCount(): number {
    return this.#count;
  }

  get hasCrashed(): boolean {
    return this.#hasCrashed;
  }

  async open(path: string, flags: "read" | "write" | "create-exclusive", mode?: number): Promise<FileHandle> {
    const open = (): Promise<FileHandle> => this.#inner.open(path, flags, mode);
    const inner = flags === "read" ? await this.#alive(path, open) : await this.#run("open", path, open);
    return this.#handle(inner, path);
  }

  readFile(path: string, within?: string): Promise<Uint8Array> {
    return this.#alive(path, () => this.#inner.readFile(path, within));
  }

  writeFile(path: string, data: Uint8Array, mode?: number): Promise<void> {
    const part = (share: number): Promise<void> =>
      this.#inner.writeFile(path, data.subarray(0, Math.floor(data.length * share)), mode);
    return this.#run("write", path, () => part(1), part);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run("rename", from, () => this.#inner.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#run("remove", path, () => this.#inner.remove(path));
  }

  removeAll(path: string): Promise<void> {
    return this.#run("remove", path, () => this.#inner.removeAll(path));
  }

  makeDirectory(path: string, mode?: number): Promise<void> {
    return this.#run("makeDirectory", path, () => this.#inner.makeDirectory(path, mode));
  }

  list(path: string): Promise<readonly string[]> {
    return this.#alive(path, () => this.#inner.list(path));
  }

  stat(path: string): Promise<FileInfo | undefined> {
    return this.#alive(path, () => this.#inner.stat(path));
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#run("other", path, () => this.#inner.symlink(target, path));
  }

  readLink(path: string): Promise<string> {
    return this.#alive(path, () => this.#inner.readLink(path));
  }

  chmod(path: string, mode: number, within?: string): Promise<void> {
    return this.#run("other", path, () => this.#inner.chmod(path, mode, within));
  }

  chown(path: string, uid: number, gid: number): Promise<void> {
    return this.#run("other", path, () => this.#inner.chown(path, uid, gid));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#run("syncDirectory", path, () => this.#inner.syncDirectory(path));
  }

  freeBytes(path: string): Promise<number> {
    return this.#alive(path, () => this.#inner.freeBytes(path));
  }

  lock(path: string): Promise<AsyncDisposable> {
    return this.#alive(path, () => this.#inner.lock(path));
  }

  #handle(inner: FileHandle, path: string): FileHandle {
    return {
      read: (buffer, offset) => this.#alive(path, () => inner.read(buffer, offset)),
      write: (chunks, offset) => {
        const part = (share: number): Promise<void> => inner.write(firstPart(chunks, share), offset);
        return this.#run("write", path, () => inner.write(chunks, offset), part);
      },
      datasync: () => this.#run("datasync", path, () => inner.datasync()),
      truncate: (length) => this.#run("truncate", path, () => inner.truncate(length)),
      allocate: (length) => this.#run("allocate", path, () => inner.allocate(length)),
      size: () => this.#alive(path, () => inner.size()),
      [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    };
  }

  async #alive<T>(path: string, operation: () => Promise<T>): Promise<T> {
    if (this.#hasCrashed) throw crashed(path);
    return operation();
  }

  async #run<T>(
    type: FileOperation["type"],
    path: string,
    operation: () => Promise<T>,
    part?: (share: number) => Promise<void>,
  ): Promise<T> {
    if (this.#hasCrashed) throw crashed(path);
    const fault = this.#plan({ index: this.#count++, type, path });
    switch (fault?.type) {
      case undefined:
        return operation();
      case "delay":
        await fault.until;
        return this.#alive(path, operation);
      case "error":
        throw new FileSystemError(fault.code, `${fault.code}: injected into ${type} of '${path}'`);
      case "torn":
        await part?.(fault.share);
        throw new FileSystemError(fault.code, `${fault.code}: injected into ${type} of '${path}'`);
      case "crash":
        this.#hasCrashed = true;
        await part?.(fault.share);
        throw crashed(path);
      case "lost-sync":
        // Only syncs, which return nothing, are lost.
        return type === "datasync" || type === "syncDirectory" ? (undefined as T) : operation();
    }
  }
}

function crashed(path: string): FileSystemError {
  return new FileSystemError("EIO", `EIO: the machine is off, '${path}'`);
}

function firstPart(chunks: readonly Uint8Array[], share: number): readonly Uint8Array[] {
  let left = Math.floor(chunks.reduce((sum, c) => sum + c.length, 0) * share);
  return chunks.map((chunk) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    return part;
  });
}
