import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { foregroundDeletionFinalizer, orphanFinalizer } from "../../apimachinery/validation/object-meta.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";

const standard = new Set(["kubernetes", foregroundDeletionFinalizer, orphanFinalizer]);
const path = FieldPath.of("metadata", "finalizers");

/** Kinds that upstream does not hold to it. */
const exempt = new Set([
  "admissionregistration.k8s.io/mutatingadmissionpolicies",
  "admissionregistration.k8s.io/mutatingadmissionpolicybindings",
  "admissionregistration.k8s.io/mutatingwebhookconfigurations",
  "admissionregistration.k8s.io/validatingadmissionpolicies",
  "admissionregistration.k8s.io/validatingadmissionpolicybindings",
  "admissionregistration.k8s.io/validatingwebhookconfigurations",
  "apiextensions.k8s.io/customresourcedefinitions",
  "apiregistration.k8s.io/apiservices",
  "/events",
  "coordination.k8s.io/leases",
  "node.k8s.io/runtimeclasses",
  "policy/poddisruptionbudgets",
]);

/** The strategy with the rule of built-in kinds that a finalizer has a prefix or is one of Kubernetes' own. */
export function withFinalizerNames(key: string, strategy: Strategy | undefined): Strategy | undefined {
  if (exempt.has(key)) return strategy;
  return {
    ...strategy,
    validate: (object, context) => [
      ...validateFinalizerNames(object),
      ...(strategy?.validate?.(object, context) ?? []),
    ],
    validateUpdate: (object, old, context) => [
      ...validateFinalizerNames(object),
      ...(strategy?.validateUpdate?.(object, old, context) ?? []),
    ],
  };
}

export function validateFinalizerNames(object: KubeObject): readonly FieldError[] {
  return (object.metadata.finalizers ?? []).flatMap((name, i) => validateFinalizerName(name, path.index(i)));
}

/** A prefix, or one of Kubernetes' own names. */
export function validateFinalizerName(name: string, path: FieldPath): readonly FieldError[] {
  return name.includes("/") || standard.has(name)
    ? []
    : [fieldInvalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")];
}
