/** A binary heap with removal by key; `before` says which of two comes out first. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #position = new Map<string, number>();
  readonly #keyOf: (item: T) => string;
  readonly #before: (a: T, b: T) => boolean;

  constructor(keyOf: (item: T) => string, before: (a: T, b: T) => boolean) {
    this.#keyOf = keyOf;
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  has(key: string): boolean {
    return this.#position.has(key);
  }

  get(key: string): T | undefined {
    const at = this.#position.get(key);
    return at === undefined ? undefined : this.#items[at];
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds, or replaces the item with the same key. */
  push(item: T): void {
    const at = this.#position.get(this.#keyOf(item)) ?? this.#items.length;
    this.#put(item, at);
    this.#up(at);
    this.#down(at);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    return first === undefined ? undefined : this.delete(this.#keyOf(first));
  }

  delete(key: string): T | undefined {
    const at = this.#position.get(key);
    if (at === undefined) return undefined;
    const removed = this.#items[at];
    const last = this.#items.pop();
    this.#position.delete(key);
    if (last !== undefined && at < this.#items.length) {
      this.#put(last, at);
      this.#up(at);
      this.#down(at);
    }
    return removed;
  }

  #put(item: T, at: number): void {
    this.#items[at] = item;
    this.#position.set(this.#keyOf(item), at);
  }

  #up(start: number): void {
    for (let at = start; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  #down(start: number): void {
    for (let at = start; ;) {
      const left = 2 * at + 1;
      let best = at;
      for (const child of [left, left + 1]) {
        const a = this.#items[child];
        const b = this.#items[best];
        if (a !== undefined && b !== undefined && this.#before(a, b)) best = child;
      }
      if (best === at) return;
      this.#swapIfBefore(best, at);
      at = best;
    }
  }

  #swapIfBefore(lower: number, upper: number): boolean {
    const a = this.#items[lower];
    const b = this.#items[upper];
    if (a === undefined || b === undefined || !this.#before(a, b)) return false;
    this.#put(a, upper);
    this.#put(b, lower);
    return true;
  }
}
