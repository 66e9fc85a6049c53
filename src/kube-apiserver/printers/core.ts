import type {
  ConfigMap,
  Event,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from "../../api/core/v1/types.gen.ts";
import { age } from "./age.ts";
import { none } from "./format.ts";

export function namespaceCells({ metadata, status }: Namespace, nowMs: number): readonly unknown[] {
  return [metadata.name, status.phase ?? "", age(metadata.creationTimestamp, nowMs)];
}

export function configMapCells({ metadata, data, binaryData }: ConfigMap, nowMs: number): readonly unknown[] {
  const count = Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length;
  return [metadata.name, count, age(metadata.creationTimestamp, nowMs)];
}

export function secretCells({ metadata, type, data }: Secret, nowMs: number): readonly unknown[] {
  return [metadata.name, type ?? "", Object.keys(data ?? {}).length, age(metadata.creationTimestamp, nowMs)];
}

export function serviceAccountCells({ metadata }: ServiceAccount, nowMs: number): readonly unknown[] {
  return [metadata.name, age(metadata.creationTimestamp, nowMs)];
}

const roleLabelPrefix = "node-role.kubernetes.io/";

export function nodeCells({ metadata, spec, status }: Node, nowMs: number): readonly unknown[] {
  const ready = status.conditions?.find((c) => c.type === "Ready");
  const states = [ready ? (ready.status === "True" ? "Ready" : "NotReady") : "Unknown"];
  if (spec.unschedulable) states.push("SchedulingDisabled");
  const address = (type: string): string => status.addresses?.find((a) => a.type === type)?.address || none;
  const info = status.nodeInfo;
  return [
    metadata.name,
    states.join(","),
    nodeRoles(metadata.labels ?? {}).join(",") || none,
    age(metadata.creationTimestamp, nowMs),
    info?.kubeletVersion ?? "",
    address("InternalIP"),
    address("ExternalIP"),
    info?.osImage || "<unknown>",
    `${info?.kernelVersion || "<unknown>"}${info?.architecture ? ` (${info.architecture})` : ""}`,
    info?.containerRuntimeVersion || "<unknown>",
  ];
}

function nodeRoles(labels: Readonly<Record<string, string>>): readonly string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(labels)) {
    if (key.startsWith(roleLabelPrefix) && key.length > roleLabelPrefix.length)
      roles.add(key.slice(roleLabelPrefix.length));
    else if (key === "kubernetes.io/role" && value !== "") roles.add(value);
  }
  return [...roles].sort();
}

export function eventCells(event: Event, nowMs: number): readonly unknown[] {
  const { metadata, involvedObject, source, series } = event;
  const first = age(event.firstTimestamp || event.eventTime, nowMs);
  const last = series
    ? age(series.lastObservedTime, nowMs)
    : event.lastTimestamp
      ? age(event.lastTimestamp, nowMs)
      : first;
  const kind = (involvedObject.kind ?? "").toLowerCase();
  const component = source.component || event.reportingComponent;
  const host = source.host || event.reportingInstance;
  return [
    last,
    event.type ?? "",
    event.reason ?? "",
    involvedObject.name ? `${kind}/${involvedObject.name}` : kind,
    involvedObject.fieldPath ?? "",
    host ? `${component}, ${host}` : component,
    (event.message ?? "").trim(),
    first,
    series ? (series.count ?? 0) : event.count || 1,
    metadata.name,
  ];
}

const accessModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

function formatAccessModes(modes: readonly string[] | undefined): string {
  return Object.entries(accessModes)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(",");
}

const betaStorageClass = "volume.beta.kubernetes.io/storage-class";

export function persistentVolumeCells({ metadata, spec, status }: PersistentVolume, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    spec.capacity?.["storage"] ?? "",
    formatAccessModes(spec.accessModes),
    spec.persistentVolumeReclaimPolicy ?? "",
    metadata.deletionTimestamp ? "Terminating" : (status.phase ?? ""),
    spec.claimRef ? `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}` : "",
    metadata.annotations?.[betaStorageClass] ?? spec.storageClassName ?? "",
    spec.volumeAttributesClassName ?? "<unset>",
    status.reason ?? "",
    age(metadata.creationTimestamp, nowMs),
    spec.volumeMode ?? "<unset>",
  ];
}

export function persistentVolumeClaimCells(
  { metadata, spec, status }: PersistentVolumeClaim,
  nowMs: number,
): readonly unknown[] {
  const isBound = Boolean(spec.volumeName);
  return [
    metadata.name,
    metadata.deletionTimestamp ? "Terminating" : (status.phase ?? ""),
    spec.volumeName ?? "",
    isBound ? (status.capacity?.["storage"] ?? "0") : "",
    isBound ? formatAccessModes(status.accessModes) : "",
    metadata.annotations?.[betaStorageClass] ?? spec.storageClassName ?? "",
    spec.volumeAttributesClassName ?? "<unset>",
    age(metadata.creationTimestamp, nowMs),
    spec.volumeMode ?? "<unset>",
  ];
}

export function resourceQuotaCells({ metadata, status }: ResourceQuota, nowMs: number): readonly unknown[] {
  const requests: string[] = [];
  const limits: string[] = [];
  for (const name of Object.keys(status.hard ?? {}).sort()) {
    const text = `${name}: ${status.used?.[name] ?? "0"}/${status.hard?.[name] ?? "0"}`;
    (name.startsWith("limits.") ? limits : requests).push(text);
  }
  return [metadata.name, requests.join(", "), limits.join(", "), age(metadata.creationTimestamp, nowMs)];
}
