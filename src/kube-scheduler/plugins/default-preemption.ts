import { randomInt } from "../../component-base/random.ts";
import { podCondition } from "../../component-helpers/pod.ts";
import type { NodeInfo } from "../cache/node-table.ts";
import { explain } from "../framework/diagnosis.ts";
import type { PluginHandle } from "../framework/handle.ts";
import type { Plugin, PostFilterResult, Rejection, Status } from "../framework/interface.ts";
import { selectVictims, type Candidate } from "../preemption/candidates.ts";
import { evictVictims, preemptionReason } from "../preemption/evict-victims.ts";
import { pickCandidate } from "../preemption/pick-candidate.ts";

const name = "DefaultPreemption";
// minCandidateNodesPercentage and minCandidateNodesAbsolute: enough choice without trying every node of a large cluster.
const candidatesShare = 0.1;
const candidatesMin = 100;

const notHelpful: Status = { code: "unresolvable", plugin: name, reason: "Preemption is not helpful for scheduling" };

/**
 * Makes room for a pod that fits nowhere by evicting less important ones. The decision is made at once and the node is
 * nominated; the evictions follow while other pods are being scheduled. Upstream's DefaultPreemption.
 */
export function defaultPreemption(handle: PluginHandle): Plugin {
  /** Preemptors whose evictions are being written. */
  const preparing = new Set<string>();
  return {
    name,
    postFilter(rejection): PostFilterResult {
      const ineligible = whyNotEligible(rejection, preparing);
      if (ineligible) return { message: `preemption: ${ineligible}` };
      const { candidates, byNode } = findCandidates(rejection, handle);
      const best = pickCandidate(candidates, handle.clock.now());
      if (!best) {
        const nodeCount = rejection.snapshot.nodes.length;
        const text = explain({ nodeCount, byNode, absent: notHelpful, preFilter: undefined, postFilter: "" });
        return { nominate: "", message: `preemption: ${text}` };
      }
      return { nominate: best.node.name, prepare: preparation(rejection, best) };
    },
  };

  function preparation({ pod, snapshot }: Rejection, best: Candidate): (signal: AbortSignal) => Promise<void> {
    const displaced = snapshot.nominator.onNode(best.node.name).filter((other) => other.priority < pod.priority);
    for (const other of displaced) snapshot.nominator.delete(other.key);
    preparing.add(pod.key);
    return async (signal) => {
      try {
        await evictVictims(handle, pod, best, displaced, signal);
      } finally {
        preparing.delete(pod.key);
      }
    };
  }
}

/** Upstream's texts for pods that may not preempt, or not again so soon. */
function whyNotEligible({ pod, snapshot, diagnosis }: Rejection, preparing: ReadonlySet<string>): string | undefined {
  if (pod.pod.spec.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  if (preparing.has(pod.key)) return "waiting for the preemption for this pod to be finished";
  const nominated = snapshot.nominator.nodeOf(pod.key);
  const node = nominated === undefined ? undefined : snapshot.get(nominated);
  // The nominated node can no longer take the pod, so the pod may look for another one.
  if (!node || statusOf(node, diagnosis)?.code === "unresolvable") return undefined;
  for (const other of node.pods.values()) {
    const condition = podCondition(other.pod, "DisruptionTarget");
    const isLeaving = other.pod.metadata.deletionTimestamp !== undefined && condition?.reason === preemptionReason;
    if (isLeaving && other.priority < pod.priority) {
      return "not eligible due to a terminating pod on the nominated node.";
    }
  }
  return undefined;
}

/** Asks node by node, from a random one on, until there is enough choice. */
function findCandidates(
  rejection: Rejection,
  { listers, clock, random }: PluginHandle,
): { readonly candidates: readonly Candidate[]; readonly byNode: ReadonlyMap<string, Status> } {
  const { snapshot, diagnosis } = rejection;
  const byNode = new Map<string, Status>();
  const nodes = snapshot.nodes.filter((node) => statusOf(node, diagnosis)?.code === "unschedulable");
  if (diagnosis.preFilter || nodes.length === 0) return { candidates: [], byNode };
  const budgets = listers.podDisruptionBudgets.list();
  const enough = Math.max(candidatesMin, Math.floor(nodes.length * candidatesShare));
  const offset = randomInt(random, nodes.length);
  const candidates: Candidate[] = [];
  let hasUnprotected = false;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[(offset + i) % nodes.length];
    if (!node) continue;
    const found = selectVictims(rejection, node, budgets, clock.now());
    if ("code" in found) {
      byNode.set(node.name, found);
      continue;
    }
    candidates.push(found);
    hasUnprotected ||= found.violations === 0;
    if (hasUnprotected && candidates.length >= enough) break;
  }
  return { candidates, byNode };
}

function statusOf(node: NodeInfo, { byNode, absent, preFilter }: Rejection["diagnosis"]): Status | undefined {
  return preFilter ?? byNode.get(node.name) ?? absent;
}
