import assert from "node:assert/strict";
import { test } from "node:test";

import { createApiClient } from "../client/rest/rest-client.ts";
import { FakeApiServer } from "../client/testing/fake-api-server.ts";
import { utf8Decode } from "../component-base/bytes.ts";
import { type HttpHandler, type HttpRequest, TransportError } from "../component-base/http.ts";
import { silentLogger } from "../component-base/logger.ts";
import { SeededRandom } from "../component-base/random.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { withKubeletAuthorization } from "./kubelet-authorization.ts";

/** A guarded server for one who may do what `may` lists as `verb/subresource`; tokens `good` are those of `reader`. */
function guarded(may: readonly string[]) {
  const clock = new SteppingClock();
  const random = new SeededRandom(1);
  const api = new FakeApiServer(clock, random);
  let reviews = 0;
  api.intercept = ({ path, body }) => {
    const { spec } = body as { spec: { token?: string; resourceAttributes?: { verb: string; subresource: string } } };
    if (path.includes("tokenreviews")) {
      const authenticated = spec.token === "good";
      return { status: 201, body: { status: { authenticated, user: authenticated ? { username: "reader" } : {} } } };
    }
    reviews++;
    const { verb, subresource } = spec.resourceAttributes ?? {};
    return { status: 201, body: { status: { allowed: may.includes(`${verb}/${subresource}`) } } };
  };
  const client = createApiClient({ transport: api, clock, random, userAgent: "kubelet" });
  const inner: HttpHandler = async () => ({ status: 200, headers: {} });
  const handler = withKubeletAuthorization(inner, { nodeName: "n1", client, clock, logger: silentLogger });
  const request = async (path: string, headers: Readonly<Record<string, string>> = {}, certificate = true) => {
    const asked: HttpRequest = {
      method: "GET",
      path,
      query: new URLSearchParams(),
      headers,
      body: (async function* () {})(),
      peer: {
        address: "127.0.0.1",
        ...(certificate ? { certificate: { commonName: "reader", organizations: ["team"] } } : {}),
      },
      signal: new AbortController().signal,
      upgrade: false,
    };
    const { status, body } = await handler(asked);
    return { status, text: body instanceof Uint8Array ? utf8Decode(body) : "" };
  };
  const cutOff = (): void => {
    api.intercept = () => {
      throw new TransportError("connect: connection refused", { notSent: true });
    };
  };
  return { request, clock, cutOff, reviewCount: () => reviews };
}

test("each path needs its own subresource; the proxy one opens what upstream lets it open", async () => {
  const proxy = guarded(["get/proxy", "create/proxy"]);
  const fine = guarded(["get/pods", "get/healthz", "get/configz", "get/stats", "get/metrics", "get/log"]);
  const table: readonly [string, number, number][] = [
    ["/pods", 200, 200],
    ["/runningpods/", 200, 200],
    ["/healthz", 200, 200],
    ["/configz", 200, 200],
    ["/stats/summary", 403, 200],
    ["/metrics/resource", 403, 200],
    ["/logs/syslog", 403, 200],
    ["/containerLogs/ns/p/c", 200, 403],
    ["/exec/ns/p/c", 200, 403],
  ];
  for (const [path, byProxy, byFine] of table) {
    assert.equal((await proxy.request(path)).status, byProxy, path);
    assert.equal((await fine.request(path)).status, byFine, path);
  }
});

test("a GET that opens a stream needs create", async () => {
  const { request } = guarded(["get/proxy"]);
  assert.deepEqual(await request("/exec/ns/p/c"), {
    status: 403,
    text: "Forbidden (user=reader, verb=create, resource=nodes, subresource(s)=[proxy])\n",
  });
  assert.equal((await request("/pods")).status, 200);
});

test("nobody is let in without a certificate or a good token; decisions are remembered for a while", async () => {
  const { request, clock, reviewCount } = guarded(["get/metrics"]);
  assert.deepEqual(await request("/metrics", {}, false), { status: 401, text: "Unauthorized" });
  assert.equal((await request("/metrics", { authorization: "Bearer bad" }, false)).status, 401);
  assert.equal((await request("/metrics", { authorization: "Bearer good" }, false)).status, 200);
  assert.equal((await request("/metrics", { authorization: "Bearer good" }, false)).status, 200);
  assert.equal(reviewCount(), 1);
  clock.step(300_001);
  await request("/metrics", { authorization: "Bearer good" }, false);
  assert.equal(reviewCount(), 2);
});

test("while the API server is away, who was let in lately is, and everybody else is told why not", async () => {
  const { request, clock, cutOff } = guarded(["get/metrics", "get/pods"]);
  assert.equal((await request("/metrics")).status, 200);
  cutOff();
  assert.equal((await request("/metrics")).status, 200);
  // The client tries again for a while.
  const asked = request("/exec/ns/p/c");
  const steps = setInterval(() => clock.step(1_000), 1);
  assert.deepEqual(await asked, {
    status: 500,
    text: "Authorization error (user=reader, verb=create, resource=nodes, subresource=proxy)",
  });
  assert.deepEqual(await request("/metrics", { authorization: "Bearer good" }, false), {
    status: 401,
    text: "Unauthorized",
  });
  clearInterval(steps);
  clock.step(300_001);
});
