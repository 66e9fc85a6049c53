import type { BodyProducer, HttpResponse } from "../../component-base/http.ts";

/** Knows what is in flight, streamed bodies included, so that shutdown can wait for it. */
export class RequestTracker {
  #active = 0;
  #idle: (() => void)[] = [];

  get active(): number {
    return this.#active;
  }

  /** Runs a request; its body counts until it is written. */
  async track(run: () => Promise<HttpResponse>): Promise<HttpResponse> {
    this.#active++;
    let response: HttpResponse;
    try {
      response = await run();
    } finally {
      this.#leave();
    }
    const { body } = response;
    return typeof body === "function" ? { ...response, body: this.#tracked(body) } : response;
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #tracked(body: BodyProducer): BodyProducer {
    return async (sink) => {
      this.#active++;
      try {
        await body(sink);
      } finally {
        this.#leave();
      }
    };
  }

  #leave(): void {
    if (--this.#active > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
