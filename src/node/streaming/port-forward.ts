import type { WebSocket } from "ws";

import type { UpgradeAnswer } from "./upgrade-client.ts";

/** The subprotocol in which a WebSocket's binary messages are the bytes of a SPDY connection. */
export const portForwardProtocol = "SPDY/3.1+portforward.k8s.io";

// Past this much unsent, reading from the other side pauses.
const bufferedBytesMax = 1 << 20;

/** Carries SPDY bytes between a WebSocket and a socket, without looking into them. Resolves when both are closed. */
export async function bridgePortForward(webSocket: WebSocket, target: UpgradeAnswer): Promise<void> {
  const { socket } = target;
  const send = (data: Buffer): void => {
    webSocket.send(data, () => {
      if (webSocket.bufferedAmount < bufferedBytesMax) socket.resume();
    });
    if (webSocket.bufferedAmount >= bufferedBytesMax) socket.pause();
  };
  if (target.head.length > 0) send(target.head);
  const closed = new Promise<void>((resolve) => {
    webSocket.on("close", () => {
      socket.destroy();
      resolve();
    });
  });
  webSocket.on("error", () => socket.destroy());
  webSocket.on("message", (data: Buffer) => {
    if (socket.write(data)) return;
    webSocket.pause();
    socket.once("drain", () => webSocket.resume());
  });
  socket.on("data", send);
  socket.on("error", () => {});
  socket.on("close", () => webSocket.close(1000));
  socket.resume();
  await closed;
}
