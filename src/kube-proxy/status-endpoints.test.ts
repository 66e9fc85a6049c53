import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import type { PlainAnswer, ServePlainHttp } from "./ports.ts";
import { type ProxyHealth, serveStatus } from "./status-endpoints.ts";

const healthz = { host: "0.0.0.0", port: 10_256 };
const metricsAddress = { host: "127.0.0.1", port: 10_249 };

test("the health port tells load balancers, the status port the node itself", async () => {
  const served = new Map<string, (path: string) => PlainAnswer>();
  const serve: ServePlainHttp = async (port, answer, host) => {
    served.set(`${host}:${port}`, answer);
    return { [Symbol.asyncDispose]: async () => void served.delete(`${host}:${port}`) };
  };
  const metrics = new MetricRegistry();
  metrics.counter("kubeproxy_things", "Things.").inc();
  let health: ProxyHealth = { isHealthy: true, lastUpdatedMs: 0, isNodeEligible: true, families: ["IPv4"] };
  const clock = new SteppingClock();
  const options = { addresses: { healthz, metrics: metricsAddress }, serve, metrics, clock, logger: silentLogger };
  {
    await using _ = await serveStatus({ ...options, health: () => health });
    const ask = (address: string, path: string): readonly [number, string] => {
      const answer = served.get(address)?.(path);
      assert.ok(answer, address);
      return [answer.status, answer.body];
    };
    const state = (path: string): readonly [number, Record<string, unknown>] => {
      const [status, body] = ask("0.0.0.0:10256", path);
      return [status, JSON.parse(body) as Record<string, unknown>];
    };
    const now = new Date(clock.now()).toISOString();
    const status = { IPv4: { lastUpdated: now, healthy: true } };
    const fine = { lastUpdated: now, currentTime: now, healthy: true, status };
    assert.deepEqual(state("/healthz"), [200, { ...fine, nodeEligible: true }]);
    assert.deepEqual(state("/livez"), [200, fine]);
    health = { ...health, isNodeEligible: false };
    assert.equal(state("/healthz")[0], 503);
    assert.equal(state("/livez")[0], 200);
    health = { ...health, isHealthy: false };
    const [code, { lastUpdated, healthy }] = state("/livez");
    assert.deepEqual([code, lastUpdated, healthy], [503, new Date(0).toISOString(), false]);
    assert.equal(ask("0.0.0.0:10256", "/metrics")[0], 404);
    assert.deepEqual(ask("127.0.0.1:10249", "/proxyMode"), [200, "nftables"]);
    assert.deepEqual(ask("127.0.0.1:10249", "/healthz"), [200, "ok"]);
    assert.match(ask("127.0.0.1:10249", "/metrics")[1], /^kubeproxy_things 1$/m);
  }
  assert.equal(served.size, 0);
});

test("a port that cannot be had does not stop the proxy", async () => {
  const serve: ServePlainHttp = () => Promise.reject(new Error("address in use"));
  await using _ = await serveStatus({
    addresses: { healthz },
    serve,
    health: () => assert.fail("nobody asks"),
    metrics: new MetricRegistry(),
    clock: new SteppingClock(),
    logger: silentLogger,
  });
});
