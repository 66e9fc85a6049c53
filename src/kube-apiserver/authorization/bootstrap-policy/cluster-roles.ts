import type { PolicyRule } from "../../../api/rbac/v1/types.gen.ts";
import { allow, allowUrls, inBothEventGroups, read, readWrite, recordEvents, write } from "./rule.ts";

/** A ClusterRole every cluster has. */
export interface ClusterRolePolicy {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  /** Feeds the roles `admin`, `edit` or `view`, by label `rbac.authorization.k8s.io/aggregate-to-<role>`. */
  readonly aggregateTo?: AggregatedRole | readonly AggregatedRole[];
  /** Is the union of the roles so labelled. */
  readonly aggregates?: AggregatedRole;
}

type AggregatedRole = "admin" | "edit" | "view";

const certificates = "certificates.k8s.io";
const rbac = "rbac.authorization.k8s.io";

/** What a kubelet may do; the Node authorizer narrows it to the node's own objects. */
export const nodeRules: readonly PolicyRule[] = [
  allow("create", "authentication.k8s.io", "tokenreviews"),
  allow("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
  allow(read, "", "services"),
  allow(`create ${read}`, "", "nodes"),
  allow("patch update", "", "nodes/status"),
  allow("patch update", "", "nodes"),
  recordEvents,
  allow(read, "", "pods"),
  allow("create delete", "", "pods"),
  allow("patch update", "", "pods/status"),
  allow("create", "", "pods/eviction"),
  allow(read, "", "configmaps secrets"),
  allow("get", "", "persistentvolumeclaims persistentvolumes"),
  allow("get", "", "endpoints"),
  allow(`create ${read}`, certificates, "certificatesigningrequests"),
  allow("create delete get patch update", "coordination.k8s.io", "leases"),
  allow("get", "storage.k8s.io", "volumeattachments"),
  allow("create", "", "serviceaccounts/token"),
  allow("get patch update", "", "persistentvolumeclaims/status"),
  allow(read, "storage.k8s.io", "csidrivers"),
  allow("create delete get patch update", "storage.k8s.io", "csinodes"),
  allow(read, "node.k8s.io", "runtimeclasses"),
  allow("get", "resource.k8s.io", "resourceclaims"),
  allow("deletecollection", "resource.k8s.io", "resourceslices"),
  allow("get", "", "serviceaccounts"),
];

const namespaceAdmin: readonly PolicyRule[] = [
  allow("create", "authorization.k8s.io", "localsubjectaccessreviews"),
  allow(readWrite, rbac, "rolebindings roles"),
];

const namespaceEdit: readonly PolicyRule[] = [
  allow(read, "", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
  allow("impersonate", "", "serviceaccounts"),
  allow(write, "", "pods pods/attach pods/exec pods/portforward pods/proxy"),
  allow("create", "", "pods/eviction"),
  allow(
    write,
    "",
    "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
  ),
  allow("create", "", "serviceaccounts/token"),
  inBothEventGroups(write),
  allow(
    write,
    "apps",
    "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale",
  ),
  allow(write, "autoscaling", "horizontalpodautoscalers"),
  allow(write, "batch", "cronjobs jobs"),
  allow(
    write,
    "extensions",
    "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale",
  ),
  allow(write, "policy", "poddisruptionbudgets"),
  allow(write, "networking.k8s.io", "ingresses networkpolicies"),
  allow(readWrite, "coordination.k8s.io", "leases"),
  allow(write, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
];

const namespaceView: readonly PolicyRule[] = [
  allow(
    read,
    "",
    "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
  ),
  allow(
    read,
    "",
    "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status",
  ),
  allow(read, "", "namespaces"),
  inBothEventGroups(read),
  allow(read, "discovery.k8s.io", "endpointslices"),
  allow(
    read,
    "apps",
    "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
  ),
  allow(read, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
  allow(read, "batch", "cronjobs cronjobs/status jobs jobs/status"),
  allow(
    read,
    "extensions",
    "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
  ),
  allow(read, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
  allow(read, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
  allow(read, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
];

const kubeControllerManager: readonly PolicyRule[] = [
  recordEvents,
  allow("create", "coordination.k8s.io", "leases"),
  allow("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
  allow("create", "", "secrets serviceaccounts"),
  allow("delete", "", "secrets"),
  allow("get", "", "configmaps namespaces secrets serviceaccounts"),
  allow("update", "", "secrets serviceaccounts"),
  allow("create", "authentication.k8s.io", "tokenreviews"),
  allow("create", "authorization.k8s.io", "subjectaccessreviews"),
  allow("list watch", "*", "*"),
  allow("create", "", "serviceaccounts/token"),
];

const kubeScheduler: readonly PolicyRule[] = [
  recordEvents,
  allow("create", "coordination.k8s.io", "leases"),
  allow(`update ${read}`, "coordination.k8s.io", "leases", "kube-scheduler"),
  allow(readWrite, "coordination.k8s.io", "leasecandidates"),
  allow(read, "", "nodes"),
  allow(`delete ${read}`, "", "pods"),
  allow("create", "", "bindings pods/binding"),
  allow("patch update", "", "pods/status"),
  allow(read, "", "replicationcontrollers services"),
  allow(read, "apps extensions", "replicasets"),
  allow(read, "apps", "statefulsets"),
  allow(read, "policy", "poddisruptionbudgets"),
  allow(read, "", "persistentvolumeclaims persistentvolumes"),
  allow("create", "authentication.k8s.io", "tokenreviews"),
  allow("create", "authorization.k8s.io", "subjectaccessreviews"),
  allow(read, "storage.k8s.io", "csinodes"),
  allow(read, "storage.k8s.io", "volumeattachments"),
  allow(read, "", "namespaces"),
  allow(read, "storage.k8s.io", "csidrivers"),
  allow(read, "storage.k8s.io", "csistoragecapacities"),
  allow(read, "resource.k8s.io", "deviceclasses"),
  allow(`patch update ${read}`, "resource.k8s.io", "resourceclaims"),
  allow(`patch update ${read}`, "resource.k8s.io", "resourceclaims/status"),
  allow("update", "", "pods/finalizers"),
  allow(read, "resource.k8s.io", "resourceslices"),
  allow("create delete", "resource.k8s.io", "resourceclaims"),
  allow("patch update", "resource.k8s.io", "resourceclaims/binding"),
];

function approver(signer: string): ClusterRolePolicy {
  return {
    name: `system:${certificates}:${signer}-approver`,
    rules: [allow("approve", certificates, "signers", `kubernetes.io/${signer}`)],
  };
}

/** Upstream's default ClusterRoles, without those of the controllers. */
export const clusterRoles: readonly ClusterRolePolicy[] = [
  { name: "cluster-admin", rules: [allow("*", "*", "*"), allowUrls("*", "*")] },
  {
    name: "system:discovery",
    rules: [
      allowUrls("get", "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"),
    ],
  },
  {
    name: "system:monitoring",
    rules: [
      allowUrls("get", "/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz"),
      allow("get", "", "nodes/metrics"),
    ],
  },
  {
    name: "system:basic-user",
    rules: [
      allow("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
      allow("create", "authentication.k8s.io", "selfsubjectreviews"),
    ],
  },
  { name: "system:public-info-viewer", rules: [allowUrls("get", "/healthz /livez /readyz /version /version/")] },
  { name: "admin", rules: [], aggregates: "admin" },
  { name: "edit", rules: [], aggregates: "edit", aggregateTo: "admin" },
  { name: "view", rules: [], aggregates: "view", aggregateTo: "edit" },
  { name: "system:aggregate-to-admin", rules: namespaceAdmin, aggregateTo: "admin" },
  { name: "system:aggregate-to-edit", rules: namespaceEdit, aggregateTo: "edit" },
  { name: "system:aggregate-to-view", rules: namespaceView, aggregateTo: "view" },
  {
    name: "system:heapster",
    rules: [allow(read, "", "events namespaces nodes pods"), allow(read, "extensions", "deployments")],
  },
  { name: "system:node", rules: nodeRules },
  {
    name: "system:node-problem-detector",
    rules: [allow("get", "", "nodes"), allow("patch", "", "nodes/status"), recordEvents],
  },
  {
    name: "system:node-proxier",
    rules: [
      allow("list watch", "", "endpoints services"),
      allow(read, "", "nodes"),
      recordEvents,
      allow("list watch", "networking.k8s.io", "servicecidrs"),
      allow("list watch", "discovery.k8s.io", "endpointslices"),
    ],
  },
  // Not upstream's: DNS must know which namespaces there are; host ports and network policies are about pods.
  {
    name: "k8ts:node-network",
    rules: [
      allow("list watch", "", "namespaces pods"),
      allow("list watch", "networking.k8s.io", "ingressclasses ingresses networkpolicies"),
    ],
  },
  {
    name: "system:kubelet-api-admin",
    rules: [
      allow(read, "", "nodes"),
      allow("proxy", "", "nodes"),
      allow("*", "", "nodes/log nodes/metrics nodes/proxy nodes/stats"),
      allow("*", "", "nodes/configz nodes/healthz nodes/pods"),
    ],
  },
  { name: "system:node-bootstrapper", rules: [allow(`create ${read}`, certificates, "certificatesigningrequests")] },
  {
    name: "system:auth-delegator",
    rules: [
      allow("create", "authentication.k8s.io", "tokenreviews"),
      allow("create", "authorization.k8s.io", "subjectaccessreviews"),
    ],
  },
  { name: "system:kube-aggregator", rules: [allow(read, "", "endpoints services")] },
  { name: "system:kube-controller-manager", rules: kubeControllerManager },
  { name: "system:kube-dns", rules: [allow("list watch", "", "endpoints services")] },
  { name: "system:kube-scheduler", rules: kubeScheduler },
  {
    name: "system:persistent-volume-provisioner",
    rules: [
      allow(`create delete ${read}`, "", "persistentvolumes"),
      allow(`update ${read}`, "", "persistentvolumeclaims"),
      allow(read, "storage.k8s.io", "storageclasses"),
      allow("watch", "", "events"),
      recordEvents,
    ],
  },
  {
    name: `system:${certificates}:certificatesigningrequests:nodeclient`,
    rules: [allow("create", certificates, "certificatesigningrequests/nodeclient")],
  },
  {
    name: `system:${certificates}:certificatesigningrequests:selfnodeclient`,
    rules: [allow("create", certificates, "certificatesigningrequests/selfnodeclient")],
  },
  {
    name: "system:volume-scheduler",
    rules: [
      allow(`patch update ${read}`, "", "persistentvolumes"),
      allow(read, "storage.k8s.io", "storageclasses"),
      allow(`patch update ${read}`, "", "persistentvolumeclaims"),
    ],
  },
  approver("legacy-unknown"),
  approver("kubelet-serving"),
  approver("kube-apiserver-client"),
  approver("kube-apiserver-client-kubelet"),
  {
    name: "system:service-account-issuer-discovery",
    rules: [
      allowUrls(
        "get",
        "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
      ),
    ],
  },
];
