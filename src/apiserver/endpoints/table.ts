import { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import { humanDuration } from "./human-duration.ts";
import type { ResourceEndpoint } from "./resource-endpoint.ts";
import { served } from "./resource-endpoint.ts";

/** How much of each object a row carries along. */
export type IncludeObject = "None" | "Metadata" | "Object";

/** The columns, as a Table lists them. */
export function tableColumns(endpoint: ResourceEndpoint): readonly unknown[] {
  return endpoint.resource.columns.map(({ name, type, format, description, priority }) => ({
    name,
    type,
    format: format ?? "",
    description: description ?? "",
    priority,
  }));
}

/** One object's row. Cells come from the strategy, which knows the stored version. */
export function tableRow(
  endpoint: ResourceEndpoint,
  stored: KubeObject,
  include: IncludeObject,
  asVersion: string,
): unknown {
  const nowMs = endpoint.context.clock.now();
  const cells =
    (endpoint.store?.strategy ?? endpoint.registration.strategy)?.tableCells?.(stored, nowMs) ??
    endpoint.resource.columns.map(({ name }) => defaultCell(name, stored, nowMs));
  if (include === "None") return { cells };
  const object = served(endpoint, stored);
  return { cells, object: include === "Object" ? object : partialObject(object, asVersion) };
}

/** The row of an object that is nothing but its metadata, as a bookmark's is. */
export function bareRow(
  endpoint: ResourceEndpoint,
  object: { readonly kind: string; readonly apiVersion: string; readonly metadata: unknown },
  include: IncludeObject,
  asVersion: string,
): unknown {
  const cells = endpoint.resource.columns.map(({ name, type }) => bareCell(name, type));
  if (include === "None") return { cells };
  if (include === "Object") return { cells, object };
  const { metadata } = object;
  return { cells, object: { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${asVersion}`, metadata } };
}

function bareCell(column: string, type: string): unknown {
  if (type === "integer" || type === "number") return 0;
  return column === "Age" ? "<unknown>" : column === "Name" ? "" : "<none>";
}

export function tableOf(
  meta: unknown,
  columns: readonly unknown[] | null,
  rows: readonly unknown[],
  asVersion: string,
): object {
  return { kind: "Table", apiVersion: `meta.k8s.io/${asVersion}`, metadata: meta, columnDefinitions: columns, rows };
}

/** An object's metadata alone. */
export function partialObject(object: KubeObject, asVersion: string): KubeObject {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${asVersion}`, metadata: object.metadata };
}

/** Throws NotAcceptable where the metadata of a list is asked for as that of one object, or the other way round. */
export function checkPartial(
  goType: string,
  as: "PartialObjectMetadata" | "PartialObjectMetadataList",
  isList: boolean,
): void {
  if ((as === "PartialObjectMetadataList") === isList) return;
  // Objects of custom kinds are all of one type, which finds out by itself.
  if (!isList && goType === unstructured)
    throw new StatusError({ code: 500, reason: "", message: "content is not a list" });
  const told = isList ? `a list (*${goType}List)` : `not a list (*${goType})`;
  const message = `you requested ${as}, but the requested object is ${told}`;
  throw new StatusError({ code: 406, reason: "NotAcceptable", message });
}

const unstructured = "unstructured.Unstructured";

/** The type upstream keeps an object in, as messages name it. */
export function goTypeOf({ kind, resource: { storage } }: ResourceEndpoint): string {
  return kind.custom ? unstructured : `${storage.group.split(".")[0] || "core"}.${storage.kind}`;
}

function defaultCell(column: string, object: KubeObject, nowMs: number): unknown {
  const { name = "", creationTimestamp } = object.metadata;
  if (column === "Name") return name;
  if (column === "Created At") return creationTimestamp ?? "";
  if (column !== "Age") return "<none>";
  return creationTimestamp === undefined ? "<unknown>" : humanDuration(nowMs - Date.parse(creationTimestamp));
}
