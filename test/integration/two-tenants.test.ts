import assert from "node:assert/strict";
import { test } from "node:test";
import { limitRanges, namespaces, pods, resourceQuotas, roleBindings, roles } from "../../src/api/resources.gen.ts";
import type { Pod } from "../../src/api/core/v1/types.gen.ts";
import { createInProcessTransport } from "../../src/apiserver/server/in-process-transport.ts";
import type { ApiClient } from "../../src/client/rest/api-client.ts";
import { createApiClient } from "../../src/client/rest/rest-client.ts";
import { createCluster } from "../../src/cluster/create-cluster.ts";
import { SeededRandom } from "../../src/component-base/random.ts";
import { SteppingClock } from "../../src/component-base/stepping-clock.ts";

const container = (
  requests: Record<string, string>,
  limits: Record<string, string> = {},
): Pod["spec"]["containers"][0] => ({
  name: "c",
  image: "i",
  resources: { requests, limits },
});

async function messageOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  return "allowed";
}

test("two tenants share a cluster, each within its namespace, quota and limits", async () => {
  const clock = new SteppingClock();
  const random = new SeededRandom(3);
  await using cluster = await createCluster({ clock, random, nodes: [] });
  const admin = cluster.client;
  const as = (name: string): ApiClient => {
    const peer = { address: "test", ...(name === "" ? {} : { certificate: { commonName: name, organizations: [] } }) };
    return createApiClient({
      transport: createInProcessTransport(cluster.handler, peer),
      userAgent: "test",
      clock,
      random,
    });
  };
  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    for (let i = 0; i < 2000; i++) {
      if (await condition()) return;
      await new Promise((resolve) => setImmediate(resolve));
      clock.step(10);
    }
    assert.fail(`never: ${what}`);
  };
  const tenants = {
    red: { user: "rita", hard: { cpu: "100" } },
    blue: { user: "bob", hard: { cpu: "400", "requests.nvidia.com/gpu": "100" } },
  } as const;
  for (const [namespace, { user, hard }] of Object.entries(tenants)) {
    await admin.resource(namespaces).create({ metadata: { name: namespace } });
    await admin.resource(resourceQuotas, namespace).create({ metadata: { name: "quota" }, spec: { hard } });
    const limits = [{ type: "Container", default: { cpu: "1" }, defaultRequest: { cpu: "500m" } }];
    await admin.resource(limitRanges, namespace).create({ metadata: { name: "limits" }, spec: { limits } });
    const rules = [
      { verbs: ["*"], apiGroups: [""], resources: ["pods"] },
      { verbs: ["create", "update"], apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles", "rolebindings"] },
    ];
    await admin.resource(roles, namespace).create({ metadata: { name: "tenant" }, rules });
    await admin.resource(roleBindings, namespace).create({
      metadata: { name: "tenant" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "tenant" },
      subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }],
    });
  }
  for (const namespace of Object.keys(tenants)) {
    await until("the quota is counted and the default account there", async () => {
      const quota = await admin.resource(resourceQuotas, namespace).get("quota");
      const accounts = await admin.request<{ items: unknown[] }>(
        "GET",
        `/api/v1/namespaces/${namespace}/serviceaccounts`,
      );
      return quota.status.used?.["cpu"] === "0" && accounts.items.length > 0;
    });
  }
  const rita = as("rita");
  const bob = as("bob");

  // Each in its own namespace only.
  const created = await rita
    .resource(pods, "red")
    .create({ metadata: { name: "a" }, spec: { containers: [container({})] } });
  assert.deepEqual(created.spec.containers[0]?.resources, { limits: { cpu: "1" }, requests: { cpu: "500m" } });
  assert.equal(
    await messageOf(rita.resource(pods, "blue").list()),
    'pods is forbidden: User "rita" cannot list resource "pods" in API group "" in the namespace "blue"',
  );
  assert.equal(
    await messageOf(bob.resource(pods, "red").get("a")),
    'pods "a" is forbidden: User "bob" cannot get resource "pods" in API group "" in the namespace "red"',
  );
  assert.equal(
    await messageOf(rita.resource(pods).list()),
    'pods is forbidden: User "rita" cannot list resource "pods" in API group "" at the cluster scope',
  );

  // Quotas.
  const big = (
    name: string,
    cpu: string,
    gpu?: string,
  ): { metadata: { name: string }; spec: Pick<Pod["spec"], "containers"> } => {
    const amounts = { cpu, ...(gpu ? { "nvidia.com/gpu": gpu } : {}) };
    return { metadata: { name }, spec: { containers: [container(amounts, amounts)] } };
  };
  assert.equal(
    await messageOf(rita.resource(pods, "red").create(big("b", "100"))),
    'pods "b" is forbidden: exceeded quota: quota, requested: cpu=100, used: cpu=500m, limited: cpu=100',
  );
  await rita.resource(pods, "red").create(big("b", "99500m"));
  const results = await Promise.all(
    ["c", "d", "e"].map((name) =>
      messageOf(
        bob
          .resource(pods, "blue")
          .create(big(name, "150", "60"))
          .then(() => undefined),
      ),
    ),
  );
  assert.equal(results.filter((message) => message === "allowed").length, 1);
  assert.match(
    results.find((message) => message !== "allowed") ?? "",
    /^pods "[cde]" is forbidden: exceeded quota: quota, requested: requests\.nvidia\.com\/gpu=60, used: requests\.nvidia\.com\/gpu=60, limited: requests\.nvidia\.com\/gpu=100$/,
  );

  // What is deleted may be used again.
  await rita.resource(pods, "red").delete("b", { gracePeriodSeconds: 0 });
  await until("the quota is released", async () => {
    const { status } = await admin.resource(resourceQuotas, "red").get("quota");
    return status.used?.["cpu"] === "500m";
  });
  await rita.resource(pods, "red").create(big("b", "99500m"));

  // Nobody gives away more than they have, and nobody comes in without a name.
  const escalation = await messageOf(
    rita.resource(roles, "red").create({
      metadata: { name: "more" },
      rules: [{ verbs: ["get"], apiGroups: [""], resources: ["secrets"] }],
    }),
  );
  assert.equal(
    escalation,
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "rita" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
  );
  assert.equal(await messageOf(as("").request("GET", "/api/v1/pods")), "Unauthorized");
});
