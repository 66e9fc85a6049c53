import { apiVersionOf } from "../resource-type.ts";
import { structLikeScalars } from "../schema/scalars.ts";
import type { StructField } from "../schema/type-registry.ts";
import type { ApiResource, ApiSubresource, Scheme } from "../scheme/scheme.ts";

/** One operation of the API, before it is put into words of one OpenAPI version or the other. */
export interface ApiOperation {
  readonly method: string;
  readonly id: string;
  readonly tag: string;
  /** x-kubernetes-action; discovery has none. */
  readonly action?: string;
  readonly kind?: GroupVersionKind;
  /** Path parameters are written `name@path`; the others are query parameters. */
  readonly parameters: readonly string[];
  /** OpenAPI name of the body's type. */
  readonly body?: string;
  /** DELETE does not need one. */
  readonly bodyRequired?: boolean;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  /** OpenAPI name of the answer's type by status code; `string` for text. */
  readonly responses: Readonly<Record<string, string>>;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface ApiPath {
  readonly path: string;
  readonly operations: readonly ApiOperation[];
}

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const json = "application/json";
const documents = [json, "application/yaml", "application/vnd.kubernetes.protobuf"];
const objects = [...documents, "application/cbor"];
const streams = [
  ...objects,
  "application/json;stream=watch",
  "application/vnd.kubernetes.protobuf;stream=watch",
  "application/cbor-seq",
];
const patches = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
  "application/apply-patch+cbor",
];
const anything = ["*/*"];

const listParameters = [
  "allowWatchBookmarks",
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "shardSelector",
  "timeoutSeconds",
  "watch",
];
const writeParameters = ["dryRun", "fieldManager", "fieldValidation"];
const deleteParameters = [
  "dryRun",
  "gracePeriodSeconds",
  "ignoreStoreReadErrorWithClusterBreakingPotential",
  "orphanDependents",
  "propagationPolicy",
];
const deleteCollectionParameters = [
  ...deleteParameters,
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "shardSelector",
  "timeoutSeconds",
];

/** `/version/`, which belongs to no group. */
export const versionPath: ApiPath = {
  path: "/version/",
  operations: [
    {
      method: "get",
      id: "getCodeVersion",
      tag: "version",
      parameters: [],
      consumes: [json],
      produces: [json],
      responses: { 200: "io.k8s.apimachinery.pkg.version.Info" },
    },
  ],
};

/** `/api/` or `/apis/`. */
export function rootPath(root: "api" | "apis"): ApiPath {
  return root === "api"
    ? discoveryPath("/api/", "getCoreAPIVersions", "core", "APIVersions", documents)
    : discoveryPath("/apis/", "getAPIVersions", "apis", "APIGroupList", documents);
}

/** `/apis/<group>/` */
export function groupPath(group: string): ApiPath {
  return discoveryPath(`/apis/${group}/`, `get${title(group)}APIGroup`, lowerTitle(group), "APIGroup", documents);
}

function discoveryPath(path: string, id: string, tag: string, type: string, media: readonly string[]): ApiPath {
  const responses = { 200: meta + type };
  return {
    path,
    operations: [{ method: "get", id, tag, parameters: [], consumes: media, produces: media, responses }],
  };
}

/** All paths of a version: discovery, resources, subresources, and the watch paths of old. */
export function versionPaths(scheme: Scheme, group: string, version: string): readonly ApiPath[] {
  const prefix = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const id = `get${title(group)}${capital(version)}APIResources`;
  const paths = [discoveryPath(`${prefix}/`, id, `${lowerTitle(group)}_${version}`, "APIResourceList", objects)];
  for (const resource of scheme.resources(group, version)) {
    const builder = new ResourcePaths(scheme, prefix, resource, (kind) => publishedName(scheme, kind));
    paths.push(...builder.all());
  }
  return paths;
}

function publishedName(scheme: Scheme, { group, version, kind }: GroupVersionKind): string | undefined {
  return scheme.kind(group, version, kind)?.type.openApiName;
}

const customMedia: ReadonlySet<string> = new Set([json, "application/yaml", "application/json;stream=watch"]);

/**
 * The paths of a resource whose kind somebody defined: as of any other, but in JSON and YAML only, without strategic merge
 * patches and without the watch paths of old. `nameOf` gives published names of kinds that are not the scheme's.
 */
export function customResourcePaths(
  scheme: Scheme,
  resource: ApiResource,
  nameOf: (kind: string) => string,
): readonly ApiPath[] {
  const { group, version } = resource;
  const builder = new ResourcePaths(scheme, `/apis/${group}/${version}`, resource, (kind) =>
    kind.group === group && kind.version === version ? nameOf(kind.kind) : publishedName(scheme, kind),
  );
  const custom = (operation: ApiOperation): ApiOperation => ({
    ...operation,
    consumes: operation.consumes.filter((type) => type !== "application/strategic-merge-patch+json"),
    produces: operation.produces.filter((type) => customMedia.has(type)),
  });
  return builder
    .all()
    .filter(({ path }) => !path.startsWith(`/apis/${group}/${version}/watch/`))
    .map(({ path, operations }) => ({ path, operations: operations.map(custom) }));
}

/** Writes the paths of one resource by rule. */
class ResourcePaths {
  readonly #scheme: Scheme;
  readonly #nameOf: (kind: GroupVersionKind) => string | undefined;
  readonly #prefix: string;
  readonly #resource: ApiResource;
  readonly #verbs: ReadonlySet<string>;
  /** `CoreV1`, the part of an operation's id that tells the version. */
  readonly #versionId: string;
  readonly #scopeId: string;

  constructor(
    scheme: Scheme,
    prefix: string,
    resource: ApiResource,
    nameOf: (kind: GroupVersionKind) => string | undefined,
  ) {
    this.#scheme = scheme;
    this.#nameOf = nameOf;
    this.#prefix = prefix;
    this.#resource = resource;
    this.#verbs = new Set(resource.verbs);
    this.#versionId = title(resource.group) + capital(resource.version);
    this.#scopeId = resource.namespaced ? "Namespaced" : "";
  }

  all(): ApiPath[] {
    const { resource, namespaced } = this.#resource;
    const scope = namespaced ? "/namespaces/{namespace}" : "";
    const collection = `${scope}/${resource}`;
    const paths = [
      this.#path(collection, this.#collection()),
      this.#path(`${collection}/{name}`, this.#item()),
      ...this.#resource.subresources.flatMap((sub) => this.#subresource(`${collection}/{name}`, sub)),
    ];
    if (namespaced && this.#verbs.has("list")) {
      paths.push(this.#path(`/${resource}`, [this.#list("ForAllNamespaces", [])]));
    }
    if (this.#verbs.has("watch")) paths.push(...this.#watches(collection));
    return paths.filter(({ operations }) => operations.length > 0);
  }

  #path(path: string, operations: readonly ApiOperation[]): ApiPath {
    return { path: this.#prefix + path, operations };
  }

  #collection(): ApiOperation[] {
    const { kind } = this.#resource;
    const scope = this.#scopeParameters();
    const operations: ApiOperation[] = [];
    if (this.#verbs.has("deletecollection")) {
      operations.push({
        ...this.#operation("delete", "deletecollection", `delete${this.#versionId}Collection${this.#scopeId}${kind}`),
        parameters: [...scope, "pretty", ...deleteCollectionParameters],
        body: `${meta}DeleteOptions`,
        responses: { 200: `${meta}Status` },
      });
    }
    if (this.#verbs.has("list")) operations.push(this.#list("", scope));
    if (this.#verbs.has("create")) operations.push(this.#create("", kind, this.#type(this.#resource), scope));
    return operations;
  }

  #item(): ApiOperation[] {
    const { kind } = this.#resource;
    const type = this.#type(this.#resource);
    const operations = this.#readAndWrite(this.#resource.verbs, kind, type, this.#resource);
    if (this.#verbs.has("delete")) {
      operations.push({
        ...this.#operation("delete", "delete", `delete${this.#versionId}${this.#scopeId}${kind}`),
        parameters: [...this.#nameParameters(), "pretty", ...deleteParameters],
        body: `${meta}DeleteOptions`,
        responses: both(["200", "202"], this.#resource.returnsDeletedObject ? type : `${meta}Status`),
      });
    }
    return operations;
  }

  #subresource(item: string, sub: ApiSubresource): ApiPath[] {
    const path = `${item}/${sub.name}`;
    const name = this.#resource.kind + capital(sub.name);
    if (sub.connectMethods !== undefined) return this.#connects(path, name, sub, sub.connectMethods);
    const type = this.#type(sub);
    const operations = this.#readAndWrite(sub.verbs, name, type, sub);
    if (sub.verbs.includes("create")) {
      operations.push(this.#create("", name, type, this.#nameParameters(), sub));
    }
    return [this.#path(path, operations)];
  }

  #connects(path: string, name: string, sub: ApiSubresource, methods: readonly string[]): ApiPath[] {
    const queries = this.#optionNames(sub);
    const operations = (id: string, extra: readonly string[]): ApiOperation[] =>
      methods.map((method) => ({
        ...this.#operation(
          method.toLowerCase(),
          "connect",
          `connect${this.#versionId}${capital(method.toLowerCase())}${this.#scopeId}${name}${id}`,
          sub,
        ),
        parameters: [...this.#nameParameters(), ...extra, ...queries],
        produces: anything,
        responses: { 200: "string" },
      }));
    const paths = [this.#path(path, operations("", []))];
    if (sub.withPath === true) paths.push(this.#path(`${path}/{path}`, operations("WithPath", ["path@path"])));
    return paths;
  }

  #readAndWrite(
    verbs: readonly string[],
    name: string,
    type: string,
    of: ApiResource | ApiSubresource,
  ): ApiOperation[] {
    const parameters = this.#nameParameters();
    const id = (verb: string) => `${verb}${this.#versionId}${this.#scopeId}${name}`;
    const operations: ApiOperation[] = [];
    if (verbs.includes("get")) {
      const isText = "response" in of && of.response !== undefined;
      operations.push({
        ...this.#operation("get", "get", id("read"), of),
        parameters: [...parameters, "pretty", ...("options" in of ? this.#optionNames(of) : [])],
        ...(isText ? { produces: [of.response ?? "", ...objects] } : {}),
        responses: { 200: isText ? "string" : type },
      });
    }
    if (verbs.includes("update")) {
      operations.push({
        ...this.#operation("put", "put", id("replace"), of),
        parameters: [...parameters, "pretty", ...writeParameters],
        body: type,
        bodyRequired: true,
        responses: both(["200", "201"], type),
      });
    }
    if (verbs.includes("patch")) {
      operations.push({
        ...this.#operation("patch", "patch", id("patch"), of),
        parameters: [...parameters, "pretty", ...writeParameters, "force"],
        body: `${meta}Patch`,
        bodyRequired: true,
        consumes: patches,
        responses: both(["200", "201"], type),
      });
    }
    return operations;
  }

  #list(suffix: string, scope: readonly string[]): ApiOperation {
    const { kind } = this.#resource;
    const scopeId = suffix === "" ? this.#scopeId : "";
    return {
      ...this.#operation("get", "list", `list${this.#versionId}${scopeId}${kind}${suffix}`),
      parameters: [...scope, "pretty", ...listParameters],
      produces: streams,
      responses: { 200: this.#typeOf(this.#resource.group, this.#resource.version, `${kind}List`) },
    };
  }

  #create(
    suffix: string,
    name: string,
    type: string,
    scope: readonly string[],
    of: ApiResource | ApiSubresource = this.#resource,
  ): ApiOperation {
    return {
      ...this.#operation("post", "post", `create${this.#versionId}${this.#scopeId}${name}${suffix}`, of),
      parameters: [...scope, "pretty", ...writeParameters],
      body: type,
      bodyRequired: true,
      responses: both(["200", "201", "202"], type),
    };
  }

  /** Deprecated, and still there: `watch` as a path instead of a parameter. */
  #watches(collection: string): ApiPath[] {
    const { kind, resource, namespaced } = this.#resource;
    const watch = (path: string, action: string, id: string, scope: readonly string[]): ApiPath =>
      this.#path(`/watch${path}`, [
        {
          ...this.#operation("get", action, `watch${this.#versionId}${id}`),
          parameters: [...scope, "pretty", ...listParameters],
          produces: streams,
          responses: { 200: `${meta}WatchEvent` },
        },
      ]);
    const paths = [
      watch(collection, "watchlist", `${this.#scopeId}${kind}List`, this.#scopeParameters()),
      watch(`${collection}/{name}`, "watch", `${this.#scopeId}${kind}`, this.#nameParameters()),
    ];
    if (namespaced) paths.push(watch(`/${resource}`, "watchlist", `${kind}ListForAllNamespaces`, []));
    return paths;
  }

  #operation(
    method: string,
    action: string,
    id: string,
    of: ApiResource | ApiSubresource = this.#resource,
  ): Pick<ApiOperation, "method" | "action" | "id" | "tag" | "kind" | "consumes" | "produces"> {
    const { group, version } = this.#resource;
    const kind = { group: of.group, version: of.version, kind: of.kind };
    return { method, action, id, tag: `${lowerTitle(group)}_${version}`, kind, consumes: anything, produces: objects };
  }

  #scopeParameters(): readonly string[] {
    return this.#resource.namespaced ? ["namespace@path"] : [];
  }

  #nameParameters(): readonly string[] {
    return this.#resource.namespaced ? ["name@path", "namespace@path"] : ["name@path"];
  }

  #type(of: ApiResource | ApiSubresource): string {
    return this.#typeOf(of.group, of.version, of.kind);
  }

  #typeOf(group: string, version: string, kind: string): string {
    return this.#nameOf({ group, version, kind }) ?? `${apiVersionOf({ group, version })}.${kind}`;
  }

  /** The fields of the kind that describes the request. */
  #optionNames(sub: ApiSubresource): readonly string[] {
    const options = sub.options ?? (sub.connectMethods === undefined ? undefined : sub.kind);
    if (options === undefined) return [];
    const kind = this.#scheme.kind(this.#resource.group, this.#resource.version, options);
    return (kind?.type.fields ?? []).flatMap((field) => (isQueryParameter(field) ? [field.name] : []));
  }
}

/** Only plain values, and lists of them, are told; a time is accepted all the same. */
function isQueryParameter({ type, inlinedFrom }: StructField): boolean {
  if (inlinedFrom === "TypeMeta") return false;
  const plain = type.kind === "list" ? type.items : type;
  return plain.kind === "enum" || (plain.kind === "scalar" && !structLikeScalars.has(plain.scalar));
}

function both(codes: readonly string[], type: string): Record<string, string> {
  return Object.fromEntries(codes.map((code) => [code, type]));
}

/** `rbac.authorization.k8s.io` → `RbacAuthorization`; the legacy group is `Core`. */
function title(group: string): string {
  if (group === "") return "Core";
  return group
    .replace(/\.k8s\.io$/, "")
    .split(".")
    .map(capital)
    .join("");
}

function lowerTitle(group: string): string {
  const name = title(group);
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
