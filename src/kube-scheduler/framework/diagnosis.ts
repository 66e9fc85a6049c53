import type { Status } from "./interface.ts";

/** Why each node was refused; kept of a pod's last attempt so that the scheduler can explain itself. */
export interface Diagnosis {
  readonly nodeCount: number;
  /** By node name; only what refused the node first. */
  readonly byNode: ReadonlyMap<string, Status>;
  /** Of the nodes that are not in `byNode`, when PreFilter left them out together. */
  readonly absent: Status | undefined;
  /** A refusal of the pod as such, by PreFilter. */
  readonly preFilter: Status | undefined;
  /** Why no room can be made for it. */
  readonly postFilter: string;
}

/** Upstream's text, e.g. `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function explain(diagnosis: Diagnosis): string {
  const { nodeCount, byNode, absent, preFilter, postFilter } = diagnosis;
  if (nodeCount === 0) return "no nodes available to schedule pods";
  let text = `0/${nodeCount} nodes are available:`;
  if (preFilter) text += ` ${preFilter.reason}.`;
  else {
    const counts = new Map<string, number>();
    for (const status of byNode.values()) {
      // One plugin may have several reasons for one node; each is counted.
      for (const reason of status.reason.split("\n")) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    if (absent && nodeCount > byNode.size) {
      counts.set(absent.reason, (counts.get(absent.reason) ?? 0) + nodeCount - byNode.size);
    }
    const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
    if (parts.length > 0) text += ` ${parts.join(", ")}.`;
  }
  return postFilter ? `${text} ${postFilter}` : text;
}

/** The plugins that had a say in it. */
export function rejectingPlugins({ byNode, absent, preFilter }: Diagnosis): Set<string> {
  const out = new Set<string>();
  for (const status of [preFilter, absent, ...byNode.values()]) {
    for (const name of status?.plugin.split(" ") ?? []) out.add(name);
  }
  return out;
}
