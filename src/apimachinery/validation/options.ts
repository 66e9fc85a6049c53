import { isPrintable } from "../go-format.ts";
import type { CreateOptions, DeleteOptions, ListOptions, PatchOptions, UpdateOptions } from "../meta/v1/types.gen.ts";
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
} from "./field-error.ts";
import { FieldPath } from "./field-path.ts";
import { utf8Length } from "./names.ts";

// Rules of the options that come with a request, as query parameters or in the body of a DELETE.

const fieldManagerBytesMax = 128;

export function validateCreateOptions(options: CreateOptions): FieldError[] {
  return validateWriteOptions(options);
}

export function validateUpdateOptions(options: UpdateOptions): FieldError[] {
  return validateWriteOptions(options);
}

/** `isApply`: the patch is a server-side apply. */
export function validatePatchOptions(options: PatchOptions, isApply: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (isApply && !options.fieldManager) {
    errors.push(fieldRequired(FieldPath.of("fieldManager"), "is required for apply patch"));
  }
  if (!isApply && options.force !== undefined) {
    errors.push(fieldForbidden(FieldPath.of("force"), "may not be specified for non-apply patch"));
  }
  return [...errors, ...validateWriteOptions(options)];
}

export function validateDeleteOptions(options: DeleteOptions): FieldError[] {
  const errors: FieldError[] = [];
  const { propagationPolicy: policy, dryRun, ignoreStoreReadErrorWithClusterBreakingPotential: ignore } = options;
  const policyPath = FieldPath.of("propagationPolicy");
  if (policy !== undefined) {
    if (options.orphanDependents !== undefined) {
      const detail = "orphanDependents and deletionPropagation cannot be both set";
      errors.push(fieldInvalid(policyPath, policy, detail));
    }
    const policies = ["Foreground", "Background", "Orphan"];
    if (!policies.includes(policy)) errors.push(fieldNotSupported(policyPath, policy, [...policies, "nil"]));
  }
  errors.push(...validateDryRun(dryRun));
  if (ignore === true) {
    const path = FieldPath.of("ignoreStoreReadErrorWithClusterBreakingPotential");
    const names = ["propagationPolicy", "orphanDependents", "gracePeriodSeconds", "preconditions"] as const;
    const clashes = names.filter((name) => options[name] !== undefined);
    for (const name of [...(dryRun?.length ? ["dryRun"] : []), ...clashes]) {
      errors.push(fieldInvalid(path, true, `cannot be set together with .${name}`));
    }
  }
  return errors;
}

/** Checks the parameters of a list, or with `watch` set, of a watch. */
export function validateListOptions(options: ListOptions): FieldError[] {
  const match = options.resourceVersionMatch ?? "";
  const path = FieldPath.of("resourceVersionMatch");
  const errors: FieldError[] = [];
  const withoutContinue = "resourceVersionMatch is forbidden when continue is provided";
  if (options.watch === true) {
    if (options.sendInitialEvents !== undefined && match !== "NotOlderThan") {
      const detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
      errors.push(fieldForbidden(path, detail));
    }
    if (match === "") return errors;
    if (options.sendInitialEvents === undefined) {
      const detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
      errors.push(fieldForbidden(path, detail));
    }
    if (match !== "NotOlderThan") errors.push(fieldNotSupported(path, match, ["NotOlderThan"]));
    if (options.continue) errors.push(fieldForbidden(path, withoutContinue));
    return errors;
  }
  if (match !== "") {
    if (!options.resourceVersion) {
      errors.push(fieldForbidden(path, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    if (options.continue) errors.push(fieldForbidden(path, withoutContinue));
    if (match !== "Exact" && match !== "NotOlderThan") {
      errors.push(fieldNotSupported(path, match, ["Exact", "NotOlderThan", ""]));
    }
    if (match === "Exact" && options.resourceVersion === "0") {
      errors.push(fieldForbidden(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (options.sendInitialEvents !== undefined) {
    errors.push(fieldForbidden(FieldPath.of("sendInitialEvents"), "sendInitialEvents is forbidden for list"));
  }
  return errors;
}

/** The name under which a writer's fields are tracked: short and printable. */
export function validateFieldManager(manager: string, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (utf8Length(manager) > fieldManagerBytesMax) errors.push(fieldTooLong(path, fieldManagerBytesMax));
  let position = 0;
  for (const character of manager) {
    if (!isPrintable(character)) {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
      errors.push(fieldInvalid(path, manager, `invalid character U+${code} (at position ${position})`));
    }
    position += utf8Length(character);
  }
  return errors;
}

function validateWriteOptions(options: CreateOptions): FieldError[] {
  const errors = validateFieldManager(options.fieldManager ?? "", FieldPath.of("fieldManager"));
  errors.push(...validateDryRun(options.dryRun));
  const { fieldValidation = "" } = options;
  const values = ["", "Ignore", "Strict", "Warn"];
  if (!values.includes(fieldValidation)) {
    errors.push(fieldNotSupported(FieldPath.of("fieldValidation"), fieldValidation, values));
  }
  return errors;
}

function validateDryRun(dryRun: readonly string[] | undefined): FieldError[] {
  if ((dryRun ?? []).every((value) => value === "All")) return [];
  return [fieldNotSupported(FieldPath.of("dryRun"), dryRun, ["All"])];
}
