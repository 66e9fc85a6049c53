import type { Node, NodeCondition, Pod } from "../../api/core/v1/types.gen.ts";
import { leases, nodes, pods } from "../../api/resources.gen.ts";
import { isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import { timestamp } from "../../component-helpers/time.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { EvictionZones } from "./eviction-zones.ts";
import { nodeControllerAccount, nodeControllerRules } from "./node-controller-role.ts";
import { executingKey, hasExecutingTaint, updatedTaints } from "./node-taints.ts";

/** How long a node may be silent before it counts as gone. */
export interface NodeLifecycleOptions {
  /** --node-monitor-grace-period; 50 s unless given. */
  readonly graceMs?: number;
  /** --node-startup-grace-period, for one that has never reported; 60 s unless given. */
  readonly startupGraceMs?: number;
}

export function nodeLifecycleController(options: NodeLifecycleOptions = {}): ControllerDescriptor {
  const { graceMs = 50_000, startupGraceMs = 60_000 } = options;
  return {
    name: "node-lifecycle-controller",
    serviceAccount: nodeControllerAccount,
    rules: nodeControllerRules,
    create: (context) => createNodeLifecycleController(context, { graceMs, startupGraceMs }),
  };
}

/** The conditions that are unknown when the kubelet is silent. */
const monitored: ReadonlySet<string> = new Set(["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]);
const leaseNamespace = "kube-node-lease";
const byNode = "node";

interface Heartbeat {
  /** What was seen last; any change of it is a sign of life. */
  readonly sign: string;
  /** On the monotonic clock: the node's own clock is not trusted. */
  readonly seenAtMs: number;
}

/**
 * Keeps the taints of nodes equal to their conditions, those that evict pods at the rate of the node's zone, and says so
 * when a node has fallen silent: no renewed lease and no status for the grace period make its conditions Unknown and its
 * pods not ready. Keys are node names.
 *
 * Differs from upstream: waits for the very moment a node would be overdue instead of looking every five seconds.
 */
function createNodeLifecycleController(
  context: ControllerContext,
  { graceMs, startupGraceMs }: Required<NodeLifecycleOptions>,
): ReconcileController {
  const { client, clock, recorder } = context;
  const nodeInformer = context.informers.for(nodes);
  const leaseInformer = context.informers.for(leases, { namespace: leaseNamespace });
  const podInformer = context.informers.for(pods);
  podInformer.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  const heartbeats = new Map<string, Heartbeat>();
  const zones = new EvictionZones();
  /** The conditions under which a node's pods were marked: once for each, or kubelet and controller would take turns for ever. */
  const marked = new Map<string, string>();

  const lookAtAll = (wasStopped: boolean): void => {
    // Nothing was heard while all was down, perhaps because of us: every node gets its time anew.
    if (wasStopped && !zones.isStopped)
      for (const [name, { sign }] of heartbeats) heartbeats.set(name, { sign, seenAtMs: clock.monotonic() });
    for (const { metadata } of nodeInformer.lister.list()) controller.enqueue(metadata.name);
  };

  const heartbeat = (node: Node): Heartbeat => {
    const { name } = node.metadata;
    const lease = leaseInformer.lister.get(leaseNamespace, name);
    const ready = node.status.conditions?.find((c) => c.type === "Ready");
    const sign = `${node.metadata.uid} ${lease?.spec.renewTime ?? ""} ${ready?.lastHeartbeatTime ?? ""}`;
    const known = heartbeats.get(name);
    if (known?.sign === sign) return known;
    const fresh = { sign, seenAtMs: clock.monotonic() };
    heartbeats.set(name, fresh);
    return fresh;
  };

  const reconcile = async (name: string, signal: AbortSignal): Promise<ReconcileResult | void> => {
    const node = nodeInformer.lister.getByKey(name);
    const wasStopped = zones.isStopped;
    if (!node) {
      heartbeats.delete(name);
      marked.delete(name);
      if (zones.forget(name)) lookAtAll(wasStopped);
      return;
    }
    if (zones.note(node, isReady(node))) lookAtAll(wasStopped);
    const wait = executingWait(node);
    const taints = updatedTaints(node, wait === 0 ? executingKey(node) : undefined, timestamp(clock));
    if (taints) {
      const { resourceVersion } = node.metadata;
      const patch = { metadata: { resourceVersion }, spec: { taints } };
      try {
        await client.resource(nodes).patch(name, "merge", patch, { signal });
      } catch (error) {
        if (wait === 0 && executingKey(node) !== undefined && !hasExecutingTaint(node)) zones.giveBack(node);
        throw error;
      }
    }
    const ready = node.status.conditions?.find((c) => c.type === "Ready");
    const limit = ready ? graceMs : startupGraceMs;
    const overdueInMs = heartbeat(node).seenAtMs + limit - clock.monotonic();
    if (overdueInMs > 0) {
      if (ready?.status === "True") marked.delete(name);
      else if (ready?.status === "False") await markPodsNotReady(node, ready.lastTransitionTime ?? "", signal);
      return { requeueAfterMs: Math.min(overdueInMs, wait || overdueInMs) };
    }
    if (ready?.status !== "Unknown") await markUnknown(node, signal);
    await markPodsNotReady(node, "silent", signal);
    if (wait > 0 && Number.isFinite(wait)) return { requeueAfterMs: wait };
  };

  /** 0 when the node may have the taint that evicts its pods, or must have none; else how long it has to wait. */
  const executingWait = (node: Node): number => {
    if (zones.isStopped) return Number.POSITIVE_INFINITY;
    if (executingKey(node) === undefined || hasExecutingTaint(node)) return 0;
    return zones.reserve(node, clock.monotonic());
  };

  const markUnknown = async (node: Node, signal: AbortSignal): Promise<void> => {
    const now = timestamp(clock);
    const present = node.status.conditions ?? [];
    // A strategic patch puts the list in its own order: that the kubelet has made stays.
    const types = new Set([...present.map(({ type }) => type).filter((type) => monitored.has(type)), ...monitored]);
    const conditions = [...types].map((type) =>
      unknownCondition(
        present.find((c) => c.type === type),
        type,
        now,
      ),
    );
    await client
      .resource(nodes)
      .patch(node.metadata.name, "strategic", { status: { conditions } }, { subresource: "status", signal });
    recorder.event(
      { ...node, kind: "Node", apiVersion: "v1" },
      "Normal",
      "NodeNotReady",
      `Node ${node.metadata.name} status is now: NodeNotReady`,
    );
  };

  const markPodsNotReady = async (node: Node, why: string, signal: AbortSignal): Promise<void> => {
    if (marked.get(node.metadata.name) === why) return;
    for (const pod of podInformer.lister.byIndex(byNode, node.metadata.name)) {
      const ready = pod.status.conditions?.find((c) => c.type === "Ready");
      if (ready?.status !== "True") continue;
      await setNotReady(pod, signal);
      recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready");
    }
    marked.set(node.metadata.name, why);
  };

  const setNotReady = async (pod: Pod, signal: AbortSignal): Promise<void> => {
    const { name, namespace, uid } = pod.metadata;
    const condition = { type: "Ready", status: "False", lastTransitionTime: timestamp(clock) };
    try {
      await client
        .resource(pods, namespace)
        .patch(
          name,
          "strategic",
          { metadata: { uid }, status: { conditions: [condition] } },
          { subresource: "status", signal },
        );
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };

  const controller = new ReconcileController({ ...context, name: "node_lifecycle", reconcile });
  controller.watch(nodeInformer);
  leaseInformer.addEventHandler({
    onAdd: (lease) => controller.enqueue(lease.metadata.name),
    // A renewed lease only moves the deadline, which is looked at when it comes; unless the node had been given up.
    onUpdate: (_, lease) => {
      const node = nodeInformer.lister.getByKey(lease.metadata.name);
      if (!node) return;
      heartbeat(node);
      if (node.status.conditions?.find((c) => c.type === "Ready")?.status === "Unknown") {
        controller.enqueue(lease.metadata.name);
      }
    },
  });
  podInformer.addEventHandler({
    onUpdate: (previous, pod) => {
      if (previous.spec.nodeName === pod.spec.nodeName) return;
      const node = pod.spec.nodeName ? nodeInformer.lister.getByKey(pod.spec.nodeName) : undefined;
      const ready = node?.status.conditions?.find((c) => c.type === "Ready");
      if (!node || !ready || ready.status === "True") return;
      marked.delete(node.metadata.name);
      controller.enqueue(node.metadata.name);
    },
  });
  return controller;
}

function isReady(node: Node): boolean {
  return node.status.conditions?.find((c) => c.type === "Ready")?.status === "True";
}

function unknownCondition(present: NodeCondition | undefined, type: string, now: string): NodeCondition {
  return {
    type,
    status: "Unknown",
    reason: present ? "NodeStatusUnknown" : "NodeStatusNeverUpdated",
    message: present ? "Kubelet stopped posting node status." : "Kubelet never posted node status.",
    ...(present?.lastHeartbeatTime === undefined ? {} : { lastHeartbeatTime: present.lastHeartbeatTime }),
    lastTransitionTime: present?.status === "Unknown" ? (present.lastTransitionTime ?? now) : now,
  };
}
