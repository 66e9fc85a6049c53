import type { Node, NodeCondition, Taint } from "../../api/core/v1/types.gen.ts";

/** Taints this controller places; all others on a node are somebody else's. */
const managedKeys: ReadonlySet<string> = new Set([
  "node.kubernetes.io/not-ready",
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/memory-pressure",
  "node.kubernetes.io/disk-pressure",
  "node.kubernetes.io/pid-pressure",
  "node.kubernetes.io/network-unavailable",
  "node.kubernetes.io/unschedulable",
]);

/** Which status of a condition means which taint. */
const taintOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: "node.kubernetes.io/not-ready", Unknown: "node.kubernetes.io/unreachable" },
  MemoryPressure: { True: "node.kubernetes.io/memory-pressure" },
  DiskPressure: { True: "node.kubernetes.io/disk-pressure" },
  PIDPressure: { True: "node.kubernetes.io/pid-pressure" },
  NetworkUnavailable: { True: "node.kubernetes.io/network-unavailable" },
};

/** The NoSchedule taints a node should have by its conditions and by being cordoned. A node without conditions is not ready. */
function wantedKeys(node: Node): ReadonlySet<string> {
  const conditions: readonly Pick<NodeCondition, "type" | "status">[] = node.status.conditions ?? [];
  const keys = new Set<string>();
  for (const { type, status } of conditions) {
    const key = taintOf[type]?.[status];
    if (key !== undefined) keys.add(key);
  }
  if (!conditions.some((c) => c.type === "Ready")) keys.add("node.kubernetes.io/not-ready");
  if (node.spec.unschedulable) keys.add("node.kubernetes.io/unschedulable");
  return keys;
}

/** The node's taints brought up to date, or undefined when they are. Taints that stay keep their place and time. */
export function updatedTaints(node: Node): readonly Taint[] | undefined {
  const wanted = wantedKeys(node);
  const present = node.spec.taints ?? [];
  const isManaged = (taint: Taint): boolean => taint.effect === "NoSchedule" && managedKeys.has(taint.key);
  const kept = present.filter((taint) => !isManaged(taint) || wanted.has(taint.key));
  const have = new Set(kept.filter(isManaged).map((taint) => taint.key));
  const added = [...wanted].filter((key) => !have.has(key)).map((key): Taint => ({ key, effect: "NoSchedule" }));
  return added.length === 0 && kept.length === present.length ? undefined : [...kept, ...added];
}
