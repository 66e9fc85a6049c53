import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { PodTemplateSpec } from "../../api/core/v1/types.gen.ts";
import { isEmptySelector, labelMatcher } from "../../component-helpers/label-selector.ts";
import { sortedMap } from "./common.ts";
import { validateLabelSelector } from "./label-selector.ts";

/**
 * A workload's own selector and its template: the selector is there, well formed, not of everything, and selects what the
 * template makes. A template whose selector is malformed is not looked at.
 */
export function validateSelectedTemplate(options: {
  readonly selector: LabelSelector | null | undefined;
  readonly template: PodTemplateSpec;
  /** Of the spec. */
  readonly path: FieldPath;
  /** The word messages use. */
  readonly kind: string;
  /** What is said of a malformed selector beyond its parts. */
  readonly malformed: string;
  readonly validateTemplate: () => readonly FieldError[];
}): readonly FieldError[] {
  const { selector, template, path, kind, malformed } = options;
  const at = path.child("selector");
  const own = validateLabelSelector(selector, at);
  const errors: FieldError[] = [...own];
  if (!selector) errors.push(fieldRequired(at));
  else if (isEmptySelector(selector)) errors.push(fieldInvalid(at, selector, `empty selector is invalid for ${kind}`));
  if (own.length > 0) return [...errors, fieldInvalid(at, selector, malformed)];
  const matches = selector && isEmptySelector(selector) ? [] : validateTemplateMatches(selector, template, path);
  return [...errors, ...matches, ...options.validateTemplate()];
}

/** What a workload makes must be what it selects: nothing, without a selector. `path` is that of the spec. */
export function validateTemplateMatches(
  selector: LabelSelector | null | undefined,
  template: PodTemplateSpec,
  path: FieldPath,
): readonly FieldError[] {
  if (selector && labelMatcher(selector)(template.metadata.labels)) return [];
  const labels = sortedMap(template.metadata.labels);
  const at = path.child("template", "metadata", "labels");
  return [fieldInvalid(at, labels, "`selector` does not match template `labels`")];
}
