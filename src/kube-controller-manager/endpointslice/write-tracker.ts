import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import type { Clock } from "../../component-base/clock.ts";

/** After this time a write that the cache does not show is taken for undone by somebody else. */
export const writeVisibleWithinMs = 60_000;

/**
 * Remembers our own writes until the cache shows them. Slices have generated names, so that working from a cache that is
 * behind would create them twice.
 */
export class WriteTracker {
  readonly #clock: Clock;
  readonly #lastWriteAt = new Map<string, number>();
  /** By Service key: the revision each slice we wrote must have reached. */
  readonly #written = new Map<string, Map<string, bigint>>();
  /** By Service key: the UIDs of slices we deleted. */
  readonly #deleted = new Map<string, Set<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wrote(key: string, slice: EndpointSlice): void {
    const written = this.#written.get(key) ?? new Map<string, bigint>();
    this.#written.set(key, written.set(slice.metadata.uid, revisionOf(slice)));
    this.#lastWriteAt.set(key, this.#clock.monotonic());
  }

  deleted(key: string, slice: EndpointSlice): void {
    const deleted = this.#deleted.get(key) ?? new Set<string>();
    this.#deleted.set(key, deleted.add(slice.metadata.uid));
    this.#written.get(key)?.delete(slice.metadata.uid);
    this.#lastWriteAt.set(key, this.#clock.monotonic());
  }

  /** The cache no longer holds the slice, whoever deleted it. */
  gone(key: string, slice: EndpointSlice): void {
    this.#deleted.get(key)?.delete(slice.metadata.uid);
    this.#written.get(key)?.delete(slice.metadata.uid);
  }

  forget(key: string): void {
    this.#written.delete(key);
    this.#deleted.delete(key);
    this.#lastWriteAt.delete(key);
  }

  /** True when the cached slices of the Service include all our writes. The event of a missing one will come. */
  isCurrent(key: string, cached: readonly EndpointSlice[]): boolean {
    const age = this.#clock.monotonic() - (this.#lastWriteAt.get(key) ?? Number.NEGATIVE_INFINITY);
    if (age >= writeVisibleWithinMs) {
      this.forget(key);
      return true;
    }
    const deleted = this.#deleted.get(key);
    if (deleted && cached.some((slice) => deleted.has(slice.metadata.uid))) return false;
    const seen = new Map(cached.map((slice) => [slice.metadata.uid, revisionOf(slice)]));
    for (const [uid, revision] of this.#written.get(key) ?? []) if ((seen.get(uid) ?? -1n) < revision) return false;
    return true;
  }
}

function revisionOf(slice: EndpointSlice): bigint {
  return BigInt(slice.metadata.resourceVersion);
}
