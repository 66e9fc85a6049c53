import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldNotSupported, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { nameIsDnsSubdomain, nameIsPathSegment } from "../../../apimachinery/validation/names.ts";
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "../../../api/rbac/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { roleBindingCells } from "../../printers/others.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { syntax } from "../../validation/common.ts";
import { internalForm } from "../../../api/internal-form.ts";
import { validateLabelSelector } from "../../validation/label-selector.ts";

const rbacGroup = "rbac.authorization.k8s.io";

function validateRules(rules: readonly PolicyRule[] | null, isNamespaced: boolean): readonly FieldError[] {
  return (rules ?? []).flatMap((rule, i) => validateRule(rule, isNamespaced, FieldPath.of("rules").index(i)));
}

function validateRule(rule: PolicyRule, isNamespaced: boolean, path: FieldPath): readonly FieldError[] {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  // A list the client left out is null.
  if ((rule.verbs ?? []).length === 0)
    errors.push(fieldRequired(path.child("verbs"), "verbs must contain at least one value"));
  if (nonResourceURLs.length > 0) {
    if (isNamespaced) {
      const why = "namespaced rules cannot apply to non-resource URLs";
      errors.push(fieldInvalid(path.child("nonResourceURLs"), nonResourceURLs, why));
    }
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      const why = "rules cannot apply to both regular resources and non-resource URLs";
      errors.push(fieldInvalid(path.child("nonResourceURLs"), nonResourceURLs, why));
    }
    return errors;
  }
  if (apiGroups.length === 0) {
    errors.push(fieldRequired(path.child("apiGroups"), "resource rules must supply at least one api group"));
  }
  if (resources.length === 0) {
    errors.push(fieldRequired(path.child("resources"), "resource rules must supply at least one resource"));
  }
  return errors;
}

function validateSubjects(subjects: readonly Subject[] | undefined, isNamespaced: boolean): readonly FieldError[] {
  return (subjects ?? []).flatMap((subject, i) => {
    const path = FieldPath.of("subjects").index(i);
    const errors: FieldError[] = [];
    const { name } = subject;
    if (!name) errors.push(fieldRequired(path.child("name")));
    switch (subject.kind) {
      case "ServiceAccount":
        if (name) errors.push(...syntax(path.child("name"), name, nameIsDnsSubdomain(name, false)));
        if (subject.apiGroup) errors.push(fieldNotSupported(path.child("apiGroup"), subject.apiGroup, [""]));
        if (!isNamespaced && !subject.namespace) errors.push(fieldRequired(path.child("namespace")));
        break;
      case "User":
      case "Group":
        if (subject.apiGroup !== rbacGroup) {
          errors.push(fieldNotSupported(path.child("apiGroup"), subject.apiGroup ?? "", [rbacGroup]));
        }
        break;
      default:
        errors.push(fieldNotSupported(path.child("kind"), subject.kind, ["ServiceAccount", "User", "Group"]));
    }
    return errors;
  });
}

function validateBinding(binding: ClusterRoleBinding | RoleBinding): readonly FieldError[] {
  const path = FieldPath.of("roleRef");
  const { apiGroup, kind, name } = binding.roleRef;
  const isNamespaced = binding.kind === "RoleBinding";
  const kinds = isNamespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  const errors: FieldError[] = [];
  if (apiGroup !== rbacGroup) errors.push(fieldNotSupported(path.child("apiGroup"), apiGroup, [rbacGroup]));
  if (!kinds.includes(kind)) errors.push(fieldNotSupported(path.child("kind"), kind, kinds));
  if (!name) errors.push(fieldRequired(path.child("name")));
  else errors.push(...syntax(path.child("name"), name, nameIsPathSegment(name, false)));
  return [...errors, ...validateSubjects(binding.subjects, isNamespaced)];
}

function validateBindingUpdate<T extends ClusterRoleBinding | RoleBinding>(binding: T, old: T): readonly FieldError[] {
  const errors = [...validateBinding(binding)];
  if (!semanticEqual(binding.roleRef, old.roleRef)) {
    errors.push(
      fieldInvalid(FieldPath.of("roleRef"), internalForm(binding.roleRef, "rbac/v1.RoleRef"), "cannot change roleRef"),
    );
  }
  return errors;
}

const validateRole = (role: Role): readonly FieldError[] => validateRules(role.rules, true);

const validateClusterRole = (role: ClusterRole): readonly FieldError[] => [
  ...validateRules(role.rules, false),
  ...validateAggregation(role),
];

function validateAggregation({ aggregationRule }: ClusterRole): readonly FieldError[] {
  if (!aggregationRule) return [];
  const path = FieldPath.of("aggregationRule", "clusterRoleSelectors");
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) {
    return [fieldRequired(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")];
  }
  return selectors.flatMap((selector, i) => {
    const errors = validateLabelSelector(selector, path.index(i));
    // The selector that could not be made is what upstream shows.
    return errors.length === 0 ? [] : [...errors, fieldInvalid(path.index(i), null, "invalid label selector.")];
  });
}

const shared = { validateName: nameIsPathSegment, allowCreateOnUpdate: true } as const;

export const roleStrategy: Strategy<Role> = { ...shared, validate: validateRole, validateUpdate: validateRole };

export const clusterRoleStrategy: Strategy<ClusterRole> = {
  ...shared,
  validate: validateClusterRole,
  validateUpdate: validateClusterRole,
};

export const roleBindingStrategy: Strategy<RoleBinding> = {
  ...shared,
  validate: validateBinding,
  validateUpdate: validateBindingUpdate,
  tableCells: roleBindingCells,
};

export const clusterRoleBindingStrategy: Strategy<ClusterRoleBinding> = {
  ...shared,
  validate: validateBinding,
  validateUpdate: validateBindingUpdate,
  tableCells: roleBindingCells,
};
