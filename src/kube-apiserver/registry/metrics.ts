import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import type { NodeMetrics, PodMetrics } from "../../api/metrics/v1beta1/types.gen.ts";
import { nodes, pods } from "../../api/resources.gen.ts";
import { notFound, serviceUnavailable } from "../../apimachinery/errors/new.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import { formatDuration } from "../../apimachinery/time.ts";
import type { ResourceReader } from "../../apiserver/registry/rest/resource-reader.ts";
import type { RegistryAccess } from "../../apiserver/registry/rest/registry-access.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { matchesFields, type Selection } from "../../apiserver/storage/selection.ts";
import type { Clock } from "../../component-base/clock.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { MetricsServer } from "../../metrics-server/metrics-server.ts";
import type { Usage } from "../../metrics-server/metrics-store.ts";

const group = "metrics.k8s.io";
const apiVersion = "metrics.k8s.io/v1beta1";
const kibibyte = 1024;

type Metadata = Pick<KubeObject["metadata"], "name" | "namespace" | "labels">;

/** One kind of measured object: how it is found, and what is told of it; undefined while nothing can be. */
interface Measured<T> {
  readonly type: ResourceType<T>;
  /** As metrics-server's errors call it. */
  readonly resource: string;
  read(object: T): NodeMetrics | PodMetrics | undefined;
  nameOf(namespace: string, name: string): string;
}

/** Reads of `metrics.k8s.io`, by `group/resource`: the pods and nodes there are, with what the metrics server knows of each. */
export function metricsReaders(server: MetricsServer, clock: Clock): Readonly<Record<string, ResourceReader>> {
  const metadataOf = ({ name, namespace, labels }: Metadata): NodeMetrics["metadata"] => ({
    name: name ?? "",
    ...(namespace ? { namespace } : {}),
    creationTimestamp: formatTime(clock.now()),
    ...(labels ? { labels } : {}),
  });
  const node: Measured<Node> = {
    type: nodes,
    resource: "nodemetrics",
    read: ({ metadata }) => {
      const usage = server.node(metadata.name);
      return (
        usage && {
          kind: "NodeMetrics",
          apiVersion,
          metadata: metadataOf(metadata),
          ...timesOf(usage),
          usage: resourcesOf(usage),
        }
      );
    },
    nameOf: (_, name) => name,
  };
  const pod: Measured<Pod> = {
    type: pods,
    resource: "podmetrics",
    read: ({ metadata }) => {
      const usage = server.pod(metadata.namespace, metadata.name);
      return (
        usage && {
          kind: "PodMetrics",
          apiVersion,
          metadata: metadataOf(metadata),
          ...timesOf(usage),
          containers: [...usage.containers].map(([name, each]) => ({ name, usage: resourcesOf(each) })),
        }
      );
    },
    nameOf: (namespace, name) => `${namespace}/${name}`,
  };
  return { [`${group}/nodes`]: readerOf(node, server), [`${group}/pods`]: readerOf(pod, server) };
}

function readerOf<T extends { readonly metadata: Metadata }>(
  measured: Measured<T>,
  server: MetricsServer,
): ResourceReader {
  const { type, resource } = measured;
  const checkSynced = (verb: string): void => {
    if (server.hasSynced) return;
    throw serviceUnavailable(
      `the server is currently unable to handle the request (${verb} ${type.resource}.${group})`,
    );
  };
  return {
    async get(namespace, name, registry) {
      checkSynced("get");
      const object = await registry.resource(type).get(namespace, name);
      const found = measured.read(object);
      if (!found) throw notFound({ group, resource }, measured.nameOf(namespace, name));
      return found;
    },
    async list(selection: Selection, registry: RegistryAccess) {
      checkSynced("get");
      const objects = registry.lister(type).list(selection.namespace);
      const found = objects
        .filter(({ metadata }) => isSelected(selection, metadata))
        .map((object) => measured.read(object));
      return found.filter((metrics) => metrics !== undefined);
    },
  };
}

function isSelected({ labels, fields }: Selection, metadata: Metadata): boolean {
  const valueOf = (field: string): string => (field === "metadata.name" ? metadata.name : metadata.namespace) ?? "";
  const fieldsMatch = matchesFields(fields ?? [], valueOf);
  return fieldsMatch && (!labels || labels.matches(metadata.labels ?? {}));
}

function timesOf({ timestampMs, windowMs }: { readonly timestampMs: number; readonly windowMs: number }): {
  readonly timestamp: string;
  readonly window: string;
} {
  return { timestamp: formatTime(timestampMs), window: formatDuration(windowMs) };
}

function resourcesOf({ cpuNanoCores, memoryBytes }: Usage): Readonly<Record<string, string>> {
  return { cpu: cpuNanoCores === 0 ? "0" : `${cpuNanoCores}n`, memory: `${Math.floor(memoryBytes / kibibyte)}Ki` };
}

/** Cells of `kubectl get nodes.metrics.k8s.io`. */
export const nodeMetricsStrategy: Strategy<NodeMetrics> = {
  tableCells: ({ metadata, usage, window }) => [
    metadata.name ?? "",
    usage?.["cpu"] ?? "0",
    usage?.["memory"] ?? "0",
    window,
  ],
};

/** A pod's cells are the sums over its containers. */
export const podMetricsStrategy: Strategy<PodMetrics> = {
  tableCells: ({ metadata, containers, window }) => {
    const sum = (resource: string): string =>
      (containers ?? [])
        .map(({ usage }) => Quantity.parse(usage?.[resource] ?? "0"))
        .reduce((total, each) => total.add(each), Quantity.parse("0"))
        .toString();
    return [metadata.name ?? "", sum("cpu"), sum("memory"), window];
  },
};
