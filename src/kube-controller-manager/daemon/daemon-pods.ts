import { templateGenerationAnnotation } from "../../api/apps/v1/defaults.ts";
import type { DaemonSet } from "../../api/apps/v1/types.gen.ts";
import type { Node, Pod, PodSpec, PodTemplateSpec, Toleration } from "../../api/core/v1/types.gen.ts";
import { requiredNodeAffinity } from "../../component-helpers/scheduling/node-affinity.ts";
import { findUntoleratedTaint } from "../../component-helpers/scheduling/taints.ts";
import { revisionHashLabel } from "../history/controller-history.ts";

const templateGenerationLabel = "pod-template-generation";

const always: readonly (readonly [key: string, effect: "NoExecute" | "NoSchedule"])[] = [
  ["node.kubernetes.io/not-ready", "NoExecute"],
  ["node.kubernetes.io/unreachable", "NoExecute"],
  ["node.kubernetes.io/disk-pressure", "NoSchedule"],
  ["node.kubernetes.io/memory-pressure", "NoSchedule"],
  ["node.kubernetes.io/pid-pressure", "NoSchedule"],
  ["node.kubernetes.io/unschedulable", "NoSchedule"],
];

/** The pod template of one node: tied to the node by affinity, tolerant of the node's troubles, labelled with the revision. */
export function daemonPodTemplate(ds: DaemonSet, nodeName: string, hash: string): PodTemplateSpec {
  const { metadata, spec } = ds.spec.template;
  const generation = ds.metadata.annotations?.[templateGenerationAnnotation];
  return {
    metadata: {
      ...metadata,
      labels: {
        ...metadata.labels,
        ...(generation === undefined ? {} : { [templateGenerationLabel]: generation }),
        [revisionHashLabel]: hash,
      },
    },
    spec: tiedTo(nodeName, { ...spec, tolerations: daemonTolerations(spec) }),
  };
}

function tiedTo(nodeName: string, spec: PodSpec): PodSpec {
  const term = { matchFields: [{ key: "metadata.name", operator: "In" as const, values: [nodeName] }] };
  const nodeAffinity = {
    ...spec.affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
  };
  return { ...spec, affinity: { ...spec.affinity, nodeAffinity } };
}

function daemonTolerations(spec: PodSpec): readonly Toleration[] {
  const wanted = spec.hostNetwork
    ? [...always, ["node.kubernetes.io/network-unavailable", "NoSchedule"] as const]
    : always;
  const own = spec.tolerations ?? [];
  const added = wanted
    .filter(([key, effect]) => !own.some((t) => t.key === key && t.effect === effect && t.operator === "Exists"))
    .map(([key, effect]): Toleration => ({ key, operator: "Exists", effect }));
  return [...own, ...added];
}

/** Whether the set's pod belongs on the node, and whether one that is there already may stay. */
export function placementOn(ds: DaemonSet, node: Node): { readonly shouldRun: boolean; readonly mayStay: boolean } {
  const { spec } = ds.spec.template;
  const fitsName = !spec.nodeName || spec.nodeName === node.metadata.name;
  if (!fitsName || !(requiredNodeAffinity({ spec })?.(node) ?? true)) return { shouldRun: false, mayStay: false };
  const tolerations = daemonTolerations(spec);
  const { taints } = node.spec;
  const isRepelled = findUntoleratedTaint(taints, tolerations, ["NoSchedule", "NoExecute"]) !== undefined;
  const isExpelled = isRepelled && findUntoleratedTaint(taints, tolerations, ["NoExecute"]) !== undefined;
  return { shouldRun: !isRepelled, mayStay: !isExpelled };
}

/** The node the pod is on or is meant for. */
export function targetNodeOf(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? [])
    for (const { key, operator, values = [] } of matchFields)
      if (key === "metadata.name" && operator === "In" && values.length === 1) return values[0];
  return undefined;
}

export function isUpdated(pod: Pod, hash: string): boolean {
  return pod.metadata.labels?.[revisionHashLabel] === hash;
}
