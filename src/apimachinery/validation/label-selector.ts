import type { LabelSelector, LabelSelectorRequirement } from "../meta/v1/types.gen.ts";
import { type FieldError, fieldForbidden, fieldInvalid, fieldRequired } from "./field-error.ts";
import type { FieldPath } from "./field-path.ts";
import { validateLabelValue } from "./names.ts";
import { validateLabelName, validateLabels } from "./object-meta.ts";

export interface LabelSelectorRules {
  /** For updates of objects whose stored selector already has an invalid value. */
  readonly allowInvalidValues?: boolean;
  /** For questions of clients that may know more operators. */
  readonly allowUnknownOperators?: boolean;
}

export function validateLabelSelector(
  selector: LabelSelector | undefined,
  path: FieldPath,
  rules: LabelSelectorRules = {},
): FieldError[] {
  if (selector === undefined) return [];
  const errors = validateLabels(selector.matchLabels, path.child("matchLabels"));
  for (const [i, requirement] of (selector.matchExpressions ?? []).entries()) {
    errors.push(...validateLabelSelectorRequirement(requirement, path.child("matchExpressions").index(i), rules));
  }
  return errors;
}

export function validateLabelSelectorRequirement(
  { key, operator, values = [] }: LabelSelectorRequirement,
  path: FieldPath,
  rules: LabelSelectorRules = {},
): FieldError[] {
  const errors: FieldError[] = [];
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0) {
      errors.push(fieldRequired(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (values.length > 0) {
      const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(fieldForbidden(path.child("values"), detail));
    }
  } else if (rules.allowUnknownOperators !== true) {
    errors.push(fieldInvalid(path.child("operator"), operator, "not a valid selector operator"));
  }
  errors.push(...validateLabelName(key, path.child("key")));
  if (rules.allowInvalidValues === true) return errors;
  for (const [i, value] of values.entries()) {
    for (const message of validateLabelValue(value)) {
      errors.push(fieldInvalid(path.child("values").index(i), value, message));
    }
  }
  return errors;
}
