import type { Clock, Timer } from "../../component-base/clock.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { Logger } from "../../component-base/logger.ts";
import { StoreFullError } from "../backend.ts";

/** How often free space is looked at: after writes at most, and while full always. */
const intervalMs = 1000;

export interface FreeSpaceOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Below it puts are refused; deletes go on down to a quarter of it. Leaves room for a snapshot, which frees more. */
  readonly freeBytesMin: number;
}

/** The watermark that turns a disk filling up into refused writes instead of a failed store. */
export class FreeSpace {
  readonly #options: FreeSpaceOptions;
  #freeBytes = Infinity;
  /** What a failed allocation wanted beyond the watermark. */
  #wantedBytes = 0;
  #checkedMs = -Infinity;
  #checking: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: FreeSpaceOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#freeBytes < this.#options.freeBytesMin + this.#wantedBytes;
  }

  /** Whether so much can be taken without going below the watermark. */
  hasRoomFor(bytes: number): boolean {
    return this.#freeBytes - bytes >= this.#options.freeBytesMin;
  }

  /** Why a write must be refused now, if it must. */
  refusal(isGrowing: boolean): StoreFullError | undefined {
    const isRefused = isGrowing ? this.isFull : this.#freeBytes < this.#options.freeBytesMin / 4;
    return isRefused ? this.error() : undefined;
  }

  error(cause?: unknown): StoreFullError {
    return new StoreFullError(`no space left for the store in ${this.#options.directory}`, { cause });
  }

  /** An allocation of `wantedBytes` met a full disk: no puts until there is so much more than the watermark. */
  noteFull(wantedBytes: number): void {
    this.#update(Math.min(this.#freeBytes, this.#options.freeBytesMin), Math.max(this.#wantedBytes, wantedBytes));
  }

  /** Writes happened: have a look, if the last one is a while ago. */
  poke(): void {
    if (this.#options.clock.monotonic() - this.#checkedMs >= intervalMs) void this.check();
  }

  /** Looks now. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#look().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#checking;
  }

  async #look(): Promise<void> {
    const { fileSystem, directory, clock, logger } = this.#options;
    this.#checkedMs = clock.monotonic();
    try {
      this.#update(await fileSystem.freeBytes(directory), this.#wantedBytes);
    } catch (error) {
      // Not knowing is no reason to refuse writes: they fail by themselves if they must.
      logger.warn("Cannot read the free space of the store's disk", { directory, error });
      this.#update(Infinity, 0);
    }
  }

  #update(freeBytes: number, wantedBytes: number): void {
    const { directory, freeBytesMin, logger } = this.#options;
    const wasFull = this.isFull;
    this.#freeBytes = freeBytes;
    this.#wantedBytes = wantedBytes;
    if (this.isFull) this.#again();
    else this.#wantedBytes = 0;
    if (this.isFull === wasFull) return;
    const fields = { directory, freeBytes, wantedBytes: freeBytesMin + wantedBytes };
    if (this.isFull) logger.error("Store is out of disk space: writes are refused", fields);
    else logger.info("Store has disk space again: writes are accepted", fields);
  }

  #again(): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(intervalMs, () => void this.check());
  }
}
