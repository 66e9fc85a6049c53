import assert from "node:assert/strict";
import { test } from "node:test";

import { builtinScheme } from "../../../api/scheme.ts";
import { unauthorized } from "../../../apimachinery/errors/new.ts";
import { MetricRegistry } from "../../../component-base/metrics.ts";
import type { HttpHeaders } from "../../../component-base/http.ts";
import { AuditPolicy } from "../../audit/audit-policy.ts";
import type { AuditEvent } from "../../audit/audit-sink.ts";
import { TestServer } from "../../testing/test-server.ts";
import type { Json } from "../../testing/test-server.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";

/** A server where jane may do everything but delete, and what it records. */
async function audited(rule: object): Promise<{ readonly server: TestServer; readonly events: AuditEvent[] }> {
  const events: AuditEvent[] = [];
  const policy = AuditPolicy.parse({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules: [rule] });
  const server = await TestServer.start({
    scheme: builtinScheme(),
    authenticators: [
      {
        authenticate: async ({ headers }) => {
          if (headers["authorization"] === "Bearer bad") throw unauthorized();
          return { user: { name: "jane", groups: ["dev"] } };
        },
      },
    ],
    authorizer: {
      authorize: async ({ verb }) =>
        verb === "delete" ? { decision: "deny", reason: "not that" } : { decision: "allow", reason: "jane may" },
    },
    audit: { policy, sink: { record: (recorded) => events.push(...structuredClone(recorded)) > 0 } },
  });
  return { server, events };
}

const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { k: "v" } };
const headers: HttpHeaders = { "user-agent": "test", "x-forwarded-for": "192.0.2.1", "audit-id": "42" };

test("who did what is told when it is asked and when it is answered", async () => {
  const { server, events } = await audited({ level: "Metadata" });
  await using _ = server;
  await server.request("POST", `${configMaps}?fieldManager=m`, configMap, headers);
  const [received, complete] = events;
  const { stageTimestamp: receivedAt, ...start } = received ?? assert.fail("no event");
  assert.deepEqual(start, {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    auditID: "42",
    stage: "RequestReceived",
    requestURI: `${configMaps}?fieldManager=m`,
    verb: "create",
    user: { username: "jane", groups: ["dev", "system:authenticated"] },
    sourceIPs: ["192.0.2.1", "127.0.0.1"],
    userAgent: "test",
    objectRef: { resource: "configmaps", namespace: "default", apiVersion: "v1" },
    requestReceivedTimestamp: receivedAt,
  });
  assert.match(receivedAt, /^2026-01-01T00:00:00\.000000Z$/);
  assert.deepEqual(
    { ...complete, stageTimestamp: receivedAt },
    {
      ...start,
      stage: "ResponseComplete",
      objectRef: { resource: "configmaps", namespace: "default", name: "a", apiVersion: "v1" },
      responseStatus: { metadata: {}, code: 201 },
      stageTimestamp: receivedAt,
      annotations: { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "jane may" },
    },
  );
  await server.request("DELETE", `${configMaps}/a`, undefined, headers);
  const refused = events.at(-1);
  assert.equal(refused?.responseStatus?.code, 403);
  assert.equal(refused.responseStatus.reason, "Forbidden");
  assert.equal(refused.annotations?.["authorization.k8s.io/decision"], "forbid");
  assert.equal(events.length, 4);
});

test("what was sent and what was answered are told where the policy wants it", async () => {
  for (const level of ["Request", "RequestResponse"]) {
    const { server, events } = await audited({ level, omitStages: ["RequestReceived"], omitManagedFields: true });
    await using _ = server;
    await server.request("POST", configMaps, configMap, headers);
    const patch = { data: { k: "w" } };
    await server.request("PATCH", `${configMaps}/a`, patch, { "content-type": "application/merge-patch+json" });
    await server.request("GET", configMaps);
    await server.request("GET", `${configMaps}/b`);
    const [created, patched, listed, missing] = events as readonly (AuditEvent & {
      readonly responseObject?: { readonly [member: string]: unknown; readonly metadata: object };
    })[];
    assert.equal(events.length, 4);
    assert.deepEqual(created?.requestObject, configMap);
    assert.deepEqual(patched?.requestObject, patch);
    assert.equal(patched?.objectRef?.["uid"], undefined);
    if (level === "Request") {
      assert.ok(events.every((event) => event.responseObject === undefined));
      continue;
    }
    assert.deepEqual(created.responseObject?.["data"], { k: "v" });
    assert.ok(!("managedFields" in created.responseObject.metadata));
    assert.deepEqual(patched.responseObject?.["data"], { k: "w" });
    assert.equal(listed?.responseObject?.["kind"], "ConfigMapList");
    assert.ok(!JSON.stringify(listed).includes("managedFields"));
    assert.equal(missing?.responseObject?.["reason"], "NotFound");
    assert.equal(missing.responseStatus?.message, 'configmaps "b" not found');
  }
});

test("of a watch it is told that it began, and that it ended; its events are not", async () => {
  const { server, events } = await audited({ level: "RequestResponse", omitStages: ["RequestReceived"] });
  await using _ = server;
  const gone = new AbortController();
  const watch = await server.send("GET", `${configMaps}?watch=true`, undefined, {}, gone.signal);
  assert.deepEqual(
    events.map(({ stage, verb }) => [stage, verb]),
    [["ResponseStarted", "watch"]],
  );
  const read = watch.body[Symbol.asyncIterator]().next();
  gone.abort();
  await assert.rejects(read);
  while (events.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(events[1]?.stage, "ResponseComplete");
  assert.equal(events[1].responseObject, undefined);
});

test("a failed login is told, and what the policy leaves out is not", async () => {
  const { server, events } = await audited({ level: "Metadata" });
  await using _ = server;
  await server.request("GET", configMaps, undefined, { authorization: "Bearer bad" });
  assert.deepEqual(
    events.map(({ stage, user, responseStatus }) => [stage, user, responseStatus?.code]),
    [["ResponseStarted", {}, 401]],
  );
  const none = await audited({ level: "None" });
  await using __ = none.server;
  await none.server.request("POST", configMaps, configMap);
  assert.deepEqual(none.events, []);
});

test("who acts as somebody else is told, and by which right", async () => {
  const { server, events } = await audited({ level: "Metadata", omitStages: ["RequestReceived"] });
  await using _ = server;
  await server.request("GET", configMaps, undefined, { "impersonate-user": "bob" });
  assert.equal(events[0]?.user.username, "jane");
  assert.equal(events[0].impersonatedUser?.username, "bob");
  assert.deepEqual(events[0].authenticationMetadata, { impersonationConstraint: "impersonate:user-info" });
});

test("a request that cannot be recorded when it comes is refused, where the backend says so", async () => {
  const metrics = new MetricRegistry();
  const policy = AuditPolicy.parse({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules: [{ level: "Metadata" }] });
  let isRecorded: boolean | Promise<boolean> = true;
  await using server = await TestServer.start({
    scheme: builtinScheme(),
    metrics,
    audit: { policy, sink: { record: () => isRecorded } },
  });
  assert.equal((await server.request("GET", configMaps)).status, 200);
  isRecorded = Promise.resolve(false);
  const refused = await server.request("GET", configMaps);
  assert.equal(refused.status, 500);
  assert.equal((refused.json as Json).message, "Internal error occurred: failed to store audit event");
  const told = metrics.render();
  assert.match(told, /apiserver_audit_requests_rejected_total 1\n/);
  assert.match(told, /apiserver_audit_level_total\{level="Metadata"\} 2\n/);
  assert.match(told, /apiserver_audit_event_total 3\n/);
});

test("an answer waits for its event to be on record", async () => {
  const gate = Promise.withResolvers<boolean>();
  const policy = AuditPolicy.parse({
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata" }],
  });
  await using server = await TestServer.start({
    scheme: builtinScheme(),
    audit: { policy, sink: { record: () => gate.promise } },
  });
  let isAnswered = false;
  const answer = server.request("GET", configMaps).finally(() => (isAnswered = true));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isAnswered, false);
  gate.resolve(true);
  assert.equal((await answer).status, 200);
});
