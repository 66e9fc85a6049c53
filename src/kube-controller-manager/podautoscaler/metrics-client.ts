import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { formatLabelSelector, type Selector } from "../../apimachinery/labels/selector.ts";
import type { APIGroup, LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import { parseDuration } from "../../apimachinery/time.ts";
import type { CrossVersionObjectReference, MetricIdentifier } from "../../api/autoscaling/v2/types.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { parseTime } from "../../component-helpers/time.ts";
import { prefixed } from "./prefixed.ts";
import type { TargetTypes } from "./target-types.ts";

/** One measurement of one pod. */
export interface PodMetric {
  /** Thousandths. */
  readonly value: bigint;
  readonly timestampMs: number;
  /** The time the value is an average of. */
  readonly windowMs: number;
}

/** By pod name. */
export type PodMetrics = Map<string, PodMetric>;

/** An item of metrics.k8s.io/v1beta1 `pods`. */
interface PodMetricsItem extends KubeObject {
  readonly timestamp: string;
  readonly window: string;
  readonly containers: readonly { readonly name: string; readonly usage: Readonly<Record<string, string>> }[];
}

/** A list of custom.metrics.k8s.io. */
interface MetricValueList {
  readonly items: readonly {
    readonly describedObject: { readonly name: string };
    readonly timestamp: string;
    readonly windowSeconds?: number;
    readonly value: string;
  }[];
}

/** A list of external.metrics.k8s.io/v1beta1. */
interface ExternalMetricValueList {
  readonly items: readonly { readonly value: string }[];
}

const podMetrics: ResourceType<PodMetricsItem> = {
  group: "metrics.k8s.io",
  version: "v1beta1",
  resource: "pods",
  kind: "PodMetrics",
  namespaced: true,
};

const customGroup = "custom.metrics.k8s.io";
const customVersions = ["v1beta2", "v1beta1"];
// What a metrics server averages over, where an adapter does not say.
const defaultWindowMs = 60_000;

/** Reads the three metrics APIs. Which of them are served is not ours to say: a failure has upstream's text. */
export class MetricsClient {
  readonly #client: ApiClient;
  readonly #types: TargetTypes;

  constructor(client: ApiClient, types: TargetTypes) {
    this.#client = client;
    this.#types = types;
  }

  /** Of whole pods, or of the container of that name. Pods of which part is not measured are left out. */
  async ofResource(
    resource: string,
    namespace: string,
    selector: Selector,
    container: string | undefined,
    signal: AbortSignal,
  ): Promise<PodMetrics> {
    const items = await from("resource", async () => {
      const list = await this.#client
        .resource(podMetrics, namespace)
        .list({ labelSelector: selector.toString(), signal });
      return list.items;
    });
    const metrics: PodMetrics = new Map();
    for (const item of items) {
      const measured = container === undefined ? item.containers : item.containers.filter((c) => c.name === container);
      const usages = measured.map(({ usage }) => usage[resource]);
      if (usages.length === 0 || usages.some((usage) => usage === undefined)) continue;
      metrics.set(item.metadata.name ?? "", {
        value: usages.reduce((sum, usage) => sum + milli(usage), 0n),
        timestampMs: parseTime(item.timestamp),
        windowMs: parseDuration(item.window),
      });
    }
    return metrics;
  }

  /** A custom metric of each pod. */
  async ofPods(
    metric: MetricIdentifier,
    namespace: string,
    selector: Selector,
    signal: AbortSignal,
  ): Promise<PodMetrics> {
    const query = new URLSearchParams({ labelSelector: selector.toString(), ...metricSelector(metric) });
    const items = await from("custom", async () => {
      const path = `namespaces/${namespace}/pods/*/${encodeURIComponent(metric.name)}?${query}`;
      return (await this.#custom(path, signal)).items;
    });
    return new Map(
      items.map(({ describedObject, timestamp, windowSeconds, value }) => [
        describedObject.name,
        {
          value: milli(value),
          timestampMs: parseTime(timestamp),
          windowMs: windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000,
        },
      ]),
    );
  }

  /** A custom metric of one object, in thousandths. */
  async ofObject(
    metric: MetricIdentifier,
    namespace: string,
    object: CrossVersionObjectReference,
    signal: AbortSignal,
  ): Promise<bigint> {
    const query = new URLSearchParams(metricSelector(metric)).toString();
    const suffix = `${encodeURIComponent(metric.name)}${query && `?${query}`}`;
    const [only, ...more] = await from("custom", async () => {
      // The metrics of a namespace are its own; the reference cannot name another.
      if (object.kind === "Namespace" && !object.apiVersion?.includes("/"))
        return (await this.#custom(`namespaces/${namespace}/metrics/${suffix}`, signal)).items;
      const { group, resource } = await this.#types.of(object, signal);
      const groupResource = group ? `${resource}.${group}` : resource;
      const path = `namespaces/${namespace}/${groupResource}/${encodeURIComponent(object.name)}/${suffix}`;
      return (await this.#custom(path, signal)).items;
    });
    if (!only || more.length > 0) {
      const what = `the custom metrics API server returned ${more.length + 1} results when we asked for exactly one`;
      throw new Error(`unable to fetch metrics from custom metrics API: ${what}`);
    }
    return milli(only.value);
  }

  /** The sum of all values of an external metric, in thousandths. */
  async ofNowhere(metric: MetricIdentifier, namespace: string, signal: AbortSignal): Promise<bigint> {
    const query = new URLSearchParams({ labelSelector: formatLabelSelector(metric.selector) });
    const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${encodeURIComponent(metric.name)}?${query}`;
    const items = await from("external", async () => {
      const list = await this.#client.request<ExternalMetricValueList>("GET", path, undefined, { signal });
      return list.items;
    });
    return items.reduce((sum, { value }) => sum + milli(value), 0n);
  }

  async #custom(path: string, signal: AbortSignal): Promise<MetricValueList> {
    const version = await this.#customVersion(signal);
    return this.#client.request("GET", `/apis/${customGroup}/${version}/${path}`, undefined, { signal });
  }

  async #customVersion(signal: AbortSignal): Promise<string> {
    try {
      const group = await this.#client.request<APIGroup>("GET", `/apis/${customGroup}`, undefined, { signal });
      const served = customVersions.find((version) => group.versions.some((each) => each.version === version));
      if (served !== undefined) return served;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    throw new Error(`no custom metrics API (${customGroup}) registered`);
  }
}

async function from<T>(
  api: "resource" | "custom" | "external",
  read: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const items = await prefixed(`unable to fetch metrics from ${api} metrics API`, read);
  if (items.length === 0) throw new Error(`no metrics returned from ${api} metrics API`);
  return items;
}

function metricSelector({ selector }: { readonly selector?: LabelSelector }): Record<string, string> {
  return selector ? { metricLabelSelector: formatLabelSelector(selector) } : {};
}

function milli(quantity: string | undefined): bigint {
  return Quantity.parse(quantity ?? "0").milliValue();
}
