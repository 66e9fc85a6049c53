/** A running timer; cancel is idempotent and a no-op once the timer has fired. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as a port. Portable code never touches `Date` or timers itself, so that tests and simulations can step time.
 */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May jump. Use it for timestamps only. */
  now(): number;
  /** Milliseconds from an arbitrary origin, never going back. Use it for durations and deadlines. */
  monotonic(): number;
  /** Calls `fn` once after `delayMs`. The timer does not keep the process alive by itself. */
  setTimer(delayMs: number, fn: () => void): Timer;
}

/** The machine's own clock. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    // Timers of 2^31 ms and more fire at once; longer waits are cut and the caller's fn runs early by design of setTimeout.
    const handle = setTimeout(fn, Math.min(Math.max(delayMs, 0), 0x7fffffff));
    return { cancel: () => clearTimeout(handle) };
  }
}

/** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(abortReason(signal));
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** An AbortSignal that aborts with `TimeoutError` after `delayMs`, or with the parent's reason; dispose it to free the timer. */
export function deadline(
  clock: Clock,
  delayMs: number,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  const timer = clock.setTimer(delayMs, () => controller.abort(new TimeoutError(`timed out after ${delayMs} ms`)));
  const onParent = (): void => controller.abort(abortReason(parent));
  if (parent?.aborted) onParent();
  else parent?.addEventListener("abort", onParent, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer.cancel();
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/** What `deadline` aborts with. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** What cancelled work rejects with when the signal carries no better reason. */
export class AbortedError extends Error {
  override readonly name = "AbortError";
}

/** The signal's reason as an Error. */
export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new AbortedError("aborted");
}

/** True for the rejection of work that was cancelled on purpose. */
export function isAborted(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
