import { utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { randomInt } from "../../component-base/random.ts";
import type { Random } from "../../component-base/random.ts";
import { prefixRange } from "../backend.ts";
import type { Backend, Operation, Revision, WatchEvent } from "../backend.ts";
import { checkEqual } from "../../component-base/testing/check.ts";
import { WatchRecorder } from "./watch-recorder.ts";

interface Attempt {
  readonly revision: Revision;
  readonly operations: readonly Operation[];
}

/** How a round of writes ended. */
export type Outcome = "done" | "full" | "failed";

/**
 * Writes to a store that may die at any moment, and remembers what it promised: which transactions it acknowledged,
 * and which revisions it showed to anybody. Then checks what a store opened on the remains must still know.
 */
export class CrashRun {
  readonly #random: Random;
  /** Transactions in the order they were decided, so that position is revision - 2. */
  readonly #attempts: Attempt[] = [];
  #nextRevision = 2;
  /** The highest revision acknowledged or seen by a reader or watcher. */
  #promised = 1;
  #compacted = 1;
  #n = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get promised(): Revision {
    return this.#promised;
  }

  /**
   * Starts `count` transactions, several at once, with compactions between. Ends early when the store fails or
   * is full.
   */
  async write(backend: Backend, count: number): Promise<Outcome> {
    this.#nextRevision = backend.revision() + 1;
    this.#attempts.length = this.#nextRevision - 2;
    backend.watch(prefixRange("/"), {
      onEvents: (events) => this.#see(events.at(-1)?.current.modRevision ?? 0),
      onClose: () => {},
    });
    for (let left = count; left > 0;) {
      const burst = Math.min(left, 1 + randomInt(this.#random, 6));
      left -= burst;
      const running = Array.from({ length: burst }, () => this.#transact(backend));
      this.#see(backend.revision());
      if (this.#random.next() < 0.3) running.push(this.#compact(backend));
      const outcomes = await Promise.all(running);
      // What a full store refused has not happened, now or after a restart.
      if (outcomes.includes("full")) this.#nextRevision = backend.revision() + 1;
      const bad = outcomes.find((o) => o !== "done");
      if (bad) return bad;
    }
    return "done";
  }

  /** What was promised is there, what was not is there whole or not at all, and the store works. */
  async check(backend: Backend): Promise<void> {
    const revision = backend.revision();
    const from = backend.compactRevision();
    checkEqual(revision >= this.#promised, true, `revision ${revision} after ${this.#promised} was promised`);
    checkEqual(revision < this.#nextRevision, true, `revision ${revision} was begun, next ${this.#nextRevision}`);
    checkEqual(from >= this.#compacted, true, `compaction at ${from} after ${this.#compacted} was acknowledged`);
    const model = new Map<string, string>();
    const touched: number[] = [];
    for (let at = 1; at <= revision; at++) {
      const events = this.#play(at, model);
      touched.push(at < from ? 0 : events);
      if (at < from) continue;
      const { entries } = await backend.range(prefixRange("/"), { revision: at });
      const found = entries.map((e) => `${e.key}=${utf8Decode(e.value)}`).join("\n");
      const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${v}`);
      checkEqual(found, expected.join("\n"), `state at ${at} of ${revision}`);
    }
    await this.#checkWatch(backend, from, touched);
  }

  /** A watch from the start of the window sees every change in it once. */
  async #checkWatch(backend: Backend, from: Revision, touched: readonly number[]): Promise<void> {
    const recorder = new WatchRecorder(backend, { fromRevision: from });
    const expected = touched.flatMap((count, i) => Array.from({ length: count }, () => i + 1));
    await recorder.until(expected.length);
    checkEqual(
      recorder.events.map((e: WatchEvent) => e.current.modRevision),
      expected,
      "watched revisions",
    );
    recorder.watch.cancel();
  }

  /** Applies the transaction of a revision; returns the number of events it made. */
  #play(revision: Revision, model: Map<string, string>): number {
    let events = 0;
    for (const operation of this.#attempts[revision - 2]?.operations ?? []) {
      if (operation.type === "put" && operation.value instanceof Uint8Array) {
        model.set(operation.key, utf8Decode(operation.value));
        events++;
      } else if (operation.type === "delete" && model.delete(operation.key)) events++;
    }
    return events;
  }

  async #transact(backend: Backend): Promise<Outcome> {
    const n = this.#n++;
    const key = (): string => `/k${randomInt(this.#random, 12)}`;
    // One key that every transaction puts: each takes a revision.
    const operations: Operation[] = [{ type: "put", key: "/n", value: utf8Encode(String(n)) }];
    const body = "x".repeat(randomInt(this.#random, 5) === 0 ? randomInt(this.#random, 1500) : 20);
    operations.push({ type: "put", key: key(), value: utf8Encode(`${n} ${body}`) });
    if (n % 3 === 0) operations.push({ type: "delete", key: key() });
    const revision = this.#nextRevision++;
    this.#attempts.push({ revision, operations });
    try {
      const result = await backend.transact({ compare: [], success: operations });
      checkEqual(result.revision, revision, "revisions are gapless");
      checkEqual(backend.revision() >= revision, true, "an acknowledged write is visible");
      this.#see(revision);
      return "done";
    } catch (error) {
      return outcomeOf(error);
    }
  }

  async #compact(backend: Backend): Promise<Outcome> {
    const span = backend.revision() - backend.compactRevision();
    const revision = backend.compactRevision() + randomInt(this.#random, span + 1);
    try {
      await backend.compact(revision);
      this.#compacted = Math.max(this.#compacted, revision);
      return "done";
    } catch (error) {
      if (error instanceof Error && error.name === "CompactedError") return "done";
      return outcomeOf(error);
    }
  }

  #see(revision: Revision): void {
    this.#promised = Math.max(this.#promised, revision);
  }
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof Error && error.name === "StoreFullError") return "full";
  if (error instanceof Error && error.name === "StoreFailedError") return "failed";
  throw error;
}
