import { concatBytes, utf8Decode } from "../../component-base/bytes.ts";
import { TransportError } from "../../component-base/http.ts";
import type { ClientWatchEvent } from "./api-client.ts";

// An event holds one object; the store takes objects up to 1.5 MB, and escaping can grow JSON six-fold.
const eventSizeMaxBytes = 16 * 1024 * 1024;
const newline = 0x0a;

/**
 * Events from a stream of newline-delimited JSON, however it is cut into chunks. A last line without its newline is an
 * event cut short by the end of the connection: it is dropped, because the watch will be resumed before it.
 */
export async function* decodeWatchStream<T>(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ClientWatchEvent<T>, void, undefined> {
  let parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      const line = concatBytes(parts);
      parts = [];
      sizeBytes = 0;
      start = end + 1;
      if (line.length > 0) yield JSON.parse(utf8Decode(line)) as ClientWatchEvent<T>;
    }
    if (start === chunk.length) continue;
    parts.push(start === 0 ? chunk : chunk.subarray(start));
    sizeBytes += chunk.length - start;
    if (sizeBytes > eventSizeMaxBytes)
      throw new TransportError(`watch event is larger than ${eventSizeMaxBytes} bytes`, { notSent: false });
  }
}
