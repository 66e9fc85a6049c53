import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { Agent, get } from "node:https";
import { test } from "node:test";
import * as tls from "node:tls";
import { gunzipSync } from "node:zlib";

import {
  readBody,
  TransportError,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
} from "../component-base/http.ts";
import { silentLogger } from "../component-base/logger.ts";
import { utf8Decode, utf8Encode } from "../component-base/bytes.ts";
import { startHttpServer, type HttpServer } from "./http-server.ts";
import { HttpsTransport } from "./https-transport.ts";
import { createCertificateAuthority, issueCertificate } from "./pki/certificates.ts";

const nowMs = Date.now();
const authority = await createCertificateAuthority("test-ca", 1, nowMs);
const strangers = await createCertificateAuthority("other-ca", 1, nowMs);
const serving = await issueCertificate(authority, {
  commonName: "server",
  ipAddresses: ["127.0.0.1"],
  usage: "server",
  days: 1,
  nowMs,
});
const client = await issueCertificate(authority, {
  commonName: "alice",
  organizations: ["dev", "ops"],
  usage: "client",
  days: 1,
  nowMs,
});
const stranger = await issueCertificate(strangers, { commonName: "mallory", usage: "client", days: 1, nowMs });

function serve(handler: HttpHandler): Promise<HttpServer> {
  return startHttpServer({
    handler,
    tls: { ...serving, clientCa: authority.cert },
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
  });
}

function connect(server: HttpServer, identity?: { cert: string; key: string }): HttpsTransport {
  return new HttpsTransport({ url: `https://127.0.0.1:${server.port}`, ca: authority.cert, ...identity });
}

test("a client certificate of the client CA becomes the peer, one of another CA does not", async () => {
  const seen: HttpRequest[] = [];
  await using server = await serve(async (request) => {
    seen.push(request);
    return { status: 204, headers: {} };
  });
  for (const identity of [client, stranger, undefined]) {
    await using transport = connect(server, identity);
    const answer = await transport.send({ method: "GET", path: "/a?b=c", headers: {} });
    assert.equal(answer.status, 204);
    await readBody(answer.body);
  }
  assert.deepEqual(
    seen.map((r) => r.peer.certificate),
    [
      {
        commonName: "alice",
        organizations: ["dev", "ops"],
        sha256: createHash("sha256").update(new X509Certificate(client.cert).raw).digest("hex"),
      },
      undefined,
      undefined,
    ],
  );
  assert.equal(seen[0]?.query.get("b"), "c");
});

test("bodies travel both ways, in groups, over HTTP/2", async () => {
  const part = utf8Encode("x".repeat(100_000));
  await using server = await serve(async (request) => {
    const body = await readBody(request.body);
    return { status: 200, headers: {}, body: [body, ...Array.from({ length: 30 }, () => part)] };
  });
  await using transport = connect(server);
  const answer = await transport.send({ method: "POST", path: "/", headers: {}, body: utf8Encode("hello ") });
  const text = utf8Decode(await readBody(answer.body));
  assert.equal(text.length, 6 + 30 * 100_000);
  assert.equal(text.slice(0, 8), "hello xx");
});

test("what may be compressed is sent as gzip, whole and in less than a tenth of its size", async () => {
  const part = utf8Encode(JSON.stringify({ kind: "Pod", text: "x".repeat(1000) }));
  const parts = Array.from({ length: 1000 }, () => part);
  const bodies: readonly HttpResponse["body"][] = [
    parts,
    new Uint8Array(await new Blob(parts).arrayBuffer()),
    async (sink) => {
      for (const each of parts) if (!sink.write([each])) await sink.drained();
    },
  ];
  await using server = await serve(async ({ path }) => ({
    status: 200,
    headers: { vary: "Accept" },
    ...(bodies[Number(path.slice(1))] ? { body: bodies[Number(path.slice(1))] as Uint8Array } : {}),
    mayCompress: true,
  }));
  await using transport = connect(server);
  for (const index of bodies.keys()) {
    const answer = await transport.send({ method: "GET", path: `/${index}`, headers: {} });
    const { "content-encoding": encoding, vary } = answer.headers;
    assert.deepEqual({ encoding, vary }, { encoding: "gzip", vary: "Accept, Accept-Encoding" });
    const sent = await readBody(answer.body);
    assert.ok(sent.length < (part.length * 1000) / 10, String(sent.length));
    assert.equal(gunzipSync(sent).length, part.length * 1000);
  }
});

test("an answer that arrived in full before it is read is whole", async () => {
  await using server = await serve(async () => ({ status: 200, headers: {}, body: utf8Encode("all of it") }));
  await using transport = connect(server);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => transport.send({ method: "GET", path: "/", headers: {} })),
  );
  await readBody((await transport.send({ method: "GET", path: "/", headers: {} })).body);
  for (const answer of answers) assert.equal(utf8Decode(await readBody(answer.body)), "all of it");
});

test("a streaming body is aborted when the client leaves", async () => {
  const left = Promise.withResolvers<void>();
  await using server = await serve(async () => ({
    status: 200,
    headers: {},
    body: async (sink) => {
      sink.write([utf8Encode("first\n")]);
      await new Promise<void>((resolve) => sink.signal.addEventListener("abort", () => resolve(), { once: true }));
      left.resolve();
    },
  }));
  await using transport = connect(server);
  const answer = await transport.send({ method: "GET", path: "/", headers: {} });
  for await (const chunk of answer.body) {
    assert.equal(utf8Decode(chunk), "first\n");
    break;
  }
  await left.promise;
});

test("an upgrade that is refused gets the response and a closed connection", async () => {
  await using server = await serve(async (request) => ({
    status: request.upgrade ? 403 : 200,
    headers: { "content-type": "text/plain" },
    body: utf8Encode("no"),
  }));
  const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca: authority.cert });
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nGET /second HTTP/1.1\r\n\r\n",
  );
  const text = utf8Decode(await readBody(socket));
  assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n/);
  assert.equal(text.split("HTTP/1.1").length, 2);
});

test("no server to connect to is a TransportError that says the request was not sent", async () => {
  const server = await serve(async () => ({ status: 200, headers: {} }));
  await server[Symbol.asyncDispose]();
  await using transport = connect(server);
  await assert.rejects(
    transport.send({ method: "GET", path: "/", headers: {} }),
    (error: unknown) => error instanceof TransportError && error.notSent,
  );
});

test("an idle keep-alive connection does not hold the close back", async () => {
  const server = await serve(async () => ({ status: 204, headers: {} }));
  const agent = new Agent({ keepAlive: true, ca: authority.cert });
  await new Promise<void>((resolve, reject) => {
    get(`https://127.0.0.1:${server.port}/`, { agent }, (response) => {
      response.resume();
      response.on("end", resolve);
    }).on("error", reject);
  });
  const startedMs = performance.now();
  await server[Symbol.asyncDispose]();
  // The grace for requests in flight is 5 s; without one there is nothing to wait for.
  assert.ok(performance.now() - startedMs < 2_500);
  agent.destroy();
});
