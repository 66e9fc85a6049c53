import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectAccessReviewSpec,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from "../../api/authorization/v1/types.gen.ts";
import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateLabelSelectorRequirement, validateOperator } from "../../apimachinery/validation/label-selector.ts";
import { internalForm } from "./internal-form.ts";

const spec = FieldPath.of("spec");
const resourcePath = spec.child("resourceAttributes");
const nonResourcePath = spec.child("nonResourceAttributes");

export function validateSelfSubjectAccessReview(review: SelfSubjectAccessReview): FieldError[] {
  return [
    ...validateOneQuestion(review.spec),
    ...validateResourceAttributes(review.spec.resourceAttributes),
    ...validateNoMetadata(review.metadata),
  ];
}

export function validateSubjectAccessReview(review: SubjectAccessReview): FieldError[] {
  return [...validateSubject(review.spec), ...validateNoMetadata(review.metadata)];
}

export function validateLocalSubjectAccessReview({ metadata, spec: asked }: LocalSubjectAccessReview): FieldError[] {
  const { namespace = "", ...rest } = metadata;
  const errors = [...validateSubject(asked), ...validateNoMetadata(rest, " except for namespace", metadata)];
  const { resourceAttributes, nonResourceAttributes } = asked;
  const asksIn = resourceAttributes?.namespace ?? "";
  if (resourceAttributes && asksIn !== namespace)
    errors.push(fieldInvalid(resourcePath.child("namespace"), asksIn, "must match metadata.namespace"));
  if (nonResourceAttributes)
    errors.push(
      fieldInvalid(nonResourcePath, shownNonResource(nonResourceAttributes), "disallowed on this kind of request"),
    );
  return errors;
}

function validateSubject(asked: SubjectAccessReviewSpec): FieldError[] {
  const errors = validateOneQuestion(asked);
  if (!asked.user && (asked.groups?.length ?? 0) === 0)
    errors.push(fieldInvalid(spec.child("user"), "", "at least one of user or group must be specified"));
  errors.push(...validateResourceAttributes(asked.resourceAttributes));
  return errors;
}

function validateOneQuestion({ resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec): FieldError[] {
  if (resourceAttributes && nonResourceAttributes)
    return [
      fieldInvalid(
        nonResourcePath,
        shownNonResource(nonResourceAttributes),
        "cannot be specified in combination with resourceAttributes",
      ),
    ];
  if (resourceAttributes || nonResourceAttributes) return [];
  const detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
  return [fieldInvalid(resourcePath, null, detail)];
}

function shownNonResource(attributes: unknown): unknown {
  return internalForm(attributes, "authorization/v1.NonResourceAttributes");
}

/** `shown` is what the message quotes. */
function validateNoMetadata(metadata: ObjectMeta, exception = "", shown: ObjectMeta = metadata): FieldError[] {
  const { managedFields: _, ...rest } = metadata;
  const isEmpty = Object.values(rest).every((value) => value === undefined || value === "");
  return isEmpty ? [] : [fieldInvalid(FieldPath.of("metadata"), shown, `must be empty${exception}`)];
}

function validateResourceAttributes(attributes: ResourceAttributes | undefined): FieldError[] {
  const { fieldSelector, labelSelector } = attributes ?? {};
  // Newer clients may know operators this server does not.
  const rules = { allowUnknownOperators: true };
  const fields = resourcePath.child("fieldSelector");
  const labels = resourcePath.child("labelSelector");
  const errors = [...validateSelector(fieldSelector, fields)];
  for (const [i, requirement] of (fieldSelector?.requirements ?? []).entries()) {
    const at = fields.child("requirements").index(i);
    if (!requirement.key) errors.push(fieldRequired(at.child("key"), "must be specified"));
    errors.push(...validateOperator(requirement, at, rules));
  }
  errors.push(...validateSelector(labelSelector, labels));
  for (const [i, requirement] of (labelSelector?.requirements ?? []).entries())
    errors.push(...validateLabelSelectorRequirement(requirement, labels.child("requirements").index(i), rules));
  return errors;
}

function validateSelector(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  path: FieldPath,
): FieldError[] {
  if (!selector) return [];
  const { rawSelector = "", requirements = [] } = selector;
  if (rawSelector !== "" && requirements.length > 0)
    return [
      fieldInvalid(path.child("rawSelector"), rawSelector, "may not specified at the same time as requirements"),
    ];
  if (rawSelector !== "" || requirements.length > 0) return [];
  const detail = `when ${path.toString()} is specified, requirements or rawSelector is required`;
  return [fieldRequired(path.child("requirements"), detail)];
}
