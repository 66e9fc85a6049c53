import type * as Http from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

import type { ByteSink, HttpResponse } from "../../component-base/http.ts";
import { acceptWebSocket, offeredProtocols } from "./accept-web-socket.ts";

// More than this is not kept for a client that reads slowly.
const bufferedBytesMax = 1 << 20;
const normalClosure = 1000;
const internalError = 1011;

/** How a message looks, by subprotocol; without one it is as with `binary.k8s.io`, but a JSON stream's events are texts. */
type Encoding = "binary" | "text" | "base64";

/**
 * Answers a WebSocket client of a resource that is read over HTTP otherwise, such as a log or a watch: each piece of the
 * body is a message. Resolves when the connection is closed.
 */
export async function sendOverWebSocket(
  request: Http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { headers, body = [] }: HttpResponse,
  signal: AbortSignal,
): Promise<void> {
  const offered = offeredProtocols(request);
  const protocol = offered.find((p) => p === "binary.k8s.io" || p === "base64.binary.k8s.io") ?? "";
  const isJson = (headers["content-type"] ?? "").startsWith("application/json");
  const encoding: Encoding =
    protocol === "base64.binary.k8s.io" ? "base64" : protocol === "" && isJson ? "text" : "binary";
  await acceptWebSocket(request, socket, head, protocol, async (webSocket) => {
    const sink = new WebSocketSink(webSocket, encoding, signal);
    // A client that speaks is not listened to; without a listener its errors would end the process.
    webSocket.on("error", () => webSocket.terminate());
    try {
      if (typeof body === "function") await body(sink);
      else sink.write(body instanceof Uint8Array ? [body] : body);
      webSocket.close(normalClosure);
    } catch {
      webSocket.close(internalError);
    }
  });
}

class WebSocketSink implements ByteSink {
  readonly signal: AbortSignal;
  readonly #webSocket: WebSocket;
  readonly #encoding: Encoding;
  #last: Promise<void> = Promise.resolve();

  constructor(webSocket: WebSocket, encoding: Encoding, signal: AbortSignal) {
    this.#webSocket = webSocket;
    this.#encoding = encoding;
    this.signal = signal;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.signal.aborted || this.#webSocket.readyState !== this.#webSocket.OPEN) return false;
    for (const chunk of chunks) {
      const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#last = new Promise((resolve) => {
        const message = this.#encoding === "base64" ? data.toString("base64") : data;
        // A message that could not be sent has closed the connection, which ends the body.
        this.#webSocket.send(message, { binary: this.#encoding === "binary" }, () => resolve());
      });
    }
    return this.#webSocket.bufferedAmount < bufferedBytesMax;
  }

  drained(): Promise<void> {
    return this.#last;
  }
}
