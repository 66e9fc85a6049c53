import type { ApiVersionSchema } from "../schema/resource-schema.ts";
import type { StructType } from "../schema/type-registry.ts";
import type { Scheme } from "../scheme/scheme.ts";
import { Components, dialectV2, dialectV3, type KindsOf, type SchemaObject } from "./components.ts";
import {
  type ApiOperation,
  type ApiPath,
  type GroupVersionKind,
  groupPath,
  rootPath,
  versionPath,
  versionPaths,
} from "./operations.ts";
import { parameters } from "./parameters.ts";

// The published descriptions of the API. Building one takes milliseconds and makes megabytes: callers build on demand and keep
// the bytes, not the object.

const info = { title: "Kubernetes", version: "v1.36.0" };
const security = { BearerToken: { type: "apiKey", description: "Bearer token", name: "authorization", in: "header" } };

/** The document behind `/openapi/v3/<path>`, e.g. `apis/apps/v1`; undefined for a version that is not served. */
export function buildOpenApiV3(scheme: Scheme, group: string, version: string): object | undefined {
  const schema = scheme.schema(group, version);
  if (schema === undefined) return undefined;
  return documentV3(scheme, versionPaths(scheme, group, version), schema);
}

/** The documents of paths that belong to no version: `api`, `apis`, `apis/<group>`, `version`. */
export function buildOpenApiV3Root(scheme: Scheme, path: string): object | undefined {
  const paths = rootDocuments(scheme).get(path);
  return paths === undefined ? undefined : documentV3(scheme, [paths], undefined);
}

/** The paths documents exist for, in the order of the index. */
export function openApiV3Paths(scheme: Scheme): readonly string[] {
  const versions = scheme.groups.flatMap(({ group, versions: names }) =>
    names.map((version) => (group === "" ? `api/${version}` : `apis/${group}/${version}`)),
  );
  return [...rootDocuments(scheme).keys(), ...versions].toSorted();
}

/** `/openapi/v3`. The hash changes with the document, so that clients may keep a document forever. */
export function openApiV3Index(hashes: ReadonlyMap<string, string>): object {
  const paths = [...hashes].map(([path, hash]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]);
  return { paths: Object.fromEntries(paths) as object };
}

function rootDocuments(scheme: Scheme): ReadonlyMap<string, ApiPath> {
  const groups = scheme.groups.filter(({ group }) => group !== "");
  return new Map([
    ["api", rootPath("api")],
    ["apis", rootPath("apis")],
    ...groups.map(({ group }) => [`apis/${group}`, groupPath(group)] as const),
    ["version", versionPath],
  ]);
}

/** `/openapi/v2`: everything in one document, without defaults and enum values. */
export function buildOpenApiV2(scheme: Scheme): object {
  const components = new Components(dialectV2, kindsOf(scheme));
  const paths = [
    ...rootDocuments(scheme).values(),
    ...scheme.groups.flatMap(({ group, versions }) => versions.flatMap((name) => versionPaths(scheme, group, name))),
  ];
  const items = paths.map((path) => [path.path, pathItem(path, parameterV2, operationV2(scheme, components))] as const);
  return {
    swagger: "2.0",
    info,
    paths: Object.fromEntries(items.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    definitions: components.schemas(),
    securityDefinitions: security,
    security: [{ BearerToken: [] }],
  };
}

/** Paths and schemas of kinds that are not the scheme's, in one of the two forms. Schemas are by their published names. */
export interface CustomVersion {
  readonly paths: readonly ApiPath[];
  readonly schemas: Readonly<Record<string, SchemaObject>>;
}

/** The OpenAPI v3 document of a version whose kinds the scheme does not have. */
export function buildOpenApiV3Custom(scheme: Scheme, { paths, schemas }: CustomVersion): object {
  const components = new Components(dialectV3, kindsOf(scheme), schemas);
  // Metadata is the same in every kind, and custom schemas refer to it.
  addMetadata(scheme, components);
  const items = paths.map((path) => [path.path, pathItem(path, parameterV3, operationV3(scheme, components))] as const);
  return {
    openapi: "3.0.0",
    info,
    paths: Object.fromEntries(items.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: components.schemas(), securitySchemes: security },
  };
}

/** What such a version adds to the OpenAPI v2 document. */
export function openApiV2Custom(
  scheme: Scheme,
  { paths, schemas }: CustomVersion,
): { readonly paths: object; readonly definitions: object } {
  const components = new Components(dialectV2, kindsOf(scheme), schemas);
  addMetadata(scheme, components);
  const items = paths.map((path) => [path.path, pathItem(path, parameterV2, operationV2(scheme, components))] as const);
  return { paths: Object.fromEntries(items), definitions: components.schemas() };
}

function addMetadata(scheme: Scheme, components: Components): void {
  for (const name of ["ObjectMeta", "ListMeta"]) {
    const struct = scheme.types.struct("meta/v1", name);
    if (struct) components.add(struct);
  }
}

function documentV3(scheme: Scheme, paths: readonly ApiPath[], schema: ApiVersionSchema | undefined): object {
  const components = new Components(dialectV3, kindsOf(scheme));
  const items = paths.map((path) => [path.path, pathItem(path, parameterV3, operationV3(scheme, components))] as const);
  // Kinds that are in no path (an Eviction is, in another group's) are described all the same.
  for (const { kind } of schema?.resources ?? []) addKind(scheme, components, schema, kind);
  return {
    openapi: "3.0.0",
    info,
    paths: Object.fromEntries(items.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: components.schemas(), securitySchemes: security },
  };
}

function addKind(scheme: Scheme, components: Components, schema: ApiVersionSchema | undefined, kind: string): void {
  if (schema === undefined) return;
  const struct = scheme.types.struct(schema.folder, kind);
  if (struct !== undefined) components.add(struct);
}

/** Kinds that every served version accepts. */
const everywhere: ReadonlySet<string> = new Set(["DeleteOptions", "WatchEvent"]);

function kindsOf(scheme: Scheme): KindsOf {
  const all = (kind: string): GroupVersionKind[] =>
    scheme.groups.flatMap(({ group, versions }) => versions.map((version) => ({ group, version, kind })));
  return (struct) => {
    const { name, version, schema } = struct;
    if (version.folder === "meta/v1") {
      if (everywhere.has(name)) return all(name);
      return schema.typeMeta === true ? [{ group: "", version: "v1", kind: name }] : [];
    }
    return schema.typeMeta === true ? [{ group: version.group, version: version.version, kind: name }] : [];
  };
}

type Describe<T> = (value: T) => SchemaObject;

/** Parameters all operations of a path take are told once. */
function pathItem(
  path: ApiPath,
  parameter: Describe<string>,
  operation: (value: ApiOperation, own: readonly string[]) => SchemaObject,
): SchemaObject {
  const [first, ...others] = path.operations;
  const shared = (first?.parameters ?? []).filter((name) => others.every((each) => each.parameters.includes(name)));
  const isShared = new Set(shared);
  const entries = path.operations.map((each) => {
    const own = each.parameters.filter((name) => !isShared.has(name)).toSorted();
    return [each.method, operation(each, own)] as const;
  });
  return {
    ...Object.fromEntries(entries),
    ...(shared.length === 0 ? {} : { parameters: shared.toSorted().map(parameter) }),
  };
}

function parameterParts(key: string): { name: string; in: string; description: string; type: string } {
  const [name = key, place = "query"] = key.split("@");
  const { type, description } = parameters[key] ?? { type: "string", description: "" };
  return { name, in: place, description, type };
}

function parameterV2(key: string): SchemaObject {
  const { name, in: place, description, type } = parameterParts(key);
  return { uniqueItems: true, type, description, name, in: place, ...(place === "path" ? { required: true } : {}) };
}

function parameterV3(key: string): SchemaObject {
  const { name, in: place, description, type } = parameterParts(key);
  const required = place === "path" ? { required: true } : {};
  return { name, in: place, description, ...required, schema: { type, uniqueItems: true } };
}

function kubernetesExtensions({ action, kind }: ApiOperation): SchemaObject {
  return {
    ...(action === undefined ? {} : { "x-kubernetes-action": action }),
    ...(kind === undefined ? {} : { "x-kubernetes-group-version-kind": kind }),
  };
}

const answers: Readonly<Record<string, string>> = { 200: "OK", 201: "Created", 202: "Accepted" };

function operationV3(scheme: Scheme, components: Components) {
  const find = typeFinder(scheme);
  const schemaOf = (name: string) => (name === "string" ? { type: "string" } : reference(find, components, name));
  return (operation: ApiOperation, own: readonly string[]): SchemaObject => {
    const { id, tag, body, bodyRequired, consumes, produces, responses } = operation;
    const content = (media: readonly string[], name: string) =>
      Object.fromEntries(media.map((type) => [type, { schema: schemaOf(name) }]));
    const told = Object.entries(responses).map(
      ([code, name]) => [code, { description: answers[code], content: content(produces, name) }] as const,
    );
    return {
      tags: [tag],
      description: describeOperation(operation),
      operationId: id,
      ...(own.length === 0 ? {} : { parameters: own.map(parameterV3) }),
      ...(body === undefined
        ? {}
        : { requestBody: { content: content(consumes, body), ...(bodyRequired === true ? { required: true } : {}) } }),
      responses: { ...Object.fromEntries(told), 401: { description: "Unauthorized" } },
      ...kubernetesExtensions(operation),
    };
  };
}

function operationV2(scheme: Scheme, components: Components) {
  const find = typeFinder(scheme);
  const schemaOf = (name: string) => (name === "string" ? { type: "string" } : reference(find, components, name));
  return (operation: ApiOperation, own: readonly string[]): SchemaObject => {
    const { id, tag, body, bodyRequired, consumes, produces, responses } = operation;
    const bodyParameter =
      body === undefined
        ? []
        : [{ name: "body", in: "body", ...(bodyRequired === true ? { required: true } : {}), schema: schemaOf(body) }];
    const told = Object.entries(responses).map(
      ([code, name]) => [code, { description: answers[code], schema: schemaOf(name) }] as const,
    );
    const all = [...bodyParameter, ...own.map(parameterV2)];
    return {
      description: describeOperation(operation),
      consumes,
      produces,
      schemes: ["https"],
      tags: [tag],
      operationId: id,
      ...(all.length === 0 ? {} : { parameters: all }),
      responses: { ...Object.fromEntries(told), 401: { description: "Unauthorized" } },
      ...kubernetesExtensions(operation),
    };
  };
}

const actions: Readonly<Record<string, string>> = {
  get: "reads one",
  list: "lists or watches objects of kind",
  post: "creates a",
  put: "replaces a",
  patch: "changes parts of a",
  delete: "deletes a",
  deletecollection: "deletes all that match of kind",
  connect: "connects to a",
  watch: "watches one; deprecated, use the watch parameter with a list of",
  watchlist: "watches; deprecated, use the watch parameter with a list of",
};

function describeOperation({ action, kind }: ApiOperation): string {
  if (action === undefined || kind === undefined) return "tells what is served";
  return `${actions[action] ?? action} ${kind.kind}`;
}

function reference(find: (name: string) => StructType | undefined, components: Components, name: string): SchemaObject {
  const custom = components.custom(name);
  if (custom) return custom;
  const struct = find(name);
  return struct === undefined ? { type: "object" } : components.add(struct);
}

/** Finds a struct by its published name. */
function typeFinder(scheme: Scheme): (openApiName: string) => StructType | undefined {
  const known = new Map<string, StructType>();
  for (const { folder } of scheme.allVersions) {
    for (const name of scheme.types.names(folder)) {
      const struct = scheme.types.struct(folder, name);
      if (struct !== undefined) known.set(struct.openApiName, struct);
    }
  }
  return (openApiName) => known.get(openApiName);
}
