import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { HorizontalPodAutoscaler } from "../../api/autoscaling/v2/types.gen.ts";
import { validateAutoscalerSpec } from "../validation/autoscaling.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid, fieldNotSupported } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { Lease } from "../../api/coordination/v1/types.gen.ts";
import type { PodDisruptionBudget } from "../../api/policy/v1/types.gen.ts";
import type { PriorityClass } from "../../api/scheduling/v1/types.gen.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { horizontalPodAutoscalerCells } from "../printers/autoscaling.ts";
import { leaseCells, priorityClassCells } from "../printers/others.ts";
import { podDisruptionBudgetCells } from "../printers/workloads.ts";
import { atMost100Percent, immutable, intOrPercent, nonNegative, positive } from "../validation/common.ts";
import { nameIsPathSegment } from "../../apimachinery/validation/names.ts";
import { validateConditions } from "../validation/conditions.ts";
import { validateCounts } from "../validation/counts.ts";
import { internalForm } from "../../api/internal-form.ts";
import { validateLabelSelector } from "../validation/label-selector.ts";

const spec = FieldPath.of("spec");

/** Fields of coordinated leader election, which is off: a lease keeps them only when it has them. */
function withoutCandidates(lease: Mutable<Lease>, old?: Lease): void {
  for (const field of ["strategy", "preferredHolder"] as const) {
    if (old?.spec[field] === undefined) delete lease.spec[field];
  }
}

export const leaseStrategy: Strategy<Lease> = {
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  prepareForCreate: (lease) => withoutCandidates(lease),
  prepareForUpdate: withoutCandidates,
  validate: ({ spec: { leaseDurationSeconds, leaseTransitions } }: Lease) => [
    ...positive(spec.child("leaseDurationSeconds"), leaseDurationSeconds),
    ...nonNegative(spec.child("leaseTransitions"), leaseTransitions),
  ],
  validateUpdate: ({ spec: { leaseDurationSeconds, leaseTransitions } }: Lease) => [
    ...positive(spec.child("leaseDurationSeconds"), leaseDurationSeconds),
    ...nonNegative(spec.child("leaseTransitions"), leaseTransitions),
  ],
  tableCells: leaseCells,
};

/** The classes of the system itself. Their names and values are theirs alone. */
export const systemPriorityClasses = [
  {
    name: "system-node-critical",
    value: 2_000_001_000,
    description: "Used for system critical pods that must not be moved from their current node.",
  },
  {
    name: "system-cluster-critical",
    value: 2_000_000_000,
    description:
      "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  },
] as const;

const userPriorityMax = 1_000_000_000;

export const priorityClassStrategy: Strategy<PriorityClass> = {
  validate({ metadata, value }: PriorityClass): readonly FieldError[] {
    if (metadata.name.startsWith("system-")) {
      const known = systemPriorityClasses.find((builtin) => builtin.name === metadata.name);
      if (known?.value === value) return [];
      const problem = known
        ? `value of ${metadata.name} PriorityClass must be ${known.value}`
        : `${metadata.name} is not a known system priority class`;
      const why = `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`;
      return [fieldForbidden(FieldPath.of("metadata", "name"), why)];
    }
    if (value <= userPriorityMax) return [];
    return [
      fieldForbidden(FieldPath.of("value"), `maximum allowed value of a user defined priority is ${userPriorityMax}`),
    ];
  },
  validateUpdate: (object: PriorityClass, old: PriorityClass) => [
    ...(object.value === old.value ? [] : [fieldForbidden(FieldPath.of("value"), "may not be changed in an update.")]),
    ...immutable(FieldPath.of("preemptionPolicy"), object.preemptionPolicy, old.preemptionPolicy),
  ],
  generation: "object",
  tableCells: priorityClassCells,
};

function validateDisruptionBudget(budget: PodDisruptionBudget): readonly FieldError[] {
  const { minAvailable, maxUnavailable, selector } = budget.spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const shown = internalForm(budget.spec, "policy/v1.PodDisruptionBudgetSpec");
    errors.push(fieldInvalid(spec, shown, "minAvailable and maxUnavailable cannot be both set"));
  }
  for (const field of ["minAvailable", "maxUnavailable"] as const) {
    const value = budget.spec[field];
    if (value === undefined) continue;
    errors.push(...intOrPercent(spec.child(field), value), ...atMost100Percent(spec.child(field), value));
  }
  errors.push(...validateLabelSelector(selector, spec.child("selector")));
  const { unhealthyPodEvictionPolicy: policy } = budget.spec;
  if (policy !== undefined && !evictionPolicies.includes(policy)) {
    errors.push(fieldNotSupported(spec.child("unhealthyPodEvictionPolicy"), policy, evictionPolicies));
  }
  return errors;
}

const evictionPolicies = ["AlwaysAllow", "IfHealthyBudget"];

export const podDisruptionBudgetStrategy: Strategy<PodDisruptionBudget> = {
  allowUnconditionalUpdate: false,
  validateName: nameIsPathSegment,
  validateStatus: ({ status }: PodDisruptionBudget) => {
    const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status;
    return [
      ...validateConditions(status.conditions, FieldPath.of("status", "conditions")),
      ...validateCounts({ disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods }, [
        "disruptionsAllowed",
        "currentHealthy",
        "desiredHealthy",
        "expectedPods",
      ]),
    ];
  },
  validate: validateDisruptionBudget,
  validateUpdate: validateDisruptionBudget,
  tableCells: podDisruptionBudgetCells,
};

/** Kinds whose only rule of their own is how they print. */
export const printedStrategies = {
  horizontalpodautoscalers: {
    generation: "none",
    validate: ({ spec }: HorizontalPodAutoscaler) => validateAutoscalerSpec(spec, FieldPath.of("spec")),
    validateUpdate: ({ spec }: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler) =>
      validateAutoscalerSpec(spec, FieldPath.of("spec"), old.spec),
    validateStatus: ({ status: { currentReplicas, desiredReplicas } }: HorizontalPodAutoscaler) =>
      validateCounts({ currentReplicas, desiredReplicas }, ["currentReplicas", "desiredReplicas"]),
    tableCells: horizontalPodAutoscalerCells,
  },
} as const;
