import type { Subject } from "../../../api/rbac/v1/types.gen.ts";

/** A binding every cluster has; cluster bindings bear the name of their role unless `name` is given. */
export interface BindingPolicy {
  readonly role: string;
  readonly name?: string;
  readonly subjects: readonly Subject[];
}

const apiGroup = "rbac.authorization.k8s.io";

export function user(name: string): Subject {
  return { kind: "User", apiGroup, name };
}

export function group(name: string): Subject {
  return { kind: "Group", apiGroup, name };
}

export function serviceAccount(namespace: string, name: string): Subject {
  return { kind: "ServiceAccount", name, namespace };
}

/** Upstream's default ClusterRoleBindings, without those of the controllers. */
export const clusterRoleBindings: readonly BindingPolicy[] = [
  { role: "cluster-admin", subjects: [group("system:masters")] },
  { role: "system:monitoring", subjects: [group("system:monitoring")] },
  { role: "system:discovery", subjects: [group("system:authenticated")] },
  { role: "system:basic-user", subjects: [group("system:authenticated")] },
  { role: "system:public-info-viewer", subjects: [group("system:authenticated"), group("system:unauthenticated")] },
  { role: "system:node-proxier", subjects: [user("system:kube-proxy")] },
  { role: "k8ts:node-network", subjects: [user("k8ts:node-network")] },
  { role: "system:kube-controller-manager", subjects: [user("system:kube-controller-manager")] },
  { role: "system:kube-dns", subjects: [serviceAccount("kube-system", "kube-dns")] },
  { role: "system:kube-scheduler", subjects: [user("system:kube-scheduler")] },
  { role: "system:volume-scheduler", subjects: [user("system:kube-scheduler")] },
  // Nodes get their rights from the Node authorizer; the binding exists for those who add subjects to it.
  { role: "system:node", subjects: [] },
  { role: "system:service-account-issuer-discovery", subjects: [group("system:serviceaccounts")] },
];
