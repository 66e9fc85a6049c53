import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterRoles } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation-controller.ts";

test("a role collects the rules of the roles it selects, as they come and go", async () => {
  await using h = await startControllers([clusterRoleAggregationController], async (client) => {
    await client.resource(clusterRoles).create({
      metadata: { name: "all" },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: "all" } }] },
    });
  });
  const roles = h.client.resource(clusterRoles);
  const rule = (resource: string) => ({ verbs: ["get"], apiGroups: [""], resources: [resource] });
  await roles.create({ metadata: { name: "b", labels: { to: "all" } }, rules: [rule("pods"), rule("nodes")] });
  await roles.create({ metadata: { name: "a", labels: { to: "all" } }, rules: [rule("pods")] });
  await roles.create({ metadata: { name: "c" }, rules: [rule("secrets")] });
  await h.settle();
  assert.deepEqual((await roles.get("all")).rules, [rule("pods"), rule("nodes")]);
  await roles.delete("b");
  await h.settle();
  assert.deepEqual((await roles.get("all")).rules, [rule("pods")]);
});
