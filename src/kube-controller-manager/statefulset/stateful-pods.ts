import type { ControllerRevision, StatefulSet } from "../../api/apps/v1/types.gen.ts";
import type { PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { statefulSets } from "../../api/resources.gen.ts";
import { availableInMs, isPodReady } from "../../component-helpers/pod.ts";
import { newControllerRef } from "../../controller-runtime/controller-ref.ts";
import { revisionHashLabel, templateOf } from "../history/controller-history.ts";

const podNameLabel = "statefulset.kubernetes.io/pod-name";
const podIndexLabel = "apps.kubernetes.io/pod-index";

export function startOrdinal(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

export function replicasOf(set: StatefulSet): number {
  return set.spec.replicas ?? 1;
}

export function podNameOf(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

/** The ordinal in the pod's name; undefined when the name is not of the set's making. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata.name);
  return match?.[1] === set.metadata.name ? Number(match[2]) : undefined;
}

/** True while the set asks for a pod of that ordinal. */
export function isWanted(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= startOrdinal(set) && ordinal < startOrdinal(set) + replicasOf(set);
}

/** What tells the pod of one ordinal from its siblings. */
export function identityLabels(set: StatefulSet, ordinal: number): Readonly<Record<string, string>> {
  return { [podNameLabel]: podNameOf(set, ordinal), [podIndexLabel]: String(ordinal) };
}

/** The pod of an ordinal by the template of a revision. */
export function statefulPod(set: StatefulSet, revision: ControllerRevision, ordinal: number): Input<Pod> {
  const { metadata, spec } = templateOf(revision, set.spec.template);
  const name = podNameOf(set, ordinal);
  const claims = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name,
    persistentVolumeClaim: { claimName: claimNameOf(set, template, ordinal) },
  }));
  const claimed = new Set(claims.map((volume) => volume.name));
  const volumes = [...claims, ...(spec.volumes ?? []).filter((volume) => !claimed.has(volume.name))];
  return {
    metadata: {
      name,
      namespace: set.metadata.namespace,
      labels: { ...metadata.labels, ...identityLabels(set, ordinal), [revisionHashLabel]: revision.metadata.name },
      ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
      ...(metadata.finalizers ? { finalizers: metadata.finalizers } : {}),
      ownerReferences: [newControllerRef(statefulSets, set)],
    },
    spec: {
      ...spec,
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  };
}

export function claimNameOf(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${podNameOf(set, ordinal)}`;
}

/** The claims of an ordinal, one of each template. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly Input<PersistentVolumeClaim>[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    metadata: {
      name: claimNameOf(set, template, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector?.matchLabels },
      ...(template.metadata.annotations ? { annotations: template.metadata.annotations } : {}),
    },
    spec: template.spec,
  }));
}

export function revisionOf(pod: Pod): string {
  return pod.metadata.labels?.[revisionHashLabel] ?? "";
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status.phase === "Running" && isPodReady(pod);
}

export function isAvailable(set: StatefulSet, pod: Pod, nowMs: number): boolean {
  return isRunningAndReady(pod) && availableInMs(pod, set.spec.minReadySeconds ?? 0, nowMs) === 0;
}

/** Nothing needs to be waited for. */
export function isHealthy(set: StatefulSet, pod: Pod, nowMs: number): boolean {
  return !pod.metadata.deletionTimestamp && isAvailable(set, pod, nowMs);
}
