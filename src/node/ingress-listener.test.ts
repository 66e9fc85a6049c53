import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import { after, before, beforeEach, test } from "node:test";
import * as tls from "node:tls";

import { WebSocket, WebSocketServer } from "ws";

import type { Ingress } from "../api/networking/v1/types.gen.ts";
import type { Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import { endpointSlices, services } from "../api/resources.gen.ts";
import type { Input } from "../apimachinery/resource-type.ts";
import { createInformerFactory } from "../client/cache/informer-factory.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { FakeApiServer } from "../client/testing/fake-api-server.ts";
import { SystemClock } from "../component-base/clock.ts";
import { silentLogger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SeededRandom } from "../component-base/random.ts";
import { Backends } from "../ingress/backends.ts";
import { Gateway } from "../ingress/gateway.ts";
import type { TlsPair } from "../ingress/ports.ts";
import { createRoutingTable } from "../ingress/routing-table.ts";
import { listenForIngress, tlsProblemOf, type NodeIngressListener } from "./ingress-listener.ts";
import { createCertificateAuthority, issueCertificate } from "./pki/certificates.ts";

// The whole way of a request over loopback sockets: clients, the node's ports, backends of every sort.

const stack = new AsyncDisposableStack();
const metrics = new MetricRegistry();
let listener: NodeIngressListener;
let setEndpoints: (service: string, ports: readonly number[]) => Promise<void>;
let certificates: ReadonlyMap<string, TlsPair> = new Map();
let authority: TlsPair;
/** What the backend `echo` saw last. */
let seen: { method: string; url: string; headers: http.IncomingHttpHeaders; raw: readonly string[] } | undefined;
let backendPort = 0;

function listen(server: net.Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port));
    stack.defer(async () => {
      if (server instanceof http.Server) server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    });
  });
}

before(async () => {
  const [clock, random, logger] = [new SystemClock(), new SeededRandom(1), silentLogger];
  const client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "test", clock, random });
  const informers = stack.use(createInformerFactory({ client, clock, random, logger }));
  const backends = new Backends({
    nodeName: "node",
    informers,
    clock,
    onGone: (endpoint) => listener.forget(endpoint),
  });
  const gateway = new Gateway({ backends, clock, logger, metrics });
  informers.start();
  await informers.waitForSync();
  listener = stack.use(
    await listenForIngress(
      { handle: (request) => gateway.handle(request), certificateFor: (name) => certificates.get(name) },
      { host: "127.0.0.1", httpPort: 0, httpsPort: 0, logger },
    ),
  );
  const paths = ["echo", "raw", "ws"].map((name) => ({
    path: `/${name}`,
    pathType: "Prefix",
    backend: { service: { name, port: { number: 80 } } },
  }));
  gateway.routes = createRoutingTable([
    { metadata: { namespace: "ns", name: "i" }, spec: { rules: [{ http: { paths } }] } } as unknown as Ingress,
  ]);
  setEndpoints = async (name, ports) => {
    const service: Input<Service> = {
      metadata: { name },
      spec: { ports: [{ port: 80, name: "http" }], clusterIP: "10.96.0.9" },
    };
    if ((await client.resource(services, "ns").list()).items.every((s) => s.metadata.name !== name)) {
      await client.resource(services, "ns").create(service);
    }
    const all = client.resource(endpointSlices, "ns");
    for (const slice of (await all.list()).items) {
      if (slice.metadata.labels?.["kubernetes.io/service-name"] === name) await all.delete(slice.metadata.name);
    }
    for (const port of ports) {
      const slice: Input<EndpointSlice> = {
        metadata: { name: `${name}-${port}`, labels: { "kubernetes.io/service-name": name } },
        addressType: "IPv4",
        ports: [{ name: "http", port, protocol: "TCP" }],
        endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
      };
      await all.create(slice);
    }
    const service_ = { namespace: "ns", name, port: 80 };
    const first = ports[0] ?? 0;
    // The informer hears of it after the writer.
    while (ports.length === 0 ? backends.pick(service_) : !picks(service_).includes(first)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const picks = (service: { namespace: string; name: string; port: number }): readonly number[] =>
    Array.from({ length: 4 }, () => backends.pick(service)?.port ?? 0);

  const echo = http.createServer((request, response) => {
    seen = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
      raw: request.rawHeaders,
    };
    response.writeHead(200, [
      "X-Backend",
      "echo",
      "Set-Cookie",
      "a=1",
      "Set-Cookie",
      "b=2",
      "Connection",
      "X-Hop",
      "X-Hop",
      "1",
    ]);
    request.pipe(response);
  });
  backendPort = await listen(echo);
  authority = await createCertificateAuthority("test", 1, Date.now());
});

after(() => stack.disposeAsync());

beforeEach(async () => {
  seen = undefined;
  await setEndpoints("echo", [backendPort]);
});

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

function ask(path: string, options: http.RequestOptions = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: "127.0.0.1", port: listener.httpPort, path, agent: false, ...options },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** Sends bytes as they are and reads until the other side closes or `enough` of them are there. */
function say(port: number, text: string, enough: (soFar: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      answer += chunk;
      if (enough(answer)) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

/** A backend that reads a request's head and answers with bytes. */
function rawBackend(answer: (socket: net.Socket, connection: number) => void): Promise<number> {
  let connections = 0;
  return listen(
    net.createServer((socket) => {
      const connection = ++connections;
      socket.on("error", () => {});
      socket.on("data", () => answer(socket, connection));
    }),
  );
}

test("a request reaches its backend with who asked, without what is about the connection", async () => {
  const headers = {
    host: "Shop.example:8080",
    connection: "close, X-Secret",
    "x-secret": "1",
    "x-forwarded-for": "6.6.6.6",
    forwarded: "for=6.6.6.6",
    "x-real-ip": "6.6.6.6",
    te: "trailers",
    "X-Custom": "kept",
    cookie: "a=1",
  };
  const { status, headers: answered } = await ask("/echo/a%20b?c=d", { headers });
  assert.equal(status, 200);
  assert.equal(seen?.url, "/echo/a%20b?c=d");
  assert.equal(seen?.headers.host, "Shop.example:8080");
  assert.equal(seen?.headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(seen?.headers["x-real-ip"], "127.0.0.1");
  assert.equal(seen?.headers["x-forwarded-proto"], "http");
  assert.equal(seen?.headers["x-forwarded-host"], "Shop.example:8080");
  assert.equal(seen?.headers["x-forwarded-port"], String(listener.httpPort));
  assert.ok(seen?.raw.includes("X-Custom"));
  for (const name of ["x-secret", "forwarded", "te"]) assert.equal(seen?.headers[name], undefined, name);
  assert.deepEqual(answered["set-cookie"], ["a=1", "b=2"]);
  assert.equal(answered["x-backend"], "echo");
  assert.equal(answered["x-hop"], undefined);
});

test("what nobody serves: 404 without rule, 503 without endpoint, 502 when all refuse", async () => {
  assert.equal((await ask("/nowhere")).status, 404);
  await setEndpoints("echo", []);
  assert.equal((await ask("/echo")).status, 503);
  await setEndpoints("echo", [1]);
  assert.equal((await ask("/echo")).status, 502);
});

test("an endpoint that refuses is passed over, also by a POST", async () => {
  await setEndpoints("echo", [1, backendPort]);
  for (let i = 0; i < 8; i++) {
    const { status, body } = await ask("/echo", { method: "POST" }, `order ${i}`);
    assert.deepEqual([status, body], [200, `order ${i}`]);
  }
});

test("an idle connection the backend closed costs a GET nothing and is no reason to do a POST twice", async () => {
  const port = await rawBackend((socket, connection) => {
    // The second request on a connection finds it closing.
    if (connection === 1 && socket.bytesRead > 400) socket.destroy();
    else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  await setEndpoints("raw", [port]);
  const padding = { headers: { "x-padding": "x".repeat(200) } };
  for (let i = 0; i < 3; i++) assert.equal((await ask("/raw", padding)).status, 200);

  const posts = await rawBackend((socket) => void socket.destroy());
  await setEndpoints("raw", [posts]);
  assert.equal((await ask("/raw", { method: "POST" }, "pay")).status, 502);
});

test("bodies stream both ways, and nobody holds what the reader does not take", async () => {
  let sent = 0;
  const source = http.createServer((request, response) => {
    request.resume();
    const chunk = Buffer.alloc(64 << 10, "x");
    const more = (): void => {
      while (sent < 512 << 20) {
        sent += chunk.length;
        if (!response.write(chunk)) {
          response.once("drain", more);
          return;
        }
      }
    };
    more();
  });
  await setEndpoints("raw", [await listen(source)]);
  const request = http.get({ host: "127.0.0.1", port: listener.httpPort, path: "/raw", agent: false });
  const response = await new Promise<http.IncomingMessage>((resolve) => request.on("response", resolve));
  response.pause();
  // It goes on until the sockets' buffers are full, and then stays there.
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(sent < 64 << 20, `${sent} bytes are somewhere on the way`);
  request.destroy();

  // An echo: the answer begins before the request has ended.
  const parts: string[] = [];
  const duplex = http.request({
    host: "127.0.0.1",
    port: listener.httpPort,
    path: "/echo",
    method: "POST",
    agent: false,
  });
  duplex.write("one");
  const echoed = await new Promise<http.IncomingMessage>((resolve) => duplex.on("response", resolve));
  for await (const chunk of echoed) {
    parts.push(String(chunk));
    if (parts.length === 1) duplex.end("two");
  }
  assert.equal(parts.join(""), "onetwo");
});

test("an answer that breaks off is not passed off as whole; a backend's nonsense is 502", async () => {
  await setEndpoints("raw", [
    await rawBackend((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      setImmediate(() => socket.destroy());
    }),
  ]);
  await assert.rejects(ask("/raw"));
  await setEndpoints("raw", [await rawBackend((socket) => void socket.end("hello?\r\n\r\n"))]);
  assert.equal((await ask("/raw", { method: "POST" })).status, 502);
  const huge = `HTTP/1.1 200 OK\r\nX-Huge: ${"x".repeat(300 << 10)}\r\n\r\n`;
  await setEndpoints("raw", [await rawBackend((socket) => void socket.end(huge))]);
  assert.equal((await ask("/raw", { method: "POST" })).status, 502);
});

test("a client that leaves takes its request with it", async () => {
  let gone: () => void = () => {};
  const wasClosed = new Promise<void>((resolve) => (gone = resolve));
  let came: () => void = () => {};
  const hasCome = new Promise<void>((resolve) => (came = resolve));
  const hanging = http.createServer((request) => {
    request.socket.on("close", () => gone());
    came();
  });
  await setEndpoints("raw", [await listen(hanging)]);
  const request = http.get({ host: "127.0.0.1", port: listener.httpPort, path: "/raw", agent: false });
  request.on("error", () => {});
  await hasCome;
  request.destroy();
  await wasClosed;
});

test("hostile heads are refused and reach no backend", async () => {
  let requests = 0;
  const counting = http.createServer((request, response) => {
    requests++;
    request.resume();
    response.end("ok");
  });
  await setEndpoints("raw", [await listen(counting)]);
  const get = "GET /raw HTTP/1.1\r\nHost: h\r\n";
  const chunked = "Transfer-Encoding: chunked\r\n";
  for (const [what, text, status] of [
    ["both framings", `POST /raw HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n${chunked}\r\n0\r\n\r\n`, 400],
    ["two lengths", "POST /raw HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400],
    ["a length that is none", "POST /raw HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd", 400],
    ["an unknown coding", "POST /raw HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400],
    ["space before the colon", `${get}Content-Length : 4\r\n\r\nabcd`, 400],
    ["a folded line", `${get}X-A: b\r\n c\r\n\r\n`, 400],
    ["a bare carriage return", `${get}X-A: b\rX-C: d\r\n\r\n`, 400],
    ["two hosts", `${get}Host: other\r\n\r\n`, 400],
    ["no host", "GET /raw HTTP/1.1\r\n\r\n", 400],
    ["a host with a path", "GET /raw HTTP/1.1\r\nHost: h/../x\r\n\r\n", 400],
    ["headers of 100 KB", `${get}X-A: ${"x".repeat(100 << 10)}\r\n\r\n`, 431],
    ["a bad escape", "GET /raw%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 400],
  ] as const) {
    const answer = await say(listener.httpPort, text, (soFar) => /\r\n\r\n/.test(soFar));
    assert.equal(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), status, `${what}: ${answer.slice(0, 100)}`);
  }
  assert.equal(requests, 0);
  // Another protocol is not offered: the request is served as if it had not been asked for.
  const h2c = await say(
    listener.httpPort,
    `${get}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
  );
  assert.match(h2c, /^HTTP\/1\.1 200 /);
});

test("chunk extensions and trailers end here: the backend gets plain chunks", async () => {
  let bytes = "";
  const recorder = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.toString("latin1");
      if (bytes.endsWith("0\r\n\r\n")) socket.write("HTTP/1.1 204 No Content\r\n\r\n");
    });
  });
  await setEndpoints("raw", [await listen(recorder)]);
  const head =
    "POST /raw HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nConnection: close\r\n\r\n";
  const answer = await say(listener.httpPort, `${head}3;ext=1\r\nabc\r\n0\r\nX-T: 1\r\nHost: evil\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 204 /);
  assert.match(bytes, /\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/);
});

test("WebSockets pass both ways and close with each other; a refusal is an answer", async () => {
  const server = http.createServer((_request, response) => void response.writeHead(403).end("no"));
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/ws/refused") {
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.send(`from ${String(request.headers["x-forwarded-for"])}`);
      ws.on("message", (data: Buffer) => (data.toString() === "bye" ? ws.close(4_000) : ws.send(data)));
    });
  });
  await setEndpoints("ws", [await listen(server)]);
  const ws = new WebSocket(`ws://127.0.0.1:${listener.httpPort}/ws`);
  const messages: string[] = [];
  const code = await new Promise<number>((resolve, reject) => {
    ws.on("error", reject);
    ws.on("message", (data: Buffer) => {
      messages.push(data.length > 100 ? createHash("sha1").update(data).digest("hex") : data.toString());
      if (messages.length === 1) ws.send(Buffer.alloc(1 << 20, "y"));
      else ws.send("bye");
    });
    ws.on("close", resolve);
  });
  assert.equal(code, 4_000);
  const sum = createHash("sha1")
    .update(Buffer.alloc(1 << 20, "y"))
    .digest("hex");
  assert.deepEqual(messages, ["from 127.0.0.1", sum]);
  const refused = await new Promise<string>((resolve) => {
    new WebSocket(`ws://127.0.0.1:${listener.httpPort}/ws/refused`).on("error", (error) => resolve(error.message));
  });
  assert.match(refused, /403/);
  const nowhere = await new Promise<string>((resolve) => {
    new WebSocket(`ws://127.0.0.1:${listener.httpPort}/none`).on("error", (error) => resolve(error.message));
  });
  assert.match(nowhere, /404/);
});

async function leaf(name: string): Promise<TlsPair> {
  return issueCertificate(authority, {
    commonName: name,
    dnsNames: [name],
    usage: "server",
    days: 1,
    nowMs: Date.now(),
  });
}

function certificateShown(servername: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      port: listener.httpsPort,
      host: "127.0.0.1",
      ...(servername === undefined ? {} : { servername }),
      rejectUnauthorized: false,
    });
    socket.on("error", reject);
    socket.on("secureConnect", () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}

test("certificates are chosen by server name and change under open ports", async () => {
  const [shop, other, any] = await Promise.all([leaf("shop.example"), leaf("other.example"), leaf("any")]);
  assert.equal(await certificateShown("shop.example"), "k8ts Ingress");
  certificates = new Map([["shop.example", shop]]);
  assert.equal(await certificateShown("shop.example"), "shop.example");
  assert.equal(await certificateShown("other.example"), "k8ts Ingress");
  certificates = new Map([
    ["shop.example", other],
    ["", any],
  ]);
  assert.equal(await certificateShown("shop.example"), "other.example");
  assert.equal(await certificateShown(undefined), "any");
  assert.equal(tlsProblemOf(shop), undefined);
  assert.match(tlsProblemOf({ cert: shop.cert, key: other.key }) ?? "", /no certificate with its key/);
  assert.match(tlsProblemOf({ cert: "x", key: "y" }) ?? "", /no certificate with its key/);
});

test("HTTP/2 and HTTP/1.1 over TLS", async () => {
  certificates = new Map([["localhost", await leaf("localhost")]]);
  const session = http2.connect(`https://localhost:${listener.httpsPort}`, {
    ca: authority.cert,
    lookup: (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
  });
  const answers = await Promise.all(
    [0, 1, 2].map(
      (n) =>
        new Promise<readonly unknown[]>((resolve, reject) => {
          const stream = session.request({
            ":path": `/echo?${n}`,
            ":method": "POST",
            cookie: ["a=1", "b=2"],
            "x-forwarded-for": "6.6.6.6",
          });
          let text = "";
          let head: http2.IncomingHttpHeaders = {};
          stream.on("response", (headers) => (head = headers));
          stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          stream.on("error", reject);
          stream.on("end", () => resolve([head[":status"], head["set-cookie"], text]));
          stream.end(`body ${n}`);
        }),
    ),
  );
  assert.deepEqual(
    answers,
    [0, 1, 2].map((n) => [200, ["a=1", "b=2"], `body ${n}`]),
  );
  assert.equal(seen?.headers.cookie, "a=1; b=2");
  assert.equal(seen?.headers["x-forwarded-proto"], "https");
  assert.equal(seen?.headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(seen?.headers.host, `localhost:${listener.httpsPort}`);
  await new Promise<void>((resolve) => session.close(resolve));

  const text = await new Promise<string>((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port: listener.httpsPort,
      servername: "localhost",
      ca: authority.cert,
      ALPNProtocols: ["http/1.1"],
    };
    const socket = tls.connect(options, () =>
      socket.write("GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    );
    let answer = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk));
    socket.on("error", reject);
    socket.on("end", () => resolve(answer));
  });
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
});

test("connections to backends are used again", async () => {
  const ports = new Set<number | undefined>();
  const backend = http.createServer((request, response) => {
    ports.add(request.socket.remotePort);
    response.end("ok");
  });
  await setEndpoints("raw", [await listen(backend)]);
  for (let i = 0; i < 20; i++) assert.equal((await ask("/raw")).status, 200);
  assert.equal(ports.size, 1);
});

test("a port that is taken is said, and nothing stays open", async () => {
  const taken = await listen(net.createServer());
  const handler = { handle: async () => {}, certificateFor: () => undefined };
  const options = { host: "127.0.0.1", logger: silentLogger };
  await assert.rejects(listenForIngress(handler, { ...options, httpPort: 0, httpsPort: taken }), /EADDRINUSE/);
  await assert.rejects(listenForIngress(handler, { ...options, httpPort: taken, httpsPort: 0 }), /EADDRINUSE/);
});

test("closing lets a request under way end", async () => {
  const handler = {
    handle: async (request: { answer(status: number, text: string): void }) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      request.answer(200, "done");
    },
    certificateFor: () => undefined,
  };
  const own = await listenForIngress(handler, {
    host: "127.0.0.1",
    httpPort: 0,
    httpsPort: 0,
    logger: silentLogger,
  });
  const answer = ask("/", { port: own.httpPort });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await own[Symbol.asyncDispose]();
  assert.equal((await answer).status, 200);
});
