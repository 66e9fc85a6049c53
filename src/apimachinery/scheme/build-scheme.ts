import { badRequest } from "../errors/new.ts";
import { goQuote } from "../go-format.ts";
import type { KubeObject, Mutable } from "../resource-type.ts";
import type { TypedObject } from "../protobuf/encode.ts";
import { hasMessage, ProtobufCodec } from "../protobuf/codec.ts";
import { DecoderCache, type DecodeState } from "../schema/decode.ts";
import { DefaulterCache } from "../schema/defaults.ts";
import { type Diagnosis, diagnose } from "../schema/diagnose.ts";
import type { PatchSchema } from "../patch/patch-schema.ts";
import { patchSchemaOf } from "../schema/patch-schema.ts";
import { ageColumn, type ApiVersionSchema, nameColumn, type ResourceSchema } from "../schema/resource-schema.ts";
import { ScalarMismatch } from "../schema/scalars.ts";
import { type StructType, TypeRegistry } from "../schema/type-registry.ts";
import type { ApiGroup, ApiResource, DecodeResult, ObjectKind, Scheme } from "./scheme.ts";

/**
 * A scheme over schema data. Building costs a few maps; what a kind needs is made when the kind is first used.
 * `served` is in discovery order; `typesOnly` are versions others refer to.
 */
export function buildScheme(served: readonly ApiVersionSchema[], typesOnly: readonly ApiVersionSchema[]): Scheme {
  return new SchemaScheme(served, typesOnly);
}

/** Kinds every group version accepts beside its own. */
const sharedKinds: ReadonlySet<string> = new Set([
  "CreateOptions",
  "DeleteOptions",
  "GetOptions",
  "ListOptions",
  "PatchOptions",
  "UpdateOptions",
]);

/** Kinds that have no version of their own and go as those of the legacy one. */
export const unversionedKinds: ReadonlySet<string> = new Set([
  "APIGroup",
  "APIGroupList",
  "APIResourceList",
  "APIVersions",
  "Status",
]);

class SchemaScheme implements Scheme {
  readonly groups: readonly ApiGroup[];
  readonly allVersions: readonly ApiVersionSchema[];
  readonly types: TypeRegistry;
  readonly #versions = new Map<string, VersionEntry>();
  readonly #folders: Folders;
  readonly #decoders = new DecoderCache();
  readonly #defaulters = new DefaulterCache();
  readonly #protobuf = new ProtobufCodec();

  constructor(served: readonly ApiVersionSchema[], typesOnly: readonly ApiVersionSchema[]) {
    this.allVersions = [...served, ...typesOnly];
    this.types = new TypeRegistry(this.allVersions);
    this.#folders = new Map(this.allVersions.map((schema) => [schema.folder, schema]));
    for (const schema of this.allVersions) {
      this.#versions.set(`${schema.group}/${schema.version}`, { schema, resources: undefined, kinds: new Map() });
    }
    this.groups = groupsOf(served);
  }

  schema(group: string, version: string): ApiVersionSchema | undefined {
    return this.#versions.get(`${group}/${version}`)?.schema;
  }

  resources(group: string, version: string): readonly ApiResource[] {
    const entry = this.#versions.get(`${group}/${version}`);
    return entry === undefined ? [] : resourcesOf(entry, this.#folders).list;
  }

  resource(group: string, version: string, resource: string): ApiResource | undefined {
    const entry = this.#versions.get(`${group}/${version}`);
    return entry === undefined ? undefined : resourcesOf(entry, this.#folders).byName.get(resource);
  }

  kind(group: string, version: string, kind: string): ObjectKind | undefined {
    const entry = this.#versions.get(`${group}/${version}`);
    if (entry === undefined) return undefined;
    if (!entry.kinds.has(kind)) entry.kinds.set(kind, this.#makeKind(entry.schema, kind));
    return entry.kinds.get(kind);
  }

  #makeKind(schema: ApiVersionSchema, kind: string): ObjectKind | undefined {
    const isShared = sharedKinds.has(kind) || (schema.group === "" && unversionedKinds.has(kind));
    const folder = isShared ? "meta/v1" : schema.folder;
    const struct = this.types.struct(folder, kind);
    if (struct?.schema.typeMeta !== true) return undefined;
    return new SchemaKind(schema, struct, this.#decoders, this.#defaulters, this.#protobuf);
  }
}

interface VersionEntry {
  readonly schema: ApiVersionSchema;
  resources: ResourceTable | undefined;
  readonly kinds: Map<string, ObjectKind | undefined>;
}

interface ResourceTable {
  readonly list: readonly ApiResource[];
  readonly byName: ReadonlyMap<string, ApiResource>;
}

class SchemaKind implements ObjectKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly type: StructType;
  readonly #decoders: DecoderCache;
  readonly #defaulters: DefaulterCache;
  readonly fromProtobuf?: (message: Uint8Array) => Record<string, unknown>;
  readonly toProtobuf?: (object: TypedObject) => Uint8Array;
  #patchSchema: PatchSchema | undefined;

  constructor(
    schema: ApiVersionSchema,
    type: StructType,
    decoders: DecoderCache,
    defaulters: DefaulterCache,
    protobuf: ProtobufCodec,
  ) {
    this.group = schema.group;
    this.version = schema.version;
    this.kind = type.name;
    this.type = type;
    this.#decoders = decoders;
    this.#defaulters = defaulters;
    if (hasMessage(type)) {
      this.fromProtobuf = (message) => protobuf.decode(type, message);
      this.toProtobuf = (object) => protobuf.encode(type, object);
    }
  }

  get patchSchema(): PatchSchema {
    return (this.#patchSchema ??= patchSchemaOf(this.type));
  }

  decode(value: unknown, literals?: () => ReadonlyMap<string, string>): DecodeResult {
    const state: DecodeState = { hasUnknown: false };
    let object: unknown;
    try {
      object = this.#decoders.struct(this.type)(value, state);
    } catch (error) {
      if (error instanceof ScalarMismatch) {
        throw this.#badRequest(diagnose(this.type, value, literals?.()).error ?? error.message);
      }
      throw error;
    }
    const { error } = literals ? diagnose(this.type, value, literals()) : noDiagnosis;
    if (error !== undefined) throw this.#badRequest(error);
    const unknownFields = state.hasUnknown ? diagnose(this.type, value).unknownFields : noFields;
    return { object: object as Mutable<KubeObject>, unknownFields };
  }

  applyDefaults(object: Mutable<KubeObject>): void {
    this.#defaulters.struct(this.type)?.(object);
  }

  #badRequest(text: string): Error {
    return badRequest(`${this.kind} in version ${goQuote(this.version)} cannot be handled as a ${this.kind}: ${text}`);
  }
}

const noFields: readonly string[] = [];
const noDiagnosis: Partial<Diagnosis> = {};

function groupsOf(served: readonly ApiVersionSchema[]): ApiGroup[] {
  const versions = new Map<string, string[]>();
  for (const { group, version } of served) {
    const known = versions.get(group);
    if (known === undefined) versions.set(group, [version]);
    else known.push(version);
  }
  return [...versions].map(([group, names]) => ({ group, versions: names, preferredVersion: names[0] ?? "" }));
}

/** By folder. */
type Folders = ReadonlyMap<string, ApiVersionSchema>;

function resourcesOf(entry: VersionEntry, folders: Folders): ResourceTable {
  if (entry.resources === undefined) {
    const list = entry.schema.resources.map((resource) => apiResource(entry.schema, resource, folders));
    entry.resources = { list, byName: new Map(list.map((resource) => [resource.resource, resource])) };
  }
  return entry.resources;
}

/** What is said of `Type.field`, or of `folder.Type.field`; "" where nothing is. */
function describeField(path: string, home: string, folders: Folders): string {
  const parts = path.split(".");
  const [type = "", field = ""] = parts.slice(-2);
  const folder = parts.length > 2 ? (parts[0] ?? "") : home;
  return folders.get(folder)?.descriptions?.[type]?.[field] ?? "";
}

const allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** Fills in what the schema leaves to convention. */
function apiResource(of: ApiVersionSchema, schema: ResourceSchema, folders: Folders): ApiResource {
  const { group, version } = of;
  const { resource, kind, namespaced } = schema;
  return {
    group,
    version,
    resource,
    kind,
    namespaced,
    singular: schema.singular ?? kind.toLowerCase(),
    verbs: schema.verbs ?? allVerbs,
    shortNames: schema.shortNames ?? [],
    categories: schema.categories ?? [],
    subresources: (schema.subresources ?? []).map((sub) => ({ group, version, kind, ...sub })),
    fieldSelectors: schema.fieldSelectors ?? ["metadata.name", "metadata.namespace"],
    fieldSelectorAliases: schema.fieldSelectorAliases ?? {},
    columns: (schema.columns ?? [nameColumn, ageColumn]).map(({ wide, of: field, description, ...column }) => ({
      ...column,
      description: description ?? (field === undefined ? "" : describeField(field, of.folder, folders)),
      priority: wide === true ? 1 : 0,
    })),
    returnsDeletedObject: schema.returnsDeletedObject ?? false,
    persisted: schema.persisted ?? true,
    storagePrefix: schema.storagePrefix ?? resource,
    storage: schema.storage ?? { group, version, kind },
    storageVersionHash: schema.storageVersionHash ?? "",
  };
}
