import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { APIResourceList } from "../../apimachinery/meta/v1/types.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { ValueSchema } from "../../cel/schema/value-schema.ts";

export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** A schema as it is published: parts are named, and names stand for them. */
interface PublishedSchema extends Omit<ValueSchema, "properties" | "items" | "additionalProperties"> {
  readonly $ref?: string;
  readonly allOf?: readonly PublishedSchema[];
  readonly properties?: Readonly<Record<string, PublishedSchema>>;
  readonly items?: PublishedSchema;
  readonly additionalProperties?: PublishedSchema | boolean;
  readonly "x-kubernetes-group-version-kind"?: readonly (GroupVersion & { readonly kind: string })[];
}

type Schemas = Readonly<Record<string, PublishedSchema>>;

/** What the server tells of its kinds. Each document is asked for once; make one for each look. */
export class PublishedSchemas {
  readonly #client: ApiClient;
  readonly #signal: AbortSignal;
  readonly #documents = new Map<string, Promise<Schemas>>();
  readonly #resources = new Map<string, Promise<APIResourceList["resources"]>>();

  constructor(client: ApiClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** The kind of a resource; undefined for one that is not served. Rejects when the server does not answer. */
  async kindOf({ group, version }: GroupVersion, resource: string): Promise<string | undefined> {
    const path = pathOf({ group, version });
    let listed = this.#resources.get(path);
    if (!listed) this.#resources.set(path, (listed = this.#list(path)));
    return (await listed).find(({ name }) => name === resource)?.kind;
  }

  /** The whole schema of a kind; undefined when none is published. Rejects when the server does not answer. */
  async schemaOf({ group, version }: GroupVersion, kind: string): Promise<ValueSchema | undefined> {
    const path = pathOf({ group, version });
    let document = this.#documents.get(path);
    if (!document) this.#documents.set(path, (document = this.#document(path)));
    const schemas = await document;
    const found = Object.entries(schemas).find(([, schema]) =>
      schema["x-kubernetes-group-version-kind"]?.some(
        (gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind,
      ),
    );
    return found && whole({ $ref: found[0] }, schemas, []);
  }

  async #list(path: string): Promise<APIResourceList["resources"]> {
    return (await this.#get<APIResourceList>(`/${path}`))?.resources ?? [];
  }

  async #document(path: string): Promise<Schemas> {
    const document = await this.#get<{ readonly components?: { readonly schemas?: Schemas } }>(`/openapi/v3/${path}`);
    return document?.components?.schemas ?? {};
  }

  async #get<T>(path: string): Promise<T | undefined> {
    try {
      return await this.#client.request<T>("GET", path, undefined, { signal: this.#signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

function pathOf({ group, version }: GroupVersion): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

/** With parts in place of their names. A part within itself is an object of which nothing is known. */
function whole(schema: PublishedSchema, schemas: Schemas, around: readonly string[]): ValueSchema {
  const name = referred(schema);
  if (name !== undefined) {
    const part = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    return part && !around.includes(name) ? whole(part, schemas, [...around, name]) : { type: "object" };
  }
  const { properties, items, additionalProperties, allOf: _allOf, ...rest } = schema;
  const inner = (part: PublishedSchema): ValueSchema => whole(part, schemas, around);
  return {
    ...rest,
    // Other values of several types, quantities, are not seen by upstream's expressions either.
    ...(rest.format === "int-or-string" ? { "x-kubernetes-int-or-string": true } : {}),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, inner(part)])),
    }),
    ...(items && { items: inner(items) }),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === "boolean" ? additionalProperties : inner(additionalProperties),
    }),
  };
}

/** Descriptions wrap a name into `allOf`. */
function referred({ $ref, allOf }: PublishedSchema): string | undefined {
  const reference = $ref ?? allOf?.find((part) => part.$ref !== undefined)?.$ref;
  return reference?.replace("#/components/schemas/", "");
}
