import type { TypedObject } from "../protobuf/encode.ts";
import type { KubeObject, Mutable } from "../resource-type.ts";
import type { PatchSchema } from "../patch/patch-schema.ts";
import type { ApiVersionSchema } from "../schema/resource-schema.ts";
import type { ApplyType } from "../structured-merge-diff/apply-type.ts";
import type { StructType, TypeRegistry } from "../schema/type-registry.ts";

/** A column of `kubectl get`. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: number;
}

export interface ApiSubresource {
  readonly name: string;
  readonly verbs: readonly string[];
  /** The kind of its bodies, which may belong to another group (`autoscaling/v1 Scale`). */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Other apiVersions its bodies may come in. */
  readonly alsoAccepts?: readonly string[];
  /** For connect subresources (exec, proxy …): the HTTP methods it takes. */
  readonly connectMethods?: readonly string[];
  /** Takes a further path (`proxy/{path}`). */
  readonly withPath?: boolean;
  /** The kind whose fields are its query parameters, where that is not `kind`. */
  readonly options?: string;
  /** Media type of the answer where it is no API object. */
  readonly response?: string;
}

/** One served resource: all that discovery, routing, OpenAPI and printing need to know of it, as data. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly ApiSubresource[];
  /** Field labels a client may select by, beside none other. */
  readonly fieldSelectors: readonly string[];
  /** Older labels that are accepted too, and what they mean. */
  readonly fieldSelectorAliases: Readonly<Record<string, string>>;
  readonly columns: readonly TableColumn[];
  /** DELETE answers with the object, not with a Status. */
  readonly returnsDeletedObject: boolean;
  /** False for reviews and the like, which are answered and never stored. */
  readonly persisted: boolean;
  /** The key segment after /registry, e.g. `pods` or `services/specs`; two versions of one resource share it. */
  readonly storagePrefix: string;
  /** The version objects are stored as. */
  readonly storage: { readonly group: string; readonly version: string; readonly kind: string };
  readonly storageVersionHash: string;
}

export interface ApiGroup {
  /** "" for the legacy group. */
  readonly group: string;
  /** In discovery order. */
  readonly versions: readonly string[];
  readonly preferredVersion: string;
}

export interface DecodeResult {
  /** Owned by the caller, in normal form: known fields only, right JSON types, structs that are no pointers present. */
  readonly object: Mutable<KubeObject>;
  /** Paths of fields the kind does not have, in document order, e.g. `spec.template.spec.containers[0].name:`. */
  readonly unknownFields: readonly string[];
}

/** What the scheme knows of one kind. */
export interface ObjectKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /**
   * Type-checks and normalises parsed JSON. Throws StatusError BadRequest with upstream's text when a value has the wrong
   * type (`json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`). `literals` are
   * given where the text has numbers other than integers: `1.0` is no integer, and which number was too large is told.
   */
  decode(value: unknown, literals?: () => ReadonlyMap<string, string>): DecodeResult;
  /**
   * Turns the kind's protobuf message into the JSON it stands for; give that to `decode`. Throws ProtobufError.
   * Undefined where the kind has no message.
   */
  readonly fromProtobuf?: (message: Uint8Array) => Record<string, unknown>;
  /**
   * An object in normal form as a body of `application/vnd.kubernetes.protobuf`: in an envelope with the kind and apiVersion
   * it has. The bytes are the caller's. Undefined where the kind has no message.
   */
  readonly toProtobuf?: (object: TypedObject) => Uint8Array;
  /** Applies declared and code defaults in place. Idempotent. */
  applyDefaults(object: Mutable<KubeObject>): void;
  /** Strategic-merge semantics of the kind. */
  readonly patchSchema: PatchSchema;
  /** The kind's schema. That of a custom kind says only that it has metadata. */
  readonly type: StructType;
  /** Present for kinds that clients define. */
  readonly custom?: CustomKind;
}

/**
 * What is different about a kind somebody defined: its objects are shaped by a JSON schema. They are not patched strategically,
 * and items of their lists tell their own kind and apiVersion.
 */
export interface CustomKind {
  readonly listKind: string;
  /** The OpenAPI v3 schema of the version, as its definition has it. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** How server-side apply sees the kind. `metadata` is the type of every object's metadata. */
  applyType(metadata: ApplyType): ApplyType;
  /** Takes from an object, in place, what the schema does not have. */
  prune(object: Mutable<KubeObject>): void;
}

/** Every kind and resource one server knows. */
export interface Scheme {
  /** In discovery order. */
  readonly groups: readonly ApiGroup[];
  /** Of one group and version, sorted by name. */
  resources(group: string, version: string): readonly ApiResource[];
  resource(group: string, version: string, resource: string): ApiResource | undefined;
  /** Lists, options (`DeleteOptions` in every version) and reviews are kinds, too. */
  kind(group: string, version: string, kind: string): ObjectKind | undefined;
  /** The data a version was made from. */
  schema(group: string, version: string): ApiVersionSchema | undefined;
  /** Those of versions without resources included. */
  readonly allVersions: readonly ApiVersionSchema[];
  readonly types: TypeRegistry;
}
