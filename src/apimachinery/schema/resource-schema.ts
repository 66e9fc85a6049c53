import type { TypeSchemas } from "./type-schema.ts";

/** One version of an API group: its types and the resources it serves. */
export interface ApiVersionSchema {
  /** "" for the legacy group. */
  readonly group: string;
  readonly version: string;
  /** How other versions refer to its types, and its folder under api/, e.g. `apps/v1`. */
  readonly folder: string;
  /** Prefix of its published type names, e.g. `io.k8s.api.apps.v1`. */
  readonly goPackage: string;
  readonly types: readonly TypeSchemas[];
  /** What `kubectl explain` says: by type, then by field; the type itself is under "". */
  readonly descriptions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Sorted by name. */
  readonly resources: readonly ResourceSchema[];
}

/** A served resource; everything optional has the value most resources have. */
export interface ResourceSchema {
  readonly resource: string;
  readonly kind: string;
  /** Lower-cased kind. */
  readonly singular?: string;
  readonly namespaced: boolean;
  /** All eight. */
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** DELETE answers with the object; false, that is with a Status, for most. */
  readonly returnsDeletedObject?: true;
  /** True; reviews and bindings are answered and never stored. */
  readonly persisted?: false;
  /** This version. */
  readonly storage?: { readonly group: string; readonly version: string; readonly kind: string };
  /** Base64 of the first 8 bytes of SHA-256 of `group/version/kind` as stored. */
  readonly storageVersionHash?: string;
  /** The resource's name. */
  readonly storagePrefix?: string;
  /** metadata.name and metadata.namespace. */
  readonly fieldSelectors?: readonly string[];
  /** Older labels, and what they mean. */
  readonly fieldSelectorAliases?: Readonly<Record<string, string>>;
  readonly subresources?: readonly SubresourceSchema[];
  /** Name and Age. */
  readonly columns?: readonly ColumnSchema[];
}

export interface SubresourceSchema {
  readonly name: string;
  readonly verbs: readonly string[];
  /** Those of the resource. */
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  /** Other apiVersions its bodies may come in: versions no longer served that read the same. */
  readonly alsoAccepts?: readonly string[];
  /** HTTP methods of a subresource that is connected to, not read or written. */
  readonly connectMethods?: readonly string[];
  /** Takes a further path (`proxy/{path}`). */
  readonly withPath?: true;
  /** The type whose fields are its query parameters. */
  readonly options?: string;
  /** Media type of the answer where it is no API object. */
  readonly response?: string;
}

export interface ColumnSchema {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  /** The field it shows, `Type.field` of this version or with a folder before: the column is described as the field is. */
  readonly of?: string;
  /** What it shows, where that is no field. */
  readonly description?: string;
  /** Shown only with `-o wide`. */
  readonly wide?: true;
}

export const nameColumn: ColumnSchema = { name: "Name", type: "string", format: "name", of: "meta/v1.ObjectMeta.name" };
export const ageColumn: ColumnSchema = { name: "Age", type: "string", of: "meta/v1.ObjectMeta.creationTimestamp" };

export const statusSubresource: SubresourceSchema = { name: "status", verbs: ["get", "patch", "update"] };
export const scaleSubresource: SubresourceSchema = {
  name: "scale",
  verbs: ["get", "patch", "update"],
  group: "autoscaling",
  version: "v1",
  kind: "Scale",
};
