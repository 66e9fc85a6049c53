import { goQuote } from "../../apimachinery/go-format.ts";
import type { Selector } from "../../apimachinery/labels/selector.ts";
import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type {
  ExternalMetricSource,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
  ObjectMetricSource,
  PodsMetricSource,
} from "../../api/autoscaling/v2/types.gen.ts";
import type { MetricsClient } from "./metrics-client.ts";
import { messageOf, prefixed } from "./prefixed.ts";
import {
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type PodsInQuestion,
} from "./replica-calculator.ts";

/** The target of an autoscaler as its metrics are asked about it. */
export interface ScaledPods extends PodsInQuestion {
  readonly namespace: string;
  readonly selector: Selector;
  /** The scale's `status.replicas`. */
  readonly statusReplicas: number;
}

/** What one metric calls for. */
export interface MetricProposal {
  readonly replicas: number;
  /** Names the metric in conditions and events. */
  readonly name: string;
  readonly status: MetricStatus;
}

/** Why a metric calls for nothing. */
export class MetricError extends Error {
  override readonly name = "MetricError";
  /** That of the condition and the event. */
  readonly reason: string;
  /** What they tell, which is a part of the message. */
  readonly detail: string;

  constructor(reason: string, what: string, cause: unknown) {
    const detail = messageOf(cause);
    super(`${what}: ${detail}`, { cause });
    this.reason = reason;
    this.detail = detail;
  }
}

/** Asks the metrics API and calculates. Rejects with MetricError. */
export async function proposalOf(
  metrics: MetricsClient,
  spec: MetricSpec,
  scaled: ScaledPods,
  signal: AbortSignal,
): Promise<MetricProposal> {
  const { reason, what, propose } = questionOf(metrics, spec, scaled, signal);
  try {
    return await propose();
  } catch (error) {
    throw new MetricError(reason, what, error);
  }
}

interface Question {
  /** Should it fail. */
  readonly reason: string;
  readonly what: string;
  readonly propose: () => Promise<MetricProposal>;
}

function questionOf(metrics: MetricsClient, spec: MetricSpec, scaled: ScaledPods, signal: AbortSignal): Question {
  const { object, pods, resource, containerResource, external } = spec;
  if (object) {
    const more = object.target.averageValue === undefined ? "" : `: failed to get ${object.metric.name} object metric`;
    return {
      reason: "FailedGetObjectMetric",
      what: `failed to get object metric value${more}`,
      propose: () => ofObject(metrics, object, scaled, signal),
    };
  }
  if (pods) {
    return {
      reason: "FailedGetPodsMetric",
      what: "failed to get pods metric value",
      propose: () => ofPods(metrics, pods, scaled, signal),
    };
  }
  if (resource) {
    const { name, target } = resource;
    return {
      reason: "FailedGetResourceMetric",
      what: `failed to get ${name} resource metric value`,
      propose: async () => {
        const { current, ...rest } = await ofResource(metrics, { resource: name, target }, scaled, signal);
        return { ...rest, status: { type: "Resource", resource: { name, current } } };
      },
    };
  }
  if (containerResource) {
    const { name, container, target } = containerResource;
    return {
      reason: "FailedGetContainerResourceMetric",
      what: `failed to get ${container} container metric value`,
      propose: async () => {
        const { current, ...rest } = await ofResource(metrics, { resource: name, container, target }, scaled, signal);
        return { ...rest, status: { type: "ContainerResource", containerResource: { name, container, current } } };
      },
    };
  }
  if (external) {
    const { name } = external.metric;
    const isShared = external.target.averageValue !== undefined;
    const more = isShared ? `failed to get ${name} external metric` : `failed to get external metric ${name}`;
    return {
      reason: "FailedGetExternalMetric",
      what: `failed to get ${name} external metric value: ${more}`,
      propose: () => ofExternal(metrics, external, scaled, signal),
    };
  }
  return {
    reason: "InvalidMetricSourceType",
    what: "failed to get metric value",
    propose: () => Promise.reject(new Error(`unknown metric source type ${goQuote(spec.type)}`)),
  };
}

async function ofResource(
  metrics: MetricsClient,
  source: { readonly resource: string; readonly container?: string; readonly target: MetricTarget },
  scaled: ScaledPods,
  signal: AbortSignal,
): Promise<Omit<MetricProposal, "status"> & { readonly current: MetricValueStatus }> {
  const { resource, container, target } = source;
  const { namespace, selector } = scaled;
  const { averageValue, averageUtilization } = target;
  if (averageValue === undefined && averageUtilization === undefined)
    throw new Error(
      "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set",
    );
  const what = `failed to get ${resource} ${averageValue === undefined ? "utilization" : "usage"}`;
  const measured = await prefixed(`${what}: unable to get metrics for resource ${resource}`, () =>
    metrics.ofResource(resource, namespace, selector, container, signal),
  );
  // As metrics servers tell it.
  const quantity = (milli: bigint): string =>
    Quantity.ofMilli(milli, resource === "memory" ? "BinarySI" : "DecimalSI").toString();
  return prefixed(what, () => {
    if (averageValue !== undefined) {
      const { replicas, usage } = replicasForAverage(scaled, measured, { resource, target: milliOf(averageValue) });
      return { replicas, name: `${resource} resource`, current: { averageValue: quantity(usage) } };
    }
    const options = { resource, container, targetPercent: averageUtilization ?? 0 };
    const { replicas, usage, utilization } = replicasForUtilization(scaled, measured, options);
    const kind = container === undefined ? "resource" : "container resource";
    return {
      replicas,
      name: `${resource} ${kind} utilization (percentage of request)`,
      current: { averageUtilization: utilization, averageValue: quantity(usage) },
    };
  });
}

async function ofPods(
  metrics: MetricsClient,
  { metric, target }: PodsMetricSource,
  scaled: ScaledPods,
  signal: AbortSignal,
): Promise<MetricProposal> {
  const measured = await prefixed(`unable to get metric ${metric.name}`, () =>
    metrics.ofPods(metric, scaled.namespace, scaled.selector, signal),
  );
  const { replicas, usage } = replicasForAverage(scaled, measured, { target: milliOf(target.averageValue) });
  const status = { type: "Pods", pods: { metric, current: { averageValue: decimal(usage) } } };
  return { replicas, name: `pods metric ${metric.name}`, status };
}

async function ofObject(
  metrics: MetricsClient,
  source: ObjectMetricSource,
  scaled: ScaledPods,
  signal: AbortSignal,
): Promise<MetricProposal> {
  const { metric, describedObject, target } = source;
  const { namespace } = scaled;
  // Upstream's text, as it is.
  const what = `unable to get metric ${metric.name}: ${describedObject.kind} on ${namespace} ${describedObject.name}/`;
  const read = async (): Promise<bigint> => {
    try {
      return await metrics.ofObject(metric, namespace, describedObject, signal);
    } catch (error) {
      throw new Error(`${what}${messageOf(error)}`, { cause: error });
    }
  };
  const { replicas, current } = await ofWhole(scaled, target, read, "object");
  const name =
    target.averageValue === undefined
      ? `${describedObject.kind} metric ${metric.name}`
      : `external metric ${metric.name}(${goSelector(metric.selector)})`;
  return { replicas, name, status: { type: "Object", object: { describedObject, metric, current } } };
}

async function ofExternal(
  metrics: MetricsClient,
  { metric, target }: ExternalMetricSource,
  scaled: ScaledPods,
  signal: AbortSignal,
): Promise<MetricProposal> {
  const { name: metricName, selector } = metric;
  const what = `unable to get external metric ${scaled.namespace}/${metricName}/${goSelector(selector)}`;
  const read = (): Promise<bigint> => prefixed(what, () => metrics.ofNowhere(metric, scaled.namespace, signal));
  const { replicas, current } = await ofWhole(scaled, target, read, "external");
  const status = { type: "External", external: { metric, current } };
  return { replicas, name: `external metric ${metricName}(${goSelector(selector)})`, status };
}

/** One value of the whole: it is to be near the target, or near it for each replica. */
async function ofWhole(
  scaled: ScaledPods,
  { value, averageValue }: MetricTarget,
  read: () => Promise<bigint>,
  kind: "object" | "external",
): Promise<{ readonly replicas: number; readonly current: MetricValueStatus }> {
  if (value === undefined && averageValue === undefined)
    throw new Error(`invalid ${kind} metric source: neither a value target nor an average value target was set`);
  const whole = await read();
  if (averageValue !== undefined) {
    const { tolerances, statusReplicas } = scaled;
    const { replicas, usage } = replicasForShare(tolerances, statusReplicas, whole, milliOf(averageValue));
    return { replicas, current: { averageValue: decimal(usage) } };
  }
  return { replicas: replicasForValue(scaled, whole, milliOf(value)), current: { value: decimal(whole) } };
}

function milliOf(quantity: string | undefined): bigint {
  return Quantity.parse(quantity ?? "0").milliValue();
}

function decimal(milli: bigint): string {
  return Quantity.ofMilli(milli).toString();
}

/** A selector as upstream's messages print it. */
function goSelector(selector: LabelSelector | undefined): string {
  if (!selector) return "nil";
  const labels = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}: ${value},`)
    .join("");
  const expressions = (selector.matchExpressions ?? [])
    .map(
      ({ key, operator, values = [] }) =>
        `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${(values ?? []).join(" ")}],},`,
    )
    .join("");
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`;
}
