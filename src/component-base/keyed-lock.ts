/** Runs one thing at a time per key, in the order of the calls. */
export class KeyedLock<K> {
  readonly #last = new Map<K, Promise<unknown>>();

  async run<V>(key: K, fn: () => Promise<V>): Promise<V> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(fn, fn);
    // Whoever comes next waits for the end, good or bad; the failure is the caller's.
    const end = turn.then(
      () => {},
      () => {},
    );
    this.#last.set(key, end);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === end) this.#last.delete(key);
    }
  }
}
