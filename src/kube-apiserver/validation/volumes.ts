import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldTooLong,
} from "../../apimachinery/validation/field-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Label, validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
} from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { validateClaimSpec, validateTemplateMetadata } from "./volume-claim.ts";
import { oneOf, syntax } from "./common.ts";
import { validateFieldRef, validateResourceFieldRef } from "./env.ts";
import { validateIscsi } from "./iscsi.ts";
import { validateDescendingPath, validateLocalPath } from "./local-path.ts";
import type { SourceKind } from "./volume-sources.ts";
import { required, secretRefHas, sharedSources, validateSource } from "./volume-sources.ts";

const volumeFieldPaths = [
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
];
const fileModeMessage = "must be a number between 0 and 0777 (octal), both inclusive";

/** The errors, and the names that mounts may refer to: those of volumes without an error. */
export function validateVolumes(
  volumes: readonly Volume[],
  podName: string | undefined,
  path: FieldPath,
): { readonly errors: readonly FieldError[]; readonly valid: ReadonlyMap<string, Volume> } {
  const valid = new Map<string, Volume>();
  const errors: FieldError[] = [];
  for (const [i, volume] of volumes.entries()) {
    const own = [
      ...validateSource(volume, volumeKinds, path.index(i)),
      ...validateClaimName(volume, podName, path.index(i)),
      ...validateVolumeName(volume.name, valid, path.index(i)),
    ];
    if (own.length === 0) valid.set(volume.name, volume);
    errors.push(...own);
  }
  return { errors, valid };
}

/** The claim of an ephemeral volume is named after the pod and the volume. */
function validateClaimName(
  { name, ephemeral }: Volume,
  podName: string | undefined,
  path: FieldPath,
): readonly FieldError[] {
  if (!ephemeral || !podName || !name) return [];
  const claim = `${podName}-${name}`;
  const messages = validateDns1123Subdomain(claim).map((message) => `PVC name ${goQuote(claim)}: ${message}`);
  return syntax(path.child("name"), name, messages);
}

function validateVolumeName(name: string, known: ReadonlyMap<string, Volume>, path: FieldPath): readonly FieldError[] {
  const at = path.child("name");
  if (!name) return [fieldRequired(at)];
  return [...syntax(at, name, validateDns1123Label(name)), ...(known.has(name) ? [fieldDuplicate(at, name)] : [])];
}

/**
 * The kinds of volumes in the order upstream looks at them: the first counts, the others are refused. The names in paths are
 * upstream's, slips included.
 */
const volumeKinds: readonly SourceKind<Volume>[] = [
  { field: "emptyDir", rules: [(_, path, { emptyDir }) => validateSizeLimit(emptyDir?.sizeLimit, path)] },
  sharedSources.hostPath,
  {
    field: "gitRepo",
    rules: [
      required("repository"),
      (_, path, { gitRepo }) => validateDescendingPath(gitRepo?.directory ?? "", path.child("directory")),
    ],
  },
  sharedSources.gcePersistentDisk,
  sharedSources.awsElasticBlockStore,
  {
    field: "secret",
    rules: [
      required("secretName"),
      (_, path, { secret }) => [
        ...validateMode(secret?.defaultMode, path.child("defaultMode")),
        ...validateItems(secret?.items, path.child("items")),
      ],
    ],
  },
  sharedSources.nfs,
  {
    field: "iscsi",
    rules: [
      required("targetPortal"),
      (_, path, { iscsi }) =>
        iscsi ? validateIscsi(iscsi, path, "must be valid format starting with iqn, eui, or naa") : [],
    ],
  },
  { field: "glusterfs", rules: [required("endpoints", "path")] },
  sharedSources.flocker,
  { field: "persistentVolumeClaim", rules: [required("claimName")] },
  { field: "rbd", rules: [required("monitors", "image")] },
  { field: "cinder", rules: [required("volumeID"), secretRefHas("name")] },
  { field: "cephfs", surplusAt: "cephFS", rules: [required("monitors")] },
  sharedSources.quobyte,
  {
    field: "downwardAPI",
    surplusAt: "downwarAPI",
    rules: [
      (_, path, { downwardAPI }) => [
        ...validateMode(downwardAPI?.defaultMode, path.child("defaultMode")),
        ...(downwardAPI?.items ?? []).flatMap((file) => validateDownwardFile(file, path)),
      ],
    ],
  },
  sharedSources.fc,
  { field: "flexVolume", rules: [required("driver")] },
  {
    field: "configMap",
    rules: [
      required("name"),
      (_, path, { configMap }) => [
        ...validateMode(configMap?.defaultMode, path.child("defaultMode")),
        ...validateItems(configMap?.items, path.child("items")),
      ],
    ],
  },
  { field: "azureFile", rules: [required("secretName", "shareName")] },
  sharedSources.vsphereVolume,
  sharedSources.photonPersistentDisk,
  sharedSources.portworxVolume,
  sharedSources.azureDisk,
  { field: "storageos", rules: [required("volumeName"), secretRefHas("name")] },
  { field: "projected", rules: [(_, path, { projected }) => (projected ? validateProjected(projected, path) : [])] },
  { field: "scaleIO", rules: [required("gateway", "system", "volumeName")] },
  {
    field: "csi",
    rules: [
      (_, path, { csi }) => validateCsiDriverName(csi?.driver ?? "", path.child("driver")),
      (_, path, { csi }) => {
        const reference = csi?.nodePublishSecretRef;
        if (!reference) return [];
        // Upstream's path lacks the member's name where the name itself is wrong.
        const at = path.child("nodePublishSecretRef", "name");
        return reference.name
          ? syntax(path.child("name"), reference.name, validateDns1123Subdomain(reference.name))
          : [fieldRequired(at)];
      },
    ],
  },
  {
    field: "ephemeral",
    rules: [
      (_, path, { ephemeral }) => {
        const template = ephemeral?.volumeClaimTemplate;
        const at = path.child("volumeClaimTemplate");
        if (!template) return [fieldRequired(at)];
        return [
          ...validateTemplateMetadata(template.metadata, at.child("metadata")),
          ...validateClaimSpec(template.spec, at.child("spec")),
        ];
      },
    ],
  },
  {
    field: "image",
    rules: [
      required("reference"),
      (_, path, { image }) =>
        oneOf(path.child("pullPolicy"), image?.pullPolicy, ["Always", "IfNotPresent", "Never"], true),
    ],
  },
];

function validateSizeLimit(limit: string | undefined, path: FieldPath): readonly FieldError[] {
  return limit !== undefined && Quantity.parse(limit).sign < 0
    ? [fieldForbidden(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")]
    : [];
}

const csiDriverNameMax = 63;

export function validateCsiDriverName(name: string, path: FieldPath): readonly FieldError[] {
  if (name === "") return [fieldRequired(path)];
  const errors: FieldError[] = [];
  if (name.length > csiDriverNameMax) errors.push(fieldTooLong(path, csiDriverNameMax));
  return [...errors, ...syntax(path, name, validateDns1123Subdomain(name.toLowerCase()))];
}

function validateProjected(projected: ProjectedVolumeSource, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [...validateMode(projected.defaultMode, path.child("defaultMode"))];
  const taken = new Set<string>();
  const take = (file: string, shown: string): void => {
    if (!file) return;
    if (taken.has(file)) errors.push(fieldInvalid(path, shown, "conflicting duplicate paths"));
    taken.add(file);
  };
  for (const [i, source] of (projected.sources ?? []).entries()) {
    const at = path.child("sources").index(i);
    const { downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
    for (const field of ["secret", "configMap"] as const) {
      const keys = source[field];
      if (!keys) continue;
      if (!keys.name) errors.push(fieldRequired(at.child(field, "name")));
      for (const [j, item] of (keys.items ?? []).entries()) {
        errors.push(...validateItem(item, at.child(field, "items").index(j)));
        take(item.path, keys.name ?? "");
      }
    }
    for (const file of downwardAPI?.items ?? []) {
      errors.push(...validateDownwardFile(file, at.child("downwardAPI")));
      take(file.path, file.path);
    }
    // The path of the token is upstream's: it lacks the source.
    if (serviceAccountToken) {
      errors.push(...validateTokenSeconds(serviceAccountToken.expirationSeconds, at.child("serviceAccountToken")));
      if (!serviceAccountToken.path) errors.push(fieldRequired(path.child("path")));
      else errors.push(...validateLocalPath(serviceAccountToken.path, path.child("path")));
    }
    if (clusterTrustBundle) {
      errors.push(...validateTrustBundle(clusterTrustBundle, at.child("clusterTrustBundle")));
      take(clusterTrustBundle.path, clusterTrustBundle.path);
    }
    if (Object.values(source).filter(Boolean).length > 1) {
      errors.push(fieldForbidden(at, "may not specify more than 1 volume type per source"));
    }
  }
  return errors;
}

function validateTokenSeconds(seconds: number | bigint | undefined, path: FieldPath): readonly FieldError[] {
  const at = path.child("expirationSeconds");
  if (seconds === undefined) return [];
  if (seconds < 600) return [fieldInvalid(at, seconds, "may not specify a duration less than 10 minutes")];
  if (seconds > 2 ** 32) return [fieldInvalid(at, seconds, "may not specify a duration larger than 2^32 seconds")];
  return [];
}

function validateTrustBundle(bundle: ClusterTrustBundleProjection, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (bundle.name === undefined && bundle.signerName === undefined) {
    errors.push(fieldRequired(path, "either name or signerName must be specified"));
  }
  if (bundle.name === "") errors.push(fieldRequired(path.child("name"), "must be a valid object name"));
  if (bundle.path) errors.push(...validateLocalPath(bundle.path, path.child("path")));
  else errors.push(fieldRequired(path.child("path")));
  return errors;
}

function validateItems(items: readonly KeyToPath[] | undefined, path: FieldPath): readonly FieldError[] {
  return (items ?? []).flatMap((item, i) => validateItem(item, path.index(i)));
}

function validateItem(item: KeyToPath, path: FieldPath): readonly FieldError[] {
  return [
    ...(item.key ? [] : [fieldRequired(path.child("key"))]),
    ...(item.path ? validateLocalPath(item.path, path.child("path")) : [fieldRequired(path.child("path"))]),
    ...validateMode(item.mode, path.child("mode")),
  ];
}

/** Upstream's paths do not say which file it is. */
function validateDownwardFile(file: DownwardAPIVolumeFile, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = file.path
    ? [...validateLocalPath(file.path, path.child("path"))]
    : [fieldRequired(path.child("path"))];
  if (file.fieldRef) {
    errors.push(...validateFieldRef(file.fieldRef, volumeFieldPaths, path.child("fieldRef")));
    if (file.resourceFieldRef) {
      errors.push(fieldInvalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
    }
  } else if (file.resourceFieldRef) {
    const at = path.child("resourceFieldRef");
    errors.push(...validateResourceFieldRef(file.resourceFieldRef, at, true));
  } else errors.push(fieldRequired(path, "one of fieldRef and resourceFieldRef is required"));
  return [...errors, ...validateMode(file.mode, path.child("mode"))];
}

function validateMode(mode: number | undefined, path: FieldPath): readonly FieldError[] {
  return mode === undefined || (mode >= 0 && mode <= 0o777) ? [] : [fieldInvalid(path, mode, fileModeMessage)];
}
