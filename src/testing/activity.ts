import { isWorkOffThread } from "../component-base/off-thread.ts";
import type { Transport, TransportResponse } from "../component-base/http.ts";

// After so many turns in which nothing happened (some 50 ms), a request that has no answer yet must be waiting for time
// to pass.
const idleTurnsMax = 20_000;
// What an answer sets off is done a few turns later at most: keys and promises that hand on to each other.
const quietTurns = 3;

/**
 * Knows when everything in this process has been done that needs no passing of time: no request is on its way, and
 * turns of the event loop go by in which nothing happens.
 */
export class Activity implements Disposable {
  readonly #channel = new MessageChannel();
  #onTurn: (() => void) | undefined;
  #inFlight = 0;
  #events = 0;
  /** Requests that have been found to wait for time to pass. */
  #waiting = 0;

  constructor() {
    this.#channel.port1.addEventListener("message", () => this.#onTurn?.());
    this.#channel.port1.start();
  }

  /** Something happened. */
  note(): void {
    this.#events++;
  }

  /** Counts work until it has ended. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#inFlight++;
    this.#events++;
    try {
      return await work;
    } finally {
      this.#inFlight--;
      this.#waiting = Math.min(this.#waiting, this.#inFlight);
      this.#events++;
    }
  }

  /** A transport whose requests are counted until they are answered; what streams in afterwards is not. */
  observe(transport: Transport): Transport {
    return { send: (request): Promise<TransportResponse> => this.during(transport.send(request)) };
  }

  /** Resolves when nothing is left to do before time passes. */
  async drained(): Promise<void> {
    let idle = 0;
    while (idle < quietTurns || isWorkOffThread() || (this.#inFlight > this.#waiting && idle < idleTurnsMax)) {
      const before = this.#events;
      await this.#turn();
      idle = before === this.#events && !isWorkOffThread() ? idle + 1 : 0;
    }
    this.#waiting = this.#inFlight;
  }

  [Symbol.dispose](): void {
    this.#channel.port1.close();
  }

  /** One turn of the event loop, in which finished cryptography is delivered, too. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#onTurn = resolve;
      this.#channel.port2.postMessage(undefined);
    });
  }
}
