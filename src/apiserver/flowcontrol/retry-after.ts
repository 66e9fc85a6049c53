import type { Clock } from "../../component-base/clock.ts";

const secondsMax = 32;

/**
 * How long clients that were refused are asked to wait: a second, and longer where many are refused. Doubled, at most once
 * in its own length, when that many seconds saw three refusals each; one less when they saw less than one each.
 */
export class RetryAfter {
  readonly #clock: Clock;
  readonly #levels = new Map<string, LevelRefusals>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a refusal and returns the seconds to ask for. */
  refuse(level: string): number {
    let refusals = this.#levels.get(level);
    if (!refusals) {
      refusals = new LevelRefusals();
      this.#levels.set(level, refusals);
    }
    return refusals.add(Math.floor(this.#clock.now() / 1000));
  }

  forget(level: string): void {
    this.#levels.delete(level);
  }
}

class LevelRefusals {
  /** Of seconds that are over, the oldest first. */
  #history: { readonly second: number; readonly count: number }[] = [];
  #second = 0;
  #count = 0;
  #seconds = 1;
  #raisedAt = 0;

  add(second: number): number {
    if (second === this.#second) {
      this.#count++;
      return this.#seconds;
    }
    this.#history.push({ second: this.#second, count: this.#count });
    const kept = Math.min(2 * this.#seconds, secondsMax);
    this.#history = this.#history.filter((each) => this.#second - each.second <= kept);
    this.#second = second;
    this.#count = 1;
    this.#adjust(second);
    return this.#seconds;
  }

  #adjust(now: number): void {
    const recent = this.#history.filter(({ second }) => second < now && now - second <= this.#seconds);
    const refused = recent.reduce((sum, { count }) => sum + count, 0);
    if (now - this.#raisedAt >= this.#seconds && refused >= 3 * this.#seconds) {
      this.#seconds = Math.min(this.#seconds * 2, secondsMax);
      this.#raisedAt = now;
    } else if (refused < this.#seconds && this.#seconds > 1) {
      this.#seconds--;
    }
  }
}
