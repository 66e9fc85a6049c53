import { Quantity } from "../../../apimachinery/quantity.ts";
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldNotSupported, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { persistentVolumeCells, persistentVolumeClaimCells } from "../../printers/core.ts";
import { storageClassAnnotation } from "../../../component-helpers/storage/volume-claims.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { immutable, oneOf } from "../../validation/common.ts";
import { accessModes, validateClaimSpec, volumeModes } from "../../validation/volume-claim.ts";
import { validateQuantity } from "../../validation/resources.ts";

const spec = FieldPath.of("spec");

/** What of a volume's spec says where the data is. */
const volumeSources = [
  "awsElasticBlockStore",
  "azureDisk",
  "azureFile",
  "cephfs",
  "cinder",
  "csi",
  "fc",
  "flexVolume",
  "flocker",
  "gcePersistentDisk",
  "glusterfs",
  "hostPath",
  "iscsi",
  "local",
  "nfs",
  "photonPersistentDisk",
  "portworxVolume",
  "quobyte",
  "rbd",
  "scaleIO",
  "storageos",
  "vsphereVolume",
] as const;
const reclaimPolicies = ["Delete", "Recycle", "Retain"];

function sourceOf({ spec: volume }: PersistentVolume): Readonly<Record<string, unknown>> {
  return Object.fromEntries(volumeSources.filter((name) => volume[name]).map((name) => [name, volume[name]]));
}

function validateVolume(volume: PersistentVolume): readonly FieldError[] {
  const { accessModes: modes = [], capacity, persistentVolumeReclaimPolicy, volumeMode } = volume.spec;
  const errors: FieldError[] = [];
  const at = spec.child("accessModes");
  if (modes.length === 0) errors.push(fieldRequired(at));
  for (const mode of modes) if (!accessModes.includes(mode)) errors.push(fieldNotSupported(at, mode, accessModes));
  if (modes.includes("ReadWriteOncePod") && modes.length > 1) {
    errors.push(fieldForbidden(at, "may not use ReadWriteOncePod with other access modes"));
  }
  if (Object.keys(capacity ?? {}).length === 0) errors.push(fieldRequired(spec.child("capacity")));
  for (const [name, value] of Object.entries(capacity ?? {})) {
    errors.push(...validateQuantity(value, spec.child("capacity").key(name)));
  }
  errors.push(
    ...oneOf(spec.child("persistentVolumeReclaimPolicy"), persistentVolumeReclaimPolicy, reclaimPolicies, true),
  );
  const [first, ...surplus] = volumeSources.filter((name) => volume.spec[name]);
  if (first === undefined) errors.push(fieldRequired(spec, "must specify a volume type"));
  for (const name of surplus) {
    errors.push(fieldForbidden(spec.child(name), "may not specify more than 1 volume type"));
  }
  errors.push(...oneOf(spec.child("volumeMode"), volumeMode, volumeModes, true));
  return errors;
}

export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  generation: "none",
  prepareForCreate(volume: Mutable<PersistentVolume>): void {
    volume.status = { phase: "Pending" };
  },
  validate: validateVolume,
  validateUpdate(volume: PersistentVolume, old: PersistentVolume): readonly FieldError[] {
    const errors = [...validateVolume(volume)];
    if (!semanticEqual(sourceOf(volume), sourceOf(old))) {
      const path = spec.child("persistentvolumesource");
      errors.push(fieldForbidden(path, "spec.persistentvolumesource is immutable after creation"));
    }
    return [
      ...errors,
      ...immutable(FieldPath.of("volumeMode"), volume.spec.volumeMode ?? null, old.spec.volumeMode ?? null),
    ];
  },
  tableCells: persistentVolumeCells,
};

export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  generation: "none",
  prepareForCreate(claim: Mutable<PersistentVolumeClaim>): void {
    claim.status = { phase: "Pending" };
    alignDataSources(claim);
  },
  prepareForUpdate: alignDataSources,
  validate: (claim: PersistentVolumeClaim) => validateClaimSpec(claim.spec, spec),
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
    const isBound = claim.status.phase === "Bound";
    const fixed = (of: PersistentVolumeClaim): unknown => ({
      ...of.spec,
      ...(isBound ? { resources: withoutStorage(of), volumeAttributesClassName: "" } : {}),
      ...(old.spec.volumeName ? {} : { volumeName: "" }),
      ...(mayGetClass ? { storageClassName: "" } : {}),
    });
    const errors = [...validateClaimSpec(claim.spec, spec)];
    if (!semanticEqual(fixed(claim), fixed(old))) {
      const why =
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
      errors.push(fieldForbidden(spec, why));
    }
    // A request that could not be had may be taken back; what is there does not shrink.
    const [asked, before, has] = [
      requestOf(claim),
      requestOf(old),
      Quantity.parse(old.status.capacity?.["storage"] ?? "0"),
    ];
    if (asked.compare(before) < 0 && asked.compare(has) <= 0) {
      const path = spec.child("resources").child("requests").child("storage");
      errors.push(fieldForbidden(path, "field can not be less than status.capacity"));
    }
    return errors;
  },
  tableCells: persistentVolumeClaimCells,
};

function withoutStorage({ spec: { resources } }: PersistentVolumeClaim): unknown {
  return { ...resources, requests: { ...resources.requests, storage: "" } };
}

function requestOf({ spec: { resources } }: PersistentVolumeClaim): Quantity {
  return Quantity.tryParse(resources.requests?.["storage"] ?? "0") ?? Quantity.zero;
}

/** A source given in one field is in both, as long as the older field can say it. */
function alignDataSources({ spec: claim }: Mutable<PersistentVolumeClaim>): void {
  const { dataSource, dataSourceRef } = claim;
  if (dataSource && !dataSourceRef) claim.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) claim.dataSource = { ...dataSourceRef };
}
