import assert from "node:assert/strict";
import { test } from "node:test";

import { silentLogger } from "../../../component-base/logger.ts";
import { MetricRegistry } from "../../../component-base/metrics.ts";
import { SteppingClock } from "../../../component-base/stepping-clock.ts";
import { builtinScheme } from "../../../api/scheme.ts";
import type { AdmissionPlugin } from "../../admission/admission-plugin.ts";
import type { Authenticator } from "../../authentication/authenticator.ts";
import { FlowControl, borrowingPeriodMs } from "../../flowcontrol/flow-control.ts";
import type { ConfiguredLevel, ConfiguredSchema } from "../../flowcontrol/flow-control.ts";
import { TestServer } from "../../testing/test-server.ts";
import type { TestResponse } from "../../testing/test-server.ts";

const scheme = builtinScheme();
const configMaps = "/api/v1/namespaces/default/configmaps";

// Who says who they are is believed here.
const named: Authenticator = {
  authenticate: async ({ headers }) => ({
    user: { name: headers["x-user"] ?? "nobody", groups: ["system:authenticated"] },
  }),
};

const level = (name: string, nominalConcurrencyShares: number, queueLengthLimit?: number): ConfiguredLevel => ({
  metadata: { name, uid: `uid-of-level-${name}` },
  spec: {
    type: "Limited",
    limited: {
      nominalConcurrencyShares,
      lendablePercent: 0,
      borrowingLimitPercent: 0,
      limitResponse:
        queueLengthLimit === undefined
          ? { type: "Reject" }
          : { type: "Queue", queuing: { queues: 1, handSize: 1, queueLengthLimit } },
    },
  },
});

const schema = (name: string, levelName: string, user: string): ConfiguredSchema => ({
  metadata: { name, uid: `uid-of-schema-${name}` },
  spec: {
    priorityLevelConfiguration: { name: levelName },
    matchingPrecedence: 500,
    rules: [
      {
        subjects: [{ kind: "User", user: { name: user } }],
        resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true }],
      },
    ],
  },
});

/** A server on which `slow` has one seat, and creates take until the gate is opened. */
async function startBusy(queueLengthLimit?: number) {
  const clock = new SteppingClock();
  const metrics = new MetricRegistry();
  const flowControl = new FlowControl({
    clock,
    metrics,
    logger: silentLogger,
    concurrencyLimit: 10,
    statsOf: () => ({ count: 0, averageBytes: 0 }),
  });
  flowControl.configure(
    [level("slow", 5, queueLengthLimit), level("fast", 45)],
    [schema("slow", "slow", "slow"), schema("fast", "fast", "fast")],
  );
  const gate = Promise.withResolvers<void>();
  const slow: AdmissionPlugin = { name: "Slow", handles: () => true, admit: () => gate.promise };
  const server = await TestServer.start({
    scheme,
    clock,
    metrics,
    flowControl,
    authenticators: [named],
    admission: [slow],
    shutdownGraceMs: 0,
  });
  return {
    clock,
    metrics,
    flowControl,
    server,
    open: (): void => gate.resolve(),
    create: (name: string, user: string, query = ""): Promise<TestResponse> =>
      server.request("POST", configMaps + query, { metadata: { name } }, { "x-user": user }),
    list: (user: string): Promise<TestResponse> => server.request("GET", configMaps, undefined, { "x-user": user }),
    waitingOf: (name: string): number | undefined => flowControl.dump().find((each) => each.name === name)?.waiting,
    executingOf: (name: string): number | undefined => flowControl.dump().find((each) => each.name === name)?.executing,
    async [Symbol.asyncDispose](): Promise<void> {
      gate.resolve();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !holds(); i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(holds());
}

test("one level full of requests keeps no other from being served, and waiting ones go on when there are seats", async () => {
  await using busy = await startBusy(2);
  const first = busy.create("a", "slow");
  const second = busy.create("b", "slow");
  await until(() => busy.waitingOf("slow") === 1);
  const others = await busy.list("fast");
  assert.equal(others.status, 200);
  assert.equal(others.headers["x-kubernetes-pf-flowschema-uid"], "uid-of-schema-fast");
  assert.equal(others.headers["x-kubernetes-pf-prioritylevel-uid"], "uid-of-level-fast");
  busy.open();
  assert.deepEqual([(await first).status, (await second).status], [201, 201]);
  const told = busy.metrics.render();
  assert.match(told, /apiserver_flowcontrol_dispatched_requests_total\{priority_level="slow",flow_schema="slow"\} 2\n/);
  assert.match(told, /apiserver_current_inflight_requests\{request_kind="mutating"\} 0\n/);
  assert.match(told, /apiserver_current_inqueue_requests\{request_kind="mutating"\} 0\n/);
});

test("who finds no room is refused in upstream's words, with whose rule it was", async () => {
  await using busy = await startBusy();
  const first = busy.create("a", "slow");
  await until(() => busy.executingOf("slow") === 1);
  const refused = await busy.list("slow");
  assert.equal(refused.status, 429);
  assert.equal(refused.text, "Too many requests, please try again later.\n");
  assert.equal(refused.headers["retry-after"], "1");
  assert.equal(refused.headers["content-type"], "text/plain; charset=utf-8");
  assert.equal(refused.headers["x-kubernetes-pf-flowschema-uid"], "uid-of-schema-slow");
  busy.open();
  assert.equal((await first).status, 201);
  assert.match(busy.metrics.render(), /rejected_requests_total\{.*reason="concurrency-limit"\} 1\n/);
});

test("a request waits a quarter of its time, and a client that is gone not at all", async () => {
  await using busy = await startBusy(5);
  const first = busy.create("a", "slow");
  const short = busy.create("b", "slow", "?timeout=8s");
  const usual = busy.create("c", "slow");
  await until(() => busy.waitingOf("slow") === 2);
  busy.clock.step(2000);
  assert.equal((await short).status, 429);
  const gone = new AbortController();
  const left = busy.server.send("GET", configMaps, undefined, { "x-user": "slow" }, gone.signal).catch(() => {});
  await until(() => busy.waitingOf("slow") === 2);
  gone.abort();
  await until(() => busy.waitingOf("slow") === 1);
  await left;
  busy.clock.step(13_000);
  assert.equal((await usual).status, 429);
  busy.open();
  assert.equal((await first).status, 201);
  assert.match(busy.metrics.render(), /rejected_requests_total\{.*reason="time-out"\} 3\n/);
});

test("a watch has seats until what there is is sent, and counts as one that is told", async () => {
  await using busy = await startBusy(5);
  const gone = new AbortController();
  await busy.server.send("GET", `${configMaps}?watch=true`, undefined, { "x-user": "slow" }, gone.signal);
  const info = { verb: "create", apiGroup: "", resource: "configmaps", namespace: "default", name: "" };
  const watches = (): number => busy.flowControl.watches.interestedIn(info as never);
  await until(() => busy.executingOf("slow") === 0);
  assert.equal(watches(), 1);
  // Requests go on beside it.
  assert.equal((await busy.list("slow")).status, 200);
  gone.abort();
  await until(() => watches() === 0);
});

test("a watch that fails, and one whose client has gone, give their seats back", async () => {
  await using busy = await startBusy(5);
  const refused = await busy.server.request("GET", `${configMaps}?watch=true&resourceVersion=x`, undefined, {
    "x-user": "slow",
  });
  assert.equal(refused.status, 500);
  assert.equal(busy.executingOf("slow"), 0);
  const gone = new AbortController();
  await busy.server.send("GET", `${configMaps}?watch=true`, undefined, { "x-user": "slow" }, gone.signal);
  gone.abort();
  await until(() => busy.executingOf("slow") === 0);
});

test("a level whose object is gone serves those that are under way, and is no more", async () => {
  await using busy = await startBusy(5);
  const first = busy.create("a", "slow");
  const second = busy.create("b", "slow");
  await until(() => busy.waitingOf("slow") === 1);
  busy.flowControl.configure([level("fast", 45)], [schema("fast", "fast", "fast")]);
  assert.equal(busy.flowControl.dump().find(({ name }) => name === "slow")?.isQuiescing, true);
  assert.equal((await busy.list("slow")).headers["x-kubernetes-pf-flowschema-uid"], "");
  busy.open();
  assert.deepEqual([(await first).status, (await second).status], [201, 201]);
  assert.deepEqual(
    busy.flowControl
      .dump()
      .map(({ name }) => name)
      .sort(),
    ["catch-all", "exempt", "fast"],
  );
});

test("seats that one level does not use another may have", async () => {
  const clock = new SteppingClock();
  const metrics = new MetricRegistry();
  const flowControl = new FlowControl({
    clock,
    metrics,
    logger: silentLogger,
    concurrencyLimit: 100,
    statsOf: () => undefined,
  });
  const lending = level("lending", 50, 50);
  const { limited } = lending.spec;
  assert.ok(limited);
  const { borrowingLimitPercent: _, ...unlimited } = limited;
  const needy: ConfiguredLevel = { ...level("needy", 50, 100), spec: { type: "Limited", limited: unlimited } };
  flowControl.configure(
    [
      { ...lending, spec: { type: "Limited", limited: { ...limited, lendablePercent: 80 } } },
      { ...needy, metadata: { name: "needy" } },
    ],
    [schema("needy", "needy", "jane"), schema("lending", "lending", "john")],
  );
  const info = {
    isResourceRequest: true,
    verb: "get",
    apiGroup: "",
    resource: "pods",
    subresource: "",
    namespace: "a",
  };
  const request = { info: info as never, user: { name: "jane", groups: [] }, query: new URLSearchParams() };
  const started = Array.from({ length: 120 }, () => flowControl.start(request));
  const executing = started.filter(({ ticket }) => ticket?.startMs !== undefined).length;
  // Its own are 100 * 50 / 105, rounded up; of the other's it has what that one lends.
  assert.match(metrics.render(), /apiserver_flowcontrol_nominal_limit_seats\{priority_level="needy"\} 48\n/);
  assert.match(metrics.render(), /apiserver_flowcontrol_lower_limit_seats\{priority_level="lending"\} 10\n/);
  assert.equal(executing, 77);
  const seatsOf = (name: string): number =>
    Number(new RegExp(`current_limit_seats\\{priority_level="${name}"\\} (\\d+)`).exec(metrics.render())?.[1]);
  assert.equal(seatsOf("needy"), 77);
  // When the other needs them they are its own again.
  const lender = { ...request, user: { name: "john", groups: [] } };
  for (let i = 0; i < 60; i++) flowControl.start(lender);
  clock.step(borrowingPeriodMs);
  flowControl.adjust();
  assert.ok(seatsOf("lending") >= 48, `${seatsOf("lending")}`);
});
