import { buildOpenApiV3Custom, type CustomVersion, openApiV2Custom } from "../../apimachinery/openapi/document.ts";
import { customResourcePaths } from "../../apimachinery/openapi/operations.ts";
import type { ApiResource, Scheme } from "../../apimachinery/scheme/scheme.ts";
import type { DynamicResource } from "../../apiserver/registry/generic/resource-registration.ts";
import type { OpenApiProvider } from "../../apiserver/server/generic-api-server-options.ts";
import { CustomResourceKind } from "../customresource/custom-resource-kind.ts";
import { type Dialect, publishedList, publishedObject, publishedV2, publishedV3 } from "./published-schema.ts";

interface Published {
  readonly resource: ApiResource;
  readonly kind: CustomResourceKind;
}

/** The documents of the built-in kinds, and beside them those of custom resources. */
export class CustomResourceOpenApi implements OpenApiProvider {
  readonly #builtin: OpenApiProvider;
  readonly #scheme: Scheme;
  /** By storage prefix. */
  readonly #published = new Map<string, readonly Published[]>();

  constructor(builtin: OpenApiProvider, scheme: Scheme) {
    this.#builtin = builtin;
    this.#scheme = scheme;
  }

  set({ stored, registrations }: DynamicResource): void {
    const published = registrations.flatMap(({ resource, kind }) =>
      kind instanceof CustomResourceKind ? [{ resource, kind }] : [],
    );
    this.#published.set(stored.storagePrefix, published);
  }

  delete({ stored }: DynamicResource): void {
    this.#published.delete(stored.storagePrefix);
  }

  v2(): unknown {
    const base = this.#builtin.v2() as { readonly paths: object; readonly definitions: object };
    const added = [...this.#versions().values()].map((resources) =>
      openApiV2Custom(this.#scheme, this.#version(resources, publishedV2)),
    );
    const merged = (of: (part: { readonly paths: object; readonly definitions: object }) => object): object =>
      Object.assign({}, ...added.map(of), of(base)) as object;
    return { ...base, paths: merged(({ paths }) => paths), definitions: merged(({ definitions }) => definitions) };
  }

  v3Paths(): readonly string[] {
    return [...new Set([...this.#builtin.v3Paths(), ...this.#versions().keys()])].sort();
  }

  v3(path: string): unknown {
    const resources = this.#versions().get(path);
    if (!resources || this.#builtin.v3Paths().includes(path)) return this.#builtin.v3(path);
    return buildOpenApiV3Custom(this.#scheme, this.#version(resources, publishedV3));
  }

  /** What is served, by the path of its version. */
  #versions(): ReadonlyMap<string, readonly Published[]> {
    const all = [...this.#published.values()].flat();
    return Map.groupBy(all, ({ resource }) => `apis/${resource.group}/${resource.version}`);
  }

  #version(published: readonly Published[], dialect: Dialect): CustomVersion {
    const schemas: Record<string, Readonly<Record<string, unknown>>> = {};
    for (const { kind } of published) {
      const { group, version } = kind;
      const name = publishedName(kind, kind.kind);
      const { listKind } = kind.custom;
      schemas[name] = publishedObject(kind.schema, { group, version, kind: kind.kind }, dialect);
      schemas[publishedName(kind, listKind)] = publishedList(name, { group, version, kind: listKind }, dialect);
    }
    const paths = published.flatMap(({ resource, kind }) =>
      customResourcePaths(this.#scheme, resource, (name) =>
        // Lists are known by the convention here, by the definition there.
        publishedName(kind, name === `${kind.kind}List` ? kind.custom.listKind : name),
      ),
    );
    return { paths, schemas };
  }
}

/** `stable.example.com`, `v1`, `CronTab` → `com.example.stable.v1.CronTab` */
function publishedName({ group, version }: { readonly group: string; readonly version: string }, kind: string): string {
  return [...group.split(".").reverse(), version, kind].join(".");
}
