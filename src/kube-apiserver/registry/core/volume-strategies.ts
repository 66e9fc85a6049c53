import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { persistentVolumeCells, persistentVolumeClaimCells } from "../../printers/core.ts";
import { storageClassAnnotation } from "../../../component-helpers/storage/volume-claims.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { validateQuantity } from "../../validation/resources.ts";

const spec = FieldPath.of("spec");

export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  prepareForCreate(volume: Mutable<PersistentVolume>): void {
    volume.status = { phase: "Pending" };
  },
  validate(volume: PersistentVolume): readonly FieldError[] {
    const { accessModes, capacity } = volume.spec;
    return [
      ...((accessModes?.length ?? 0) === 0 ? [fieldRequired(spec.child("accessModes"))] : []),
      ...(Object.keys(capacity ?? {}).length === 0 ? [fieldRequired(spec.child("capacity"))] : []),
      ...Object.entries(capacity ?? {}).flatMap(([name, value]) =>
        validateQuantity(value, spec.child("capacity").key(name)),
      ),
    ];
  },
  tableCells: persistentVolumeCells,
};

export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  prepareForCreate(claim: Mutable<PersistentVolumeClaim>): void {
    claim.status = { phase: "Pending" };
  },
  validate(claim: PersistentVolumeClaim): readonly FieldError[] {
    const storage = claim.spec.resources.requests?.["storage"];
    const path = spec.child("resources").key("storage");
    return [
      ...((claim.spec.accessModes?.length ?? 0) === 0
        ? [fieldRequired(spec.child("accessModes"), "at least 1 access mode is required")]
        : []),
      ...(storage === undefined ? [fieldRequired(path)] : validateQuantity(storage, path)),
    ];
  },
  /**
   * A bound claim changes its size and attributes only; an unbound one may be bound, too. One that names no class may be
   * given one.
   */
  validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): readonly FieldError[] {
    const { storageClassName } = claim.spec;
    const named = old.metadata.annotations?.[storageClassAnnotation];
    const mayGetClass =
      storageClassName !== undefined &&
      old.spec.storageClassName === undefined &&
      (named === undefined || named === storageClassName);
    const fixed = (of: PersistentVolumeClaim): unknown => ({
      ...of.spec,
      resources: {},
      volumeAttributesClassName: "",
      ...(old.spec.volumeName ? {} : { volumeName: "" }),
      ...(mayGetClass ? { storageClassName: "" } : {}),
    });
    if (semanticEqual(fixed(claim), fixed(old))) return [];
    const why =
      "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    return [fieldForbidden(spec, why)];
  },
  tableCells: persistentVolumeClaimCells,
};
