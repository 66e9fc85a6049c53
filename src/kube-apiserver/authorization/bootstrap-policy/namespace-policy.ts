import type { PolicyRule, Subject } from "../../../api/rbac/v1/types.gen.ts";
import type { BindingPolicy } from "./cluster-role-bindings.ts";
import { serviceAccount, user } from "./cluster-role-bindings.ts";
import { allow, read, recordEvents } from "./rule.ts";

interface RolePolicy {
  readonly namespace: string;
  readonly name: string;
  readonly rules: readonly PolicyRule[];
}

interface RoleBindingPolicy extends BindingPolicy {
  readonly namespace: string;
}

const system = "kube-system";

function leaderLocking(component: string): RolePolicy {
  return {
    namespace: system,
    name: `system::leader-locking-${component}`,
    rules: [
      allow("create get list update watch", "coordination.k8s.io", "leases"),
      allow("create get list update watch", "coordination.k8s.io", "leasecandidates"),
    ],
  };
}

function leaderLockingBinding(component: string, ...others: readonly Subject[]): RoleBindingPolicy {
  return {
    namespace: system,
    role: `system::leader-locking-${component}`,
    subjects: [user(`system:${component}`), serviceAccount(system, component), ...others],
  };
}

/** Upstream's default Roles in the reserved namespaces. */
export const roles: readonly RolePolicy[] = [
  {
    namespace: system,
    name: "extension-apiserver-authentication-reader",
    rules: [allow(read, "", "configmaps", "extension-apiserver-authentication")],
  },
  { namespace: system, name: "system:controller:bootstrap-signer", rules: [allow(read, "", "secrets")] },
  { namespace: system, name: "system:controller:cloud-provider", rules: [allow(`create ${read}`, "", "configmaps")] },
  {
    namespace: system,
    name: "system:controller:token-cleaner",
    rules: [allow(`delete ${read}`, "", "secrets"), recordEvents],
  },
  leaderLocking("kube-controller-manager"),
  leaderLocking("kube-scheduler"),
  {
    namespace: "kube-public",
    name: "system:controller:bootstrap-signer",
    rules: [allow(read, "", "configmaps"), allow("update", "", "configmaps", "cluster-info"), recordEvents],
  },
];

export const roleBindings: readonly RoleBindingPolicy[] = [
  {
    namespace: system,
    role: "extension-apiserver-authentication-reader",
    name: "system::extension-apiserver-authentication-reader",
    subjects: [user("system:kube-controller-manager"), user("system:kube-scheduler")],
  },
  ...["bootstrap-signer", "cloud-provider", "token-cleaner"].map((name) => ({
    namespace: system,
    role: `system:controller:${name}`,
    subjects: [serviceAccount(system, name)],
  })),
  leaderLockingBinding("kube-controller-manager", serviceAccount(system, "leader-election-controller")),
  leaderLockingBinding("kube-scheduler"),
  {
    namespace: "kube-public",
    role: "system:controller:bootstrap-signer",
    subjects: [serviceAccount(system, "bootstrap-signer")],
  },
];
