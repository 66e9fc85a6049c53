import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldNotSupported, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { nameIsDnsSubdomain } from "../../apimachinery/validation/names.ts";
import type { PersistentVolumeClaimSpec } from "../../api/core/v1/types.gen.ts";
import { oneOf, syntax } from "./common.ts";
import { validateLabelSelector } from "./label-selector.ts";
import { validateQuantity } from "./resources.ts";

export const accessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
export const volumeModes = ["Block", "Filesystem"];

/** The rules of a claim's spec, of a claim and of a template for one. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: FieldPath): readonly FieldError[] {
  const modes = spec.accessModes ?? [];
  const at = path.child("accessModes");
  const errors: FieldError[] = [...validateLabelSelector(spec.selector, path.child("selector"))];
  if (modes.length === 0) errors.push(fieldRequired(at, "at least 1 access mode is required"));
  for (const mode of modes) if (!accessModes.includes(mode)) errors.push(fieldNotSupported(at, mode, accessModes));
  if (modes.includes("ReadWriteOncePod") && modes.length > 1) {
    errors.push(fieldForbidden(at, "may not use ReadWriteOncePod with other access modes"));
  }
  const storage = spec.resources?.requests?.["storage"];
  const storageAt = path.child("resources").key("storage");
  errors.push(...(storage === undefined ? [fieldRequired(storageAt)] : validateQuantity(storage, storageAt)));
  const name = spec.storageClassName;
  if (name) errors.push(...syntax(path.child("storageClassName"), name, nameIsDnsSubdomain(name, false)));
  errors.push(...oneOf(path.child("volumeMode"), spec.volumeMode, volumeModes, true));
  return errors;
}
