import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import * as net from "node:net";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";

import type { HttpTunnel } from "../../component-base/http.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";
import { createTunnelRunner } from "./tunnel.ts";
import { requestUpgrade } from "./upgrade-client.ts";

async function listen(t: TestContext, server: http.Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

/** A runtime's streaming server: stdin comes back on stdout in capitals, one line goes to stderr, then status 3. */
async function startTarget(t: TestContext, requests: http.IncomingMessage[] = []): Promise<number> {
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    requests.push(request);
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n");
    socket.write("X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n");
    const streams = new Map<string, SpdyStream>();
    const connection = new SpdyConnection(socket, {
      role: "server",
      head,
      onStream: (stream) => {
        streams.set(stream.headers["streamtype"]?.[0] ?? "", stream);
        if (streams.size === 4) void run().then(() => connection.close());
      },
    });
    const run = async (): Promise<void> => {
      const stdout = streams.get("stdout");
      for await (const chunk of streams.get("stdin") ?? []) stdout?.write(String(chunk).toUpperCase());
      stdout?.end();
      streams.get("stderr")?.end("a line\n");
      streams.get("error")?.end(JSON.stringify({ status: "Failure", message: "exit code 3" }));
    };
  });
  return listen(t, server);
}

/** The API server's side: every upgrade goes through one tunnel. */
async function startProxy(t: TestContext, tunnel: Omit<HttpTunnel, "identity">): Promise<number> {
  const run = createTunnelRunner({ tls: () => ({}), logger: silentLogger });
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    t.after(() => socket.destroy());
    void run(request, socket, head, { ...tunnel, identity: "test" });
  });
  return listen(t, server);
}

const allStreams = "?input=1&output=1&error=1";

interface Received {
  readonly byChannel: (channel: number) => string;
  readonly closed: Promise<number>;
}

function receive(webSocket: WebSocket, isBase64 = false): Received {
  const channels = new Map<number, string>();
  webSocket.on("message", (message: Buffer) => {
    const channel = isBase64 ? Number(message.toString("latin1", 0, 1)) : (message[0] ?? 0);
    const data = isBase64 ? Buffer.from(message.toString("latin1", 1), "base64") : message.subarray(1);
    channels.set(channel, (channels.get(channel) ?? "") + data.toString("utf8"));
  });
  return {
    byChannel: (channel) => channels.get(channel) ?? "",
    closed: once(webSocket, "close").then(([code]) => code as number),
  };
}

test("WebSocket v5: stdin with half-close, stdout, stderr and the command's status", async (t) => {
  const requests: http.IncomingMessage[] = [];
  const target = await startTarget(t, requests);
  const url = `http://127.0.0.1:${target}/exec/abc${allStreams}`;
  const proxy = await startProxy(t, { url, protocol: "remotecommand", headers: { "x-remote-user": "admin" } });
  const webSocket = new WebSocket(`ws://127.0.0.1:${proxy}/`, ["v5.channel.k8s.io", "v4.channel.k8s.io"], {
    headers: { authorization: "Bearer secret" },
  });
  const received = receive(webSocket);
  await once(webSocket, "open");
  assert.equal(webSocket.protocol, "v5.channel.k8s.io");
  const big = "x".repeat(1 << 20);
  webSocket.send(Buffer.from(`\0hello ${big}`));
  webSocket.send(Buffer.of(255, 0));
  assert.equal(await received.closed, 1000);
  assert.equal(received.byChannel(1), `HELLO ${big.toUpperCase()}`);
  assert.equal(received.byChannel(2), "a line\n");
  assert.deepEqual(JSON.parse(received.byChannel(3)), { status: "Failure", message: "exit code 3" });
  assert.equal(requests[0]?.headers["x-stream-protocol-version"], "v4.channel.k8s.io");
  assert.equal(requests[0]?.headers["x-remote-user"], "admin");
  assert.equal(requests[0]?.headers.authorization, undefined);
});

test("WebSocket v4.base64: digits for channels, base64 for data", async (t) => {
  const target = await startTarget(t);
  const proxy = await startProxy(t, {
    url: `http://127.0.0.1:${target}/exec/abc${allStreams}`,
    protocol: "remotecommand",
  });
  const webSocket = new WebSocket(`ws://127.0.0.1:${proxy}/`, ["v4.base64.channel.k8s.io"]);
  const received = receive(webSocket, true);
  await once(webSocket, "open");
  const echoed = new Promise<void>((resolve) =>
    webSocket.on("message", () => received.byChannel(1) === "HI" && resolve()),
  );
  webSocket.send(`0${Buffer.from("hi").toString("base64")}`);
  await echoed;
  webSocket.close();
});

test("a WebSocket with none of our subprotocols is refused", async (t) => {
  const target = await startTarget(t);
  const proxy = await startProxy(t, { url: `http://127.0.0.1:${target}/`, protocol: "remotecommand" });
  const webSocket = new WebSocket(`ws://127.0.0.1:${proxy}/`, ["v9.channel.k8s.io"]);
  const [error] = (await once(webSocket, "error")) as [Error];
  assert.match(error.message, /400/);
});

/** A WebSocket client that offers a subprotocol the library takes for invalid: binary messages as a stream of bytes. */
async function connectWebSocketBytes(proxy: number, protocol: string): Promise<{ bytes: Duplex; answer: string }> {
  const answer = await requestUpgrade({
    url: new URL(`http://127.0.0.1:${proxy}/`),
    method: "GET",
    headers: [
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Key", Buffer.alloc(16).toString("base64")],
      ["Sec-WebSocket-Protocol", protocol],
    ],
    tls: {},
  });
  const bytes = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      // A final binary frame of 16-bit length, masked with zeros.
      const header = Buffer.from([0x82, 0xfe, chunk.length >> 8, chunk.length & 255, 0, 0, 0, 0]);
      answer.socket.write(Buffer.concat([header, chunk]), () => done());
    },
  });
  let input = answer.head;
  answer.socket.on("data", (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    while (input.length >= 2) {
      const short = (input[1] ?? 0) & 127;
      const start = short === 126 ? 4 : 2;
      const end = start + (short === 126 ? input.readUInt16BE(2) : short);
      if (input.length < end) return;
      if (input[0] === 0x82) bytes.push(input.subarray(start, end));
      input = input.subarray(end);
    }
  });
  answer.socket.resume();
  return { bytes, answer: answer.headText };
}

test("port-forward: a WebSocket with numbered channels is the target's own affair", async (t) => {
  const server = http.createServer();
  const webSockets = new WebSocketServer({ server, handleProtocols: () => "v4.channel.k8s.io" });
  webSockets.on("connection", (socket, request) => {
    assert.equal(request.headers.authorization, undefined);
    socket.on("message", (data: Buffer) => socket.send(data));
    // As runtimes do: the port, on its two channels.
    socket.send(Buffer.of(0, 80, 0));
    socket.send(Buffer.of(1, 80, 0));
  });
  const target = await listen(t, server);
  const proxy = await startProxy(t, { url: `http://127.0.0.1:${target}/portforward/abc`, protocol: "portforward" });
  const webSocket = new WebSocket(`ws://127.0.0.1:${proxy}/`, ["v4.channel.k8s.io"], {
    headers: { authorization: "Bearer secret" },
  });
  const received = receive(webSocket);
  await once(webSocket, "open");
  assert.equal(webSocket.protocol, "v4.channel.k8s.io");
  webSocket.send(Buffer.from("\0hello"));
  while (received.byChannel(0).length < 7) await once(webSocket, "message");
  assert.equal(received.byChannel(0), "P\0hello");
  assert.equal(received.byChannel(1), "P\0");
  webSocket.close();
  await received.closed;
});

test("port-forward: SPDY bytes inside WebSocket messages", async (t) => {
  const target = await startTarget(t);
  const proxy = await startProxy(t, { url: `http://127.0.0.1:${target}/portForward/x`, protocol: "portforward" });
  const { bytes, answer } = await connectWebSocketBytes(proxy, "SPDY/3.1+portforward.k8s.io");
  assert.match(answer, /^HTTP\/1\.1 101 .*\r\nSec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io\r\n/s);
  await assertEcho(new SpdyConnection(bytes, { role: "client" }), "through");
});

/** Runs the target's command: what goes in comes back in capitals, with its status. */
async function assertEcho(connection: SpdyConnection, input: string): Promise<void> {
  const [error, stdin, stdout] = ["error", "stdin", "stdout", "stderr"].map((type) =>
    connection.open({ streamtype: [type] }),
  );
  assert(error && stdin && stdout);
  stdin.end(input);
  assert.equal(await text(stdout), input.toUpperCase());
  assert.match(await text(error), /exit code 3/);
}

const spdyHeaders = [
  ["Connection", "Upgrade"],
  ["Upgrade", "SPDY/3.1"],
  ["X-Stream-Protocol-Version", "v4.channel.k8s.io"],
  ["X-Stream-Protocol-Version", "v3.channel.k8s.io"],
  ["Authorization", "Bearer secret"],
  ["Impersonate-User", "admin"],
] as const;

test("a SPDY client is passed through, its repeated headers apart and its credentials left out", async (t) => {
  const requests: http.IncomingMessage[] = [];
  const target = await startTarget(t, requests);
  const proxy = await startProxy(t, {
    url: `http://127.0.0.1:${target}/exec/abc?input=1`,
    protocol: "remotecommand",
    headers: { authorization: "Bearer ours" },
  });
  const url = new URL(`http://127.0.0.1:${proxy}/anything`);
  const { status, socket, head } = await requestUpgrade({ url, method: "POST", headers: spdyHeaders, tls: {} });
  assert.equal(status, 101);
  await assertEcho(new SpdyConnection(socket, { role: "client", head }), "raw");
  const seen = requests[0];
  assert.equal(seen?.url, "/exec/abc?input=1");
  assert.equal(seen.rawHeaders.filter((h) => h === "X-Stream-Protocol-Version").length, 2);
  assert.equal(seen.headers.authorization, "Bearer ours");
  assert.equal(seen.headers["impersonate-user"], undefined);
});

test("a refusal is passed on, the connection closed, and what the client sent behind its request reaches nobody", async (t) => {
  const server = http.createServer();
  let afterwards = "";
  server.on("upgrade", (_request, socket, head) => {
    afterwards += head.toString("latin1");
    socket.on("data", (chunk) => (afterwards += String(chunk)));
    socket.on("error", () => {});
    socket.write("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    socket.write('5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n');
  });
  const target = await listen(t, server);
  const proxy = await startProxy(t, { url: `http://127.0.0.1:${target}/exec`, protocol: "raw" });
  const socket = net.connect(proxy, "127.0.0.1");
  socket.write(
    "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nGET /secrets HTTP/1.1\r\n\r\n",
  );
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1\.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application\/json\r\n/);
  assert.match(answer, /\r\n\r\n\{"a":1\}$/);
  assert.equal(afterwards, "");
});

test("redirects are not followed, and of a dead target a Status tells", async (t) => {
  const server = http.createServer();
  server.on("upgrade", (_request, socket) => {
    socket.end("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  });
  const target = await listen(t, server);
  for (const [url, status] of [
    [`http://127.0.0.1:${target}/`, 502],
    ["http://127.0.0.1:1/", 500],
  ] as const) {
    const proxy = await startProxy(t, { url, protocol: "raw" });
    const request = { url: new URL(`http://127.0.0.1:${proxy}/`), method: "POST", headers: spdyHeaders, tls: {} };
    const answer = await requestUpgrade(request);
    answer.socket.destroy();
    assert.equal(answer.status, status);
    assert.doesNotMatch(answer.headText, /location/i);
    if (status === 500) assert.match(answer.headText, /content-type: application\/json/i);
  }
});
