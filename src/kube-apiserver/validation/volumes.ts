import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldTooLong,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  inclusiveRangeMessage,
  validateDns1123Label,
  validateDns1123Subdomain,
} from "../../apimachinery/validation/names.ts";
import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  HostPathVolumeSource,
  ISCSIVolumeSource,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
} from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { validateClaimSpec } from "./volume-claim.ts";
import { oneOf, syntax } from "./common.ts";
import { validateFieldRef, validateResourceFieldRef } from "./env.ts";

const hostPathTypes = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];
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
  path: FieldPath,
): { readonly errors: readonly FieldError[]; readonly valid: ReadonlyMap<string, Volume> } {
  const valid = new Map<string, Volume>();
  const errors: FieldError[] = [];
  for (const [i, volume] of volumes.entries()) {
    const own = [...validateSource(volume, path.index(i)), ...validateVolumeName(volume.name, valid, path.index(i))];
    if (own.length === 0) valid.set(volume.name, volume);
    errors.push(...own);
  }
  return { errors, valid };
}

function validateVolumeName(name: string, known: ReadonlyMap<string, Volume>, path: FieldPath): readonly FieldError[] {
  const at = path.child("name");
  if (!name) return [fieldRequired(at)];
  return [...syntax(at, name, validateDns1123Label(name)), ...(known.has(name) ? [fieldDuplicate(at, name)] : [])];
}

type SourceRule = (source: Readonly<Record<string, unknown>>, path: FieldPath, volume: Volume) => readonly FieldError[];

const required =
  (...fields: readonly string[]): SourceRule =>
  (source, path) =>
    fields.filter((field) => isEmpty(source[field])).map((field) => fieldRequired(path.child(field)));

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

const partition: SourceRule = (source, path) => {
  const number = Number(source["partition"] ?? 0);
  return number >= 0 && number <= 255
    ? []
    : [fieldInvalid(path.child("partition"), number, inclusiveRangeMessage(1, 255))];
};

/**
 * The kinds of volumes in the order upstream looks at them: the first counts, the others are refused. The names in paths are
 * upstream's, slips included.
 */
const sourceRules: readonly {
  readonly field: keyof Volume;
  /** In paths of the source's own errors; the field unless given. */
  readonly at?: string;
  /** In the path of the error when it is one too many; the field unless given. */
  readonly surplusAt?: string;
  readonly rules: readonly SourceRule[];
}[] = [
  { field: "emptyDir", rules: [(_, path, { emptyDir }) => validateSizeLimit(emptyDir?.sizeLimit, path)] },
  { field: "hostPath", rules: [(_, path, { hostPath }) => (hostPath ? validateHostPath(hostPath, path) : [])] },
  {
    field: "gitRepo",
    rules: [
      required("repository"),
      (_, path, { gitRepo }) => validateDescendingPath(gitRepo?.directory ?? "", path.child("directory")),
    ],
  },
  { field: "gcePersistentDisk", at: "persistentDisk", rules: [required("pdName"), partition] },
  { field: "awsElasticBlockStore", rules: [required("volumeID"), partition] },
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
  {
    field: "nfs",
    rules: [
      required("server", "path"),
      (_, path, { nfs }) =>
        nfs?.path.startsWith("/")
          ? []
          : [fieldInvalid(path.child("path"), nfs?.path ?? "", "must be an absolute path")],
    ],
  },
  {
    field: "iscsi",
    rules: [required("targetPortal"), (_, path, { iscsi }) => (iscsi ? validateIscsi(iscsi, path) : [])],
  },
  { field: "glusterfs", rules: [required("endpoints", "path")] },
  {
    field: "flocker",
    rules: [
      (_, path, { flocker }) => {
        const { datasetName = "", datasetUUID = "" } = flocker ?? {};
        const errors: FieldError[] = [];
        if (!datasetName && !datasetUUID) {
          errors.push(fieldRequired(path, "one of datasetName and datasetUUID is required"));
        }
        if (datasetName && datasetUUID) {
          const why = "datasetName and datasetUUID can not be specified simultaneously";
          errors.push(fieldInvalid(path, "resource", why));
        }
        if (datasetName.includes("/")) {
          errors.push(fieldInvalid(path.child("datasetName"), datasetName, "must not contain '/'"));
        }
        return errors;
      },
    ],
  },
  { field: "persistentVolumeClaim", rules: [required("claimName")] },
  { field: "rbd", rules: [required("monitors", "image")] },
  { field: "cinder", rules: [required("volumeID"), secretRefName] },
  { field: "cephfs", surplusAt: "cephFS", rules: [required("monitors")] },
  {
    field: "quobyte",
    rules: [
      (_, path, { quobyte }) => {
        const why = "must be a host:port pair or multiple pairs separated by commas";
        const registry = quobyte?.registry ?? "";
        if (registry === "") return [fieldRequired(path.child("registry"), why)];
        const isPair = (text: string): boolean => /^(\[[^\]]*\]|[^:]*):[^:]*$/.test(text);
        return registry
          .split(",")
          .filter((pair) => !isPair(pair))
          .map(() => fieldInvalid(path.child("registry"), registry, why));
      },
      required("volume"),
    ],
  },
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
  {
    field: "fc",
    rules: [
      (_, path, { fc }) => {
        const { targetWWNs = [], wwids = [], lun } = fc ?? {};
        const at = path.child("targetWWNs");
        const errors: FieldError[] = [];
        if (targetWWNs.length === 0 && wwids.length === 0) {
          errors.push(fieldRequired(at, "must specify either targetWWNs or wwids, but not both"));
        }
        if (targetWWNs.length > 0 && wwids.length > 0) {
          errors.push(fieldInvalid(at, targetWWNs, "targetWWNs and wwids can not be specified simultaneously"));
        }
        if (targetWWNs.length > 0) {
          if (lun === undefined) {
            errors.push(fieldRequired(path.child("lun"), "lun is required if targetWWNs is specified"));
          } else errors.push(...validateLun(lun, path.child("lun")));
        }
        return errors;
      },
    ],
  },
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
  { field: "vsphereVolume", rules: [required("volumePath")] },
  { field: "photonPersistentDisk", rules: [required("pdID")] },
  { field: "portworxVolume", rules: [required("volumeID")] },
  { field: "azureDisk", rules: [required("diskName", "diskURI")] },
  { field: "storageos", rules: [required("volumeName"), secretRefName] },
  { field: "projected", rules: [(_, path, { projected }) => (projected ? validateProjected(projected, path) : [])] },
  { field: "scaleIO", rules: [required("gateway", "system", "volumeName")] },
  {
    field: "csi",
    rules: [
      (_, path, { csi }) => validateCsiDriverName(csi?.driver ?? "", path.child("driver")),
      (_, path, { csi }) => {
        const reference = csi?.nodePublishSecretRef;
        if (!reference) return [];
        const at = path.child("nodePublishSecretRef", "name");
        return reference.name
          ? syntax(at, reference.name, validateDns1123Subdomain(reference.name))
          : [fieldRequired(at)];
      },
    ],
  },
  {
    field: "ephemeral",
    rules: [
      (_, path, { ephemeral }) => {
        const template = ephemeral?.volumeClaimTemplate;
        if (!template) return [fieldRequired(path.child("volumeClaimTemplate"))];
        return validateClaimSpec(template.spec, path.child("volumeClaimTemplate", "spec"));
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

/** Exactly one kind of volume. */
function validateSource(volume: Volume, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  let count = 0;
  for (const { field, at, surplusAt, rules } of sourceRules) {
    const source = volume[field];
    if (typeof source !== "object") continue;
    if (++count > 1) {
      errors.push(fieldForbidden(path.child(surplusAt ?? field), "may not specify more than 1 volume type"));
      continue;
    }
    for (const rule of rules) {
      errors.push(...rule(source as unknown as Readonly<Record<string, unknown>>, path.child(at ?? field), volume));
    }
  }
  return count === 0 ? [fieldRequired(path, "must specify a volume type")] : errors;
}

function secretRefName(source: Readonly<Record<string, unknown>>, path: FieldPath): readonly FieldError[] {
  const reference = source["secretRef"] as { readonly name?: string } | undefined;
  return reference && !reference.name ? [fieldRequired(path.child("secretRef", "name"))] : [];
}

function validateSizeLimit(limit: string | undefined, path: FieldPath): readonly FieldError[] {
  return limit !== undefined && Quantity.parse(limit).sign < 0
    ? [fieldForbidden(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")]
    : [];
}

function validateHostPath(hostPath: HostPathVolumeSource, path: FieldPath): readonly FieldError[] {
  if (!hostPath.path) return [fieldRequired(path.child("path"))];
  return [
    ...validateNoBacksteps(hostPath.path, path.child("path")),
    ...oneOf(path.child("type"), hostPath.type, hostPathTypes, true),
  ];
}

const iscsiNames: Readonly<Record<string, RegExp>> = {
  iqn: /^iqn\.\d{4}-\d{2}\.([a-z0-9-.]+)(:([^,;*&$|\s]+))$/i,
  eui: /^eui\.[0-9a-f]{16}$/i,
  naa: /^naa\.[0-9a-f]{32}$/i,
};

function validateIscsi(iscsi: ISCSIVolumeSource, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  const checkName = (name: string, at: FieldPath): void => {
    const pattern = iscsiNames[name.slice(0, 3)];
    if (!pattern) errors.push(fieldInvalid(at, name, "must be valid format starting with iqn, eui, or naa"));
    else if (!pattern.test(name)) errors.push(fieldInvalid(at, name, "must be valid format"));
  };
  if (iscsi.iqn) checkName(iscsi.iqn, path.child("iqn"));
  else errors.push(fieldRequired(path.child("iqn")));
  errors.push(...validateLun(iscsi.lun, path.child("lun")));
  if ((iscsi.chapAuthDiscovery || iscsi.chapAuthSession) && !iscsi.secretRef) {
    errors.push(fieldRequired(path.child("secretRef")));
  }
  if (iscsi.initiatorName !== undefined) checkName(iscsi.initiatorName, path.child("initiatorname"));
  return errors;
}

function validateLun(lun: number, path: FieldPath): readonly FieldError[] {
  return lun >= 0 && lun <= 255 ? [] : [fieldInvalid(path, lun, inclusiveRangeMessage(0, 255))];
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
    if (!file.resourceFieldRef.containerName) errors.push(fieldRequired(at.child("containerName")));
    else errors.push(...validateResourceFieldRef(file.resourceFieldRef, at));
  } else errors.push(fieldRequired(path, "one of fieldRef and resourceFieldRef is required"));
  return [...errors, ...validateMode(file.mode, path.child("mode"))];
}

function validateMode(mode: number | undefined, path: FieldPath): readonly FieldError[] {
  return mode === undefined || (mode >= 0 && mode <= 0o777) ? [] : [fieldInvalid(path, mode, fileModeMessage)];
}

/** A path inside a volume: relative, never upwards, and not one of the names volumes are written with. */
export function validateLocalPath(value: string, path: FieldPath): readonly FieldError[] {
  const isReserved = value.startsWith("..") && !value.startsWith("../");
  return [
    ...validateDescendingPath(value, path),
    ...(isReserved ? [fieldInvalid(path, value, "must not start with '..'")] : []),
  ];
}

/** Relative, never upwards. */
export function validateDescendingPath(value: string, path: FieldPath): readonly FieldError[] {
  return [
    ...(value.startsWith("/") ? [fieldInvalid(path, value, "must be a relative path")] : []),
    ...validateNoBacksteps(value, path),
  ];
}

export function validateNoBacksteps(value: string, path: FieldPath): readonly FieldError[] {
  return value.split("/").includes("..") ? [fieldInvalid(path, value, "must not contain '..'")] : [];
}
