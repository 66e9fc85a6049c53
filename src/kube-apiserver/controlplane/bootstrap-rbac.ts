import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "../../api/rbac/v1/types.gen.ts";
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../../api/resources.gen.ts";
import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { BindingPolicy } from "../authorization/bootstrap-policy/cluster-role-bindings.ts";
import {
  clusterRoleBindings as bindingPolicies,
  serviceAccount,
} from "../authorization/bootstrap-policy/cluster-role-bindings.ts";
import type { ClusterRolePolicy } from "../authorization/bootstrap-policy/cluster-roles.ts";
import { controllerRules } from "../authorization/bootstrap-policy/controller-roles.ts";
import { uncovered } from "../authorization/rule-coverage.ts";
import { clusterRoles as rolePolicies } from "../authorization/bootstrap-policy/cluster-roles.ts";
import {
  roleBindings as namespacedBindingPolicies,
  roles as namespacedRolePolicies,
} from "../authorization/bootstrap-policy/namespace-policy.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { SystemWriter } from "./system-writer.ts";

const autoUpdate = "rbac.authorization.kubernetes.io/autoupdate";
const aggregateLabel = "rbac.authorization.k8s.io/aggregate-to-";
const rbacGroup = "rbac.authorization.k8s.io";

export interface ControllerRole {
  readonly serviceAccount: string;
  readonly rules: readonly PolicyRule[];
}

/**
 * Brings the default roles and bindings to what they must at least be. What an administrator added stays; what is missing
 * comes back, unless the object is annotated `rbac.authorization.kubernetes.io/autoupdate: "false"`.
 */
export async function bootstrapRbac(
  writer: SystemWriter,
  all: readonly ControllerRole[],
  extra: { readonly roles: readonly ClusterRolePolicy[]; readonly bindings: readonly BindingPolicy[] },
): Promise<void> {
  const controllers = controllerPolicies(all);
  const controllerBindings = controllers.map(({ account }) => ({
    role: `system:controller:${account}`,
    subjects: [serviceAccount("kube-system", account)],
  }));
  const policies: readonly ClusterRolePolicy[] = [...rolePolicies, ...controllers, ...extra.roles];
  // Writes of one batch share a commit.
  await Promise.all([
    ...policies.map((policy) => ensureClusterRole(writer, policy, policies)),
    ...[...bindingPolicies, ...controllerBindings, ...extra.bindings].map((policy) =>
      ensureClusterRoleBinding(writer, policy),
    ),
    ...namespacedRolePolicies.map((policy) =>
      writer.reconcile(
        roles,
        { metadata: { ...metadata(policy.name), namespace: policy.namespace }, rules: policy.rules },
        (role) => addRules(role, policy.rules),
      ),
    ),
    ...namespacedBindingPolicies.map((policy) =>
      writer.reconcile(
        roleBindings,
        {
          metadata: { ...metadata(policy.name ?? policy.role), namespace: policy.namespace },
          roleRef: { apiGroup: rbacGroup, kind: "Role", name: policy.role },
          subjects: policy.subjects,
        },
        (binding) => addSubjects(binding, policy.subjects),
      ),
    ),
  ]);
}

/**
 * The roles of upstream's controllers, whether they run here or not, and of our own; with what a controller needs here
 * beyond upstream's rules.
 */
function controllerPolicies(
  all: readonly ControllerRole[],
): readonly (ClusterRolePolicy & { readonly account: string })[] {
  // Controllers that share a service account name the same rules.
  const needed = new Map(all.map((each) => [each.serviceAccount, each.rules]));
  const accounts = new Set([...Object.keys(controllerRules), ...needed.keys()]);
  return [...accounts].map((account) => {
    const rules = controllerRules[account];
    const wanted = needed.get(account) ?? [];
    const name = `system:controller:${account}`;
    return { account, name, rules: rules ? [...rules, ...joinVerbs(uncovered(rules, wanted))] : wanted };
  });
}

/** One rule for each thing, of rules of one verb each. */
function joinVerbs(parts: readonly PolicyRule[]): readonly PolicyRule[] {
  const byThing = new Map<string, PolicyRule>();
  for (const part of parts) {
    const thing = JSON.stringify({ ...part, verbs: [] });
    byThing.set(thing, { ...part, verbs: [...(byThing.get(thing)?.verbs ?? []), ...part.verbs].toSorted() });
  }
  return [...byThing.values()];
}

function metadata(name: string): {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
} {
  return { name, labels: { "kubernetes.io/bootstrapping": "rbac-defaults" }, annotations: { [autoUpdate]: "true" } };
}

/**
 * Differs from upstream: roles that are unions of others are written with their rules, so that they hold before the
 * aggregation controller has run; it finds them as it would have made them.
 */
async function ensureClusterRole(
  writer: SystemWriter,
  policy: ClusterRolePolicy,
  all: readonly ClusterRolePolicy[],
): Promise<void> {
  const meta = metadata(policy.name);
  const labels = {
    ...meta.labels,
    ...Object.fromEntries(targetsOf(policy).map((target) => [`${aggregateLabel}${target}`, "true"])),
  };
  const rules = policy.aggregates ? aggregated(policy.aggregates, all) : policy.rules;
  const aggregationRule = policy.aggregates && {
    clusterRoleSelectors: [{ matchLabels: { [`${aggregateLabel}${policy.aggregates}`]: "true" } }],
  };
  await writer.reconcile(
    clusterRoles,
    { metadata: { ...meta, labels }, rules, ...(aggregationRule ? { aggregationRule } : {}) },
    (role) => {
      if (!isAutoUpdated(role)) return;
      role.metadata.labels = { ...labels, ...role.metadata.labels };
      addRules(role, rules);
    },
  );
}

/** The rules of every role labelled for `target`, and of those labelled for them. */
function aggregated(target: string, all: readonly ClusterRolePolicy[]): readonly PolicyRule[] {
  return all
    .filter((policy) => targetsOf(policy).includes(target))
    .flatMap((policy) => (policy.aggregates ? aggregated(policy.aggregates, all) : policy.rules));
}

function targetsOf({ aggregateTo = [] }: ClusterRolePolicy): readonly string[] {
  return typeof aggregateTo === "string" ? [aggregateTo] : aggregateTo;
}

async function ensureClusterRoleBinding(writer: SystemWriter, policy: BindingPolicy): Promise<void> {
  await writer.reconcile(
    clusterRoleBindings,
    {
      metadata: metadata(policy.name ?? policy.role),
      roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: policy.role },
      subjects: policy.subjects,
    },
    (binding) => addSubjects(binding, policy.subjects),
  );
}

function isAutoUpdated(object: Mutable<Pick<ClusterRole | Role, "metadata">>): boolean {
  return object.metadata.annotations?.[autoUpdate] !== "false";
}

function addRules(role: Mutable<ClusterRole> | Mutable<Role>, rules: readonly PolicyRule[]): void {
  if (!isAutoUpdated(role)) return;
  const missing = rules.filter((rule) => !role.rules?.some((each) => semanticEqual(each, rule)));
  if (missing.length > 0) role.rules = [...(role.rules ?? []), ...structuredClone(missing as Mutable<PolicyRule>[])];
}

function addSubjects(binding: Mutable<ClusterRoleBinding> | Mutable<RoleBinding>, subjects: readonly Subject[]): void {
  if (!isAutoUpdated(binding)) return;
  const missing = subjects.filter((subject) => !binding.subjects?.some((each) => semanticEqual(each, subject)));
  if (missing.length > 0)
    binding.subjects = [...(binding.subjects ?? []), ...missing.map((subject) => ({ ...subject }))];
}
