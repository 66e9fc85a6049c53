import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";

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
