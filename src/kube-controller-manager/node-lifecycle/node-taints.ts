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

const executingKeys: ReadonlySet<string> = new Set(Object.values(taintOf["Ready"] ?? {}));

/** The NoExecute taint, which evicts pods, a node should have by its readiness. */
export function executingKey(node: Node): string | undefined {
  const ready = node.status.conditions?.find((c) => c.type === "Ready");
  return ready && taintOf["Ready"]?.[ready.status];
}

export function hasExecutingTaint(node: Node): boolean {
  return (node.spec.taints ?? []).some((t) => t.effect === "NoExecute" && executingKeys.has(t.key));
}

/**
 * The node's taints brought up to date, or undefined when they are. Taints that stay keep their place and time.
 * `executing` is the key of the NoExecute taint the node is to have, if any.
 */
export function updatedTaints(node: Node, executing: string | undefined, now: string): readonly Taint[] | undefined {
  const wanted = wantedKeys(node);
  const present = node.spec.taints ?? [];
  const isWanted = ({ key, effect }: Taint): boolean => {
    if (effect === "NoSchedule") return !managedKeys.has(key) || wanted.has(key);
    return effect !== "NoExecute" || !executingKeys.has(key) || key === executing;
  };
  const kept = present.filter(isWanted);
  const lacks = (key: string, effect: Taint["effect"]): boolean =>
    !kept.some((taint) => taint.key === key && taint.effect === effect);
  const added = [...wanted]
    .filter((key) => lacks(key, "NoSchedule"))
    .map((key): Taint => ({ key, effect: "NoSchedule" }));
  if (executing !== undefined && lacks(executing, "NoExecute"))
    added.push({ key: executing, effect: "NoExecute", timeAdded: now });
  return added.length === 0 && kept.length === present.length ? undefined : [...kept, ...added];
}
