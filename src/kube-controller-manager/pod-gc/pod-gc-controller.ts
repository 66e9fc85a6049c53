import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Node, Pod, PodCondition } from "../../api/core/v1/types.gen.ts";
import { nodes, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { disruptionTarget, isPodTerminal } from "../../component-helpers/pod.ts";
import { parseTime } from "../../component-helpers/time.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";

// A node that is registered anew, e.g. after a restart, must not lose its pods.
const nodeAbsenceMs = 40_000;
const surplusKey = "terminated pods beyond the limit";

/** `terminatedPodsMax` is upstream's --terminated-pod-gc-threshold. */
export function podGarbageCollectorController(terminatedPodsMax: number): ControllerDescriptor {
  return {
    name: "pod-garbage-collector-controller",
    serviceAccount: "pod-garbage-collector",
    rules: [
      { verbs: ["list", "watch", "delete"], apiGroups: [""], resources: ["pods"] },
      { verbs: ["get", "list"], apiGroups: [""], resources: ["nodes"] },
      { verbs: ["patch"], apiGroups: [""], resources: ["pods/status"] },
    ],
    create: (context) => createPodGarbageCollector(context, terminatedPodsMax),
  };
}

/**
 * Removes pods nobody else will: bound to a node that is gone for good, being deleted but never bound or on a node that is out of service, and ended ones
 * beyond a limit, oldest first. Keys are pods, and one for the limit.
 */
function createPodGarbageCollector(context: ControllerContext, terminatedPodsMax: number): ReconcileController {
  const podInformer = context.informers.for(pods);
  const nodeInformer = context.informers.for(nodes);
  const byNode = "spec.nodeName";
  podInformer.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  let terminated = 0;

  const reconcile = async (key: string, signal: AbortSignal): Promise<ReconcileResult | void> => {
    if (key === surplusKey) return deleteSurplus(context, podInformer, terminatedPodsMax, signal);
    const pod = podInformer.lister.getByKey(key);
    if (!pod) return;
    const { nodeName } = pod.spec;
    if (!nodeName) {
      if (pod.metadata.deletionTimestamp) await failAndDelete(context, pod, signal);
      return;
    }
    const node = nodeInformer.lister.get(undefined, nodeName);
    if (node) {
      if (pod.metadata.deletionTimestamp && isOutOfService(node)) await failAndDelete(context, pod, signal);
      return;
    }
    const waitMs = await absence.waitMs(nodeName, signal);
    if (waitMs === undefined) return;
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const why = disruptionTarget(pod, "DeletionByPodGC", "PodGC: node no longer exists", context.clock.now());
    await failAndDelete(context, pod, signal, why);
  };
  const absence = new NodeAbsence(context);

  const controller = new ReconcileController({ ...context, name: "pod_gc", workers: 1, reconcile });
  const count = (pod: Pod, by: number): void => {
    if (!isPodTerminal(pod)) return;
    terminated += by;
    if (terminated > terminatedPodsMax) controller.enqueue(surplusKey);
  };
  podInformer.addEventHandler({
    onAdd: (pod) => count(pod, 1),
    onUpdate: (previous, current) => {
      count(previous, -1);
      count(current, 1);
    },
    onDelete: (pod) => count(pod, -1),
  });
  controller.watch(
    podInformer,
    (pod) => (pod.spec.nodeName || pod.metadata.deletionTimestamp ? [objectKey(pod)] : []),
    (previous, current) =>
      previous.spec.nodeName !== current.spec.nodeName ||
      previous.metadata.deletionTimestamp !== current.metadata.deletionTimestamp,
  );
  const enqueuePodsOf = (node: Node): void => {
    for (const pod of podInformer.lister.byIndex(byNode, node.metadata.name)) controller.enqueue(objectKey(pod));
  };
  nodeInformer.addEventHandler({
    onAdd: (node) => absence.ended(node.metadata.name),
    onUpdate: (previous, node) => {
      if (!isOutOfService(previous) && isOutOfService(node)) enqueuePodsOf(node);
    },
    onDelete: enqueuePodsOf,
  });
  return controller;
}

/** Somebody has told that it is down for good, so that what is asked to go there has gone. */
function isOutOfService({ spec, status }: Node): boolean {
  const isReady = status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True");
  return !isReady && Boolean(spec.taints?.some((taint) => taint.key === "node.kubernetes.io/out-of-service"));
}

/** How long nodes have been absent; before a pod is given up the server is asked once more. */
class NodeAbsence {
  readonly #context: ControllerContext;
  readonly #since = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  ended(node: string): void {
    this.#since.delete(node);
  }

  /** What is left to wait; undefined when the node is there after all. */
  async waitMs(node: string, signal: AbortSignal): Promise<number | undefined> {
    const now = this.#context.clock.monotonic();
    const since = this.#since.get(node) ?? now;
    this.#since.set(node, since);
    const waitMs = since + nodeAbsenceMs - now;
    if (waitMs > 0) return waitMs;
    try {
      await this.#context.client.resource(nodes).get(node, { signal });
      this.#since.delete(node);
      return undefined;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return 0;
    }
  }
}

async function deleteSurplus(
  context: ControllerContext,
  informer: SharedInformer<Pod>,
  terminatedPodsMax: number,
  signal: AbortSignal,
): Promise<void> {
  const ended = informer.lister.list().filter((pod) => isPodTerminal(pod) && !pod.metadata.deletionTimestamp);
  const surplus = ended.length - terminatedPodsMax;
  if (surplus <= 0) return;
  for (const pod of ended.sort(byUse).slice(0, surplus)) await failAndDelete(context, pod, signal);
}

/** The least useful first: what the node evicted, which tells nothing of the workload, then the oldest. */
function byUse(a: Pod, b: Pod): number {
  const isEvicted = ({ status }: Pod): number => Number(status.phase === "Failed" && status.reason === "Evicted");
  const createdAt = ({ metadata }: Pod): number => parseTime(metadata.creationTimestamp);
  return isEvicted(b) - isEvicted(a) || createdAt(a) - createdAt(b) || (a.metadata.name < b.metadata.name ? -1 : 1);
}

/** A pod that has not ended is marked as failed first: nobody else would say so, and its owner counts by it. */
async function failAndDelete(
  context: ControllerContext,
  pod: Pod,
  signal: AbortSignal,
  condition?: PodCondition,
): Promise<void> {
  const { namespace, name, uid, generation: observedGeneration } = pod.metadata;
  const resource = context.client.resource(pods, namespace);
  try {
    if (!isPodTerminal(pod)) {
      const conditions = condition ? { conditions: [condition] } : {};
      const patch = { metadata: { uid }, status: { phase: "Failed", observedGeneration, ...conditions } };
      await resource.patch(name, "strategic", patch, { subresource: "status", signal });
    }
    await resource.delete(name, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
