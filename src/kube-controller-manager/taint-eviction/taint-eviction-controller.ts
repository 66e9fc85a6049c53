import { isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Node, Pod, Taint } from "../../api/core/v1/types.gen.ts";
import { nodes, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import { toleratesTaint } from "../../component-helpers/scheduling/taints.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { disruptionTarget } from "../../component-helpers/pod.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { nodeControllerAccount, nodeControllerRules } from "../node-lifecycle/node-controller-role.ts";

export const taintEvictionController: ControllerDescriptor = {
  name: "taint-eviction-controller",
  serviceAccount: nodeControllerAccount,
  rules: nodeControllerRules,
  create: createTaintEvictionController,
};

const byNode = "node";

/**
 * How long a pod may stay on a node with these NoExecute taints, from when they are seen: 0 when it does not tolerate one
 * of them, Infinity when it tolerates all without a limit.
 */
export function toleratedMs(pod: Pod, taints: readonly Taint[]): number {
  let limitMs = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const used = (pod.spec.tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
    if (used.length === 0) return 0;
    for (const { tolerationSeconds } of used)
      if (tolerationSeconds !== undefined) limitMs = Math.min(limitMs, Math.max(0, tolerationSeconds * 1000));
  }
  return limitMs;
}

/**
 * Evicts pods from nodes with NoExecute taints as soon as they tolerate them no longer, to the millisecond. Keys are those
 * of pods.
 */
function createTaintEvictionController(context: ControllerContext): ReconcileController {
  const { client, clock, recorder } = context;
  const nodeInformer = context.informers.for(nodes);
  const podInformer = context.informers.for(pods);
  podInformer.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  /** When the taints of a pod's node were first seen, by the pod's UID, while its eviction is pending. */
  const pending = new Map<string, number>();

  const evict = async (pod: Pod, signal: AbortSignal): Promise<void> => {
    const { namespace, name, uid } = pod.metadata;
    recorder.event(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${namespace}/${name}`);
    const why = "Taint manager: deleting due to NoExecute taint";
    const condition = disruptionTarget(pod, "DeletionByTaintManager", why, clock.now());
    const resource = client.resource(pods, namespace);
    try {
      const patch = { metadata: { uid }, status: { conditions: [condition] } };
      await resource.patch(name, "strategic", patch, { subresource: "status", signal });
      await resource.delete(name, { preconditions: { uid }, signal });
    } catch (error) {
      // Gone, or another pod of that name.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };

  const reconcile = async (key: string, signal: AbortSignal): Promise<ReconcileResult | void> => {
    const pod = podInformer.lister.getByKey(key);
    if (!pod?.spec.nodeName) return;
    const { namespace, name, uid, deletionTimestamp } = pod.metadata;
    const node = nodeInformer.lister.getByKey(pod.spec.nodeName);
    const taints = node ? executing(node) : [];
    if (deletionTimestamp) {
      pending.delete(uid);
      return;
    }
    const limitMs = toleratedMs(pod, taints);
    if (taints.length === 0 || limitMs === Number.POSITIVE_INFINITY) {
      if (pending.delete(uid))
        recorder.event(pod, "Normal", "TaintManagerEviction", `Cancelling deletion of Pod ${namespace}/${name}`);
      return;
    }
    const since = pending.get(uid) ?? clock.monotonic();
    const leftMs = since + limitMs - clock.monotonic();
    if (leftMs <= 0) {
      await evict(pod, signal);
      pending.delete(uid);
      return;
    }
    pending.set(uid, since);
    return { requeueAfterMs: leftMs };
  };

  const controller = new ReconcileController({ ...context, name: "noexec_taint_pod", workers: 8, reconcile });
  podInformer.addEventHandler({
    onAdd: (pod) => {
      if (pod.spec.nodeName) controller.enqueue(objectKey(pod));
    },
    onUpdate: (previous, pod) => {
      if (
        previous.spec.nodeName !== pod.spec.nodeName ||
        previous.metadata.deletionTimestamp !== pod.metadata.deletionTimestamp ||
        !semanticEqual(previous.spec.tolerations, pod.spec.tolerations)
      )
        controller.enqueue(objectKey(pod));
    },
    onDelete: (pod) => pending.delete(pod.metadata.uid),
  });
  const enqueuePods = (node: Node): void => {
    for (const pod of podInformer.lister.byIndex(byNode, node.metadata.name)) controller.enqueue(objectKey(pod));
  };
  nodeInformer.addEventHandler({
    onAdd: enqueuePods,
    onUpdate: (previous, node) => {
      if (!semanticEqual(executing(previous), executing(node))) enqueuePods(node);
    },
    onDelete: enqueuePods,
  });
  return controller;
}

function executing(node: Node): readonly Taint[] {
  return (node.spec.taints ?? []).filter((taint) => taint.effect === "NoExecute");
}
