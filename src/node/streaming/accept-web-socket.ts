import type * as Http from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";

// kubectl sends 32 KiB at a time; a message is held whole.
const messageBytesMax = 4 << 20;

/** The subprotocols the client speaks, in its order. */
export function offeredProtocols(request: Http.IncomingMessage): readonly string[] {
  const header = request.headers["sec-websocket-protocol"] ?? "";
  return header
    .split(",")
    .map((p) => p.trim())
    .filter((p) => p !== "");
}

/** Runs `bridge` once the handshake is done; a malformed one has been refused when this resolves. */
export function acceptWebSocket(
  request: Http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
  bridge: (webSocket: WebSocket) => Promise<void>,
): Promise<void> {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
  });
  // The library refuses names with a slash, as port-forward's has: it is kept from seeing them.
  delete request.headers["sec-websocket-protocol"];
  if (protocol !== "") server.on("headers", (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve, reject) => {
    socket.once("close", () => resolve());
    // Within the callback: messages that came with the request are delivered right after it, so the listeners must be there.
    server.handleUpgrade(request, socket, head, (webSocket) => void bridge(webSocket).then(resolve, reject));
  });
}
