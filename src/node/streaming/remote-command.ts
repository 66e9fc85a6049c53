import type { WebSocket } from "ws";

import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";
import type { UpgradeAnswer } from "./upgrade-client.ts";

/** The WebSocket subprotocols of exec and attach, best first. They differ in encoding, in how errors are told and in half-close. */
export const remoteCommandProtocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "channel.k8s.io",
  "base64.channel.k8s.io",
  // A client that asks for none gets the oldest.
  "",
] as const;

export type RemoteCommandProtocol = (typeof remoteCommandProtocols)[number];

export interface RemoteCommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
// A status is a few hundred bytes; of more, the first part says what happened.
const statusBytesMax = 64 << 10;

/** Which streams a URL asks for: in the API server's words (`stdin=true`) or the kubelet's (`input=1`). */
export function requestedStreams(query: URLSearchParams): RemoteCommandStreams {
  const has = (...names: readonly string[]): boolean =>
    names.some((name) => ["1", "true"].includes(query.get(name) ?? ""));
  const tty = has("tty");
  return { stdin: has("stdin", "input"), stdout: has("stdout", "output"), stderr: has("stderr", "error") && !tty, tty };
}

/**
 * Carries a remote command between a WebSocket with numbered channels and a SPDY connection with one stream each:
 *
 *     channel 0 → stdin    1 ← stdout    2 ← stderr    3 ← error (the command's end as a Status)    4 → resize
 *
 * Resolves when both sides are closed. A side that reads slowly slows the other down.
 */
export async function bridgeRemoteCommand(
  webSocket: WebSocket,
  target: UpgradeAnswer,
  protocol: RemoteCommandProtocol,
  wanted: RemoteCommandStreams,
): Promise<void> {
  const client = new ChannelSocket(webSocket, protocol);
  const connection = new SpdyConnection(target.socket, { role: "client", head: target.head });
  const open = (streamtype: string): SpdyStream => connection.open({ streamtype: [streamtype] });
  // The error stream is first: the other end waits for it before it starts anything.
  const error = open("error");
  const stdin = wanted.stdin ? open("stdin") : undefined;
  const outputs = [
    ...(wanted.stdout ? [{ channel: channels.stdout, stream: open("stdout") }] : []),
    ...(wanted.stderr ? [{ channel: channels.stderr, stream: open("stderr") }] : []),
  ];
  const resize = wanted.tty ? open("resize") : undefined;

  webSocket.on("close", () => connection.destroy());
  webSocket.on("error", () => connection.destroy());
  client.onMessage((channel, data) => {
    if (channel === channels.stdin && stdin && data.length > 0) client.writeTo(stdin, data);
    else if (channel === channels.resize && resize && data.length > 0) client.writeTo(resize, data);
    else if (channel === channels.close && data[0] === channels.stdin) stdin?.end();
  });

  // An empty message tells the client that the command is connected before it has printed anything.
  await client.send(outputs[0]?.channel ?? channels.error, Buffer.alloc(0));
  const [status] = await Promise.all([
    collect(error),
    ...outputs.map(({ channel, stream }) => client.pump(channel, stream)),
  ]);
  await client.sendStatus(status.length === 0 && error.wasCut ? brokenOff : status);
  webSocket.close(1000);
  await connection.close();
}

const brokenOff = Buffer.from(
  JSON.stringify({
    metadata: {},
    status: "Failure",
    message: "connection to the container was lost",
    reason: "InternalError",
    code: 500,
  }),
);

/** A WebSocket whose messages carry a channel number, as a byte or (base64) a digit. */
class ChannelSocket {
  readonly #webSocket: WebSocket;
  readonly #isBase64: boolean;
  readonly #hasStatus: boolean;

  constructor(webSocket: WebSocket, protocol: RemoteCommandProtocol) {
    this.#webSocket = webSocket;
    this.#isBase64 = protocol.includes("base64");
    this.#hasStatus = protocol.startsWith("v");
  }

  onMessage(handle: (channel: number, data: Buffer) => void): void {
    this.#webSocket.on("message", (message: Buffer) => {
      if (message.length === 0) return;
      if (this.#isBase64) {
        handle((message[0] ?? 0) - "0".charCodeAt(0), Buffer.from(message.toString("latin1", 1), "base64"));
      } else handle(message[0] ?? 0, message.subarray(1));
    });
  }

  /** Resolves when the data has left, so that whoever awaits it goes at the client's speed. A closed socket drops it. */
  send(channel: number, data: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => resolve();
      if (this.#isBase64) this.#webSocket.send(`${channel}${data.toString("base64")}`, done);
      else this.#webSocket.send(Buffer.concat([Buffer.of(channel), data]), done);
    });
  }

  /** The oldest protocols tell failure as text and success by silence. */
  async sendStatus(status: Buffer): Promise<void> {
    if (this.#hasStatus) return this.send(channels.error, status.length > 0 ? status : succeeded);
    const message = failureMessage(status);
    if (message !== undefined) await this.send(channels.error, Buffer.from(message));
  }

  async pump(channel: number, stream: SpdyStream): Promise<void> {
    for await (const chunk of stream) await this.send(channel, chunk as Buffer);
  }

  writeTo(stream: SpdyStream, data: Buffer): void {
    if (stream.writableEnded || stream.destroyed) return;
    // The callback, not "drain": a stream that was ended meanwhile never says drain.
    const hasRoom = stream.write(data, () => this.#webSocket.resume());
    if (!hasRoom) this.#webSocket.pause();
  }
}

const succeeded = Buffer.from(JSON.stringify({ metadata: {}, status: "Success" }));

function failureMessage(status: Buffer): string | undefined {
  try {
    const parsed = JSON.parse(status.toString("utf8")) as { readonly status?: string; readonly message?: string };
    return parsed.status === "Failure" ? (parsed.message ?? "command failed") : undefined;
  } catch {
    return status.length > 0 ? status.toString("utf8") : undefined;
  }
}

async function collect(stream: SpdyStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Buffer).length;
    if (size <= statusBytesMax) chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
