import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldInvalid,
  fieldNotFound,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  nameIsDnsSubdomain,
  validateConfigMapKey,
  validateQualifiedName,
  validateRelaxedEnvVarName,
} from "../../apimachinery/validation/names.ts";
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  FileKeySelector,
  ObjectFieldSelector,
  ResourceFieldSelector,
  Volume,
} from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { syntax } from "./common.ts";

const envFieldPaths = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];

const resourceFields = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];

export function validateEnv(
  env: readonly EnvVar[],
  volumes: ReadonlyMap<string, Volume>,
  path: FieldPath,
): readonly FieldError[] {
  return env.flatMap((variable, i) => {
    const at = path.index(i);
    const name = variable.name
      ? syntax(at.child("name"), variable.name, validateRelaxedEnvVarName(variable.name))
      : [fieldRequired(at.child("name"))];
    const source = variable.valueFrom
      ? validateEnvVarSource(variable.valueFrom, variable.value, volumes, at.child("valueFrom"))
      : [];
    return [...name, ...source];
  });
}

function validateEnvVarSource(
  source: EnvVarSource,
  value: string | undefined,
  volumes: ReadonlyMap<string, Volume>,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef) errors.push(...validateFieldRef(fieldRef, envFieldPaths, path.child("fieldRef")));
  if (resourceFieldRef) errors.push(...validateResourceFieldRef(resourceFieldRef, path.child("resourceFieldRef")));
  if (configMapKeyRef) errors.push(...validateKeyRef(configMapKeyRef, path.child("configMapKeyRef")));
  if (secretKeyRef) errors.push(...validateKeyRef(secretKeyRef, path.child("secretKeyRef")));
  if (fileKeyRef) errors.push(...validateFileKeyRef(fileKeyRef, volumes, path.child("fileKeyRef")));
  const count = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(Boolean).length;
  if (count === 0) {
    errors.push(
      fieldInvalid(
        path,
        "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
      ),
    );
  } else if (value) {
    errors.push(fieldInvalid(path, "", "may not be specified when `value` is not empty"));
  } else if (count > 1) {
    errors.push(fieldInvalid(path, "", "may not have more than one field specified at a time"));
  }
  return errors;
}

function validateFileVolume(volume: Volume | undefined, name: string, path: FieldPath): readonly FieldError[] {
  if (!volume) return [fieldNotFound(path, name)];
  return volume.emptyDir ? [] : [fieldInvalid(path, name, "referenced volume must be of type emptyDir")];
}

function validateFileKeyRef(
  reference: FileKeySelector,
  volumes: ReadonlyMap<string, Volume>,
  path: FieldPath,
): readonly FieldError[] {
  const { volumeName } = reference;
  return [
    ...(["key", "volumeName", "path"] as const)
      .filter((field) => !reference[field])
      .map((field) => fieldRequired(path.child(field))),
    ...validateFileVolume(volumes.get(volumeName), volumeName, path.child("volumeName")),
  ];
}

/** A reference into the pod itself; `supported` are the paths beside single labels and annotations. */
export function validateFieldRef(
  reference: ObjectFieldSelector,
  supported: readonly string[],
  path: FieldPath,
): readonly FieldError[] {
  if (!reference.apiVersion) return [fieldRequired(path.child("apiVersion"))];
  const at = path.child("fieldPath");
  if (!reference.fieldPath) return [fieldRequired(at)];
  const unconvertible = (why: string): readonly FieldError[] => [
    fieldInvalid(at, reference.fieldPath, `error converting fieldPath: ${why}`),
  ];
  if (reference.apiVersion !== "v1") return unconvertible(`unsupported pod version: ${reference.apiVersion}`);
  const subscript = /^(.+)\['(.*)'\]$/.exec(reference.fieldPath);
  if (subscript) {
    const [, base = "", key = ""] = subscript;
    if (base !== "metadata.labels" && base !== "metadata.annotations") {
      return unconvertible(`field label does not support subscript: ${reference.fieldPath}`);
    }
    return syntax(path, key, validateQualifiedName(base === "metadata.annotations" ? key.toLowerCase() : key));
  }
  if (supported.includes(reference.fieldPath)) return [];
  if (!knownFieldPaths.has(reference.fieldPath)) {
    return unconvertible(`field label not supported: ${reference.fieldPath}`);
  }
  return [fieldNotSupported(at, reference.fieldPath, supported)];
}

// What pods' field labels convert from; a path among them that does not fit here gets the other message.
const knownFieldPaths = new Set([
  ...envFieldPaths,
  "metadata.annotations",
  "metadata.labels",
  "spec.restartPolicy",
  "spec.schedulerName",
  "status.phase",
]);

/** `mustNameContainer`: in a volume nothing else says which container is meant. */
export function validateResourceFieldRef(
  reference: ResourceFieldSelector,
  path: FieldPath,
  mustNameContainer = false,
): readonly FieldError[] {
  const { containerName, resource } = reference;
  const isHugePages = /^(limits|requests)\.hugepages-/.test(resource);
  const errors: FieldError[] = [];
  if (mustNameContainer && !containerName) errors.push(fieldRequired(path.child("containerName")));
  else if (!resource) errors.push(fieldRequired(path.child("resource")));
  else if (!isHugePages && !resourceFields.includes(resource)) {
    errors.push(fieldNotSupported(path.child("resource"), resource, resourceFields));
  }
  return [...errors, ...validateDivisor(reference, path.child("divisor"))];
}

const sizeDivisors = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

function validateDivisor({ resource, divisor }: ResourceFieldSelector, path: FieldPath): readonly FieldError[] {
  const what = /^(?:limits|requests)\.(cpu$|memory$|ephemeral-storage$|hugepages-)/.exec(resource)?.[1];
  const quantity = Quantity.parse(divisor ?? "0");
  if (what === undefined || quantity.sign === 0) return [];
  if (what === "cpu") {
    if (["1m", "1"].includes(quantity.toString())) return [];
    return [fieldInvalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")];
  }
  if (sizeDivisors.includes(quantity.toString())) return [];
  const name = what === "memory" ? "memory" : what === "hugepages-" ? "hugepages" : "local ephemeral storage";
  const why = `only divisor's values ${sizeDivisors.join(", ")} are supported with the ${name} resource`;
  return [fieldInvalid(path, resource, why)];
}

function validateKeyRef(
  reference: { readonly name?: string; readonly key: string },
  path: FieldPath,
): readonly FieldError[] {
  const key = reference.key
    ? syntax(path.child("key"), reference.key, validateConfigMapKey(reference.key))
    : [fieldRequired(path.child("key"))];
  const { name = "" } = reference;
  return [...syntax(path.child("name"), name, nameIsDnsSubdomain(name, false)), ...key];
}

export function validateEnvFrom(sources: readonly EnvFromSource[], path: FieldPath): readonly FieldError[] {
  return sources.flatMap((source, i) => {
    const at = path.index(i);
    const errors: FieldError[] = [];
    if (source.prefix)
      errors.push(...syntax(at.child("prefix"), source.prefix, validateRelaxedEnvVarName(source.prefix)));
    for (const field of ["configMapRef", "secretRef"] as const) {
      const reference = source[field];
      if (!reference) continue;
      const name = at.child(field, "name");
      if (reference.name) errors.push(...syntax(name, reference.name, nameIsDnsSubdomain(reference.name, false)));
      else errors.push(fieldRequired(name));
    }
    if (!source.configMapRef && !source.secretRef) {
      errors.push(fieldInvalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    } else if (source.configMapRef && source.secretRef) {
      errors.push(fieldInvalid(path, "", "may not have more than one field specified at a time"));
    }
    return errors;
  });
}
