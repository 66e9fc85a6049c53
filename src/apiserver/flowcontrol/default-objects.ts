import type {
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfigurationSpec,
  Subject,
} from "../../api/flowcontrol/v1/types.gen.ts";

/** An object the server has by itself. */
export interface DefaultObject<Spec> {
  readonly metadata: { readonly name: string };
  readonly spec: Spec;
}

const everywhere = ["*"];
const allResources = [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: everywhere }];
const allUrls = [{ verbs: ["*"], nonResourceURLs: ["*"] }];
const everybody = [group("system:unauthenticated"), group("system:authenticated")];
const systemServiceAccounts: Subject = {
  kind: "ServiceAccount",
  serviceAccount: { namespace: "kube-system", name: "*" },
};
const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: everywhere };

/** Priority levels the server cannot do without. */
export const mandatoryLevels: readonly DefaultObject<PriorityLevelConfigurationSpec>[] = [
  level("exempt", { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  level("catch-all", {
    type: "Limited",
    limited: { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" }, lendablePercent: 0 },
  }),
];

/** Upstream's suggestion for a start. */
export const suggestedLevels: readonly DefaultObject<PriorityLevelConfigurationSpec>[] = [
  level("system", queued(30, 64, 33)),
  level("node-high", queued(40, 64, 25)),
  level("leader-election", queued(10, 16, 0, 4)),
  level("workload-high", queued(40, 128, 50)),
  level("workload-low", queued(100, 128, 90)),
  level("global-default", queued(20, 128, 50)),
];

/** The first and the last rule. */
export const mandatorySchemas: readonly DefaultObject<FlowSchemaSpec>[] = [
  schema("exempt", "exempt", 1, undefined, all(group("system:masters"))),
  schema("catch-all", "catch-all", 10_000, "ByUser", all(...everybody)),
];

export const suggestedSchemas: readonly DefaultObject<FlowSchemaSpec>[] = [
  schema("probes", "exempt", 2, undefined, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
  }),
  schema("system-leader-election", "leader-election", 100, "ByUser", {
    subjects: [user("system:kube-controller-manager"), user("system:kube-scheduler"), systemServiceAccounts],
    resourceRules: [{ verbs: ["get", "create", "update"], ...leases }],
  }),
  schema("system-node-high", "node-high", 400, "ByUser", {
    subjects: [group("system:nodes")],
    resourceRules: [
      {
        verbs: ["*"],
        apiGroups: [""],
        resources: ["nodes", "nodes/status"],
        clusterScope: true,
        namespaces: everywhere,
      },
      { verbs: ["*"], ...leases },
    ],
  }),
  schema("system-nodes", "system", 500, "ByUser", all(group("system:nodes"))),
  schema("kube-controller-manager", "workload-high", 800, "ByNamespace", all(user("system:kube-controller-manager"))),
  schema("kube-scheduler", "workload-high", 800, "ByNamespace", all(user("system:kube-scheduler"))),
  schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", all(systemServiceAccounts)),
  schema("service-accounts", "workload-low", 9000, "ByUser", all(group("system:serviceaccounts"))),
  schema("global-default", "global-default", 9900, "ByUser", all(...everybody)),
];

function level(name: string, spec: PriorityLevelConfigurationSpec): DefaultObject<PriorityLevelConfigurationSpec> {
  return { metadata: { name }, spec };
}

function queued(shares: number, queues: number, lendable: number, handSize = 6): PriorityLevelConfigurationSpec {
  return {
    type: "Limited",
    limited: {
      nominalConcurrencyShares: shares,
      limitResponse: { type: "Queue", queuing: { queues, handSize, queueLengthLimit: 50 } },
      lendablePercent: lendable,
    },
  };
}

function schema(
  name: string,
  levelName: string,
  matchingPrecedence: number,
  distinguisher: string | undefined,
  rule: PolicyRulesWithSubjects,
): DefaultObject<FlowSchemaSpec> {
  return {
    metadata: { name },
    spec: {
      priorityLevelConfiguration: { name: levelName },
      matchingPrecedence,
      ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
      rules: [rule],
    },
  };
}

function all(...subjects: readonly Subject[]): PolicyRulesWithSubjects {
  return { subjects, resourceRules: allResources, nonResourceRules: allUrls };
}

function group(name: string): Subject {
  return { kind: "Group", group: { name } };
}

function user(name: string): Subject {
  return { kind: "User", user: { name } };
}
