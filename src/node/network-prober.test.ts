import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";

import { SocketNetworkProber } from "./network-prober.ts";
import { createCertificateAuthority, issueCertificate } from "./pki/certificates.ts";
import { grpcHealthProto } from "./proto/containerd.ts";
import { parseProto, toJsonDescriptor } from "./proto/proto-schema.ts";

const prober = new SocketNetworkProber();
const host = "127.0.0.1";

async function listen(t: TestContext, server: http.Server | https.Server): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function probe(port: number, path: string, more: object = {}) {
  return { scheme: "HTTP", host, port, path, headers: [], timeoutMs: 2_000, ...more } as const;
}

test("http: 200 to 399 is success with the body, else failure with the code", async (t) => {
  const port = await listen(
    t,
    http.createServer((request, response) => response.writeHead(Number(request.url?.slice(1))).end("body")),
  );
  assert.deepEqual(await prober.http(probe(port, "200")), { result: "success", output: "body" });
  assert.deepEqual(await prober.http(probe(port, "/399")), { result: "success", output: "body" });
  assert.deepEqual(await prober.http(probe(port, "/500")), {
    result: "failure",
    output: "HTTP probe failed with statuscode: 500",
  });
});

test("http: redirects are followed on the same host, a warning elsewhere", async (t) => {
  const server = http.createServer((request, response) => {
    const locations: Readonly<Record<string, string>> = {
      "/start": "/end",
      "/away": "http://localhost:1/",
      "/loop": "/loop",
    };
    const location = locations[request.url ?? ""];
    if (location === undefined) response.end("there");
    else response.writeHead(302, { location }).end("moved");
  });
  const port = await listen(t, server);
  assert.deepEqual(await prober.http(probe(port, "/start")), { result: "success", output: "there" });
  const away = await prober.http(probe(port, "/away"));
  assert.deepEqual(away, { result: "warning", output: "Probe terminated redirects, Response body: moved" });
  assert.match((await prober.http(probe(port, "/loop"))).output, /stopped after 10 redirects/);
});

test("http: headers are upstream's unless given, repeated ones stay apart, Host can be set", async (t) => {
  const seen: string[][] = [];
  const server = http.createServer((request, response) => {
    seen.push(request.rawHeaders);
    response.end();
  });
  const port = await listen(t, server);
  await prober.http(probe(port, "/"));
  assert.deepEqual(seen[0], [
    "Host",
    `${host}:${port}`,
    "User-Agent",
    "kube-probe/1.36",
    "Accept",
    "*/*",
    "Connection",
    "close",
  ]);
  const headers = [
    { name: "Host", value: "example.test" },
    { name: "X-A", value: "1" },
    { name: "X-A", value: "2" },
    { name: "Accept", value: "" },
  ];
  await prober.http(probe(port, "/", { headers }));
  const second = seen[1]?.join(" ") ?? "";
  assert.match(second, /Host example\.test X-A 1 X-A 2/);
  assert.doesNotMatch(second, /Accept/);
});

test("https: the certificate is not verified", async (t) => {
  const authority = await createCertificateAuthority("unknown", 1, Date.now());
  const serving = await issueCertificate(authority, { commonName: "x", usage: "server", days: 1, nowMs: Date.now() });
  const port = await listen(
    t,
    https.createServer(serving, (_, response) => response.end("secret")),
  );
  assert.deepEqual(await prober.http(probe(port, "/", { scheme: "HTTPS" })), { result: "success", output: "secret" });
});

test("no answer in time, and nobody listening", async (t) => {
  const port = await listen(
    t,
    http.createServer(() => {}),
  );
  const late = await prober.http(probe(port, "/", { timeoutMs: 50 }));
  assert.equal(late.result, "failure");
  assert.match(late.output, /^Get "http:\/\/127\.0\.0\.1:\d+\/": context deadline exceeded/);
  const refused = await prober.http(probe(1, "/"));
  assert.equal(refused.output, 'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused');
  assert.deepEqual(await prober.tcp(host, port, 1_000), { result: "success", output: "" });
  assert.equal((await prober.tcp(host, 1, 1_000)).output, "dial tcp 127.0.0.1:1: connect: connection refused");
});

test("grpc: SERVING is success", async (t) => {
  const definition = fromJSON(toJsonDescriptor(parseProto(grpcHealthProto)), { enums: String });
  const server = new grpc.Server();
  server.addService(definition["grpc.health.v1.Health"] as grpc.ServiceDefinition, {
    Check: (call: { request: { service: string } }, reply: (error: object | null, value?: object) => void) => {
      if (call.request.service === "gone") reply({ code: grpc.status.NOT_FOUND, details: "unknown service" });
      else reply(null, { status: call.request.service === "down" ? "NOT_SERVING" : "SERVING" });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`${host}:0`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  t.after(() => server.forceShutdown());
  assert.equal((await prober.grpc(host, port, "", 1_000)).result, "success");
  assert.deepEqual(await prober.grpc(host, port, "down", 1_000), {
    result: "failure",
    output: 'service unhealthy (responded with "NOT_SERVING")',
  });
  assert.match((await prober.grpc(host, port, "gone", 1_000)).output, /health rpc probe failed: unknown service/);
  assert.match((await prober.grpc(host, 1, "", 200)).output, /failed to connect service "127\.0\.0\.1:1" within 200ms/);
});
