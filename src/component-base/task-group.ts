import { isAborted } from "./clock.ts";

/**
 * Owns background work. Every promise that nobody awaits is given to a group; the first failure aborts the others, and
 * dispose returns only when nothing is left running. Cancellation by the group's own signal is not a failure.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #onFailure: (error: unknown) => void;
  #failure: { readonly error: unknown } | undefined;

  /** `onFailure` is told of the first failure at once; without it, failure surfaces from `dispose`. */
  constructor(options: { readonly parent?: AbortSignal; readonly onFailure?: (error: unknown) => void } = {}) {
    this.#onFailure = options.onFailure ?? (() => {});
    const parent = options.parent;
    if (parent?.aborted) this.#controller.abort(parent.reason);
    else
      parent?.addEventListener("abort", () => this.#controller.abort(parent.reason), {
        once: true,
        signal: this.signal,
      });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The number of tasks that have not ended. */
  get size(): number {
    return this.#running.size;
  }

  /** Runs `task` now. After dispose it is not started. */
  spawn(task: (signal: AbortSignal) => Promise<void>): void {
    if (this.signal.aborted) return;
    const running = task(this.signal).then(
      () => void this.#running.delete(running),
      (error: unknown) => {
        this.#running.delete(running);
        if (this.signal.aborted && isAborted(error)) return;
        if (this.#failure) return;
        this.#failure = { error };
        this.#controller.abort();
        this.#onFailure(error);
      },
    );
    this.#running.add(running);
  }

  /** Aborts the tasks and waits until all have ended. Throws the first failure, unless onFailure was given. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure && this.#onFailure.length === 0) throw this.#failure.error;
  }
}
