import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from "../../api/autoscaling/v2/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Label, validatePathSegmentName } from "../../apimachinery/validation/names.ts";
import { validateQuantity } from "./resources.ts";
import { syntax } from "./common.ts";
import { validateContainerResourceName } from "./resources.ts";

const stabilizationSecondsMax = 3600;
const periodSecondsMax = 1800;

export function validateAutoscalerSpec(
  spec: HorizontalPodAutoscalerSpec,
  path: FieldPath,
  old?: HorizontalPodAutoscalerSpec,
): readonly FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef, metrics = [], behavior } = spec;
  const errors: FieldError[] = [];
  const max = path.child("maxReplicas");
  if (minReplicas !== undefined && minReplicas < 1) {
    errors.push(fieldInvalid(path.child("minReplicas"), minReplicas, "must be greater than or equal to 1"));
  }
  if (maxReplicas === 0) errors.push(fieldRequired(max, "must be set and greater than 0"));
  else if (maxReplicas < 0) errors.push(fieldInvalid(max, maxReplicas, "must be greater than or equal to 1"));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(fieldInvalid(max, maxReplicas, "must be greater than or equal to `minReplicas`"));
  }
  errors.push(...validateReference(scaleTargetRef, path.child("scaleTargetRef")));
  // What was let through once may stay.
  if (old?.scaleTargetRef.apiVersion !== scaleTargetRef.apiVersion || !old)
    errors.push(...validateTargetGroup(scaleTargetRef, path.child("scaleTargetRef", "apiVersion")));
  for (const [i, metric] of metrics.entries()) errors.push(...validateMetric(metric, path.child("metrics").index(i)));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === "Object" || type === "External")) {
    const why = "must specify at least one Object or External metric to support scaling to zero replicas";
    errors.push(fieldForbidden(path.child("metrics"), why));
  }
  errors.push(
    ...validateScalingRules(behavior?.scaleUp, path.child("behavior", "scaleUp")),
    ...validateScalingRules(behavior?.scaleDown, path.child("behavior", "scaleDown")),
  );
  return errors;
}

function validateReference(reference: CrossVersionObjectReference, path: FieldPath): readonly FieldError[] {
  return (["kind", "name"] as const).flatMap((field) => segment(reference[field], path.child(field)));
}

/** Only a ReplicationController may do without a group. */
function validateTargetGroup(
  { apiVersion = "", kind }: CrossVersionObjectReference,
  path: FieldPath,
): readonly FieldError[] {
  if (apiVersion.split("/").length > 2)
    return [fieldInvalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  if (apiVersion.includes("/") || kind === "ReplicationController") return [];
  return [fieldInvalid(path, apiVersion, "apiVersion must specify API group")];
}

function segment(value: string, path: FieldPath, why?: string): readonly FieldError[] {
  return value ? syntax(path, value, validatePathSegmentName(value)) : [fieldRequired(path, why)];
}

function validateIdentifier(metric: MetricIdentifier, path: FieldPath): readonly FieldError[] {
  return segment(metric.name, path.child("name"), "must specify a metric name");
}

const metricTypes = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const metricFields: Readonly<Record<string, MetricField>> = {
  Object: "object",
  Pods: "pods",
  Resource: "resource",
  External: "external",
  ContainerResource: "containerResource",
};
/** In the order upstream looks at them: of several the first is checked. */
const sources = ["object", "external", "pods", "resource", "containerResource"] as const;
type MetricField = (typeof sources)[number];

function validateMetric(metric: MetricSpec, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  const type = path.child("type");
  if (!metric.type) errors.push(fieldRequired(type, "must specify a metric source type"));
  const isKnown = metricTypes.includes(metric.type);
  if (!isKnown) errors.push(fieldNotSupported(type, metric.type, metricTypes));
  const present = sources.filter((source) => metric[source]);
  const [first] = present;
  if (first) errors.push(...validateSource(metric, first, path.child(first)));
  const expected = metricFields[metric.type];
  if (expected && !metric[expected]) {
    errors.push(fieldRequired(path.child(expected), "must populate information for the given metric source"));
  }
  if (!isKnown) errors.push(fieldNotSupported(type, metric.type, metricTypes));
  if (present.length !== 1) {
    for (const source of present) {
      if (source === expected) continue;
      errors.push(fieldForbidden(path.child(source), "must populate the given metric source only"));
    }
  }
  return errors;
}

function validateSource(metric: MetricSpec, source: MetricField, path: FieldPath): readonly FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  const target = path.child("target");
  const errors: FieldError[] = [];
  const check = (of: MetricTarget): void => void errors.push(...validateTarget(of, target));
  if (source === "object" && object) {
    errors.push(...validateReference(object.describedObject, path.child("describedObject")));
    errors.push(...validateIdentifier(object.metric, path.child("metric")));
    check(object.target);
    if (object.target.value === undefined && object.target.averageValue === undefined) {
      errors.push(fieldRequired(target.child("averageValue"), "must set either a target value or averageValue"));
    }
  } else if (source === "external" && external) {
    const { value, averageValue } = external.target;
    errors.push(...validateIdentifier(external.metric, path.child("metric")));
    check(external.target);
    if (value === undefined && averageValue === undefined) {
      const why = "must set either a target value for metric or a per-pod target";
      errors.push(fieldRequired(target.child("averageValue"), why));
    }
    if (value !== undefined && averageValue !== undefined) {
      const why = "may not set both a target value for metric and a per-pod target";
      errors.push(fieldForbidden(target.child("value"), why));
    }
  } else if (source === "pods" && pods) {
    errors.push(...validateIdentifier(pods.metric, path.child("metric")));
    check(pods.target);
    if (pods.target.averageValue === undefined) {
      errors.push(fieldRequired(target.child("averageValue"), "must specify a positive target averageValue"));
    }
  } else {
    const of = resource && source === "resource" ? resource : containerResource;
    if (!of) return errors;
    if (!of.name) errors.push(fieldRequired(path.child("name"), "must specify a resource name"));
    else if (source === "containerResource") {
      errors.push(...validateContainerResourceName(of.name, path.child("name")));
    }
    if (containerResource && source === "containerResource") {
      const { container } = containerResource;
      if (!container) errors.push(fieldRequired(path.child("container"), "must specify a container"));
      else errors.push(...syntax(path.child("container"), container, validateDns1123Label(container)));
    }
    check(of.target);
    errors.push(...validateUsage(of.target, target));
  }
  return errors;
}

/** Of a resource: either a share of what was asked for, or an amount. */
function validateUsage({ averageUtilization, averageValue }: MetricTarget, path: FieldPath): readonly FieldError[] {
  if (averageUtilization === undefined && averageValue === undefined) {
    const why = "must set either a target raw value or a target utilization";
    return [fieldRequired(path.child("averageUtilization"), why)];
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const why = "may not set both a target raw value and a target utilization";
    return [fieldForbidden(path.child("averageValue"), why)];
  }
  return [];
}

function validateTarget(target: MetricTarget, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (!target.type) errors.push(fieldRequired(path.child("type"), "must specify a metric target type"));
  if (!["Utilization", "Value", "AverageValue"].includes(target.type)) {
    errors.push(fieldInvalid(path.child("type"), target.type, "must be either Utilization, Value, or AverageValue"));
  }
  for (const field of ["value", "averageValue"] as const) {
    const amount = target[field];
    if (amount !== undefined && Quantity.parse(amount).sign !== 1) {
      errors.push(fieldInvalid(path.child(field), amount, "must be positive"));
    }
  }
  const share = target.averageUtilization;
  if (share !== undefined && share < 1) {
    errors.push(fieldInvalid(path.child("averageUtilization"), share, "must be greater than 0"));
  }
  return errors;
}

function validateScalingRules(rules: HPAScalingRules | undefined, path: FieldPath): readonly FieldError[] {
  if (!rules) return [];
  const errors: FieldError[] = [];
  const { stabilizationWindowSeconds: seconds, selectPolicy, policies = [] } = rules;
  const window = path.child("stabilizationWindowSeconds");
  if (seconds !== undefined && seconds < 0) {
    errors.push(fieldInvalid(window, seconds, "must be greater than or equal to zero"));
  }
  if (seconds !== undefined && seconds > stabilizationSecondsMax) {
    errors.push(fieldInvalid(window, seconds, `must be less than or equal to ${stabilizationSecondsMax}`));
  }
  const selections = ["Disabled", "Max", "Min"];
  if (selectPolicy !== undefined && !selections.includes(selectPolicy)) {
    errors.push(fieldNotSupported(path.child("selectPolicy"), selectPolicy, selections));
  }
  if (policies.length === 0) errors.push(fieldRequired(path.child("policies"), "must specify at least one Policy"));
  for (const [i, { type, value, periodSeconds }] of policies.entries()) {
    const at = path.child("policies").index(i);
    if (!["Percent", "Pods"].includes(type)) {
      errors.push(fieldNotSupported(at.child("type"), type, ["Percent", "Pods"]));
    }
    if (value <= 0) errors.push(fieldInvalid(at.child("value"), value, "must be greater than zero"));
    const period = at.child("periodSeconds");
    if (periodSeconds <= 0) errors.push(fieldInvalid(period, periodSeconds, "must be greater than zero"));
    if (periodSeconds > periodSecondsMax) {
      errors.push(fieldInvalid(period, periodSeconds, `must be less than or equal to ${periodSecondsMax}`));
    }
  }
  if (rules.tolerance !== undefined) errors.push(...validateQuantity(rules.tolerance, path.child("tolerance")));
  return errors;
}
