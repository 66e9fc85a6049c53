import type * as Http from "node:http";
import type { Duplex } from "node:stream";
import type * as tls from "node:tls";
import type { WebSocket } from "ws";

import type { HttpTunnel } from "../../component-base/http.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import type { TunnelRunner } from "../http-server.ts";
import { acceptWebSocket, offeredProtocols } from "./accept-web-socket.ts";
import { bridgePortForward, portForwardProtocol } from "./port-forward.ts";
import { bridgeRemoteCommand, remoteCommandProtocols, requestedStreams } from "./remote-command.ts";
import { splice } from "./splice.ts";
import { requestUpgrade, type UpgradeAnswer } from "./upgrade-client.ts";
import { http } from "../http-module.ts";
import { tlsOptionsOf } from "../proxy-connector.ts";

/** The TLS side of a client identity: certificate, key and the CA that targets are verified against. */
export type TlsIdentities = (identity: string) => tls.ConnectionOptions;

const refusalBytesMax = 1 << 20;
const refusalTimeoutMs = 10_000;
// What is ours to say to the target, or about this connection only. A client must not speak as somebody else behind us.
const droppedHeaders = /^(host|authorization|cookie|content-length|transfer-encoding|impersonate-.*|x-remote-.*)$/i;

/** Carries out the tunnels that a portable server grants. */
export function createTunnelRunner(options: { readonly tls: TlsIdentities; readonly logger: Logger }): TunnelRunner {
  return async (request, socket, head, tunnel) => {
    try {
      await handleUpgrade(request, socket, head, tunnel, options.tls);
    } catch (error) {
      options.logger.debug("Tunnel ended abnormally", { error, url: tunnel.url });
      // As kube-apiserver: kubectl shows a Status, of anything else it shows nothing.
      const message = `error dialing backend: ${errorText(error)}`;
      const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code: 500 };
      refuse(socket, 500, "application/json", Buffer.from(JSON.stringify(status)));
    }
  };
}

/**
 * Connects a client's upgrade request with the tunnel's target; resolves when both connections are closed. Rejects when
 * the target does not answer and nothing was sent to the client yet. A target that refuses has its answer passed on.
 *
 * A client that speaks SPDY itself is passed through byte by byte, and so is one that forwards ports over numbered channels
 * of a WebSocket. Any other WebSocket is answered here, after the target has agreed, so that refusals are still HTTP answers.
 */
export async function handleUpgrade(
  request: Http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
  tunnel: HttpTunnel,
  identities: TlsIdentities,
): Promise<void> {
  socket.on("error", () => socket.destroy());
  const isWebSocket = request.headers.upgrade?.toLowerCase() === "websocket";
  const { trust } = tunnel;
  const tlsOptions = { ...identities(tunnel.identity), ...(trust ? tlsOptionsOf(trust) : {}) };
  const target = { url: new URL(tunnel.url), tls: tlsOptions };
  const extraHeaders = Object.entries(tunnel.headers ?? {}).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
  const isPassed = tunnel.protocol === "portforward" && speaksPortChannels(request);
  if (tunnel.protocol === "raw" || !isWebSocket || isPassed) {
    const headers = [...passedHeaders(request.rawHeaders), ...extraHeaders];
    const answer = await requestUpgrade({ ...target, method: request.method ?? "GET", headers });
    return answer.status === 101 ? pass(socket, head, answer) : passRefusal(socket, answer);
  }
  const negotiated = negotiate(request, tunnel.protocol);
  if (!negotiated) {
    const text = `unable to upgrade: none of the WebSocket subprotocols ${offeredProtocols(request).join(", ")} is supported`;
    refuse(socket, 400, "text/plain", Buffer.from(text));
    return;
  }
  const spdy = [
    ["Connection", "Upgrade"],
    ["Upgrade", "SPDY/3.1"],
    ["X-Stream-Protocol-Version", negotiated.streamProtocol],
    ["Content-Length", "0"],
  ] as const;
  const answer = await requestUpgrade({ ...target, method: "POST", headers: [...spdy, ...extraHeaders] });
  if (answer.status !== 101) return passRefusal(socket, answer);
  try {
    await acceptWebSocket(request, socket, head, negotiated.protocol, (ws) =>
      negotiated.bridge(ws, answer, target.url),
    );
  } catch {
    // The client has been answered with 101; all that is left to say is the end of the connection.
    socket.destroy();
  } finally {
    answer.socket.destroy();
  }
}

/**
 * Whether the client would forward ports over the older WebSocket protocol, with two numbered channels per port. Runtimes
 * speak it themselves.
 */
function speaksPortChannels(request: Http.IncomingMessage): boolean {
  const offered = offeredProtocols(request);
  return !offered.includes(portForwardProtocol) && portChannelProtocols.some((p) => offered.includes(p));
}

const portChannelProtocols = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"];

interface Negotiated {
  /** The WebSocket's subprotocol. */
  readonly protocol: string;
  /** What is asked of the target. */
  readonly streamProtocol: string;
  readonly bridge: (webSocket: WebSocket, answer: UpgradeAnswer, url: URL) => Promise<void>;
}

function negotiate(request: Http.IncomingMessage, kind: "remotecommand" | "portforward"): Negotiated | undefined {
  const offered = offeredProtocols(request);
  if (kind === "portforward") {
    if (!offered.includes(portForwardProtocol)) return undefined;
    return { protocol: portForwardProtocol, streamProtocol: "portforward.k8s.io", bridge: bridgePortForward };
  }
  const protocol = remoteCommandProtocols.find((p) => offered.includes(p) || (p === "" && offered.length === 0));
  if (protocol === undefined) return undefined;
  return {
    protocol,
    streamProtocol: "v4.channel.k8s.io",
    bridge: (webSocket, answer, url) =>
      bridgeRemoteCommand(webSocket, answer, protocol, requestedStreams(url.searchParams)),
  };
}

function passedHeaders(raw: readonly string[]): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  // Repeated headers stay separate lines: containerd reads stream protocol versions that way only.
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (!droppedHeaders.test(name)) headers.push([name, raw[i + 1] ?? ""]);
  }
  return headers;
}

/** Only now do the client's bytes go to the target: before it has agreed they could be read there as a request of ours. */
async function pass(client: Duplex, clientHead: Buffer, answer: UpgradeAnswer): Promise<void> {
  client.write(answer.headText, "latin1");
  if (answer.head.length > 0) client.write(answer.head);
  if (clientHead.length > 0) answer.socket.write(clientHead);
  if ("setNoDelay" in client && typeof client.setNoDelay === "function") client.setNoDelay(true);
  await splice(client, answer.socket);
}

/** Passes the target's refusal on and closes both connections, whatever either side would like to say next. */
async function passRefusal(client: Duplex, answer: UpgradeAnswer): Promise<void> {
  const { socket, headText } = answer;
  const contentType = /^content-type:\s*(.+?)\s*$/im.exec(headText)?.[1] ?? "text/plain";
  const length = Number(/^content-length:\s*(\d+)\s*$/im.exec(headText)?.[1] ?? Number.POSITIVE_INFINITY);
  const isChunked = /^transfer-encoding:.*chunked/im.test(headText);
  const isWhole = (body: Buffer): boolean =>
    body.length >= Math.min(length, refusalBytesMax) || (isChunked && body.subarray(-5).equals(lastChunk));
  const raw = await readUntil(socket, answer.head, isWhole);
  socket.destroy();
  const body = isChunked ? joinChunks(raw) : raw.subarray(0, Math.min(length, refusalBytesMax));
  // A redirect would lead the client past us; to it, it is a failure of the target.
  const status = answer.status >= 300 && answer.status < 400 ? 502 : answer.status;
  refuse(client, status, contentType, body);
}

const lastChunk = Buffer.from("0\r\n\r\n");

async function readUntil(socket: Duplex, head: Buffer, isWhole: (body: Buffer) => boolean): Promise<Buffer> {
  let body = head;
  if (isWhole(body)) return body;
  const timer = setTimeout(() => socket.destroy(), refusalTimeoutMs);
  try {
    for await (const chunk of socket) {
      body = Buffer.concat([body, chunk as Buffer]);
      if (isWhole(body)) break;
    }
  } catch {
    // What came before the connection broke still tells the reason.
  } finally {
    clearTimeout(timer);
  }
  return body;
}

/** The body of a chunked answer, as far as it came. */
function joinChunks(raw: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = raw.indexOf("\r\n", at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(raw.toString("latin1", at, lineEnd), 16);
    if (!(size > 0)) break;
    parts.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

function refuse(client: Duplex, status: number, contentType: string, body: Buffer): void {
  if (!client.writable) {
    client.destroy();
    return;
  }
  const lines = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ""}`,
    "Connection: close",
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
  ];
  client.end(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]));
}
