import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { nodes, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { isPodTerminal } from "../../component-helpers/pod.ts";
import { parseTime, timestamp } from "../../component-helpers/time.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";

// Upstream's default (--terminated-pod-gc-threshold).
const terminatedPodsMax = 12_500;
// A node that is registered anew, e.g. after a restart, must not lose its pods.
const nodeAbsenceMs = 40_000;
const surplusKey = "terminated pods beyond the limit";

export const podGarbageCollectorController: ControllerDescriptor = {
  name: "pod-garbage-collector-controller",
  serviceAccount: "pod-garbage-collector",
  rules: [
    { verbs: ["list", "watch", "delete"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["get", "list"], apiGroups: [""], resources: ["nodes"] },
    { verbs: ["patch"], apiGroups: [""], resources: ["pods/status"] },
  ],
  create: createPodGarbageCollector,
};

/**
 * Removes pods nobody else will: bound to a node that is gone for good, being deleted but never bound, and ended ones
 * beyond a limit, oldest first. Keys are pods, and one for the limit.
 */
function createPodGarbageCollector(context: ControllerContext): ReconcileController {
  const podInformer = context.informers.for(pods);
  const nodeInformer = context.informers.for(nodes);
  const byNode = "spec.nodeName";
  podInformer.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  let terminated = 0;

  const reconcile = async (key: string, signal: AbortSignal): Promise<ReconcileResult | void> => {
    if (key === surplusKey) return deleteSurplus(context, podInformer, signal);
    const pod = podInformer.lister.getByKey(key);
    if (!pod) return;
    const { nodeName } = pod.spec;
    if (!nodeName) {
      if (pod.metadata.deletionTimestamp && !isPodTerminal(pod)) await forceDelete(context, pod, signal);
      return;
    }
    if (nodeInformer.lister.get(undefined, nodeName)) return;
    const waitMs = await absence.waitMs(nodeName, signal);
    if (waitMs === undefined) return;
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    await markDisrupted(context, pod, signal);
    await forceDelete(context, pod, signal);
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
    undefined,
    (previous, current) =>
      previous.spec.nodeName !== current.spec.nodeName ||
      previous.metadata.deletionTimestamp !== current.metadata.deletionTimestamp,
  );
  nodeInformer.addEventHandler({
    onAdd: (node) => absence.ended(node.metadata.name),
    onDelete: (node) => {
      for (const pod of podInformer.lister.byIndex(byNode, node.metadata.name)) controller.enqueue(objectKey(pod));
    },
  });
  return controller;
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
  signal: AbortSignal,
): Promise<void> {
  const ended = informer.lister.list().filter((pod) => isPodTerminal(pod) && !pod.metadata.deletionTimestamp);
  const surplus = ended.length - terminatedPodsMax;
  if (surplus <= 0) return;
  const age = (pod: Pod): number => parseTime(pod.metadata.creationTimestamp);
  for (const pod of ended.sort((a, b) => age(a) - age(b)).slice(0, surplus)) await forceDelete(context, pod, signal);
}

async function markDisrupted(context: ControllerContext, pod: Pod, signal: AbortSignal): Promise<void> {
  if (isPodTerminal(pod)) return;
  const now = timestamp(context.clock);
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByPodGC",
    message: "PodGC: node no longer exists",
    lastTransitionTime: now,
  };
  const patch = { metadata: { uid: pod.metadata.uid }, status: { phase: "Failed", conditions: [condition] } };
  try {
    await context.client
      .resource(pods, pod.metadata.namespace)
      .patch(pod.metadata.name, "strategic", patch, { subresource: "status", signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function forceDelete(context: ControllerContext, pod: Pod, signal: AbortSignal): Promise<void> {
  try {
    await context.client.resource(pods, pod.metadata.namespace).delete(pod.metadata.name, {
      gracePeriodSeconds: 0,
      preconditions: { uid: pod.metadata.uid },
      signal,
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
