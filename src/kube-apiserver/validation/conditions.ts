import type { Condition } from "../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { utf8Length, validateConditionReason } from "../../apimachinery/validation/names.ts";
import { validateLabelName } from "../../apimachinery/validation/object-meta.ts";
import { syntax } from "./common.ts";

const statuses = ["False", "True", "Unknown"];
const reasonBytesMax = 1024;
const messageBytesMax = 32 * 1024;

/** Conditions of `meta/v1`, one of each type. */
export function validateConditions(
  conditions: readonly Condition[] | undefined,
  path: FieldPath,
): readonly FieldError[] {
  const seen = new Set<string>();
  return (conditions ?? []).flatMap((condition, i) => {
    const at = path.index(i);
    const { type } = condition;
    const duplicate = seen.has(type) ? [fieldDuplicate(at.child("type"), type)] : [];
    seen.add(type);
    return [...duplicate, ...validateCondition(condition, at)];
  });
}

function validateCondition(condition: Condition, path: FieldPath): readonly FieldError[] {
  const { type, status, observedGeneration, lastTransitionTime, reason, message } = condition;
  const reasonAt = path.child("reason");
  return [
    ...validateLabelName(type, path.child("type")),
    ...(statuses.includes(status) ? [] : [fieldNotSupported(path.child("status"), status, statuses)]),
    ...((observedGeneration ?? 0) < 0
      ? [fieldInvalid(path.child("observedGeneration"), observedGeneration, "must be greater than or equal to zero")]
      : []),
    // A time the client left out is null.
    ...(lastTransitionTime ? [] : [fieldRequired(path.child("lastTransitionTime"))]),
    ...(reason ? syntax(reasonAt, reason, validateConditionReason(reason)) : [fieldRequired(reasonAt)]),
    ...(utf8Length(reason) > reasonBytesMax ? [fieldTooLong(reasonAt, reasonBytesMax)] : []),
    ...(utf8Length(message) > messageBytesMax ? [fieldTooLong(path.child("message"), messageBytesMax)] : []),
  ];
}
