import type { LabelSelector, LabelSelectorRequirement } from "../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateLabelValue } from "../../apimachinery/validation/names.ts";
import { validateLabelName, validateLabels } from "../../apimachinery/validation/object-meta.ts";
import { syntax } from "./common.ts";

export function validateLabelSelector(
  selector: LabelSelector | null | undefined,
  path: FieldPath,
): readonly FieldError[] {
  if (!selector) return [];
  return [
    ...validateLabels(selector.matchLabels, path.child("matchLabels")),
    ...(selector.matchExpressions ?? []).flatMap((requirement, i) =>
      validateRequirement(requirement, path.child("matchExpressions").index(i)),
    ),
  ];
}

function validateRequirement(requirement: LabelSelectorRequirement, path: FieldPath): readonly FieldError[] {
  const { key, operator } = requirement;
  const values = requirement.values ?? [];
  const errors: FieldError[] = [];
  const at = path.child("values");
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0) {
        errors.push(fieldRequired(at, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0) {
        errors.push(fieldForbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
      break;
    default:
      errors.push(fieldInvalid(path.child("operator"), operator, "not a valid selector operator"));
  }
  errors.push(...validateLabelName(key, path.child("key")));
  for (const [i, value] of values.entries()) errors.push(...syntax(at.index(i), value, validateLabelValue(value)));
  return errors;
}
