import type { Pod, Volume } from "../../api/core/v1/types.gen.ts";
import { containersWithEphemeral } from "../api/pods.ts";

/** The kind of API object the pod cannot do without, in upstream's words, or undefined when it needs none. */
export function apiReference({ spec, metadata, ...rest }: Pod): string | undefined {
  if (spec.serviceAccountName) return "serviceaccounts";
  if ((spec.imagePullSecrets ?? []).length > 0) return "secrets";
  for (const container of containersWithEphemeral({ spec, metadata, ...rest })) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      if (secretRef) return "secrets";
      if (configMapRef) return "configmaps";
    }
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.secretKeyRef) return "secrets";
      if (valueFrom?.configMapKeyRef) return "configmaps";
    }
  }
  if ((spec.resourceClaims ?? []).length > 0) return "resourceclaims";
  return (spec.volumes ?? []).map(volumeReference).find((found) => found !== undefined);
}

function volumeReference(volume: Volume): string | undefined {
  if (volume.configMap) return "configmaps (via configmap volumes)";
  if (volume.secret) return "secrets (via secret volumes)";
  if (volume.csi) return "csidrivers (via CSI volumes)";
  if (volume.persistentVolumeClaim) return "persistentvolumeclaims";
  if (volume.ephemeral) return "persistentvolumeclaims (via ephemeral volumes)";
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap) return "configmaps (via projected volumes)";
    if (source.secret) return "secrets (via projected volumes)";
    if (source.serviceAccountToken) return "serviceaccounts (via projected volumes)";
    if (source.clusterTrustBundle) return "clustertrustbundles";
  }
  return undefined;
}
