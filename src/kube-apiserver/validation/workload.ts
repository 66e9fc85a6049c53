import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { PodTemplateSpec } from "../../api/core/v1/types.gen.ts";
import { isEmptySelector, labelMatcher } from "../../component-helpers/label-selector.ts";
import { sortedMap } from "./common.ts";
import { validateLabelSelector } from "./label-selector.ts";

/** A workload's own selector: there, well formed, and not of everything. `kind` is the word the message uses. */
export function validateWorkloadSelector(
  selector: LabelSelector | null | undefined,
  kind: string,
  path: FieldPath,
): readonly FieldError[] {
  if (!selector) return [fieldRequired(path)];
  const errors = [...validateLabelSelector(selector, path)];
  if (isEmptySelector(selector)) {
    errors.push(fieldInvalid(path, selector, `empty selector is invalid for ${kind}`));
  }
  return errors;
}

/** What a workload makes must be what it selects. */
export function validateTemplateMatches(
  selector: LabelSelector | null | undefined,
  template: PodTemplateSpec,
  path: FieldPath,
): readonly FieldError[] {
  if (!selector || isEmptySelector(selector) || labelMatcher(selector)(template.metadata.labels)) return [];
  const labels = sortedMap(template.metadata.labels);
  return [fieldInvalid(path.child("metadata", "labels"), labels, "`selector` does not match template `labels`")];
}
