/** A level-triggered wake-up: `set` while nobody waits is remembered, several sets are one. */
export class EventSignal {
  #isSet = false;
  #waiters: (() => void)[] = [];

  set(): void {
    this.#isSet = true;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves once set (at once when it already is) and clears it. Resolves, too, when the signal aborts: check it. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (!this.#isSet && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiters.push(wake);
        signal?.addEventListener("abort", wake, { once: true });
      });
    }
    this.#isSet = false;
  }
}
