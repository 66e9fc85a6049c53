import type { FileSystem } from "../../component-base/file-system.ts";
import { StoreCorruptError } from "../backend.ts";

/**
 * Names in the store's directory:
 *
 *     lock                            held while a process has the store open
 *     wal-0000000000000001.log        segments, numbered without gaps
 *     snapshot-0000000000000123.snap  the state at a revision; at most one matters
 *     *.tmp                           being made; worthless after a crash
 */
export const lockName = "lock";
export const temporarySuffix = ".tmp";

export function segmentName(number: number): string {
  return `wal-${String(number).padStart(16, "0")}.log`;
}

export function snapshotName(revision: number): string {
  return `snapshot-${String(revision).padStart(16, "0")}.snap`;
}

/** The segment's number, or undefined for other names. */
export function parseSegmentName(name: string): number | undefined {
  return parseName(name, /^wal-(\d{16})\.log$/);
}

export function parseSnapshotName(name: string): number | undefined {
  return parseName(name, /^snapshot-(\d{16})\.snap$/);
}

function parseName(name: string, pattern: RegExp): number | undefined {
  const digits = pattern.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function corrupt(path: string, offset: number, what: string): StoreCorruptError {
  return new StoreCorruptError(`${path}: offset ${offset}: ${what}`);
}

/** Removes what could not be finished, as it takes up space. Best effort: opening the store removes the rest. */
export async function discard(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.remove(path);
  } catch {
    // Why it could not be finished is the error to report.
  }
}
