import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Label } from "../../apimachinery/validation/names.ts";
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, Volume } from "../../api/core/v1/types.gen.ts";
import { oneOf, syntax } from "./common.ts";
import { validateFieldRef, validateResourceFieldRef } from "./env.ts";
import { validateQuantity } from "./resources.ts";

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

export function validateVolumes(volumes: readonly Volume[], path: FieldPath): readonly FieldError[] {
  const names = new Set<string>();
  return volumes.flatMap((volume, i) => {
    const at = path.index(i);
    const errors: FieldError[] = [...validateSource(volume, at)];
    if (!volume.name) errors.push(fieldRequired(at.child("name")));
    else {
      const messages = validateDns1123Label(volume.name);
      errors.push(...syntax(at.child("name"), volume.name, messages));
      if (messages.length === 0 && names.has(volume.name)) errors.push(fieldDuplicate(at.child("name"), volume.name));
      names.add(volume.name);
    }
    return errors;
  });
}

/** Exactly one kind of volume. Sources of cloud disks and network file systems are checked for no more than their presence. */
function validateSource(volume: Volume, path: FieldPath): readonly FieldError[] {
  const sources = Object.entries(volume)
    .filter(([field, value]) => field !== "name" && value)
    // The source looked at first is the one that counts; upstream begins with emptyDir.
    .sort(([a], [b]) => Number(b === "emptyDir") - Number(a === "emptyDir"));
  if (sources.length === 0) return [fieldRequired(path, "must specify a volume type")];
  const [, ...surplus] = sources;
  return [
    ...validateKnownSource(volume, path),
    ...surplus.map(([field]) => fieldForbidden(path.child(field), "may not specify more than 1 volume type")),
  ];
}

function validateKnownSource(volume: Volume, path: FieldPath): readonly FieldError[] {
  const { hostPath, emptyDir, secret, configMap, downwardAPI, projected, persistentVolumeClaim, nfs } = volume;
  const errors: FieldError[] = [];
  if (hostPath) {
    if (!hostPath.path) errors.push(fieldRequired(path.child("hostPath", "path")));
    else errors.push(...validateNoBacksteps(hostPath.path, path.child("hostPath", "path")));
    errors.push(...oneOf(path.child("hostPath", "type"), hostPath.type, hostPathTypes, true));
  }
  if (emptyDir?.sizeLimit !== undefined) {
    errors.push(...validateQuantity(emptyDir.sizeLimit, path.child("emptyDir", "sizeLimit")));
  }
  if (secret) {
    if (!secret.secretName) errors.push(fieldRequired(path.child("secret", "secretName")));
    errors.push(...validateMode(secret.defaultMode, path.child("secret", "defaultMode")));
    errors.push(...validateItems(secret.items, path.child("secret", "items")));
  }
  if (configMap) {
    if (!configMap.name) errors.push(fieldRequired(path.child("configMap", "name")));
    errors.push(...validateMode(configMap.defaultMode, path.child("configMap", "defaultMode")));
    errors.push(...validateItems(configMap.items, path.child("configMap", "items")));
  }
  if (downwardAPI) {
    errors.push(...validateMode(downwardAPI.defaultMode, path.child("downwardAPI", "defaultMode")));
    errors.push(...validateDownwardFiles(downwardAPI.items, path.child("downwardAPI", "items")));
  }
  if (persistentVolumeClaim && !persistentVolumeClaim.claimName) {
    errors.push(fieldRequired(path.child("persistentVolumeClaim", "claimName")));
  }
  if (nfs) {
    if (!nfs.server) errors.push(fieldRequired(path.child("nfs", "server")));
    if (!nfs.path) errors.push(fieldRequired(path.child("nfs", "path")));
    else if (!nfs.path.startsWith("/")) {
      errors.push(fieldInvalid(path.child("nfs", "path"), nfs.path, "must be an absolute path"));
    }
  }
  if (projected) errors.push(...validateProjected(projected, path.child("projected")));
  return errors;
}

function validateProjected(projected: ProjectedVolumeSource, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [...validateMode(projected.defaultMode, path.child("defaultMode"))];
  for (const [i, source] of (projected.sources ?? []).entries()) {
    const at = path.child("sources").index(i);
    const { secret, configMap, downwardAPI, serviceAccountToken } = source;
    if (secret) {
      if (!secret.name) errors.push(fieldRequired(at.child("secret", "name")));
      errors.push(...validateItems(secret.items, at.child("secret", "items")));
    }
    if (configMap) {
      if (!configMap.name) errors.push(fieldRequired(at.child("configMap", "name")));
      errors.push(...validateItems(configMap.items, at.child("configMap", "items")));
    }
    if (downwardAPI) errors.push(...validateDownwardFiles(downwardAPI.items, at.child("downwardAPI", "items")));
    if (serviceAccountToken) {
      const { expirationSeconds, path: file } = serviceAccountToken;
      const seconds = at.child("serviceAccountToken", "expirationSeconds");
      if (expirationSeconds !== undefined && expirationSeconds < 600) {
        errors.push(fieldInvalid(seconds, expirationSeconds, "may not specify a duration less than 10 minutes"));
      }
      if (!file) errors.push(fieldRequired(at.child("serviceAccountToken", "path")));
      else errors.push(...validateLocalPath(file, at.child("serviceAccountToken", "path")));
    }
    if (Object.values(source).filter(Boolean).length > 1) {
      errors.push(fieldForbidden(at, "may not specify more than 1 volume type per source"));
    }
  }
  return errors;
}

function validateItems(items: readonly KeyToPath[] | undefined, path: FieldPath): readonly FieldError[] {
  return (items ?? []).flatMap((item, i) => [
    ...(item.key ? [] : [fieldRequired(path.index(i).child("key"))]),
    ...(item.path
      ? validateLocalPath(item.path, path.index(i).child("path"))
      : [fieldRequired(path.index(i).child("path"))]),
    ...validateMode(item.mode, path.index(i).child("mode")),
  ]);
}

function validateDownwardFiles(
  files: readonly DownwardAPIVolumeFile[] | undefined,
  path: FieldPath,
): readonly FieldError[] {
  return (files ?? []).flatMap((file, i) => {
    const at = path.index(i);
    const errors: FieldError[] = file.path
      ? [...validateLocalPath(file.path, at.child("path"))]
      : [fieldRequired(at.child("path"))];
    if (file.fieldRef) {
      errors.push(...validateFieldRef(file.fieldRef, volumeFieldPaths, at.child("fieldRef")));
      if (file.resourceFieldRef) {
        errors.push(fieldInvalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
      }
    } else if (file.resourceFieldRef) {
      if (!file.resourceFieldRef.containerName) {
        errors.push(fieldRequired(at.child("resourceFieldRef", "containerName")));
      }
      errors.push(...validateResourceFieldRef(file.resourceFieldRef, at.child("resourceFieldRef")));
    } else errors.push(fieldRequired(at, "one of fieldRef and resourceFieldRef is required"));
    return [...errors, ...validateMode(file.mode, at.child("mode"))];
  });
}

function validateMode(mode: number | undefined, path: FieldPath): readonly FieldError[] {
  return mode === undefined || (mode >= 0 && mode <= 0o777) ? [] : [fieldInvalid(path, mode, fileModeMessage)];
}

/** A path inside a volume: relative, never upwards. */
export function validateLocalPath(value: string, path: FieldPath): readonly FieldError[] {
  return [
    ...(value.startsWith("/") ? [fieldInvalid(path, value, "must be a relative path")] : []),
    ...validateNoBacksteps(value, path),
  ];
}

function validateNoBacksteps(value: string, path: FieldPath): readonly FieldError[] {
  return value.split("/").includes("..") ? [fieldInvalid(path, value, "must not contain '..'")] : [];
}
