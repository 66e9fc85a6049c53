import type { ApiVersionSchema, ColumnSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { nameColumn } from "../../../apimachinery/schema/resource-schema.ts";
import { metricsTypes } from "./metrics.ts";

const columns: readonly ColumnSchema[] = [
  nameColumn,
  { name: "cpu", type: "string", format: "quantity", description: "What it uses of the CPU." },
  { name: "memory", type: "string", format: "quantity", description: "What it uses of the memory." },
  { name: "Window", type: "string", format: "duration", description: "How long it was measured." },
];

/** What metrics-server serves; computed when it is read. */
export const metricsV1beta1: ApiVersionSchema = {
  group: "metrics.k8s.io",
  version: "v1beta1",
  folder: "metrics/v1beta1",
  goPackage: "io.k8s.metrics.pkg.apis.metrics.v1beta1",
  types: [metricsTypes],
  resources: [
    {
      resource: "nodes",
      kind: "NodeMetrics",
      singular: "",
      namespaced: false,
      verbs: ["get", "list"],
      persisted: false,
      columns,
    },
    {
      resource: "pods",
      kind: "PodMetrics",
      singular: "",
      namespaced: true,
      verbs: ["get", "list"],
      persisted: false,
      columns,
    },
  ],
};
