import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";

const all = ["deletionTimestamp", "labels", "annotations", "finalizers", "ownerReferences"] as const;

/** What of metadata updates of `status` leave alone; of kinds that are not here, they may write all of it. */
const keptByStatus: Readonly<Record<string, readonly (keyof ObjectMeta)[]>> = {
  "/pods": ["deletionTimestamp", "ownerReferences"],
  "apps/deployments": ["labels"],
  "admissionregistration.k8s.io/validatingadmissionpolicies": all,
  "flowcontrol.apiserver.k8s.io/flowschemas": [...all, "uid"],
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": [...all, "uid"],
  "networking.k8s.io/servicecidrs": all,
  "resource.k8s.io/resourceclaims": all,
  "storage.k8s.io/volumeattachments": all,
};

/** Kinds whose own rules do not look again at what of metadata may change. */
const checkedOnce: ReadonlySet<string> = new Set([
  "/limitranges",
  "/persistentvolumes",
  "admissionregistration.k8s.io/mutatingadmissionpolicies",
  "admissionregistration.k8s.io/mutatingadmissionpolicybindings",
  "admissionregistration.k8s.io/mutatingwebhookconfigurations",
  "admissionregistration.k8s.io/validatingadmissionpolicies",
  "admissionregistration.k8s.io/validatingadmissionpolicybindings",
  "admissionregistration.k8s.io/validatingwebhookconfigurations",
  "discovery.k8s.io/endpointslices",
  "flowcontrol.apiserver.k8s.io/flowschemas",
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations",
  "policy/poddisruptionbudgets",
  "storage.k8s.io/csinodes",
  "storage.k8s.io/volumeattachments",
]);

/** The strategy with what its kind makes of metadata, where that is not what all others do. */
export function withMetadataRules(key: string, strategy: Strategy | undefined): Strategy | undefined {
  const statusKeeps = keptByStatus[key];
  if (!statusKeeps && !checkedOnce.has(key)) return strategy;
  return {
    ...strategy,
    ...(statusKeeps ? { statusKeeps } : {}),
    ...(checkedOnce.has(key) ? { checksMetadataOnce: true } : {}),
  };
}
