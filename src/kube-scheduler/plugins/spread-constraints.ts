import type { Node, Pod, TopologySpreadConstraint } from "../../api/core/v1/types.gen.ts";
import { newRequirement } from "../../apimachinery/labels/requirement.ts";
import { Selector, selectorFromSet } from "../../apimachinery/labels/selector.ts";
import { requiredNodeAffinity, type NodePredicate } from "../../component-helpers/scheduling/node-affinity.ts";
import { findUntoleratedTaint } from "../../component-helpers/scheduling/taints.ts";
import { selectorOrNothing } from "../cache/pod-affinity-terms.ts";
import type { SchedulerListers } from "../framework/listers.ts";

/** A topology spread constraint, read for one pod. */
export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: Selector;
  /** Whether the constraint sees the node at all, by the pod's node affinity and the node's taints. */
  readonly includes: NodePredicate;
}

export const hostnameLabel = "kubernetes.io/hostname";

/** Upstream's defaults for pods that say nothing themselves: wishes, not demands. */
const systemDefaults: readonly TopologySpreadConstraint[] = [
  { topologyKey: hostnameLabel, whenUnsatisfiable: "ScheduleAnyway", maxSkew: 3 },
  { topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "ScheduleAnyway", maxSkew: 5 },
];

/** The pod's own constraints of one strength. */
export function spreadConstraints(
  pod: Pod,
  whenUnsatisfiable: TopologySpreadConstraint["whenUnsatisfiable"],
): readonly SpreadConstraint[] {
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter((c) => c.whenUnsatisfiable === whenUnsatisfiable)
    .map((c) => constraintFor(pod, c, selectorOrNothing(c.labelSelector)));
}

/** For a pod without constraints that belongs to services or to a workload: spread it among its like. */
export function defaultSpreadConstraints(pod: Pod, listers: SchedulerListers): readonly SpreadConstraint[] {
  const selector = siblingSelector(pod, listers);
  if (selector.isEverything || selector.isNothing) return [];
  return systemDefaults.map((c) => constraintFor(pod, c, selector));
}

/** The node has every topology key. */
export function hasAllTopologies(node: Node, constraints: readonly SpreadConstraint[]): boolean {
  for (const { topologyKey } of constraints) if (node.metadata.labels?.[topologyKey] === undefined) return false;
  return true;
}

function constraintFor(pod: Pod, constraint: TopologySpreadConstraint, selector: Selector): SpreadConstraint {
  const labels = pod.metadata.labels ?? {};
  const sameValue = (constraint.matchLabelKeys ?? []).flatMap((key) =>
    labels[key] === undefined ? [] : [newRequirement(key, "in", [labels[key]])],
  );
  const affinity = constraint.nodeAffinityPolicy === "Ignore" ? undefined : requiredNodeAffinity(pod);
  const honorsTaints = constraint.nodeTaintsPolicy === "Honor";
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    selector: selector.add(...sameValue),
    includes: (node) =>
      (!affinity || affinity(node)) &&
      !(honorsTaints && findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, ["NoSchedule", "NoExecute"])),
  };
}

/** What all services that select the pod and the workload that owns it demand of their pods. */
function siblingSelector(pod: Pod, listers: SchedulerListers): Selector {
  const { namespace, labels } = pod.metadata;
  let selector = Selector.everything;
  for (const service of listers.services.list(namespace)) {
    const ofService = selectorFromSet(service.spec.selector);
    if (!ofService.isEverything && ofService.matches(labels)) selector = selector.add(...ofService.requirements);
  }
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (!owner) return selector;
  const ownerSelector = selectorOfWorkload(owner.kind, namespace, owner.name, listers);
  return ownerSelector ? selector.add(...ownerSelector.requirements) : selector;
}

function selectorOfWorkload(
  kind: string,
  namespace: string,
  name: string,
  listers: SchedulerListers,
): Selector | undefined {
  switch (kind) {
    case "ReplicationController": {
      const found = listers.replicationControllers.get(namespace, name);
      return found && selectorFromSet(found.spec.selector);
    }
    case "ReplicaSet": {
      const found = listers.replicaSets.get(namespace, name);
      return found && selectorOrNothing(found.spec.selector ?? undefined);
    }
    case "StatefulSet": {
      const found = listers.statefulSets.get(namespace, name);
      return found && selectorOrNothing(found.spec.selector ?? undefined);
    }
    default:
      return undefined;
  }
}
