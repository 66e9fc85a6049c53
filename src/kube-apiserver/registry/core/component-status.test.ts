import assert from "node:assert/strict";
import { test } from "node:test";

import { TestApiServer } from "../../testing/test-cluster.ts";

const path = "/api/v1/componentstatuses";
const refused = 'Get "https://127.0.0.1:10259/healthz": dial tcp 127.0.0.1:10259: connect: connection refused';

const componentProbes = {
  scheduler: () => Promise.resolve({ isHealthy: false, message: refused }),
  "controller-manager": () => Promise.resolve({ isHealthy: true, message: "ok" }),
  broken: () => Promise.reject(new Error("no way to it")),
};

function status(name: string, condition: object): object {
  return { metadata: { name }, conditions: [{ type: "Healthy", ...condition }] };
}

test("components tell how they are when somebody asks, the store among them, with a warning", async () => {
  await using api = await TestApiServer.start({ componentProbes });
  const list = await api.request("GET", path);
  assert.equal(list.headers["warning"], '299 - "v1 ComponentStatus is deprecated in v1.19+"');
  assert.deepEqual(list.json(), {
    kind: "ComponentStatusList",
    apiVersion: "v1",
    metadata: {},
    items: [
      status("broken", { status: "Unknown", error: "no way to it" }),
      status("controller-manager", { status: "True", message: "ok" }),
      status("etcd-0", { status: "True", message: "ok" }),
      status("scheduler", { status: "False", message: refused }),
    ],
  });
  const one = await api.request("GET", `${path}/etcd-0`);
  const kind = { kind: "ComponentStatus", apiVersion: "v1" };
  assert.deepEqual(one.json(), { ...kind, ...status("etcd-0", { status: "True", message: "ok" }) });
  const named = await api.request("GET", `${path}?fieldSelector=metadata.name%3Dscheduler`);
  assert.equal(named.json<{ items: readonly unknown[] }>().items.length, 1);
  const labelled = await api.request("GET", `${path}?labelSelector=a`);
  assert.equal(labelled.json<{ items: readonly unknown[] }>().items.length, 0);
  const none = await api.request("GET", `${path}/none`);
  assert.deepEqual([none.status, none.message], [404, 'componentstatus "none" not found']);
  assert.equal((await api.request("DELETE", `${path}/etcd-0`)).status, 405);
});

test("the table is upstream's", async () => {
  await using api = await TestApiServer.start({ componentProbes });
  assert.deepEqual(await api.table(path), [
    { Name: "broken", Status: "Unhealthy", Message: "", Error: "no way to it" },
    { Name: "controller-manager", Status: "Healthy", Message: "ok", Error: "" },
    { Name: "etcd-0", Status: "Healthy", Message: "ok", Error: "" },
    { Name: "scheduler", Status: "Unhealthy", Message: refused, Error: "" },
  ]);
});
