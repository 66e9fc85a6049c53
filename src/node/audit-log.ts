import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import * as path from "node:path";

import { reportLostEvents } from "../apiserver/audit/audit-errors.ts";
import type { AuditEvent, AuditSink } from "../apiserver/audit/audit-sink.ts";
import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { MetricRegistry } from "../component-base/metrics.ts";

export interface AuditLogOptions {
  /** A file, or `-` for standard output. */
  readonly path: string;
  /** A file longer than this is put aside; 100 unless given, or 0. */
  readonly sizeMaxMegabytes?: number;
  /** How many files put aside are kept, and for how many days; all and for ever unless given, or 0. */
  readonly backupsMax?: number;
  readonly ageMaxDays?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

const megabyte = 1 << 20;
const dayMs = 86_400_000;
const standardOutput = 1;

/**
 * Writes audit events to a file, one to a line, before requests go on: what has been done is on record. The names of files put
 * aside tell when: `audit-2026-01-31T08-05-09.123.log`.
 */
export class AuditLog implements AuditSink, Disposable {
  readonly #options: AuditLogOptions;
  readonly #sizeMaxBytes: number;
  #file: number;
  #sizeBytes: number;

  /** Throws when the file cannot be opened. */
  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#sizeMaxBytes = (options.sizeMaxMegabytes || 100) * megabyte;
    this.#file = this.#open();
    this.#sizeBytes = this.#isFile ? fstatSync(this.#file).size : 0;
  }

  record(events: readonly AuditEvent[]): boolean {
    const lines = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    try {
      if (this.#isFile && this.#sizeBytes > 0 && this.#sizeBytes + lines.length > this.#sizeMaxBytes) this.#rotate();
      for (let written = 0; written < lines.length;) written += writeSync(this.#file, lines, written);
      this.#sizeBytes += lines.length;
      return true;
    } catch (error) {
      reportLostEvents("log", events, error, this.#options);
      return false;
    }
  }

  [Symbol.dispose](): void {
    if (this.#isFile) closeSync(this.#file);
  }

  get #isFile(): boolean {
    return this.#options.path !== "-";
  }

  #open(): number {
    if (!this.#isFile) return standardOutput;
    mkdirSync(path.dirname(this.#options.path), { recursive: true, mode: 0o700 });
    return openSync(this.#options.path, "a", 0o600);
  }

  #rotate(): void {
    const { path: file, clock } = this.#options;
    const time = new Date(clock.now()).toISOString().slice(0, -1).replaceAll(":", "-");
    const { dir, name, ext } = path.parse(file);
    renameSync(file, path.join(dir, `${name}-${time}${ext}`));
    const former = this.#file;
    this.#file = this.#open();
    closeSync(former);
    this.#sizeBytes = 0;
    this.#removeOld();
  }

  #removeOld(): void {
    const { path: file, backupsMax = 0, ageMaxDays = 0, clock } = this.#options;
    const { dir, name, ext } = path.parse(file);
    const pattern = /^-(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3})$/;
    const backups = readdirSync(dir || ".").flatMap((entry) => {
      const middle =
        entry.startsWith(name) && entry.endsWith(ext) ? entry.slice(name.length, entry.length - ext.length) : "";
      const found = pattern.exec(middle);
      return found ? [{ entry, atMs: Date.parse(`${found[1]}${found[2]}:${found[3]}:${found[4]}Z`) }] : [];
    });
    backups.sort((a, b) => b.atMs - a.atMs);
    for (const [i, { entry, atMs }] of backups.entries()) {
      const isTooMany = backupsMax > 0 && i >= backupsMax;
      const isTooOld = ageMaxDays > 0 && clock.now() - atMs > ageMaxDays * dayMs;
      if (isTooMany || isTooOld) rmSync(path.join(dir, entry), { force: true });
    }
  }
}
