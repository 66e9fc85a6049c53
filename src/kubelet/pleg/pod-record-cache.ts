import type { PodRecord } from "../container/pod-record.ts";

interface Entry {
  record: PodRecord | undefined;
  version: number;
}

/** Pod records, read from the runtime when somebody asks and kept until something about the pod changes. */
export class PodRecordCache {
  readonly #read: (uid: string, signal?: AbortSignal) => Promise<PodRecord>;
  readonly #entries = new Map<string, Entry>();

  constructor(read: (uid: string, signal?: AbortSignal) => Promise<PodRecord>) {
    this.#read = read;
  }

  /** The record as the runtime has it, or had it when nothing has changed since. */
  async get(uid: string, signal?: AbortSignal): Promise<PodRecord> {
    const entry = this.#entries.get(uid) ?? { record: undefined, version: 0 };
    this.#entries.set(uid, entry);
    if (entry.record) return entry.record;
    const { version } = entry;
    const record = await this.#read(uid, signal);
    // A change reported while reading may or may not be in what was read: it is used once, and not kept.
    if (entry.version === version) entry.record = record;
    return record;
  }

  invalidate(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.version++;
    entry.record = undefined;
  }

  forget(uid: string): void {
    this.invalidate(uid);
    this.#entries.delete(uid);
  }
}
