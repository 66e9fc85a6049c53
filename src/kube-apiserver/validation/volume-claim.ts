import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Label, validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import { validateAnnotations, validateLabels } from "../../apimachinery/validation/object-meta.ts";
import type {
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
  TypedObjectReference,
} from "../../api/core/v1/types.gen.ts";
import { syntax } from "./common.ts";
import { validateLabelSelector } from "./label-selector.ts";
import { validateResourceQuantity } from "./resources.ts";

export const accessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
export const volumeModes = ["Block", "Filesystem"];

/** The rules of a claim's spec, of a claim and of a template for one. `anyApiGroup`: sources' groups are not looked at. */
export function validateClaimSpec(
  spec: PersistentVolumeClaimSpec,
  path: FieldPath,
  anyApiGroup = false,
): readonly FieldError[] {
  const { storageClassName, volumeMode, dataSource, dataSourceRef, volumeAttributesClassName } = spec;
  const modes = spec.accessModes ?? [];
  const at = path.child("accessModes");
  const className = (field: string, name: string | undefined): readonly FieldError[] =>
    name ? syntax(path.child(field), name, validateDns1123Subdomain(name)) : [];
  return [
    ...(modes.length === 0 ? [fieldRequired(at, "at least 1 access mode is required")] : []),
    ...validateLabelSelector(spec.selector, path.child("selector")),
    ...validateAccessModes(modes, at),
    ...validateSize(spec.resources?.requests?.["storage"], path.child("resources").key("storage")),
    ...className("storageClassName", storageClassName),
    ...(volumeMode !== undefined && !volumeModes.includes(volumeMode)
      ? [fieldNotSupported(path.child("volumeMode"), volumeMode, volumeModes)]
      : []),
    ...(dataSource ? validateDataSource(dataSource, anyApiGroup, path.child("dataSource")) : []),
    ...(dataSourceRef ? validateDataSource(dataSourceRef, anyApiGroup, path.child("dataSourceRef")) : []),
    ...validateBothSources(spec, path),
    ...className("volumeAttributesClassName", volumeAttributesClassName),
  ];
}

export function validateAccessModes(modes: readonly string[], path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const mode of modes) if (!accessModes.includes(mode)) errors.push(fieldNotSupported(path, mode, accessModes));
  const others = modes.filter((mode) => mode !== "ReadWriteOncePod" && accessModes.includes(mode));
  if (modes.includes("ReadWriteOncePod") && others.length > 0) {
    errors.push(fieldForbidden(path, "may not use ReadWriteOncePod with other access modes"));
  }
  return errors;
}

function validateSize(text: string | undefined, path: FieldPath): readonly FieldError[] {
  if (text === undefined) return [fieldRequired(path)];
  const quantity = Quantity.parse(text);
  return quantity.sign > 0
    ? validateResourceQuantity("storage", text, path)
    : [fieldInvalid(path, quantity.toString(), "must be greater than zero")];
}

function validateDataSource(
  source: TypedLocalObjectReference | TypedObjectReference,
  anyApiGroup: boolean,
  path: FieldPath,
): readonly FieldError[] {
  const { name, kind, apiGroup } = source;
  const namespace = "namespace" in source ? source.namespace : undefined;
  const errors: FieldError[] = [];
  if (!name) errors.push(fieldRequired(path.child("name")));
  if (!kind) errors.push(fieldRequired(path.child("kind")));
  if (apiGroup) {
    const messages = anyApiGroup ? [] : validateDns1123Subdomain(apiGroup);
    errors.push(...syntax(path.child("apiGroup"), apiGroup, messages));
  } else if (kind !== "PersistentVolumeClaim") {
    const why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(fieldInvalid(path, kind, why));
  }
  if (namespace) errors.push(...syntax(path.child("namespace"), namespace, validateDns1123Label(namespace)));
  return errors;
}

function validateBothSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  path: FieldPath,
): readonly FieldError[] {
  if (!dataSource || !dataSourceRef) return [];
  // What upstream shows as the value is a path, and that prints as nothing.
  const wrong = (why: string): readonly FieldError[] => [fieldInvalid(path, {}, why)];
  if (dataSourceRef.namespace) return wrong("may not be specified when dataSourceRef.namespace is specified");
  const isSame = (["kind", "name", "apiGroup"] as const).every((field) => dataSource[field] === dataSourceRef[field]);
  return isSame ? [] : wrong("must match dataSourceRef");
}

/** Metadata of a claim a pod brings along: labels and annotations, and nothing else. */
export function validateTemplateMetadata(metadata: ObjectMeta | undefined, path: FieldPath): readonly FieldError[] {
  const { labels, annotations, ...others } = metadata ?? {};
  return [
    ...validateAnnotations(annotations, path.child("annotations")),
    ...validateLabels(labels, path.child("labels")),
    ...Object.entries(others)
      .filter(([, value]) => value !== undefined && value !== "" && value !== 0)
      .map(([field]) => fieldForbidden(path.child(field), "cannot be set")),
  ];
}
