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
import { validateQualifiedName } from "../../../apimachinery/validation/names.ts";
import type { PersistentVolumeClaim, TypedLocalObjectReference } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { persistentVolumeClaimCells } from "../../printers/core.ts";
import { storageClassAnnotation } from "../../../component-helpers/storage/volume-claims.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { immutable, syntax } from "../../validation/common.ts";
import { differencesOf } from "../../validation/differences.ts";
import { isNative, validateResourceQuantity } from "../../validation/resources.ts";
import { validateClaimSpec } from "../../validation/volume-claim.ts";
import { validateWholeQuantity } from "./persistent-volume-strategy.ts";
import { claimWarnings } from "../../validation/byte-warnings.ts";

const spec = FieldPath.of("spec");
const status = FieldPath.of("status");

/**
 * A bound claim changes its size and attributes only; an unbound one may be bound, too. One that names no class may be
 * given one.
 */
function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): readonly FieldError[] {
  const { storageClassName } = claim.spec;
  const named = old.metadata.annotations?.[storageClassAnnotation];
  const namedNow = claim.metadata.annotations?.[storageClassAnnotation];
  const isUpgrade =
    storageClassName !== undefined &&
    old.spec.storageClassName === undefined &&
    (named === undefined ? namedNow === undefined : named === storageClassName);
  const errors: FieldError[] = [...validateClaimSpec(claim.spec, spec, hasApiGroup(old))];
  if (!isUpgrade && named !== namedNow) {
    const at = FieldPath.of("metadata", "annotations").key(storageClassAnnotation);
    errors.push(fieldInvalid(at, namedNow ?? "", "field is immutable"));
  }
  const isBound = claim.status.phase === "Bound";
  const fixed = (of: PersistentVolumeClaim): unknown => ({
    ...of.spec,
    ...(isBound ? { resources: withoutStorage(of), volumeAttributesClassName: "" } : {}),
    ...(old.spec.volumeName ? {} : { volumeName: "" }),
    ...(isUpgrade ? { storageClassName: "" } : {}),
  });
  if (!semanticEqual(fixed(claim), fixed(old))) {
    const why =
      "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    errors.push(fieldForbidden(spec, `${why}\n${differencesOf(fixed(old), fixed(claim), "spec")}`));
  }
  return [
    ...errors,
    ...validateShrinking(claim, old),
    ...immutable(FieldPath.of("volumeMode"), claim.spec.volumeMode ?? null, old.spec.volumeMode ?? null),
    ...validateClassRemoval(claim, old),
  ];
}

/** Groups of data sources were not always looked at, so where there is one already the new one is not. */
function hasApiGroup({ spec: { dataSource, dataSourceRef } }: PersistentVolumeClaim): boolean {
  return Boolean(dataSource?.apiGroup) || Boolean(dataSourceRef?.apiGroup);
}

function withoutStorage({ spec: { resources } }: PersistentVolumeClaim): unknown {
  return { ...resources, requests: { ...resources?.requests, storage: "" } };
}

/** A claim may shrink to what it has: that undoes an expansion that failed. */
function validateShrinking(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): readonly FieldError[] {
  const sizeOf = (text: string | undefined): Quantity => Quantity.parse(text ?? "0");
  const size = sizeOf(claim.spec.resources?.requests?.["storage"]);
  if (size.compare(sizeOf(old.spec.resources?.requests?.["storage"])) >= 0) return [];
  if (size.compare(sizeOf(old.status.capacity?.["storage"])) > 0) return [];
  const path = spec.child("resources", "requests", "storage");
  return [fieldForbidden(path, "field can not be less than status.capacity")];
}

function validateClassRemoval(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): readonly FieldError[] {
  const { volumeAttributesClassName: name } = claim.spec;
  if (old.status.currentVolumeAttributesClassName === undefined || name === old.spec.volumeAttributesClassName)
    return [];
  const to = name === undefined ? "nil" : name === "" ? "empty string" : undefined;
  if (to === undefined) return [];
  const why = `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`;
  return [fieldForbidden(spec.child("volumeAttributesClassName"), why)];
}

const resizeStatuses = [
  "ControllerResizeInProgress",
  "ControllerResizeInfeasible",
  "NodeResizeInProgress",
  "NodeResizeInfeasible",
  "NodeResizePending",
];

function validateClaimStatus(claim: PersistentVolumeClaim): readonly FieldError[] {
  const { capacity, allocatedResources, allocatedResourceStatuses } = claim.status;
  const errors: FieldError[] = [];
  if ((claim.spec.accessModes ?? []).length === 0) errors.push(fieldRequired(FieldPath.of("Spec", "accessModes")));
  for (const [name, text] of Object.entries(capacity ?? {})) {
    errors.push(...validateWholeQuantity(text, status.child("capacity").key(name)));
  }
  for (const [name, value] of Object.entries(allocatedResourceStatuses ?? {})) {
    const path = status.child("allocatedResourceStatuses");
    errors.push(...validateResourceKey(name, path));
    // The name is shown, not the status.
    if (!resizeStatuses.includes(value)) errors.push(fieldNotSupported(path, name, resizeStatuses));
  }
  for (const [name, text] of Object.entries(allocatedResources ?? {})) {
    const path = status.child("allocatedResources");
    const wrong = validateResourceKey(name, path);
    const negative = wrong.length > 0 ? wrong : validateWholeQuantity(text, path.key(name));
    errors.push(...(negative.length > 0 ? negative : validateResourceQuantity("storage", text, path.key(name))));
  }
  return errors;
}

function validateResourceKey(name: string, path: FieldPath): readonly FieldError[] {
  const errors = syntax(path, name, validateQualifiedName(name));
  if (errors.length > 0 || name === "storage" || !isNative(name)) return errors;
  return [fieldNotSupported(path, name, ["storage"])];
}

function warningsOf({ metadata, spec: claim }: PersistentVolumeClaim): readonly string[] {
  const at = FieldPath.of("metadata", "annotations").key(storageClassAnnotation);
  return [
    ...(storageClassAnnotation in (metadata.annotations ?? {})
      ? [`${at.toString()}: deprecated since v1.8; use "storageClassName" attribute instead`]
      : []),
    ...claimWarnings(claim, spec),
  ];
}

export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  generation: "none",
  checksNameOnUpdate: true,
  prepareForCreate(claim: Mutable<PersistentVolumeClaim>): void {
    claim.status = { phase: "Pending" };
    alignDataSources(claim);
  },
  prepareForUpdate: (claim: Mutable<PersistentVolumeClaim>, old: PersistentVolumeClaim) => alignDataSources(claim, old),
  validate: (claim: PersistentVolumeClaim) => validateClaimSpec(claim.spec, spec),
  validateUpdate: validateClaimUpdate,
  validateStatus: validateClaimStatus,
  warningsOnCreate: warningsOf,
  warningsOnUpdate: warningsOf,
  tableCells: persistentVolumeClaimCells,
};

/**
 * A source given in one field is in both, as long as the older field can say it. What is dropped without a word has always
 * been: a source in another namespace, which is behind a gate that is off by default (CrossNamespaceVolumeDataSource), and
 * one of an unknown kind in the older field alone.
 */
function alignDataSources({ spec: claim }: Mutable<PersistentVolumeClaim>, old?: PersistentVolumeClaim): void {
  if (claim.dataSourceRef?.namespace && !old?.spec.dataSourceRef) delete claim.dataSourceRef;
  const hadSource = old !== undefined && (old.spec.dataSource ?? old.spec.dataSourceRef) !== undefined;
  if (claim.dataSource && !claim.dataSourceRef && !hadSource && !isKnownSource(claim.dataSource)) {
    delete claim.dataSource;
  }
  const { dataSource, dataSourceRef } = claim;
  if (dataSource && !dataSourceRef) claim.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) claim.dataSource = { ...dataSourceRef };
}

function isKnownSource({ kind, apiGroup }: TypedLocalObjectReference): boolean {
  if (kind === "PersistentVolumeClaim") return !apiGroup;
  return kind === "VolumeSnapshot" && apiGroup === "snapshot.storage.k8s.io";
}
