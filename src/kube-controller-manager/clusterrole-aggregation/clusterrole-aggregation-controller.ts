import type { ClusterRole, PolicyRule } from "../../api/rbac/v1/types.gen.ts";
import { clusterRoles } from "../../api/resources.gen.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

export const clusterRoleAggregationController: ControllerDescriptor = {
  name: "clusterrole-aggregation-controller",
  serviceAccount: "clusterrole-aggregation-controller",
  rules: [
    // It writes roles with any rules, so it must be allowed to give what it does not have.
    {
      verbs: ["escalate", "get", "list", "patch", "update", "watch"],
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["clusterroles"],
    },
  ],
  create: createAggregation,
};

/** Keeps the rules of roles with an aggregationRule equal to those of the roles they select, in order of their names. */
function createAggregation(context: ControllerContext): ReconcileController {
  const informer = context.informers.for(clusterRoles);
  const reconcile = async (name: string, signal: AbortSignal): Promise<void> => {
    const role = informer.lister.getByKey(name);
    if (!role?.aggregationRule || role.metadata.deletionTimestamp) return;
    const rules = aggregate(role, informer.lister.list());
    if (semanticEqual(rules, role.rules ?? [])) return;
    await context.client.resource(clusterRoles).update({ ...role, rules }, { signal });
  };
  const controller = new ReconcileController({ ...context, name: "ClusterRoleAggregator", reconcile });
  // Any role may belong to any of those that collect.
  controller.watch(informer, () =>
    informer.lister
      .list()
      .filter((role) => role.aggregationRule)
      .map((role) => role.metadata.name),
  );
  return controller;
}

function aggregate(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] {
  const rules: PolicyRule[] = [];
  const sorted = [...roles].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matches = labelMatcher(selector);
    for (const each of sorted) {
      if (each.metadata.name === role.metadata.name || !matches(each.metadata.labels)) continue;
      for (const rule of each.rules ?? []) if (!rules.some((known) => semanticEqual(known, rule))) rules.push(rule);
    }
  }
  return rules;
}
