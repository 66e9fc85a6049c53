import type { Mutable } from "../../../apimachinery/resource-type.ts";
import { Quantity } from "../../../apimachinery/quantity.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { validateDns1123Label, validateDns1123Subdomain } from "../../../apimachinery/validation/names.ts";
import type {
  CSIPersistentVolumeSource,
  FlexPersistentVolumeSource,
  GlusterfsPersistentVolumeSource,
  PersistentVolume,
  PersistentVolumeSpec,
  SecretReference,
} from "../../../api/core/v1/types.gen.ts";
import type { RequestContext, Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { formatTime } from "../../../component-helpers/time.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { persistentVolumeCells } from "../../printers/core.ts";
import { validateNodeSelector } from "../../validation/affinity.ts";
import { immutable, oneOf, sortedMap, syntax } from "../../validation/common.ts";
import { differencesOf } from "../../validation/differences.ts";
import { internalForm } from "../../../api/internal-form.ts";
import { validateIscsi } from "../../validation/iscsi.ts";
import { validateNoBacksteps } from "../../validation/local-path.ts";
import { validateAccessModes, volumeModes } from "../../validation/volume-claim.ts";
import type { SourceKind } from "../../validation/volume-sources.ts";
import { required, secretRefHas, sharedSources, validateSource } from "../../validation/volume-sources.ts";
import { validateCsiDriverName } from "../../validation/volumes.ts";
import { nodeTermWarnings } from "../../validation/node-label-warnings.ts";
import { oldVolumeWarnings } from "../../validation/old-volumes.ts";

const spec = FieldPath.of("spec");
const reclaimPolicies = ["Delete", "Recycle", "Retain"];

const csiSecrets = [
  "controllerPublishSecretRef",
  "controllerExpandSecretRef",
  "nodePublishSecretRef",
  "nodeExpandSecretRef",
] as const;

function validateCsi(csi: CSIPersistentVolumeSource, path: FieldPath): readonly FieldError[] {
  return [
    ...validateCsiDriverName(csi.driver, path.child("driver")),
    ...(csi.volumeHandle ? [] : [fieldRequired(path.child("volumeHandle"))]),
    ...csiSecrets.flatMap((field) => {
      const reference = csi[field];
      return reference ? validateSecretReference(reference, path.child(field)) : [];
    }),
  ];
}

function validateSecretReference({ name, namespace }: SecretReference, path: FieldPath): readonly FieldError[] {
  const [nameAt, namespaceAt] = [path.child("name"), path.child("namespace")];
  return [
    ...(name ? syntax(nameAt, name, validateDns1123Subdomain(name)) : [fieldRequired(nameAt)]),
    ...(namespace ? syntax(namespaceAt, namespace, validateDns1123Label(namespace)) : [fieldRequired(namespaceAt)]),
  ];
}

function validateGlusterfs(source: GlusterfsPersistentVolumeSource, path: FieldPath): readonly FieldError[] {
  const { endpointsNamespace: namespace } = source;
  const at = path.child("endpointsNamespace");
  if (namespace === undefined) return [];
  if (namespace !== "") return syntax(at, namespace, validateDns1123Label(namespace));
  return [fieldInvalid(at, namespace, "if the endpointnamespace is set, it must be a valid namespace name")];
}

function validateFlexOptions({ options }: FlexPersistentVolumeSource, path: FieldPath): readonly FieldError[] {
  return Object.keys(options ?? {}).flatMap((key) => {
    const domain = `.${key.split("/", 1)[0]?.toLowerCase() ?? ""}`;
    const isReserved = domain.endsWith(".kubernetes.io") || domain.endsWith(".k8s.io");
    const at = path.child("options").key(key);
    return isReserved ? [fieldInvalid(at, key, "kubernetes.io and k8s.io namespaces are reserved")] : [];
  });
}

/** The kinds of volumes, in the order upstream looks at them. */
const volumeKinds: readonly SourceKind<PersistentVolumeSpec>[] = [
  sharedSources.hostPath,
  sharedSources.gcePersistentDisk,
  sharedSources.awsElasticBlockStore,
  {
    field: "glusterfs",
    rules: [
      required("endpoints", "path"),
      (_, path, { glusterfs }) => (glusterfs ? validateGlusterfs(glusterfs, path) : []),
    ],
  },
  sharedSources.flocker,
  sharedSources.nfs,
  { field: "rbd", rules: [required("monitors", "image")] },
  sharedSources.quobyte,
  { field: "cephfs", surplusAt: "cephFS", rules: [required("monitors")] },
  {
    field: "iscsi",
    rules: [
      required("targetPortal"),
      (_, path, { iscsi }) => (iscsi ? validateIscsi(iscsi, path, "must be valid format") : []),
      secretRefHas("name"),
    ],
  },
  { field: "cinder", rules: [required("volumeID"), secretRefHas("name", "namespace")] },
  sharedSources.fc,
  {
    field: "flexVolume",
    isNeverSurplus: true,
    rules: [required("driver"), (_, path, { flexVolume }) => (flexVolume ? validateFlexOptions(flexVolume, path) : [])],
  },
  {
    field: "azureFile",
    rules: [
      required("secretName", "shareName"),
      (_, path, { azureFile }) =>
        azureFile?.secretNamespace === "" ? [fieldRequired(path.child("secretNamespace"))] : [],
    ],
  },
  sharedSources.vsphereVolume,
  sharedSources.photonPersistentDisk,
  sharedSources.portworxVolume,
  sharedSources.azureDisk,
  { field: "scaleIO", rules: [required("gateway", "system", "volumeName")] },
  {
    field: "local",
    rules: [
      required("path"),
      (_, path, { local }) => validateNoBacksteps(local?.path ?? "", path.child("path")),
      (_source, _path, { nodeAffinity }) =>
        nodeAffinity ? [] : [fieldRequired(spec.child("nodeAffinity"), "Local volume requires node affinity")],
    ],
  },
  { field: "storageos", rules: [required("volumeName"), secretRefHas("name", "namespace")] },
  { field: "csi", rules: [(_, path, { csi }) => (csi ? validateCsi(csi, path) : [])] },
];

function sourceOf(volume: PersistentVolumeSpec): Readonly<Record<string, unknown>> {
  return Object.fromEntries(volumeKinds.map(({ field }) => [field, volume[field]]));
}

function validateCapacity(capacity: Readonly<Record<string, string>> | undefined): readonly FieldError[] {
  const path = spec.child("capacity");
  const names = Object.keys(capacity ?? {});
  const errors: FieldError[] = [];
  if (names.length === 0) errors.push(fieldRequired(path));
  if (names.length !== 1 || names[0] !== "storage") {
    errors.push(fieldNotSupported(path, sortedMap(capacity), ["storage"]));
  }
  for (const [name, text] of Object.entries(capacity ?? {})) {
    errors.push(...validateWholeQuantity(text, path.key(name)), ...validatePositiveQuantity(text, path.key(name)));
  }
  return errors;
}

/** Not below zero, in whole units. */
export function validateWholeQuantity(text: string, path: FieldPath): readonly FieldError[] {
  const value = Quantity.parse(text).value();
  return value < 0n ? [fieldInvalid(path, value, "must be a valid resource quantity")] : [];
}

export function validatePositiveQuantity(text: string, path: FieldPath): readonly FieldError[] {
  const quantity = Quantity.parse(text);
  return quantity.sign > 0 ? [] : [fieldInvalid(path, quantity.toString(), "must be greater than zero")];
}

function validateNodeAffinity({ nodeAffinity }: PersistentVolumeSpec): readonly FieldError[] {
  if (!nodeAffinity) return [];
  const path = spec.child("nodeAffinity", "required");
  return nodeAffinity.required
    ? validateNodeSelector(nodeAffinity.required, path)
    : [fieldRequired(path, "must specify required node constraints")];
}

function validateAttributesClass({
  volumeAttributesClassName: name,
  csi,
}: PersistentVolumeSpec): readonly FieldError[] {
  if (name === undefined) return [];
  const path = spec.child("volumeAttributesClassName");
  return [
    ...(name === ""
      ? [fieldRequired(path, "an empty string is disallowed")]
      : syntax(path, name, validateDns1123Subdomain(name))),
    ...(csi ? [] : [fieldRequired(spec.child("csi"), "has to be specified when using volumeAttributesClassName")]),
  ];
}

function validateVolume({ spec: volume }: PersistentVolume): readonly FieldError[] {
  const { hostPath, persistentVolumeReclaimPolicy: reclaim, storageClassName, volumeMode } = volume;
  const reclaimAt = spec.child("persistentVolumeReclaimPolicy");
  // An access mode is needed; what claims say of it volumes do not.
  const errors: FieldError[] =
    (volume.accessModes ?? []).length === 0 ? [fieldRequired(spec.child("accessModes"))] : [];
  errors.push(
    ...validateAccessModes(volume.accessModes ?? [], spec.child("accessModes")),
    ...validateCapacity(volume.capacity),
    ...oneOf(reclaimAt, reclaim, reclaimPolicies, true),
    ...validateNodeAffinity(volume),
    ...validateSource(volume, volumeKinds, spec),
  );
  if (hostPath && /^\/(\.?\/)*\.?$/.test(hostPath.path) && reclaim === "Recycle") {
    errors.push(fieldForbidden(reclaimAt, "may not be 'recycle' for a hostPath mount of '/'"));
  }
  if (storageClassName) {
    errors.push(
      ...syntax(spec.child("storageClassName"), storageClassName, validateDns1123Subdomain(storageClassName)),
    );
  }
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode)) {
    errors.push(fieldNotSupported(spec.child("volumeMode"), volumeMode, volumeModes));
  }
  return [...errors, ...validateAttributesClass(volume)];
}

const betaTopology: Readonly<Record<string, string>> = {
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
  "beta.kubernetes.io/arch": "kubernetes.io/arch",
  "beta.kubernetes.io/os": "kubernetes.io/os",
  "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
};

/** Whether the affinity is what it was, but for labels that may by now go by their new name. */
function isSameAffinity(next: NodeAffinity, old: NodeAffinity): boolean {
  const terms = (old?.required?.nodeSelectorTerms ?? []).map((term, i) => ({
    ...term,
    matchExpressions: (term.matchExpressions ?? []).map((each, j) => {
      const key = next?.required?.nodeSelectorTerms?.[i]?.matchExpressions?.[j]?.key ?? "";
      // As in upstream, a key without a newer name may also be emptied: validation refuses that anyway.
      return key === (betaTopology[each.key] ?? "") ? { ...each, key } : each;
    }),
  }));
  return semanticEqual(next, old && { required: { nodeSelectorTerms: terms } });
}

type NodeAffinity = PersistentVolumeSpec["nodeAffinity"];

function validateVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): readonly FieldError[] {
  const errors: FieldError[] = [...validateVolume(volume)];
  const [next, before] = [volume.spec, old.spec];
  // A secret for expansion may come later.
  const { controllerExpandSecretRef: added, ...csi } = next.csi ?? {};
  const comparable =
    added && before.csi && !before.csi.controllerExpandSecretRef
      ? { ...next, csi: csi as CSIPersistentVolumeSource }
      : next;
  const differences = differencesOf(sourceOf(before), sourceOf(comparable), "spec");
  if (differences !== "") {
    const why = "spec.persistentvolumesource is immutable after creation";
    errors.push(fieldForbidden(spec.child("persistentvolumesource"), `${why}\n${differences}`));
  }
  errors.push(...immutable(FieldPath.of("volumeMode"), next.volumeMode ?? null, before.volumeMode ?? null));
  if (before.nodeAffinity && !isSameAffinity(next.nodeAffinity, before.nodeAffinity)) {
    const shown = internalForm(next.nodeAffinity, "core/v1.VolumeNodeAffinity");
    const why = "field is immutable, except for updating from beta label to GA";
    errors.push(fieldInvalid(FieldPath.of("nodeAffinity"), shown, why));
  }
  if (before.volumeAttributesClassName !== undefined && next.volumeAttributesClassName === undefined) {
    const why = "update from non-nil value to nil is forbidden";
    errors.push(fieldForbidden(spec.child("volumeAttributesClassName"), why));
  }
  return errors;
}

const oldAnnotations: readonly (readonly [name: string, why: string])[] = [
  ["volume.beta.kubernetes.io/storage-class", 'deprecated since v1.8; use "storageClassName" attribute instead'],
  ["volume.beta.kubernetes.io/mount-options", 'deprecated since v1.31; use "mountOptions" attribute instead'],
];

function volumeWarnings({ metadata, spec: volume }: PersistentVolume): readonly string[] {
  const path = FieldPath.of("spec", "nodeAffinity", "required", "nodeSelectorTerms");
  return [
    ...oldAnnotations
      .filter(([name]) => name in (metadata.annotations ?? {}))
      .map(([name, why]) => `${FieldPath.of("metadata", "annotations").key(name).toString()}: ${why}`),
    ...(volume.persistentVolumeReclaimPolicy === "Recycle"
      ? [
          "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. " +
            "Instead, the recommended approach is to use dynamic provisioning.",
        ]
      : []),
    ...(volume.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      nodeTermWarnings(term, path.index(i), false),
    ),
    ...oldVolumeWarnings(volume, FieldPath.of("spec")),
  ];
}

export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  generation: "none",
  checksNameOnUpdate: true,
  prepareForCreate(volume: Mutable<PersistentVolume>, { nowMs }: RequestContext): void {
    volume.status = { phase: "Pending", lastPhaseTransitionTime: formatTime(nowMs) };
  },
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
  warningsOnCreate: volumeWarnings,
  warningsOnUpdate: volumeWarnings,
  tableCells: persistentVolumeCells,
};
