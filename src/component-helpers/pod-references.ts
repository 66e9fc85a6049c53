import type { EnvFromSource, EnvVar, Pod, PodResourceClaim, Volume } from "../api/core/v1/types.gen.ts";

/** [resource, name] of an object in the pod's namespace. */
type Reference = readonly [
  resource: "configmaps" | "persistentvolumeclaims" | "resourceclaims" | "secrets" | "serviceaccounts",
  name: string,
];

/** What a pod needs to be read for it, some of it perhaps several times. */
export function* podReferences({ spec, metadata, status }: Pod): Generator<Reference> {
  if (spec.serviceAccountName) yield ["serviceaccounts", spec.serviceAccountName];
  for (const { name } of spec.imagePullSecrets ?? []) if (name) yield ["secrets", name];
  for (const volume of spec.volumes ?? []) yield* volumeReferences(volume, metadata.name);
  for (const list of [spec.containers, spec.initContainers ?? [], spec.ephemeralContainers ?? []]) {
    for (const container of list) yield* environmentReferences(container);
  }
  for (const claim of spec.resourceClaims ?? []) {
    const name = resourceClaimName(claim, status);
    if (name) yield ["resourceclaims", name];
  }
  const extended = status?.extendedResourceClaimStatus?.resourceClaimName;
  if (extended) yield ["resourceclaims", extended];
}

/** Of a claim made from a template, the status tells the name. */
function resourceClaimName(claim: PodResourceClaim, status: Pod["status"]): string | undefined {
  if (claim.resourceClaimName) return claim.resourceClaimName;
  return status?.resourceClaimStatuses?.find(({ name }) => name === claim.name)?.resourceClaimName;
}

function* volumeReferences(volume: Volume, podName: string): Generator<Reference> {
  const { secret, configMap, persistentVolumeClaim, ephemeral, csi, projected } = volume;
  if (secret?.secretName) yield ["secrets", secret.secretName];
  if (configMap?.name) yield ["configmaps", configMap.name];
  if (persistentVolumeClaim) yield ["persistentvolumeclaims", persistentVolumeClaim.claimName];
  if (ephemeral) yield ["persistentvolumeclaims", `${podName}-${volume.name}`];
  if (csi?.nodePublishSecretRef?.name) yield ["secrets", csi.nodePublishSecretRef.name];
  if (volume.azureFile?.secretName) yield ["secrets", volume.azureFile.secretName];
  const { cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos } = volume;
  for (const source of [cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos])
    if (source?.secretRef?.name) yield ["secrets", source.secretRef.name];
  for (const source of projected?.sources ?? []) {
    if (source.secret?.name) yield ["secrets", source.secret.name];
    if (source.configMap?.name) yield ["configmaps", source.configMap.name];
  }
}

function* environmentReferences(container: {
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly EnvFromSource[];
}): Generator<Reference> {
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.secretKeyRef?.name) yield ["secrets", valueFrom.secretKeyRef.name];
    if (valueFrom?.configMapKeyRef?.name) yield ["configmaps", valueFrom.configMapKeyRef.name];
  }
  for (const { secretRef, configMapRef } of container.envFrom ?? []) {
    if (secretRef?.name) yield ["secrets", secretRef.name];
    if (configMapRef?.name) yield ["configmaps", configMapRef.name];
  }
}
