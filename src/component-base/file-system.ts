/** A file-system failure, with the POSIX code (`ENOENT`, `ENOSPC`, `EIO` …). */
export class FileSystemError extends Error {
  override readonly name = "FileSystemError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function isNotExist(error: unknown): boolean {
  return error instanceof FileSystemError && error.code === "ENOENT";
}

/** An open file. Offsets and lengths are bytes. Every method may throw FileSystemError. */
export interface FileHandle extends AsyncDisposable {
  /** Reads up to `buffer.length` bytes at `offset`; returns the count, 0 at the end. */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /** Writes all chunks, one after the other, at `offset`. */
  write(chunks: readonly Uint8Array[], offset: number): Promise<void>;
  /** Data (and the size needed to read it) reaches stable storage before this resolves. */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Extends the file to `length` bytes with its blocks reserved, content zero. */
  allocate(length: number): Promise<void>;
  size(): Promise<number>;
}

export interface FileInfo {
  readonly type: "file" | "directory" | "symlink" | "socket" | "character-device" | "block-device" | "other";
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedMs: number;
  readonly gid: number;
}

/**
 * Files as a port: Node's, an in-memory one, and a fault-injecting one pass the same suite.
 * Paths are absolute, `/`-separated.
 */
export interface FileSystem {
  open(path: string, flags: "read" | "write" | "create-exclusive", mode?: number): Promise<FileHandle>;
  /** With `within` as `chmod`. */
  readFile(path: string, within?: string): Promise<Uint8Array>;
  /** Creates or truncates. Not atomic and not synced: see `writeFileAtomic`. */
  writeFile(path: string, data: Uint8Array, mode?: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Removes a whole tree; absent is fine. */
  removeAll(path: string): Promise<void>;
  /** Creates the directory and its parents; present is fine. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /** Names of the entries, sorted. */
  list(path: string): Promise<readonly string[]>;
  /** Undefined when absent. Does not follow a final symlink. */
  stat(path: string): Promise<FileInfo | undefined>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  /**
   * Follows links. With `within` it follows none at the end, and rejects with `ELOOP`, having changed nothing, when what
   * it opened is not below that directory: for trees in which somebody else may swap a directory for a link.
   */
  chmod(path: string, mode: number, within?: string): Promise<void>;
  /** Follows no link at the end. -1 leaves the owner or the group as it is. */
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Makes created, renamed and removed entries of the directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Free bytes of the file system holding `path`. */
  freeBytes(path: string): Promise<number>;
  /** Takes an exclusive advisory lock, held until disposed or the process ends. Throws FileSystemError `EWOULDBLOCK` when held. */
  lock(path: string): Promise<AsyncDisposable>;
}

/** Write-temp, sync, rename, sync directory: after a crash the file has the old or the new content, whole. */
export async function writeFileAtomic(fs: FileSystem, path: string, data: Uint8Array, mode?: number): Promise<void> {
  const temporary = `${path}.tmp`;
  if (await fs.stat(temporary)) await fs.remove(temporary);
  {
    await using file = await fs.open(temporary, "create-exclusive", mode);
    await file.write([data], 0);
    await file.datasync();
  }
  await fs.rename(temporary, path);
  await fs.syncDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
}
