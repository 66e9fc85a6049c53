import type { Clock, Timer } from "./clock.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
  isCancelled: boolean;
}

// Cancelled timers are swept when they outnumber the others, so that deadlines that are hardly ever met cost no memory.
const sweepFrom = 1024;

/**
 * A clock that moves only when told to. Timers fire in order of their time, then of their creation.
 * Wall clock and monotonic clock move together; `jumpWallClock` parts them. Setting a timer is O(log n), cancelling O(1).
 */
export class SteppingClock implements Clock {
  #elapsed: number;
  #wallOffset: number;
  #order = 0;
  /** A binary heap: the children of i are 2i+1 and 2i+2. */
  #heap: Pending[] = [];
  #cancelled = 0;

  constructor(startMs = Date.UTC(2026, 0, 1), monotonicMs = 0) {
    this.#elapsed = monotonicMs;
    this.#wallOffset = startMs - monotonicMs;
  }

  now(): number {
    return this.#wallOffset + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    const pending: Pending = {
      at: this.#elapsed + Math.max(delayMs, 0),
      order: this.#order++,
      fn,
      isCancelled: false,
    };
    this.#push(pending);
    return { cancel: () => this.#cancel(pending) };
  }

  /** A clock that shows the same time, without this one's timers. */
  fork(): SteppingClock {
    return new SteppingClock(this.now(), this.#elapsed);
  }

  /** Milliseconds until the next timer, or undefined when none is set. */
  nextTimerIn(): number | undefined {
    const next = this.#first();
    return next && Math.max(next.at - this.#elapsed, 0);
  }

  /** Moves time by `ms`, firing each timer at its own time. Microtasks between timers are the caller's to await. */
  step(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#first(); next && next.at <= end; next = this.#first()) {
      this.#pop();
      // A timer that has fired is no longer there to be cancelled.
      next.isCancelled = true;
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.fn();
    }
    this.#elapsed = end;
  }

  jumpWallClock(ms: number): void {
    this.#wallOffset += ms;
  }

  #first(): Pending | undefined {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (!first.isCancelled) return first;
      this.#pop();
      this.#cancelled--;
    }
    return undefined;
  }

  #cancel(pending: Pending): void {
    if (pending.isCancelled) return;
    pending.isCancelled = true;
    if (++this.#cancelled < sweepFrom || this.#cancelled * 2 < this.#heap.length) return;
    // What is sorted is a heap.
    this.#heap = this.#heap.filter((p) => !p.isCancelled).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #push(pending: Pending): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(pending);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (!parent || !isBefore(pending, parent)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = pending;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      let child = heap[down];
      if (!child) break;
      const right = heap[down + 1];
      if (right && isBefore(right, child)) {
        child = right;
        down++;
      }
      if (!isBefore(child, last)) break;
      heap[i] = child;
      i = down;
    }
    heap[i] = last;
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
