import { utf8Decode } from "../../component-base/bytes.ts";
import type { TransportResponse } from "../../component-base/http.ts";

export interface WatchedEvent {
  readonly type: string;
  readonly object: {
    readonly kind?: string;
    readonly metadata: {
      readonly name?: string;
      readonly resourceVersion?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly [key: string]: unknown;
  };
}

/** Reads a watch's stream event by event. */
export class WatchReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #text = "";

  constructor(response: TransportResponse) {
    this.#chunks = response.body[Symbol.asyncIterator]();
  }

  /** The next event; undefined when the stream has ended. */
  async next(): Promise<WatchedEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return JSON.parse(line) as WatchedEvent;
      }
      const chunk = await this.#chunks.next();
      if (chunk.done) return undefined;
      this.#text += utf8Decode(chunk.value);
    }
  }

  /** The next `count` events as `TYPE name`; for an event without a name, its type alone. */
  async take(count: number): Promise<string[]> {
    const out: string[] = [];
    for (let i = 0; i < count; i++) {
      const event = await this.next();
      if (!event) return [...out, "END"];
      out.push(event.object.metadata.name ? `${event.type} ${event.object.metadata.name}` : event.type);
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
