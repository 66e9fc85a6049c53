import { nodes } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

const annotation = "node.alpha.kubernetes.io/ttl";

// Upstream's: the larger the cluster, the longer. Ranges overlap, so that one node more or less changes nothing.
const steps = [
  { nodesMin: 0, nodesMax: 100, seconds: 0 },
  { nodesMin: 90, nodesMax: 500, seconds: 15 },
  { nodesMin: 450, nodesMax: 1000, seconds: 30 },
  { nodesMin: 900, nodesMax: 2000, seconds: 60 },
  { nodesMin: 1800, nodesMax: Number.POSITIVE_INFINITY, seconds: 300 },
] as const;

export const ttlController: ControllerDescriptor = {
  name: "ttl-controller",
  serviceAccount: "ttl-controller",
  rules: [
    { verbs: ["list", "patch", "update", "watch"], apiGroups: [""], resources: ["nodes"] },
    { verbs: ["create", "patch", "update"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: createTtl,
};

/** Tells each node for how long it may keep what it has read of Secrets and ConfigMaps. */
function createTtl(context: ControllerContext): ReconcileController {
  const informer = context.informers.for(nodes);
  let count = 0;
  let step: (typeof steps)[number] = steps[0];
  const reconcile = async (name: string, signal: AbortSignal): Promise<void> => {
    const node = informer.lister.getByKey(name);
    if (!node) return;
    step = stepFor(count, step);
    const value = String(step.seconds);
    if (node.metadata.annotations?.[annotation] === value) return;
    const patch = { metadata: { uid: node.metadata.uid, annotations: { [annotation]: value } } };
    try {
      await context.client.resource(nodes).patch(name, "strategic", patch, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  const controller = new ReconcileController({ ...context, name: "ttlcontroller", reconcile });
  informer.addEventHandler({ onAdd: () => void count++, onDelete: () => void count-- });
  // When the number of nodes has changed much, each hears of it with its next status.
  controller.watch(informer);
  return controller;
}

/** The present step, or the nearest that so many nodes are in. */
export function stepFor(count: number, present: (typeof steps)[number] = steps[0]): (typeof steps)[number] {
  if (count >= present.nodesMin && count <= present.nodesMax) return present;
  const isMore = count > present.nodesMax;
  return (
    (isMore ? steps.find((each) => count <= each.nodesMax) : steps.findLast((each) => count >= each.nodesMin)) ??
    steps[0]
  );
}
