import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../../api/admissionregistration/v1/types.gen.ts";
import type { APIService } from "../../api/apiregistration/v1/types.gen.ts";
import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import type { Lease } from "../../api/coordination/v1/types.gen.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../../api/flowcontrol/v1/types.gen.ts";
import type { RuntimeClass } from "../../api/node/v1/types.gen.ts";
import type { ClusterRoleBinding, RoleBinding } from "../../api/rbac/v1/types.gen.ts";
import type { PriorityClass } from "../../api/scheduling/v1/types.gen.ts";
import type { ResourceClaim, ResourceSlice } from "../../api/resource/v1/types.gen.ts";
import type {
  CSIDriver,
  CSINode,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "../../api/storage/v1/types.gen.ts";
import { humanDuration } from "../../apiserver/endpoints/human-duration.ts";
import { age } from "./age.ts";
import { none } from "./format.ts";

export function leaseCells({ metadata, spec }: Lease, nowMs: number): readonly unknown[] {
  return [metadata.name, spec.holderIdentity ?? "", age(metadata.creationTimestamp, nowMs)];
}

/** Serves both kinds of binding. */
export function roleBindingCells(
  { metadata, roleRef, subjects }: ClusterRoleBinding | RoleBinding,
  nowMs: number,
): readonly unknown[] {
  const named = (kind: string): readonly string[] =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map((subject) => (kind === "ServiceAccount" ? `${subject.namespace ?? ""}/${subject.name}` : subject.name));
  return [
    metadata.name,
    `${roleRef.kind}/${roleRef.name}`,
    age(metadata.creationTimestamp, nowMs),
    named("User").join(", "),
    named("Group").join(", "),
    named("ServiceAccount").join(", "),
  ];
}

export function priorityClassCells(object: PriorityClass, nowMs: number): readonly unknown[] {
  return [
    object.metadata.name,
    object.value,
    object.globalDefault ?? false,
    age(object.metadata.creationTimestamp, nowMs),
    object.preemptionPolicy ?? "",
  ];
}

export function runtimeClassCells({ metadata, handler }: RuntimeClass, nowMs: number): readonly unknown[] {
  return [metadata.name, handler, age(metadata.creationTimestamp, nowMs)];
}

export function storageClassCells(object: StorageClass, nowMs: number): readonly unknown[] {
  const { metadata } = object;
  const isDefault = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
  ].some((key) => metadata.annotations?.[key] === "true");
  return [
    isDefault ? `${metadata.name} (default)` : metadata.name,
    object.provisioner,
    object.reclaimPolicy ?? "Delete",
    object.volumeBindingMode ?? "Immediate",
    object.allowVolumeExpansion ?? false,
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function volumeAttachmentCells({ metadata, spec, status }: VolumeAttachment, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    spec.attacher,
    spec.source.persistentVolumeName ?? "",
    spec.nodeName,
    status.attached,
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function csiNodeCells({ metadata, spec }: CSINode, nowMs: number): readonly unknown[] {
  return [metadata.name, spec.drivers?.length ?? 0, age(metadata.creationTimestamp, nowMs)];
}

export function csiDriverCells({ metadata, spec }: CSIDriver, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    spec.attachRequired ?? true,
    spec.podInfoOnMount ?? false,
    spec.storageCapacity ?? false,
    (spec.tokenRequests ?? []).map((request) => request.audience).join(",") || "<unset>",
    spec.requiresRepublish ?? false,
    (spec.volumeLifecycleModes ?? []).join(",") || none,
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function certificateSigningRequestCells(
  { metadata, spec, status }: CertificateSigningRequest,
  nowMs: number,
): readonly unknown[] {
  const conditions = (status.conditions ?? []).map((condition) => condition.type);
  const states = ["Approved", "Denied", "Failed"].filter((type) => conditions.includes(type));
  if (states.length === 0) states.push("Pending");
  if (status.certificate) states.push("Issued");
  return [
    metadata.name,
    age(metadata.creationTimestamp, nowMs),
    spec.signerName || none,
    spec.username ?? "",
    spec.expirationSeconds === undefined ? none : humanDuration(spec.expirationSeconds * 1000),
    states.join(","),
  ];
}

export function webhookConfigurationCells(
  { metadata, webhooks }: MutatingWebhookConfiguration | ValidatingWebhookConfiguration,
  nowMs: number,
): readonly unknown[] {
  return [metadata.name, webhooks?.length ?? 0, age(metadata.creationTimestamp, nowMs)];
}

export function validatingAdmissionPolicyCells(
  { metadata, spec }: ValidatingAdmissionPolicy,
  nowMs: number,
): readonly unknown[] {
  const param = spec.paramKind;
  return [
    metadata.name,
    spec.validations?.length ?? 0,
    param ? `${param.apiVersion ?? ""}/${param.kind ?? ""}` : "<unset>",
    age(metadata.creationTimestamp, nowMs),
  ];
}

/** Serves both kinds of policy binding. */
export function admissionPolicyBindingCells(
  { metadata, spec }: MutatingAdmissionPolicyBinding | ValidatingAdmissionPolicyBinding,
  nowMs: number,
): readonly unknown[] {
  const param = spec.paramRef;
  const name = param?.name ?? (param?.selector ? "*" : "");
  return [
    metadata.name,
    spec.policyName ?? "",
    param ? (param.namespace ? `${param.namespace}/${name}` : `*/${name}`) : "<unset>",
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function mutatingAdmissionPolicyCells(
  { metadata, spec }: MutatingAdmissionPolicy,
  nowMs: number,
): readonly unknown[] {
  const param = spec.paramKind;
  return [
    metadata.name,
    spec.mutations?.length ?? 0,
    param ? `${param.apiVersion ?? ""}/${param.kind ?? ""}` : "<unset>",
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function volumeAttributesClassCells(
  { metadata, driverName }: VolumeAttributesClass,
  nowMs: number,
): readonly unknown[] {
  return [metadata.name, driverName, age(metadata.creationTimestamp, nowMs)];
}

export function resourceClaimCells({ metadata, status }: ResourceClaim, nowMs: number): readonly unknown[] {
  const states: string[] = [];
  if (metadata.deletionTimestamp) states.push("deleted");
  if (!status.allocation) states.push("pending");
  else states.push("allocated", ...((status.reservedFor?.length ?? 0) > 0 ? ["reserved"] : []));
  return [metadata.name, states.join(","), age(metadata.creationTimestamp, nowMs)];
}

export function resourceSliceCells({ metadata, spec }: ResourceSlice, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    spec.nodeName ?? "<unset>",
    spec.driver,
    spec.pool.name,
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function flowSchemaCells({ metadata, spec, status }: FlowSchema, nowMs: number): readonly unknown[] {
  const dangling = status.conditions?.find((condition) => condition.type === "Dangling");
  return [
    metadata.name,
    spec.priorityLevelConfiguration.name,
    spec.matchingPrecedence,
    spec.distinguisherMethod?.type ?? none,
    age(metadata.creationTimestamp, nowMs),
    dangling?.status ?? "?",
  ];
}

export function priorityLevelConfigurationCells(
  { metadata, spec }: PriorityLevelConfiguration,
  nowMs: number,
): readonly unknown[] {
  const limited = spec.limited;
  const queuing = limited?.limitResponse?.queuing;
  return [
    metadata.name,
    spec.type,
    limited?.nominalConcurrencyShares ?? spec.exempt?.nominalConcurrencyShares ?? none,
    queuing?.queues ?? none,
    queuing?.handSize ?? none,
    queuing?.queueLengthLimit ?? none,
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function apiServiceCells({ metadata, spec, status }: APIService, nowMs: number): readonly unknown[] {
  const available = status.conditions?.find((condition) => condition.type === "Available");
  const state =
    available?.status === "True"
      ? "True"
      : `${available?.status ?? "Unknown"}${available?.reason ? ` (${available.reason})` : ""}`;
  return [
    metadata.name,
    spec.service ? `${spec.service.namespace ?? ""}/${spec.service.name ?? ""}` : "Local",
    state,
    age(metadata.creationTimestamp, nowMs),
  ];
}
