import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import type { ManagedFieldsEntry } from "../../apimachinery/meta/v1/types.gen.ts";
import { TestServer } from "../testing/test-server.ts";
import type { Json, TestResponse } from "../testing/test-server.ts";

const scheme = builtinScheme();
const configMaps = "/api/v1/namespaces/default/configmaps";
const deployments = "/apis/apps/v1/namespaces/default/deployments";

function configMap(data: unknown, metadata: Record<string, unknown> = {}): Record<string, unknown> {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", ...metadata }, data };
}

function deployment(replicas: number | undefined): Record<string, unknown> {
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const spec = { ...(replicas === undefined ? {} : { replicas }), selector: { matchLabels: { app: "web" } }, template };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec };
}

async function apply(server: TestServer, path: string, body: unknown, query: string): Promise<TestResponse> {
  return server.request("PATCH", `${path}?${query}`, body, { "content-type": "application/apply-patch+yaml" });
}

function managersOf({ json }: TestResponse): readonly string[] {
  const { metadata } = json as { metadata: { managedFields?: readonly ManagedFieldsEntry[] } };
  return (metadata.managedFields ?? []).map(({ manager, operation, subresource }) =>
    [manager, operation, ...(subresource ? [subresource] : [])].join(" "),
  );
}

function versionOf({ json }: TestResponse): string {
  return String((json as Json).metadata?.resourceVersion);
}

test("apply creates, says so, and the second time moves no revision", async () => {
  const clock = new SteppingClock();
  await using server = await TestServer.start({ scheme, clock });
  const created = await apply(server, `${configMaps}/c`, configMap({ a: "1" }), "fieldManager=me");
  assert.equal(created.status, 201, created.text);
  assert.deepEqual(managersOf(created), ["me Apply"]);
  clock.step(5000);
  const again = await apply(server, `${configMaps}/c`, configMap({ a: "1" }), "fieldManager=me");
  assert.equal(again.status, 200, again.text);
  assert.equal(versionOf(again), versionOf(created));
  assert.equal(again.text, created.text);
});

test("a value that normal form writes otherwise is no change, either", async () => {
  const clock = new SteppingClock();
  await using server = await TestServer.start({ scheme, clock });
  const quota = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "q" },
    spec: { hard: { "requests.cpu": "1000m" } },
  };
  const path = "/api/v1/namespaces/default/resourcequotas/q";
  const created = await apply(server, path, quota, "fieldManager=me");
  clock.step(5000);
  const again = await apply(server, path, quota, "fieldManager=me");
  assert.equal(versionOf(again), versionOf(created));
});

test("apply needs a field manager, other patches may not be forced", async () => {
  await using server = await TestServer.start({ scheme });
  const unnamed = await apply(server, `${configMaps}/c`, configMap({}), "");
  assert.equal(unnamed.status, 422);
  assert.match(unnamed.text, /fieldManager: Required value: is required for apply patch/);
  await server.request("POST", configMaps, configMap({}));
  const forced = await server.request(
    "PATCH",
    `${configMaps}/c?force=true`,
    {},
    {
      "content-type": "application/merge-patch+json",
    },
  );
  assert.equal(forced.status, 422);
  assert.match(forced.text, /force: Forbidden: may not be specified for non-apply patch/);
});

test("a conflict is told as upstream tells it, and force takes the field", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", `${deployments}?fieldManager=kubectl`, deployment(3));
  const path = `${deployments}/web`;
  const refused = await apply(server, path, { ...deployment(5) }, "fieldManager=me");
  assert.equal(refused.status, 409);
  const status = refused.json as Json;
  assert.equal(
    status.message,
    'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas' as unknown as Json,
  );
  assert.deepEqual(status.details?.causes, [
    { reason: "FieldManagerConflict", message: 'conflict with "kubectl" using apps/v1', field: ".spec.replicas" },
  ]);
  const forced = await apply(server, path, deployment(5), "fieldManager=me&force=true");
  assert.equal(forced.status, 200, forced.text);
  assert.equal((forced.json as Json).spec?.replicas, 5);
  assert.equal(String((forced.json as Json).metadata?.generation), "2");
});

test("a field that is no longer applied goes, a field of others stays", async () => {
  await using server = await TestServer.start({ scheme });
  const path = `${configMaps}/c`;
  await apply(server, path, configMap({ a: "1", b: "2" }), "fieldManager=one");
  await apply(server, path, configMap({ b: "2", c: "3" }), "fieldManager=two");
  const less = await apply(server, path, configMap({}), "fieldManager=one");
  assert.deepEqual((less.json as Json).data, { b: "2", c: "3" });
});

test("writers are known by fieldManager, or by what their user agent begins with", async () => {
  await using server = await TestServer.start({ scheme });
  const created = await server.request("POST", configMaps, configMap({ a: "1" }), {
    "user-agent": "kubectl/v1.36 (x)",
  });
  assert.deepEqual(managersOf(created), ["kubectl Update"]);
  const merge = { "content-type": "application/merge-patch+json" };
  const patched = await server.request("PATCH", `${configMaps}/c?fieldManager=two`, { data: { b: "2" } }, merge);
  assert.deepEqual(managersOf(patched), ["kubectl Update", "two Update"]);
  const same = await server.request("PATCH", `${configMaps}/c?fieldManager=three`, { data: { b: "2" } }, merge);
  assert.equal(versionOf(same), versionOf(patched));
  assert.deepEqual(managersOf(same), ["kubectl Update", "two Update"]);
});

test("[{}] and an empty list reset managedFields, leaving them out does not", async () => {
  await using server = await TestServer.start({ scheme });
  const path = `${configMaps}/c`;
  const merge = { "content-type": "application/merge-patch+json" };
  await apply(server, path, configMap({ a: "1" }), "fieldManager=me");
  const put = await server.request("PUT", path, configMap({ a: "1" }));
  assert.deepEqual(managersOf(put), ["me Apply"]);
  const byEntry = await server.request("PATCH", path, { metadata: { managedFields: [{}] } }, merge);
  assert.deepEqual(managersOf(byEntry), []);
  await apply(server, path, configMap({ a: "2" }), "fieldManager=me&force=true");
  const byList = await server.request("PATCH", path, { metadata: { managedFields: [] } }, merge);
  assert.deepEqual(managersOf(byList), []);
});

test("an object nobody tracked has its fields from before the first apply", async () => {
  await using server = await TestServer.start({ scheme });
  const path = `${configMaps}/c`;
  await server.request("POST", configMaps, configMap({ a: "1" }));
  await server.request(
    "PATCH",
    path,
    { metadata: { managedFields: [{}] } },
    {
      "content-type": "application/merge-patch+json",
    },
  );
  const applied = await apply(server, path, configMap({ b: "2" }), "fieldManager=me");
  assert.deepEqual(managersOf(applied), ["me Apply", "before-first-apply Update"]);
});

test("status is managed apart from the rest, and replicas through scale with it", async () => {
  await using server = await TestServer.start({ scheme });
  const path = `${deployments}/web`;
  const merge = { "content-type": "application/merge-patch+json" };
  await apply(server, path, deployment(3), "fieldManager=me");
  const status = await server.request(
    "PATCH",
    `${path}/status?fieldManager=controller`,
    { spec: { replicas: 9 }, status: { replicas: 3 } },
    merge,
  );
  assert.equal(status.status, 200, status.text);
  assert.deepEqual(managersOf(status), ["me Apply", "controller Update status"]);
  assert.equal((status.json as Json).spec?.replicas, 3);
  const scaled = await server.request("PATCH", `${path}/scale?fieldManager=hpa`, { spec: { replicas: 7 } }, merge);
  assert.equal(scaled.status, 200, scaled.text);
  assert.equal((scaled.json as Json).metadata?.managedFields, undefined);
  const after = await server.request("GET", path);
  assert.deepEqual(managersOf(after).toSorted(), ["controller Update status", "hpa Update scale", "me Apply"]);
  const refused = await apply(server, path, deployment(3), "fieldManager=me");
  assert.match(refused.text, /conflict with \\"hpa\\" with subresource \\"scale\\" using apps\/v1/);
  const given = await apply(server, path, deployment(undefined), "fieldManager=me");
  assert.equal((given.json as Json).spec?.replicas, 7);
});

test("a dry run applies nothing", async () => {
  await using server = await TestServer.start({ scheme });
  const path = `${configMaps}/c`;
  const dry = await apply(server, path, configMap({ a: "1" }), "fieldManager=me&dryRun=All");
  assert.equal(dry.status, 201, dry.text);
  assert.equal((await server.request("GET", path)).status, 404);
});

test("what does not fit the kind is refused: unknown fields, other kinds, other names, broken YAML", async () => {
  await using server = await TestServer.start({ scheme });
  const path = `${configMaps}/c`;
  const tryApply = (body: unknown, query = "fieldManager=me") => apply(server, path, body, query);
  const unknown = await tryApply({ ...configMap({}), dta: {} });
  assert.equal(unknown.status, 500);
  assert.match(
    unknown.text,
    /failed to create typed patch object \(\/c; \/v1, Kind=ConfigMap\): \.dta: field not declared in schema/,
  );
  assert.match((await tryApply(deployment(1))).text, /invalid object type: apps\/v1, Kind=Deployment/);
  assert.equal((await tryApply(configMap({}, { name: "d" }))).status, 400);
  assert.match((await tryApply("a: [")).text, /error decoding YAML/);
  const twice = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b, a: c}\n";
  const strict = await tryApply(twice, "fieldManager=me&fieldValidation=Strict");
  assert.equal(strict.status, 400);
  assert.match(strict.text, /error strict decoding YAML/);
  const warned = await tryApply(twice);
  assert.equal(warned.status, 201);
  assert.ok(warned.headers.warning);
  assert.equal(
    (await apply(server, `${configMaps}/u`, configMap({}, { name: "u", uid: "x" }), "fieldManager=me")).status,
    409,
  );
});

test("300 objects applied twice: the second time moves no revision", async () => {
  const clock = new SteppingClock();
  await using server = await TestServer.start({ scheme, clock });
  const applyAll = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      const name = `o${i}`;
      const service = { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports: [{ port: 80 }] } };
      const answers = await Promise.all([
        apply(server, `${configMaps}/${name}`, configMap({ a: "1" }, { name }), "fieldManager=me"),
        apply(server, `${deployments}/${name}`, { ...deployment(3), metadata: { name } }, "fieldManager=me"),
        apply(server, `/api/v1/namespaces/default/services/${name}`, service, "fieldManager=me"),
      ]);
      for (const answer of answers) assert.ok(answer.status < 300, answer.text);
    }
  };
  await applyAll();
  const before = versionOf(await server.request("GET", configMaps));
  clock.step(60_000);
  await applyAll();
  assert.equal(versionOf(await server.request("GET", configMaps)), before);
});
