import assert from "node:assert/strict";
import { test } from "node:test";

import { settle } from "../client/testing/drain.ts";
import { silentLogger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { MetricsServer } from "./metrics-server.ts";
import { MetricsStore } from "./metrics-store.ts";
import { type NodeReading, parseResourceMetrics } from "./parse.ts";

const noon = Date.UTC(2026, 0, 1, 12);

const text = `# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="c \\"x\\"",namespace="ns",pod="p"} 1.5 ${noon}
container_memory_working_set_bytes{container="c \\"x\\"",namespace="ns",pod="p"} 6.7108864e+07 ${noon}
container_start_time_seconds{container="c \\"x\\"",namespace="ns",pod="p"} 1.7672e+09
container_cpu_usage_seconds_total{container="half",namespace="ns",pod="q"} 1 ${noon}
node_cpu_usage_seconds_total 20 ${noon}
node_memory_working_set_bytes 1024
other_family{a="b"} 1
`;

test("the kubelet's text: timestamps, escapes, exponents; what is incomplete is left out", () => {
  const { node, pods } = parseResourceMetrics(text, 0);
  assert.deepEqual(node, { timestampMs: noon, cpuSeconds: 20, memoryBytes: 1024 });
  assert.deepEqual(pods.get("ns/p")?.get('c "x"'), {
    timestampMs: noon,
    cpuSeconds: 1.5,
    memoryBytes: 64 << 20,
    startMs: 1.7672e12,
  });
  assert.equal(pods.get("ns/q")?.size, 0);
});

function reading(atMs: number, cpuSeconds: number, startMs = 0): NodeReading {
  const point = { timestampMs: atMs, cpuSeconds, memoryBytes: 1000 };
  return { node: point, pods: new Map([["ns/p", new Map([["c", { ...point, startMs }]])]]) };
}

test("rates are of the time between two readings, as it was", () => {
  const store = new MetricsStore(15_000);
  store.update(new Map([["n", reading(100_000, 10)]]));
  assert.equal(store.node("n"), undefined);
  assert.equal(store.pod("ns/p"), undefined);
  store.update(new Map([["n", reading(116_000, 18)]]));
  const usage = { cpuNanoCores: 500_000_000, memoryBytes: 1000, timestampMs: 116_000, windowMs: 16_000 };
  assert.deepEqual(store.node("n"), usage);
  assert.deepEqual(store.pod("ns/p"), { timestampMs: 116_000, windowMs: 16_000, containers: new Map([["c", usage]]) });
  // The same reading again changes nothing; a node that is gone is forgotten.
  store.update(new Map([["n", reading(116_000, 18)]]));
  assert.deepEqual(store.node("n"), usage);
  store.update(new Map());
  assert.equal(store.node("n"), undefined);
});

test("a container that has just started counts from its start; a restarted one does not count the time before", () => {
  const store = new MetricsStore(15_000);
  store.update(new Map([["n", reading(112_000, 3, 100_000)]]));
  assert.equal(store.pod("ns/p")?.windowMs, 12_000);
  assert.equal(store.pod("ns/p")?.containers.get("c")?.cpuNanoCores, 250_000_000);
  store.update(new Map([["n", reading(127_000, 1, 125_000)]]));
  assert.equal(store.pod("ns/p"), undefined);
});

test("rounds follow each other; a node that fails is left out and counted", async () => {
  const clock = new SteppingClock();
  const metrics = new MetricRegistry();
  const asked: string[] = [];
  const server = new MetricsServer({
    nodes: () => ["good", "bad"],
    fetch: async (node) => {
      asked.push(node);
      if (node === "bad") throw new Error("connection refused");
      return `node_cpu_usage_seconds_total ${clock.now() / 2000} ${clock.now()}\nnode_memory_working_set_bytes 5\n`;
    },
    clock,
    logger: silentLogger,
    metrics,
  });
  const controller = new AbortController();
  assert.equal(server.hasSynced, false);
  const done = server.run(controller.signal);
  await settle();
  assert.equal(server.hasSynced, true);
  assert.equal(server.node("good"), undefined);
  clock.step(5_000);
  await settle();
  assert.equal(server.node("good")?.cpuNanoCores, 500_000_000);
  assert.equal(server.node("bad"), undefined);
  clock.step(14_000);
  await settle();
  assert.equal(asked.length, 4);
  clock.step(1_000);
  await settle();
  assert.equal(asked.length, 6);
  assert.match(metrics.render(), /metrics_server_kubelet_request_total\{success="false"\} 3/);
  controller.abort();
  await done;
});
