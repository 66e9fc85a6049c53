import type { Clock } from "../component-base/clock.ts";

interface Expected {
  creations: number;
  readonly deletions: Set<string>;
  readonly expiresAt: number;
}

// Upstream's: after five minutes an event that has not come is taken for lost.
const timeoutMs = 5 * 60_000;

/**
 * Remembers per key what a controller has just done but not yet seen in its cache, so that it does not do it again.
 * Creations are counted; deletions are told apart by UID, because a deletion is seen twice: when it is asked for and
 * when the object is gone.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #expected = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces what was expected before. */
  expectCreations(key: string, count: number): void {
    this.#set(key, count, []);
  }

  /** Replaces what was expected before. */
  expectDeletions(key: string, uids: readonly string[]): void {
    this.#set(key, 0, uids);
  }

  /** Both at once. Replaces what was expected before. */
  expect(key: string, creations: number, deletions: readonly string[]): void {
    this.#set(key, creations, deletions);
  }

  /** A creation was seen, or was not done after all. */
  creationObserved(key: string, count = 1): void {
    const expected = this.#expected.get(key);
    if (expected) expected.creations -= count;
  }

  /** A deletion was seen, or was not done after all. */
  deletionObserved(key: string, uid: string): void {
    this.#expected.get(key)?.deletions.delete(uid);
  }

  /** True when the cache holds everything done for the key, or never will. */
  areSatisfied(key: string): boolean {
    const expected = this.#expected.get(key);
    if (!expected) return true;
    return (expected.creations <= 0 && expected.deletions.size === 0) || this.expiresInMs(key) <= 0;
  }

  /** When to look again if nothing is seen until then. */
  expiresInMs(key: string): number {
    const expected = this.#expected.get(key);
    return expected ? Math.max(0, expected.expiresAt - this.#clock.monotonic()) : 0;
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.#expected.delete(key);
  }

  #set(key: string, creations: number, deletions: readonly string[]): void {
    const expiresAt = this.#clock.monotonic() + timeoutMs;
    this.#expected.set(key, { creations, deletions: new Set(deletions), expiresAt });
  }
}
