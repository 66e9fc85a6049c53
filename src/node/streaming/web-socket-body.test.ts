import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";

import type { HttpHandler } from "../../component-base/http.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { startHttpServer } from "../http-server.ts";
import { createCertificateAuthority, issueCertificate } from "../pki/certificates.ts";

const nowMs = Date.now();
const authority = await createCertificateAuthority("test-ca", 1, nowMs);
const serving = await issueCertificate(authority, {
  commonName: "server",
  ipAddresses: ["127.0.0.1"],
  usage: "server",
  days: 1,
  nowMs,
});

interface Heard {
  readonly protocol: string;
  readonly messages: readonly (string | { readonly binary: string })[];
  readonly code: number;
}

async function listen(handler: HttpHandler, protocols: readonly string[]): Promise<Heard> {
  await using server = await startHttpServer({
    handler,
    tls: serving,
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
  });
  const url = `wss://127.0.0.1:${server.port}/`;
  const webSocket = new WebSocket(url, [...protocols], { ca: authority.cert });
  const messages: (string | { readonly binary: string })[] = [];
  return await new Promise((resolve, reject) => {
    webSocket.on("message", (data: Buffer, isBinary) =>
      messages.push(isBinary ? { binary: data.toString() } : data.toString()),
    );
    webSocket.on("error", reject);
    webSocket.on("close", (code) => resolve({ protocol: webSocket.protocol, messages, code }));
  });
}

const streaming =
  (contentType: string): HttpHandler =>
  async () => ({
    status: 200,
    headers: { "content-type": contentType },
    body: async (sink) => {
      sink.write([utf8Encode("one\n")]);
      await sink.drained();
      sink.write([utf8Encode("two\n")]);
    },
  });

const cases: readonly [
  what: string,
  contentType: string,
  protocols: readonly string[],
  expected: Omit<Heard, "code">,
][] = [
  [
    "a log as bytes",
    "text/plain",
    ["binary.k8s.io"],
    { protocol: "binary.k8s.io", messages: [{ binary: "one\n" }, { binary: "two\n" }] },
  ],
  [
    "a log as base64",
    "text/plain",
    ["other", "base64.binary.k8s.io"],
    { protocol: "base64.binary.k8s.io", messages: ["b25lCg==", "dHdvCg=="] },
  ],
  ["a watch as texts", "application/json", [], { protocol: "", messages: ["one\n", "two\n"] }],
];

for (const [what, contentType, protocols, expected] of cases) {
  test(`a WebSocket client is sent ${what}`, async () => {
    assert.deepEqual(await listen(streaming(contentType), protocols), { ...expected, code: 1000 });
  });
}

test("a body that breaks off ends the connection with an error, a refusal is an HTTP answer", async () => {
  const breaking: HttpHandler = async () => ({
    status: 200,
    headers: {},
    body: () => Promise.reject(new Error("broken")),
  });
  assert.equal((await listen(breaking, [])).code, 1011);
  await assert.rejects(
    listen(async () => ({ status: 403, headers: {} }), []),
    /Unexpected server response: 403/,
  );
});
