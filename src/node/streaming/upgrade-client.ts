import * as net from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";

/** The answer to an upgrade request. After 101 the socket is the new protocol's; otherwise it carries the refusal's body. */
export interface UpgradeAnswer {
  readonly status: number;
  /** Status line and headers as they came, with the empty line. */
  readonly headText: string;
  /** What followed them in the same read. */
  readonly head: Buffer;
  readonly socket: Duplex;
}

export interface UpgradeRequest {
  readonly url: URL;
  readonly method: string;
  /** In order, with repetitions; `Host` is added. */
  readonly headers: readonly (readonly [string, string])[];
  readonly tls: tls.ConnectionOptions;
}

/** There was no answer: nobody listens, the certificate is not the right one, or it took too long. */
export class UpgradeError extends Error {
  override readonly name = "UpgradeError";
}

const answerTimeoutMs = 30_000;
const headBytesMax = 64 << 10;
// So that a peer that vanished without a word is noticed; these connections are idle for hours.
const keepAliveMs = 30_000;

/** Sends an upgrade request and reads the answer's head. Never follows redirects. The caller owns the socket afterwards. */
export function requestUpgrade(request: UpgradeRequest): Promise<UpgradeAnswer> {
  const { url } = request;
  const socket = connect(url, request.tls);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      finish();
      socket.destroy();
      reject(new UpgradeError(`cannot reach ${url.host}`, { cause: error }));
    };
    const timer = setTimeout(() => fail(new Error(`no answer within ${answerTimeoutMs} ms`)), answerTimeoutMs);
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) {
        if (received.length > headBytesMax) fail(new Error("the answer's headers are too large"));
        return;
      }
      finish();
      socket.pause();
      const headText = received.toString("latin1", 0, end + 4);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(headText)?.[1] ?? 0);
      if (status === 0) fail(new Error("the answer is not HTTP"));
      else resolve({ status, headText, head: received.subarray(end + 4), socket });
    };
    const onClose = (): void => fail(new Error("connection closed before the answer"));
    const finish = (): void => {
      clearTimeout(timer);
      socket.off("data", onData);
      socket.off("error", fail);
      socket.off("close", onClose);
      // Between two owners a late error has nobody to go to; the next owner sees the close.
      socket.on("error", () => {});
    };
    socket.on("data", onData);
    socket.on("error", fail);
    socket.on("close", onClose);
    socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => {
      const lines = [["Host", url.host] as const, ...request.headers].map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`${request.method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
    });
  });
}

function connect(url: URL, options: tls.ConnectionOptions): net.Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isTls = url.protocol === "https:";
  const port = Number(url.port) || (isTls ? 443 : 80);
  const socket = isTls
    ? tls.connect({ ...options, host, port, ALPNProtocols: ["http/1.1"] })
    : net.connect({ host, port });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveMs);
  return socket;
}
