import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  validateLabelValue,
  validateQualifiedName,
} from "../../apimachinery/validation/names.ts";
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  TopologySpreadConstraint,
} from "../../api/core/v1/types.gen.ts";
import { oneOf, syntax } from "./common.ts";
import { validateLabelSelector } from "./label-selector.ts";

export function validateAffinity(affinity: Affinity | undefined, path: FieldPath): readonly FieldError[] {
  if (!affinity) return [];
  const errors: FieldError[] = [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity) {
    const at = path.child("nodeAffinity");
    const required = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    const requiredAt = at.child("requiredDuringSchedulingIgnoredDuringExecution");
    if (required) errors.push(...validateNodeSelector(required, requiredAt));
    for (const [i, preferred] of (nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const item = at.child("preferredDuringSchedulingIgnoredDuringExecution").index(i);
      errors.push(...validateWeight(preferred.weight, item.child("weight"), "must be in the range 1-100"));
      errors.push(...validateNodeSelectorTerm(preferred.preference, item.child("preference"), true));
    }
  }
  if (podAffinity) errors.push(...validatePodAffinity(podAffinity, path.child("podAffinity")));
  if (podAntiAffinity) errors.push(...validatePodAffinity(podAntiAffinity, path.child("podAntiAffinity")));
  return errors;
}

function validateWeight(weight: number, path: FieldPath, message: string): readonly FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [fieldInvalid(path, weight, message)];
}

/** Nodes a pod must or may use: at least one term, each well formed. Values of labels are held to their syntax. */
export function validateNodeSelector(selector: NodeSelector, path: FieldPath): readonly FieldError[] {
  const at = path.child("nodeSelectorTerms");
  // A list the client left out is null.
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) return [fieldRequired(at, "must have at least one node selector term")];
  return terms.flatMap((term, i) => validateNodeSelectorTerm(term, at.index(i)));
}

/** Of a term that is only preferred, values no node can have are told in a warning. */
function validateNodeSelectorTerm(term: NodeSelectorTerm, path: FieldPath, isPreferred = false): readonly FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, i) => {
      const at = path.child("matchExpressions").index(i);
      const { key } = requirement;
      const values = (isPreferred ? [] : (requirement.values ?? [])).flatMap((value, j) =>
        syntax(at.child("values").index(j), value, validateLabelValue(value)),
      );
      return [
        ...validateRequirement(requirement, at),
        ...syntax(at.child("key"), key, validateQualifiedName(key)),
        ...values,
      ];
    }),
    ...(term.matchFields ?? []).flatMap((requirement, i) =>
      validateFieldRequirement(requirement, path.child("matchFields").index(i)),
    ),
  ];
}

function validateRequirement(
  { operator, values = [] }: NodeSelectorRequirement,
  path: FieldPath,
): readonly FieldError[] {
  switch (operator) {
    case "In":
    case "NotIn":
      return values.length > 0
        ? []
        : [fieldRequired(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'")];
    case "Exists":
    case "DoesNotExist":
      return values.length === 0
        ? []
        : [fieldForbidden(path.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    case "Gt":
    case "Lt":
      return values.length === 1
        ? []
        : [fieldRequired(path.child("values"), "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [fieldInvalid(path.child("operator"), operator, "not a valid selector operator")];
  }
}

function validateFieldRequirement(requirement: NodeSelectorRequirement, path: FieldPath): readonly FieldError[] {
  const { key, operator, values = [] } = requirement;
  const errors: FieldError[] = [];
  if (operator === "In" || operator === "NotIn") {
    if (values.length !== 1) {
      const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
      errors.push(fieldRequired(path.child("values"), why));
    }
  } else errors.push(fieldInvalid(path.child("operator"), operator, "not a valid selector operator"));
  if (key !== "metadata.name") {
    return [...errors, fieldInvalid(path.child("key"), key, "not a valid field selector key")];
  }
  for (const [i, name] of values.entries()) {
    errors.push(...syntax(path.child("values").index(i), name, nameIsDnsSubdomain(name, false)));
  }
  return errors;
}

function validatePodAffinity(affinity: PodAffinity, path: FieldPath): readonly FieldError[] {
  const required = affinity.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...required.flatMap((term, i) =>
      validatePodAffinityTerm(term, path.child("requiredDuringSchedulingIgnoredDuringExecution").index(i)),
    ),
    ...preferred.flatMap(({ weight, podAffinityTerm }, i) => {
      const at = path.child("preferredDuringSchedulingIgnoredDuringExecution").index(i);
      return [
        ...validateWeight(weight, at.child("weight"), "must be in the range 1-100"),
        ...validatePodAffinityTerm(podAffinityTerm, at.child("podAffinityTerm")),
      ];
    }),
  ];
}

function validatePodAffinityTerm(term: PodAffinityTerm, path: FieldPath): readonly FieldError[] {
  return [
    ...validateLabelSelector(term.labelSelector, path.child("labelSelector")),
    ...validateLabelSelector(term.namespaceSelector, path.child("namespaceSelector")),
    ...(term.namespaces ?? []).flatMap((name) => syntax(path.child("namespace"), name, nameIsDnsLabel(name, false))),
    ...validateLabelKeys(term, path),
    ...(term.topologyKey ? [] : [fieldRequired(path.child("topologyKey"), "can not be empty")]),
    ...syntax(path.child("topologyKey"), term.topologyKey, validateQualifiedName(term.topologyKey)),
  ];
}

/** Keys whose values the pod itself gives. They go into the selector when the pod is created, which so has them once. */
function validateLabelKeys(
  term: Pick<PodAffinityTerm, "labelSelector" | "matchLabelKeys" | "mismatchLabelKeys">,
  path: FieldPath,
): readonly FieldError[] {
  const { labelSelector: selector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  const errors: FieldError[] = [];
  for (const field of ["matchLabelKeys", "mismatchLabelKeys"] as const) {
    const keys = term[field] ?? [];
    const at = path.child(field);
    if (keys.length > 0 && !selector) {
      errors.push(fieldForbidden(at, "must not be specified when labelSelector is not set"));
    } else errors.push(...keys.flatMap((key, i) => syntax(at.index(i), key, validateQualifiedName(key))));
  }
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key } of selector?.matchExpressions ?? []) {
    const i = matchLabelKeys.lastIndexOf(key);
    // The path is upstream's.
    if (i >= 0 && seen.has(key)) {
      errors.push(fieldInvalid(path.index(i), key, "exists in both matchLabelKeys and labelSelector"));
    }
    seen.add(key);
  }
  for (const [i, key] of matchLabelKeys.entries()) {
    if (!mismatchLabelKeys.includes(key)) continue;
    const why = "exists in both matchLabelKeys and mismatchLabelKeys";
    errors.push(fieldInvalid(path.child("matchLabelKeys").index(i), key, why));
  }
  return errors;
}

const unsatisfiableActions = ["DoNotSchedule", "ScheduleAnyway"];

export function validateTopologySpreadConstraints(
  constraints: readonly TopologySpreadConstraint[],
  path: FieldPath,
): readonly FieldError[] {
  const keys = constraints.map((each) => `{${each.topologyKey}, ${each.whenUnsatisfiable}}`);
  return constraints.flatMap((constraint, i) => {
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = constraint;
    const at = path.index(i);
    const errors: FieldError[] = [];
    if (maxSkew <= 0) errors.push(fieldInvalid(at.child("maxSkew"), maxSkew, "must be greater than zero"));
    if (!topologyKey) errors.push(fieldRequired(at.child("topologyKey"), "can not be empty"));
    if (!unsatisfiableActions.includes(whenUnsatisfiable)) {
      errors.push(fieldNotSupported(at.child("whenUnsatisfiable"), whenUnsatisfiable, unsatisfiableActions));
    }
    if (keys.lastIndexOf(keys[i] ?? "") > i) {
      errors.push(fieldDuplicate(at.child("{topologyKey, whenUnsatisfiable}"), keys[i]));
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) errors.push(fieldInvalid(at.child("minDomains"), minDomains, "must be greater than zero"));
      if (whenUnsatisfiable !== "DoNotSchedule") {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        errors.push(fieldInvalid(at.child("minDomains"), minDomains, why));
      }
    }
    errors.push(
      ...oneOf(at.child("nodeAffinityPolicy"), constraint.nodeAffinityPolicy, ["Honor", "Ignore"], true),
      ...oneOf(at.child("nodeTaintsPolicy"), constraint.nodeTaintsPolicy, ["Honor", "Ignore"], true),
      ...validateLabelKeys(constraint, at),
      ...validateLabelSelector(constraint.labelSelector, at.child("labelSelector")),
    );
    return errors;
  });
}
