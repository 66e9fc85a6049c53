import { goStringSlice } from "../go-format.ts";
import { formatGroupVersionKind, gvkFromApiVersion } from "../group-version.ts";
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from "../meta/v1/types.gen.ts";
import {
  errorsToldMax,
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldTooLong,
} from "./field-error.ts";
import type { FieldPath } from "./field-path.ts";
import {
  isPlainLabelPart,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  type NameRule,
  utf8Length,
  validateLabelValue,
  validateQualifiedName,
} from "./names.ts";
import { validateFieldManager } from "./options.ts";

/** The detail of a change to a field that must not change. */
export const immutableFieldMessage = "field is immutable";

/** Keys and values of all annotations of one object together: 256 KiB. */
export const annotationsBytesMax = 256 * 1024;

const subresourceBytesMax = 256;

/** Waits for foreground deletion: dependents first. */
export const foregroundDeletionFinalizer = "foregroundDeletion";
/** Leaves dependents behind. */
export const orphanFinalizer = "orphan";

/** Checks metadata of an object about to be created, after its name was generated. */
export function validateObjectMeta(
  meta: ObjectMeta,
  options: { readonly namespaced: boolean; readonly validateName?: NameRule | undefined },
  path: FieldPath,
): FieldError[] {
  const validateName = options.validateName ?? nameIsDnsSubdomain;
  const { name = "", generateName = "" } = meta;
  const errors: FieldError[] = [];
  if (generateName !== "") {
    for (const message of validateName(generateName, true)) {
      errors.push(fieldInvalid(path.child("generateName"), generateName, message));
    }
  }
  if (name === "") {
    errors.push(fieldRequired(path.child("name"), "name or generateName is required"));
  } else {
    for (const message of validateName(name, false)) errors.push(fieldInvalid(path.child("name"), name, message));
  }
  errors.push(...validateMetaBesideName(meta, options.namespaced, path));
  return errors;
}

/** What holds for the metadata of every object, however it is named. */
export function validateMetaBesideName(meta: ObjectMeta, namespaced: boolean, path: FieldPath): FieldError[] {
  const { namespace = "", generation = 0 } = meta;
  const errors: FieldError[] = [];
  if (!namespaced) {
    if (namespace !== "") errors.push(fieldForbidden(path.child("namespace"), "not allowed on this type"));
  } else if (namespace === "") {
    errors.push(fieldRequired(path.child("namespace")));
  } else {
    for (const message of nameIsDnsLabel(namespace, false)) {
      errors.push(fieldInvalid(path.child("namespace"), namespace, message));
    }
  }
  if (generation < 0) {
    errors.push(fieldInvalid(path.child("generation"), generation, "must be greater than or equal to 0"));
  }
  errors.push(...validateLabels(meta.labels, path.child("labels")));
  errors.push(...validateAnnotations(meta.annotations, path.child("annotations")));
  errors.push(...validateOwnerReferences(meta.ownerReferences, path.child("ownerReferences")));
  errors.push(...validateFinalizers(meta.finalizers, path.child("finalizers")));
  errors.push(...validateManagedFields(meta.managedFields, path.child("managedFields")));
  return errors;
}

/** Checks metadata of an update against what is stored. */
export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const before = new Set(old.finalizers);
    const added = [...new Set(meta.finalizers)].filter((f) => !before.has(f)).sort();
    if (added.length > 0) {
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${goStringSlice(added)}`;
      errors.push(fieldForbidden(path.child("finalizers"), detail));
    }
  }
  if (!meta.resourceVersion) {
    errors.push(fieldInvalid(path.child("resourceVersion"), "", "must be specified for an update"));
  }
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(fieldInvalid(path.child("generation"), meta.generation ?? 0, "must not be decremented"));
  }
  const immutable = (name: keyof ObjectMeta, empty: string | null) => {
    if ((meta[name] ?? empty) === (old[name] ?? empty)) return;
    errors.push(fieldInvalid(path.child(name), meta[name] ?? empty, immutableFieldMessage));
  };
  immutable("name", "");
  immutable("namespace", "");
  immutable("uid", "");
  immutable("creationTimestamp", null);
  immutable("deletionTimestamp", null);
  immutable("deletionGracePeriodSeconds", null);
  errors.push(...validateLabels(meta.labels, path.child("labels")));
  errors.push(...validateAnnotations(meta.annotations, path.child("annotations")));
  errors.push(...validateOwnerReferences(meta.ownerReferences, path.child("ownerReferences")));
  errors.push(...validateFinalizers(meta.finalizers, path.child("finalizers")));
  errors.push(...validateManagedFields(meta.managedFields, path.child("managedFields")));
  return errors;
}

type StringMap = Readonly<Record<string, string>> | undefined;

export function validateLabels(labels: StringMap, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    // Nearly always: worth no lists of messages.
    if (isPlainLabelPart(key) && isPlainLabelPart(value)) continue;
    errors.push(...validateLabelName(key, path));
    for (const message of validateLabelValue(value)) errors.push(fieldInvalid(path, value, message));
    if (errors.length >= errorsToldMax) break;
  }
  return errors;
}

/** A label's key. */
export function validateLabelName(name: string, path: FieldPath): FieldError[] {
  return validateQualifiedName(name).map((message) => fieldInvalid(path, name, message));
}

export function validateAnnotations(annotations: StringMap, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    // Unlike in labels, the prefix of an annotation may have capitals.
    if (!isPlainLabelPart(key))
      for (const message of validateQualifiedName(key.toLowerCase())) errors.push(fieldInvalid(path, key, message));
    bytes += utf8Length(key) + utf8Length(value);
  }
  if (bytes > annotationsBytesMax) errors.push(fieldTooLong(path, annotationsBytesMax));
  return errors;
}

export function validateOwnerReferences(
  references: readonly OwnerReference[] | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const reference of references ?? []) {
    errors.push(...validateOwnerReference(reference, path));
    if (reference.controller !== true) continue;
    const name = `${reference.kind}/${reference.name}`;
    if (controller === undefined) {
      controller = name;
      continue;
    }
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
    errors.push(fieldInvalid(path, references, detail));
  }
  return errors;
}

function validateOwnerReference(reference: OwnerReference, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const gvk = gvkFromApiVersion(reference.apiVersion, reference.kind);
  if (gvk.version === "") {
    errors.push(fieldInvalid(path.child("apiVersion"), reference.apiVersion, "version must not be empty"));
  }
  for (const name of ["kind", "name", "uid"] as const) {
    if (reference[name] === "") errors.push(fieldInvalid(path.child(name), "", "must not be empty"));
  }
  if (gvk.group === "" && gvk.version === "v1" && gvk.kind === "Event") {
    errors.push(fieldInvalid(path, reference, `${formatGroupVersionKind(gvk)} is disallowed from being an owner`));
  }
  return errors;
}

export function validateFinalizers(finalizers: readonly string[] | undefined, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const finalizer of finalizers ?? []) {
    for (const message of validateQualifiedName(finalizer)) errors.push(fieldInvalid(path, finalizer, message));
  }
  if (finalizers?.includes(orphanFinalizer) && finalizers.includes(foregroundDeletionFinalizer)) {
    const detail = `finalizer ${orphanFinalizer} and ${foregroundDeletionFinalizer} cannot be both set`;
    errors.push(fieldInvalid(path, finalizers, detail));
  }
  return errors;
}

export function validateManagedFields(
  entries: readonly ManagedFieldsEntry[] | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, entry] of (entries ?? []).entries()) {
    const at = path.index(i);
    const { operation = "", fieldsType = "", manager = "", subresource = "" } = entry;
    if (operation !== "Apply" && operation !== "Update") {
      errors.push(fieldInvalid(at.child("operation"), operation, "must be `Apply` or `Update`"));
    }
    if (fieldsType !== "" && fieldsType !== "FieldsV1") {
      errors.push(fieldInvalid(at.child("fieldsType"), fieldsType, "must be `FieldsV1`"));
    }
    errors.push(...validateFieldManager(manager, at.child("manager")));
    if (utf8Length(subresource) > subresourceBytesMax) {
      errors.push(fieldTooLong(at.child("subresource"), subresourceBytesMax));
    }
  }
  return errors;
}
