import assert from "node:assert/strict";
import { test } from "node:test";

import { clusterControllers } from "../../../src/cluster/run-control.ts";
import { defaultClusterConfig } from "../../../src/cluster/config.ts";
import { SteppingClock } from "../../../src/component-base/stepping-clock.ts";
import type { TestAnswer } from "../../../src/kube-apiserver/testing/test-cluster.ts";
import { TestApiServer } from "../../../src/kube-apiserver/testing/test-cluster.ts";
import { createMemoryBackend } from "../../../src/mvcc/memory-backend.ts";
import { Differences, readGolden } from "../read.ts";

// The objects upstream's API server has made when it has started, without what differs from start to start (uids, versions,
// times, ports): by collection.

interface Made {
  readonly metadata: Record<string, unknown> & { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly unknown[] | null;
  readonly spec?: { readonly matchingPrecedence?: number; readonly ports?: readonly Record<string, unknown>[] };
  readonly status?: { readonly conditions?: readonly Record<string, unknown>[] };
}

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const flowControl = "/apis/flowcontrol.apiserver.k8s.io/v1";
const expected = readGolden<Readonly<Record<string, readonly Made[]>>>(import.meta.url, "objects.json");
/** Roles that grant what upstream's do and, after it, what our own processes need beyond that. */
const grantMore = new Set([
  "system:controller:deployment-controller",
  "system:controller:node-controller",
  "system:controller:persistent-volume-binder",
]);
/** Roles with rules before the aggregation controller has run. */
const aggregated = new Set(["admin", "edit", "view"]);
/** Controllers only we have, or that have a cluster-wide role only here. */
const ours = new Set([
  "k8ts:node-network",
  ...["kube-dns-controller", "local-path-provisioner", "node-load-balancer-controller", "token-cleaner"].map(
    (name) => `system:controller:${name}`,
  ),
]);

test("what there is after the first start is what upstream makes", async () => {
  const controllerRoles = clusterControllers({ config: defaultClusterConfig, rootCa: "", dnsPort: 53 });
  await using server = await TestApiServer.start({ controllerRoles, serviceCidr: "10.96.0.0/16" });
  const differences = new Differences();
  for (const [path, objects] of Object.entries(expected)) {
    const answer = await server.request("GET", path);
    const actual = new Map(answer.json<{ items: readonly Made[] }>().items.map((each) => [keyOf(each), each]));
    for (const object of objects) {
      const made = actual.get(keyOf(object));
      actual.delete(keyOf(object));
      differences.equal(`${path} ${keyOf(object)}`, made && sorted(comparable(made, object)), sorted(object));
    }
    const others = [...actual.keys()].filter((name) => !(path.includes("/clusterrole") && ours.has(name)));
    differences.equal(`${path}: others`, others, []);
  }
  differences.assertNone(170);
});

test("a restart brings back what was taken away, and leaves what is not kept up to date", async () => {
  const clock = new SteppingClock();
  await using backend = createMemoryBackend({ clock });
  const [role, schemas] = [`${rbac}/clusterroles`, `${flowControl}/flowschemas`];
  {
    await using server = await TestApiServer.start({ backend });
    const patch = (path: string, body: unknown): Promise<TestAnswer> =>
      server.request("PATCH", path, body, { headers: { "content-type": "application/merge-patch+json" } });
    await patch(`${role}/system:discovery`, { rules: [] });
    const annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false" };
    await patch(`${role}/system:basic-user`, { metadata: { annotations }, rules: [] });
    await server.request("DELETE", `${rbac}/clusterrolebindings/system:basic-user`);
    await server.request("DELETE", `${schemas}/probes`);
    await patch(`${schemas}/system-nodes`, { spec: { matchingPrecedence: 501 } });
    const own = { "apf.kubernetes.io/autoupdate-spec": "false" };
    await patch(`${schemas}/service-accounts`, { metadata: { annotations: own }, spec: { matchingPrecedence: 9001 } });
    await patch(`${schemas}/catch-all`, { metadata: { annotations: own } });
  }
  await using server = await TestApiServer.start({ backend });
  const get = async (path: string): Promise<Made> => (await server.request("GET", path)).json<Made>();
  assert.equal((await get(`${role}/system:discovery`)).rules?.length, 1);
  assert.deepEqual((await get(`${role}/system:basic-user`)).rules, []);
  assert.equal((await get(`${rbac}/clusterrolebindings/system:basic-user`)).metadata.name, "system:basic-user");
  assert.equal((await get(`${schemas}/probes`)).spec?.matchingPrecedence, 2);
  assert.equal((await get(`${schemas}/system-nodes`)).spec?.matchingPrecedence, 500);
  assert.equal((await get(`${schemas}/service-accounts`)).spec?.matchingPrecedence, 9001);
  const { annotations } = (await get(`${schemas}/catch-all`)).metadata;
  assert.deepEqual(annotations, { "apf.kubernetes.io/autoupdate-spec": "true" });
});

/** With members by name, at every depth. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, each]) => [name, sorted(each)]));
}

function keyOf({ metadata }: Made): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

function comparable(made: Made, object: Made): Made {
  const copy = structuredClone(made) as Omit<Made, "rules"> & { rules?: Made["rules"] };
  for (const field of ["uid", "resourceVersion", "creationTimestamp", "managedFields"]) delete copy.metadata[field];
  for (const condition of copy.status?.conditions ?? []) delete condition["lastTransitionTime"];
  for (const port of copy.spec?.ports ?? []) delete port["targetPort"];
  if (grantMore.has(copy.metadata.name)) copy.rules = copy.rules?.slice(0, object.rules?.length);
  if (aggregated.has(copy.metadata.name)) copy.rules = null;
  return copy;
}
