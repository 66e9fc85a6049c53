import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Namespace, NamespaceCondition } from "../../api/core/v1/types.gen.ts";
import { namespaces, pods } from "../../api/resources.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { ItemExponentialRateLimiter } from "../../client/workqueue/rate-limiter.ts";
import { deleteNamespaceContent, type ContentReport } from "./namespace-content.ts";

const kubernetesFinalizer = "kubernetes";

export const namespaceController: ControllerDescriptor = {
  name: "namespace-controller",
  serviceAccount: "namespace-controller",
  rules: [
    { verbs: ["get", "list", "watch", "delete"], apiGroups: [""], resources: ["namespaces"] },
    { verbs: ["update"], apiGroups: [""], resources: ["namespaces/finalize", "namespaces/status"] },
    { verbs: ["get", "list", "delete", "deletecollection"], apiGroups: ["*"], resources: ["*"] },
  ],
  create: createNamespaceController,
};

/** There is still something in the namespace, and no event will say when it is gone: look again with growing pauses. */
class ContentRemainsError extends Error {
  override readonly name = "ContentRemainsError";
}

/** Empties namespaces that are being deleted, and lets go of them when they are empty. */
function createNamespaceController(context: ControllerContext): ReconcileController {
  const informer = context.informers.for(namespaces);
  const podInformer = context.informers.for(pods);
  const controller = new ReconcileController({
    ...context,
    name: "namespace",
    workers: 10,
    rateLimiter: new ItemExponentialRateLimiter<string>({ initialMs: 100, maxMs: 60_000 }),
    reconcile: (key, signal) => reconcile(context, informer, key, signal),
  });
  controller.watch(
    informer,
    (namespace) => (namespace.metadata.deletionTimestamp ? [namespace.metadata.name] : []),
    (previous, current) =>
      previous.metadata.deletionTimestamp !== current.metadata.deletionTimestamp ||
      previous.spec.finalizers?.length !== current.spec.finalizers?.length,
  );
  // The end of the last pod is what most namespaces wait for.
  podInformer.addEventHandler({
    onDelete: ({ metadata: { namespace } }) => {
      if (!informer.lister.getByKey(namespace)?.metadata.deletionTimestamp) return;
      if (podInformer.lister.list(namespace).length === 0) controller.enqueue(namespace);
    },
  });
  return controller;
}

async function reconcile(
  context: ControllerContext,
  informer: SharedInformer<Namespace>,
  name: string,
  signal: AbortSignal,
): Promise<ReconcileResult | void> {
  if (!informer.lister.getByKey(name)?.metadata.deletionTimestamp) return;
  const client = context.client.resource(namespaces);
  let namespace: Namespace;
  try {
    // The conditions and finalizers written below must be those of now.
    namespace = await client.get(name, { signal });
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  if (!namespace.metadata.deletionTimestamp || !namespace.spec.finalizers?.includes(kubernetesFinalizer)) return;
  const report = await deleteNamespaceContent(context.client, name, signal);
  const conditions = contentConditions(namespace, report, context.clock.now());
  if (conditions !== namespace.status.conditions || namespace.status.phase !== "Terminating") {
    const status = { ...namespace.status, phase: "Terminating" as const, conditions };
    namespace = await client.updateStatus({ ...namespace, status }, { signal });
  }
  if (report.estimateMs > 0) {
    // The event of the last pod comes earlier as a rule; half the time as upstream, in case it does not.
    return { requeueAfterMs: report.estimateMs / 2 + 1000 };
  }
  const failures = [...report.discoveryFailures, ...report.contentFailures];
  if (failures.length > 0 || report.remaining.size > 0)
    throw new ContentRemainsError(failures.join("; ") || remainingText(report));
  const finalizers = namespace.spec.finalizers?.filter((f) => f !== kubernetesFinalizer) ?? [];
  const finalized = { ...namespace, spec: { ...namespace.spec, finalizers } };
  await client.updateSubresource(name, "finalize", finalized, { signal });
}

interface ConditionRule {
  readonly type: string;
  /** The message when the condition holds; undefined when it does not. */
  readonly problem: (report: ContentReport) => string | undefined;
  readonly badReason: string;
  readonly goodReason: string;
  readonly goodMessage: string;
}

const conditionRules: readonly ConditionRule[] = [
  {
    type: "NamespaceDeletionDiscoveryFailure",
    problem: ({ discoveryFailures: failed }) => {
      if (failed.length === 0) return undefined;
      const each = failed.toSorted().map((version) => `${version}: stale GroupVersion discovery: ${version}`);
      const why = `unable to retrieve the complete list of server APIs: ${each.join(", ")}`;
      return `Discovery failed for some groups, ${failed.length} failing: ${why}`;
    },
    badReason: "DiscoveryFailed",
    goodReason: "ResourcesDiscovered",
    goodMessage: "All resources successfully discovered",
  },
  {
    type: "NamespaceDeletionGroupVersionParsingFailure",
    problem: () => undefined,
    badReason: "GroupVersionParsingFailed",
    goodReason: "ParsedGroupVersions",
    goodMessage: "All legacy kube types successfully parsed",
  },
  {
    type: "NamespaceDeletionContentFailure",
    problem: ({ contentFailures: f }) =>
      f.length > 0 ? `Failed to delete all resource types, ${f.length} remaining: ${f.join(", ")}` : undefined,
    badReason: "ContentDeletionFailed",
    goodReason: "ContentDeleted",
    goodMessage: "All content successfully deleted, may be waiting on finalization",
  },
  {
    type: "NamespaceContentRemaining",
    problem: (report) => (report.remaining.size > 0 ? remainingText(report) : undefined),
    badReason: "SomeResourcesRemain",
    goodReason: "ContentRemoved",
    goodMessage: "All content successfully removed",
  },
  {
    type: "NamespaceFinalizersRemaining",
    problem: ({ finalizers }) =>
      finalizers.size > 0
        ? `Some content in the namespace has finalizers remaining: ${counts(finalizers, "in", "resource instances")}`
        : undefined,
    badReason: "SomeFinalizersRemain",
    goodReason: "ContentHasNoFinalizers",
    goodMessage: "All content-preserving finalizers finished",
  },
];

/** The same array when nothing has changed. */
function contentConditions(
  namespace: Namespace,
  report: ContentReport,
  nowMs: number,
): readonly NamespaceCondition[] | undefined {
  const current = namespace.status.conditions ?? [];
  let hasChanged = false;
  const next = conditionRules.map((rule) => {
    const problem = rule.problem(report);
    const wanted = {
      type: rule.type,
      status: problem === undefined ? "False" : "True",
      reason: problem === undefined ? rule.goodReason : rule.badReason,
      message: problem ?? rule.goodMessage,
    };
    const before = current.find((c) => c.type === rule.type);
    if (before?.status === wanted.status && before.reason === wanted.reason && before.message === wanted.message)
      return before;
    hasChanged = true;
    const isSameStatus = before?.status === wanted.status;
    const lastTransitionTime = (isSameStatus ? before.lastTransitionTime : undefined) ?? formatTime(nowMs);
    return { ...wanted, lastTransitionTime };
  });
  if (!hasChanged) return namespace.status.conditions;
  return [...current.filter((c) => conditionRules.every((rule) => rule.type !== c.type)), ...next];
}

function remainingText({ remaining }: ContentReport): string {
  return `Some resources are remaining: ${counts(remaining, "has", "resource instances")}`;
}

function counts(entries: ReadonlyMap<string, number>, verb: string, what: string): string {
  return [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${verb} ${count} ${what}`)
    .join(", ");
}
