import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldNotSupported } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateLabelValue, validateQualifiedName } from "../../apimachinery/validation/names.ts";
import type { Toleration } from "../../api/core/v1/types.gen.ts";
import { syntax } from "./common.ts";

export const taintEffects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function validateTolerations(tolerations: readonly Toleration[], path: FieldPath): readonly FieldError[] {
  return tolerations.flatMap((toleration, i) => validateToleration(toleration, path.index(i)));
}

function validateToleration(toleration: Toleration, path: FieldPath): readonly FieldError[] {
  const { key, operator, value, effect, tolerationSeconds } = toleration;
  const errors: FieldError[] = [];
  if (key) errors.push(...syntax(path.child("key"), key, validateQualifiedName(key)));
  else if (operator !== "Exists") {
    errors.push(
      fieldInvalid(
        path.child("operator"),
        operator ?? "",
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (tolerationSeconds !== undefined && effect !== "NoExecute") {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(fieldInvalid(path.child("effect"), effect ?? "", why));
  }
  switch (operator) {
    case undefined:
    case "Equal":
      errors.push(...syntax(path.child("operator"), value ?? "", validateLabelValue(value ?? "")));
      break;
    case "Exists":
      if (value) {
        errors.push(fieldInvalid(path.child("operator"), value, "value must be empty when `operator` is 'Exists'"));
      }
      break;
    default:
      errors.push(fieldNotSupported(path.child("operator"), operator, ["Equal", "Exists"]));
  }
  if (effect && !taintEffects.includes(effect)) {
    errors.push(fieldNotSupported(path.child("effect"), effect, taintEffects));
  }
  return errors;
}
