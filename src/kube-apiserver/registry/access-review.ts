import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReviewSpec,
  SubjectAccessReviewSpec,
} from "../../api/authorization/v1/types.gen.ts";
import type { FieldRequirement } from "../../apimachinery/fields/selector.ts";
import { newRequirement, type Requirement, SelectorError } from "../../apimachinery/labels/requirement.ts";
import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateLabelSelectorRequirement } from "../../apimachinery/validation/label-selector.ts";
import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type { AuthorizationAttributes } from "../../apiserver/authorization/authorizer.ts";
import { readFieldSelector, readLabelSelector } from "../../apiserver/authorization/selector-requirements.ts";

const specPath = FieldPath.of("spec");
// Upstream makes one name of the two.
const resourcePath = FieldPath.of("spec.resourceAttributes");

/** What is wrong with a question about the user who asks. */
export function validateSelfAccessReview(spec: SelfSubjectAccessReviewSpec, metadata: ObjectMeta): FieldError[] {
  return [...validateAttributes(spec), ...validateSelectors(spec.resourceAttributes), ...validateMeta(metadata)];
}

/** What is wrong with a question about somebody; one in a namespace is about that namespace. */
export function validateAccessReview(
  spec: SubjectAccessReviewSpec,
  metadata: ObjectMeta,
  isNamespaced: boolean,
): FieldError[] {
  const errors = validateAttributes(spec);
  if (!spec.user && (spec.groups?.length ?? 0) === 0)
    errors.push(fieldInvalid(specPath.child("user"), "", "at least one of user or group must be specified"));
  errors.push(...validateSelectors(spec.resourceAttributes));
  if (!isNamespaced) return [...errors, ...validateMeta(metadata)];
  const { namespace: own = "", ...more } = metadata;
  errors.push(...validateMeta(more, "must be empty except for namespace", metadata));
  const namespace = spec.resourceAttributes?.namespace ?? "";
  if (spec.resourceAttributes && namespace !== own)
    errors.push(
      fieldInvalid(specPath.child("resourceAttributes").child("namespace"), namespace, "must match metadata.namespace"),
    );
  if (spec.nonResourceAttributes)
    errors.push(
      fieldInvalid(
        specPath.child("nonResourceAttributes"),
        printed(spec.nonResourceAttributes),
        "disallowed on this kind of request",
      ),
    );
  return errors;
}

function validateAttributes({ resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec): FieldError[] {
  if (resourceAttributes && nonResourceAttributes) {
    const detail = "cannot be specified in combination with resourceAttributes";
    return [fieldInvalid(specPath.child("nonResourceAttributes"), printed(nonResourceAttributes), detail)];
  }
  if (resourceAttributes || nonResourceAttributes) return [];
  const detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
  return [fieldInvalid(specPath.child("resourceAttributes"), null, detail)];
}

/** As upstream prints them: its internal type has no names for JSON. */
function printed({ path = "", verb = "" }: NonResourceAttributes): unknown {
  return { Path: path, Verb: verb };
}

/** `shown` is what the message quotes. */
function validateMeta(metadata: ObjectMeta, detail = "must be empty", shown = metadata): FieldError[] {
  const { managedFields: _, ...given } = metadata;
  return Object.keys(given).length === 0 ? [] : [fieldInvalid(FieldPath.of("metadata"), shown, detail)];
}

function validateSelectors(attributes: ResourceAttributes | undefined): FieldError[] {
  if (!attributes) return [];
  const { fieldSelector, labelSelector } = attributes;
  const errors: FieldError[] = [];
  if (fieldSelector) {
    const path = resourcePath.child("fieldSelector");
    errors.push(...validateForm(fieldSelector, path));
    for (const [i, { key, operator, values = [] }] of (fieldSelector.requirements ?? []).entries()) {
      const at = path.child("requirements").index(i);
      if (key === "") errors.push(fieldRequired(at.child("key"), "must be specified"));
      if ((operator === "In" || operator === "NotIn") && values.length === 0)
        errors.push(fieldRequired(at.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"));
      if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        errors.push(fieldForbidden(at.child("values"), detail));
      }
    }
  }
  if (labelSelector) {
    const path = resourcePath.child("labelSelector");
    errors.push(...validateForm(labelSelector, path));
    for (const [i, requirement] of (labelSelector.requirements ?? []).entries()) {
      const at = path.child("requirements").index(i);
      errors.push(...validateLabelSelectorRequirement(requirement, at, { allowUnknownOperators: true }));
    }
  }
  return errors;
}

/** One of the two ways to say it. */
function validateForm(
  { rawSelector = "", requirements = [] }: FieldSelectorAttributes | LabelSelectorAttributes,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  if (rawSelector !== "" && requirements.length > 0) {
    const detail = "may not specified at the same time as requirements";
    errors.push(fieldInvalid(path.child("rawSelector"), rawSelector, detail));
  }
  if (rawSelector === "" && requirements.length === 0) {
    const detail = `when ${path.toString()} is specified, requirements or rawSelector is required`;
    errors.push(fieldRequired(path.child("requirements"), detail));
  }
  return errors;
}

/** The question to the authorizer, and what of the review's selectors is not part of it. */
export function questionOf(
  user: UserInfo,
  { resourceAttributes: resource, nonResourceAttributes: path }: SelfSubjectAccessReviewSpec,
): { readonly attributes: AuthorizationAttributes; readonly evaluationError: string } {
  const fields = fieldRequirements(resource?.fieldSelector);
  const labels = labelRequirements(resource?.labelSelector);
  const attributes = {
    user,
    verb: (resource ?? path)?.verb ?? "",
    isResourceRequest: resource !== undefined,
    namespace: resource?.namespace ?? "",
    apiGroup: resource?.group ?? "",
    apiVersion: resource?.version || "*",
    resource: resource?.resource ?? "",
    subresource: resource?.subresource ?? "",
    name: resource?.name ?? "",
    path: path?.path ?? "",
    ...(fields.known.length > 0 ? { fieldSelector: fields.known } : {}),
    ...(labels.known.length > 0 ? { labelSelector: labels.known } : {}),
  };
  const problems = [ignored("fieldSelector", fields), ignored("labelSelector", labels)];
  return { attributes, evaluationError: problems.filter((problem) => problem !== "").join("; ") };
}

/** What an authorizer may rely on. Leaving a requirement out only asks for more, as all of them hold. */
interface Requirements<T> {
  readonly known: readonly T[];
  readonly isWhole: boolean;
}

function ignored(name: string, { known, isWhole }: Requirements<unknown>): string {
  if (isWhole) return "";
  return `spec.resourceAttributes.${name} ${known.length > 0 ? "partially " : ""}ignored due to parse error`;
}

function fieldRequirements(selector: FieldSelectorAttributes | undefined): Requirements<FieldRequirement> {
  if (selector?.rawSelector) return read(readFieldSelector(selector.rawSelector));
  const given = selector?.requirements ?? [];
  const known = given.flatMap(({ key, operator, values = [] }): readonly FieldRequirement[] => {
    const [value, ...more] = values;
    if (value === undefined || more.length > 0 || (operator !== "In" && operator !== "NotIn")) return [];
    return [{ field: key, operator: operator === "In" ? "=" : "!=", value }];
  });
  return { known, isWhole: known.length === given.length };
}

const labelOperators: Readonly<Record<string, Requirement["operator"]>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
};

function labelRequirements(selector: LabelSelectorAttributes | undefined): Requirements<Requirement> {
  if (selector?.rawSelector) return read(readLabelSelector(selector.rawSelector));
  const given = selector?.requirements ?? [];
  const known = given.flatMap(({ key, operator, values }): readonly Requirement[] => {
    const own = Object.hasOwn(labelOperators, operator) ? labelOperators[operator] : undefined;
    if (own === undefined) return [];
    try {
      return [newRequirement(key, own, values)];
    } catch (error) {
      // Told as what is left out.
      if (error instanceof SelectorError) return [];
      throw error;
    }
  });
  return { known, isWhole: known.length === given.length };
}

function read<T>(known: readonly T[] | undefined): Requirements<T> {
  return { known: known ?? [], isWhole: known !== undefined };
}
