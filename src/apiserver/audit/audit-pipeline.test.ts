import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8Decode } from "../../component-base/bytes.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { MetricRegistry } from "../../component-base/metrics.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { auditPipeline, union } from "./audit-pipeline.ts";
import type { AuditMode } from "./audit-pipeline.ts";
import type { AuditEvent, AuditSink } from "./audit-sink.ts";
import { WebhookSink } from "./webhook-sink.ts";

const event = (auditID: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: "Event",
  apiVersion: "audit.k8s.io/v1",
  level: "RequestResponse",
  auditID,
  stage: "ResponseComplete",
  requestURI: "/",
  verb: "get",
  user: { username: "jane" },
  requestReceivedTimestamp: "",
  stageTimestamp: "",
  ...more,
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function environmentOf() {
  return {
    clock: new SteppingClock(),
    random: new SeededRandom(1),
    logger: silentLogger,
    metrics: new MetricRegistry(),
  };
}

/** A backend that tells in which batches events came. */
class Backend implements AuditSink {
  readonly batches: string[] = [];
  isBroken = false;

  record(events: readonly AuditEvent[]): boolean {
    this.batches.push(events.map(({ auditID }) => auditID).join(" "));
    return !this.isBroken;
  }
}

const batch = { bufferMax: 5, batchMax: 3, waitMaxMs: 30_000, isConcurrent: true };

test("batches are sent when they are full, or when their time has come; what has no room is lost, and counted", async () => {
  const environment = environmentOf();
  const backend = new Backend();
  await using pipeline = auditPipeline(
    backend,
    { mode: "batch", batch: { ...batch, throttle: { perSecond: 1, burst: 1 } } },
    environment,
  );
  assert.equal(pipeline.record([event("a"), event("b")]), true);
  environment.clock.step(29_999);
  await turn();
  assert.deepEqual(backend.batches, []);
  environment.clock.step(1);
  await turn();
  assert.deepEqual(backend.batches, ["a b"]);
  // A second between two batches.
  for (const name of ["c", "d", "e", "f", "g", "h"]) assert.equal(pipeline.record([event(name)]), true);
  await turn();
  assert.equal(backend.batches.length, 1 + Number(backend.batches.length > 1));
  environment.clock.step(1000);
  await turn();
  assert.deepEqual(backend.batches.slice(0, 2), ["a b", "c d e"]);
  assert.match(environment.metrics.render(), /apiserver_audit_error_total\{plugin="buffered"\} 1\n/);
  environment.clock.step(30_000);
  await turn();
  environment.clock.step(1000);
  await turn();
  assert.deepEqual(backend.batches, ["a b", "c d e", "f g"]);
});

test("what waits is sent before the end, and nothing comes after it", async () => {
  const environment = environmentOf();
  const backend = new Backend();
  const pipeline = auditPipeline(backend, { mode: "batch", batch: { ...batch, batchMax: 2 } }, environment);
  assert.equal(pipeline.record([event("a"), event("b"), event("c")]), true);
  await pipeline[Symbol.asyncDispose]();
  assert.deepEqual(backend.batches, ["a b", "c"]);
  assert.equal(pipeline.record([event("d")]), true);
  assert.match(environment.metrics.render(), /apiserver_audit_error_total\{plugin="buffered"\} 1\n/);
});

test("only in the strict mode does a request hear that its event is lost", async () => {
  const environment = environmentOf();
  const results = await Promise.all(
    (["batch", "blocking", "blocking-strict"] as const).map(async (mode: AuditMode) => {
      const backend = new Backend();
      backend.isBroken = true;
      await using pipeline = auditPipeline(backend, { mode, batch }, environment);
      return pipeline.record([event("a")]);
    }),
  );
  assert.deepEqual(results, [true, true, false]);
  const broken = new Backend();
  broken.isBroken = true;
  assert.equal(union([new Backend(), broken]).record([event("a")]), false);
});

test("large events lose their bodies, larger ones are lost, and large batches are parted", async () => {
  const environment = environmentOf();
  const seen: AuditEvent[][] = [];
  const backend: AuditSink = { record: (events) => seen.push([...events]) > 0 };
  await using pipeline = auditPipeline(
    backend,
    { mode: "blocking", batch, truncate: { eventBytesMax: 1000, batchBytesMax: 1000 } },
    environment,
  );
  const body = { requestObject: { text: "x".repeat(2000) } };
  const isRecorded = pipeline.record([
    event("a"),
    event("b", { ...body, annotations: { some: "thing" } }),
    event("c", { requestURI: "x".repeat(2000) }),
    event("d", { requestObject: { text: "x".repeat(600) } }),
  ]);
  assert.equal(isRecorded, true);
  assert.deepEqual(
    seen.map((events) => events.map(({ auditID }) => auditID)),
    [["a", "b"], ["d"]],
  );
  const [, truncated] = seen[0] ?? [];
  assert.equal("requestObject" in (truncated ?? {}), false);
  assert.deepEqual(truncated?.annotations, { some: "thing", "audit.k8s.io/truncated": "true" });
  assert.match(environment.metrics.render(), /apiserver_audit_error_total\{plugin="truncate"\} 1\n/);
});

test("a webhook is sent an EventList, five times if need be, ever more slowly", async () => {
  const environment = environmentOf();
  const bodies: string[] = [];
  let failures = 2;
  const receiver = {
    post: async (body: Uint8Array): Promise<void> => {
      bodies.push(utf8Decode(body));
      if (failures-- > 0) throw new Error("connection refused");
    },
  };
  const sink = new WebhookSink(receiver, 10_000, environment);
  const passing = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1000) {
      environment.clock.step(1000);
      await turn();
    }
  };
  const sent = sink.record([event("a"), event("b")]);
  await passing(31_000);
  assert.equal(await sent, true);
  assert.equal(bodies.length, 3);
  const list = JSON.parse(bodies[0] ?? "") as { kind: string; apiVersion: string; items: AuditEvent[] };
  assert.deepEqual([list.kind, list.apiVersion, list.items.length], ["EventList", "audit.k8s.io/v1", 2]);
  failures = 99;
  const lost = sink.record([event("c")]);
  await passing(100_000);
  assert.equal(await lost, false);
  assert.equal(bodies.length, 8);
  assert.match(environment.metrics.render(), /apiserver_audit_error_total\{plugin="webhook"\} 1\n/);
});
