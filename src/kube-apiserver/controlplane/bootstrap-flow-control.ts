import type {
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfigurationSpec,
  Subject,
} from "../../api/flowcontrol/v1/types.gen.ts";
import { flowSchemas, priorityLevelConfigurations } from "../../api/resources.gen.ts";
import type { Input, Mutable } from "../../apimachinery/resource-type.ts";
import { formatTime } from "../../component-helpers/time.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { SystemWriter } from "./system-writer.ts";

const autoUpdate = "apf.kubernetes.io/autoupdate-spec";
/** Objects the server keeps as they are, whatever an administrator writes. */
const mandatory = new Set(["exempt", "catch-all"]);

const everywhere = ["*"];
const allResources = [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: everywhere }];
const allUrls = [{ verbs: ["*"], nonResourceURLs: ["*"] }];
const everybody = [group("system:unauthenticated"), group("system:authenticated")];
const systemServiceAccounts: Subject = {
  kind: "ServiceAccount",
  serviceAccount: { namespace: "kube-system", name: "*" },
};
const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: everywhere };

/** Upstream's mandatory and suggested priority levels. */
const priorityLevels: Readonly<Record<string, Input<PriorityLevelConfigurationSpec>>> = {
  exempt: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  "catch-all": {
    type: "Limited",
    limited: { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" }, lendablePercent: 0 },
  },
  system: queued(30, 64, 33),
  "node-high": queued(40, 64, 25),
  "leader-election": queued(10, 16, 0, 4),
  "workload-high": queued(40, 128, 50),
  "workload-low": queued(100, 128, 90),
  "global-default": queued(20, 128, 50),
};

/** Upstream's mandatory and suggested flow schemas. */
const schemas: Readonly<Record<string, FlowSchemaSpec>> = {
  exempt: schema("exempt", 1, undefined, all(group("system:masters"))),
  "catch-all": schema("catch-all", 10_000, "ByUser", all(...everybody)),
  probes: schema("exempt", 2, undefined, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
  }),
  "system-leader-election": schema("leader-election", 100, "ByUser", {
    subjects: [user("system:kube-controller-manager"), user("system:kube-scheduler"), systemServiceAccounts],
    resourceRules: [{ verbs: ["get", "create", "update"], ...leases }],
  }),
  "system-node-high": schema("node-high", 400, "ByUser", {
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
  "system-nodes": schema("system", 500, "ByUser", all(group("system:nodes"))),
  "kube-controller-manager": schema("workload-high", 800, "ByNamespace", all(user("system:kube-controller-manager"))),
  "kube-scheduler": schema("workload-high", 800, "ByNamespace", all(user("system:kube-scheduler"))),
  "kube-system-service-accounts": schema("workload-high", 900, "ByNamespace", all(systemServiceAccounts)),
  "service-accounts": schema("workload-low", 9000, "ByUser", all(group("system:serviceaccounts"))),
  "global-default": schema("global-default", 9900, "ByUser", all(...everybody)),
};

/**
 * Brings the default flow schemas and priority levels to what they are upstream. The mandatory ones are always restored,
 * the suggested ones unless an administrator annotated them `apf.kubernetes.io/autoupdate-spec: "false"`.
 *
 * Differs from upstream: nothing reads them yet; requests are held to plain limits in flight.
 */
export async function bootstrapFlowControl(writer: SystemWriter, nowMs: number): Promise<void> {
  await Promise.all([
    ...Object.entries(priorityLevels).map(([name, spec]) =>
      writer.reconcile(priorityLevelConfigurations, { metadata: metadata(name), spec }, (object) =>
        restore(object, spec as PriorityLevelConfigurationSpec),
      ),
    ),
    ...Object.entries(schemas).map(async ([name, spec]) => {
      await writer.reconcile(flowSchemas, { metadata: metadata(name), spec }, (object) => restore(object, spec));
      await setNotDangling(writer, name, spec.priorityLevelConfiguration.name, nowMs);
    }),
  ]);
}

function restore<Spec>(
  object: { readonly metadata: Mutable<{ name: string; annotations?: Record<string, string> }>; spec: Spec },
  spec: Mutable<Spec> | Spec,
): void {
  const { metadata } = object;
  const wanted = mandatory.has(metadata.name) ? "true" : (metadata.annotations?.[autoUpdate] ?? "true");
  if (wanted !== "true") return;
  metadata.annotations = { ...metadata.annotations, [autoUpdate]: wanted };
  if (!semanticEqual(object.spec, spec)) object.spec = structuredClone(spec) as Spec;
}

async function setNotDangling(writer: SystemWriter, name: string, level: string, nowMs: number): Promise<void> {
  const message = `This FlowSchema references the PriorityLevelConfiguration object named "${level}" and it exists`;
  await writer.updateStatus(flowSchemas, "", name, (object) => {
    if (object.status.conditions?.some((each) => each.type === "Dangling" && each.status === "False")) return;
    const lastTransitionTime = formatTime(nowMs);
    object.status.conditions = [{ type: "Dangling", status: "False", lastTransitionTime, reason: "Found", message }];
  });
}

function metadata(name: string): { readonly name: string; readonly annotations: Readonly<Record<string, string>> } {
  return { name, annotations: { [autoUpdate]: "true" } };
}

function queued(shares: number, queues: number, lendable: number, handSize = 6): Input<PriorityLevelConfigurationSpec> {
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
  level: string,
  matchingPrecedence: number,
  distinguisher: string | undefined,
  rule: PolicyRulesWithSubjects,
): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
    rules: [rule],
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
