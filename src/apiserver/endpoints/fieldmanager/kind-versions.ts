import { defined } from "../../../component-base/assert.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import type { ApplyType, ApplyTypeCache } from "../../../apimachinery/structured-merge-diff/apply-type.ts";
import type { FieldSet } from "../../../apimachinery/structured-merge-diff/field-set.ts";
import type { TypedValue, Versions } from "../../../apimachinery/structured-merge-diff/updater.ts";
import type { Conversion } from "../../registry/generic/resource-registration.ts";
import type { ResetFilter } from "./reset-fields.ts";

/** One version in which a resource is served. */
export interface KindVersion {
  readonly kind: ObjectKind;
  readonly resetFilter: ResetFilter;
  /** To and from the storage version; undefined for that version itself. */
  readonly convert: Conversion | undefined;
}

/** The versions of one resource, by apiVersion. */
export type KindVersions = ReadonlyMap<string, KindVersion>;

/** The versions of a resource as the updater uses them. */
export class ConvertingVersions implements Versions {
  readonly #versions: KindVersions;
  readonly #types: ApplyTypeCache;

  constructor(versions: KindVersions, types: ApplyTypeCache) {
    this.#versions = versions;
    this.#types = types;
  }

  convert(typed: TypedValue, apiVersion: string): TypedValue | undefined {
    if (typed.apiVersion === apiVersion) return typed;
    const from = this.#versions.get(typed.apiVersion);
    const to = this.#versions.get(apiVersion);
    if (!from || !to) return undefined;
    // Differs from upstream: where somebody else converts, who manages what is known within one version alone.
    if (from.convert?.ask ?? to.convert?.ask) return undefined;
    const { object } = from.kind.decode(typed.value);
    const stored = from.convert ? from.convert.toStorage(object) : object;
    const value = to.convert ? to.convert.fromStorage(stored) : stored;
    return { value, type: applyTypeOf(to.kind, this.#types), apiVersion };
  }

  filter(set: FieldSet, apiVersion: string): FieldSet {
    return this.#versions.get(apiVersion)?.resetFilter(set) ?? set;
  }
}

/** How server-side apply sees a kind. */
export function applyTypeOf(kind: ObjectKind, types: ApplyTypeCache): ApplyType {
  const type = types.of(kind.type);
  if (!kind.custom) return type;
  // Of a custom kind the scheme knows that it has metadata.
  const metadata = type.kind === "map" ? type.field("metadata")?.type : undefined;
  return kind.custom.applyType(defined(metadata, "the type of metadata"));
}

/** `default/web; apps/v1, Kind=Deployment`, as failures name an object. */
export function describeObject(object: Readonly<Record<string, unknown>>, gvk: string): string {
  const { name = "", namespace = "" } = (object["metadata"] ?? {}) as KubeObject["metadata"];
  return `${namespace}/${name}; ${gvk}`;
}

/** A failure upstream lets through without a reason of its own. */
export function plainFailure(message: string): StatusError {
  return new StatusError({ code: 500, reason: "", message });
}
