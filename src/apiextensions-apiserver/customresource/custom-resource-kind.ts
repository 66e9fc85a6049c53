import { badRequest } from "../../apimachinery/errors/new.ts";
import type { StatusError } from "../../apimachinery/errors/status-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { isJsonObject, setMember } from "../../apimachinery/object.ts";
import type { PatchSchema } from "../../apimachinery/patch/patch-schema.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { StructType } from "../../apimachinery/schema/type-registry.ts";
import type { CustomKind, DecodeResult, ObjectKind, Scheme } from "../../apimachinery/scheme/scheme.ts";
import { fieldInvalid, formatFieldError } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { defined } from "../../component-base/assert.ts";
import { applyTypeOf } from "../schema/apply-type.ts";
import { withDefaults } from "../schema/defaults.ts";
import {
  hasEmbedded,
  isEmbeddedResource,
  itemSchema,
  type JsonSchema,
  memberPath,
  memberSchema,
  withItems,
  withMembers,
} from "../schema/json-schema.ts";
import { prune, pruneNulls } from "../schema/prune.ts";

/** One version of a kind that a CustomResourceDefinition describes. Metadata is every kind's; all else is as its schema says. */
export class CustomResourceKind implements ObjectKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly custom: CustomKind;
  readonly type: StructType;
  readonly patchSchema: PatchSchema;
  readonly schema: JsonSchema;
  /** What every object has, decoded by the built-in rules for it. */
  readonly #metadata: ObjectKind;

  constructor(
    scheme: Scheme,
    names: { readonly group: string; readonly version: string; readonly kind: string; readonly listKind: string },
    schema: JsonSchema,
  ) {
    this.group = names.group;
    this.version = names.version;
    this.kind = names.kind;
    this.schema = schema;
    this.#metadata = defined(scheme.kind("meta.k8s.io", "v1", "PartialObjectMetadata"), "PartialObjectMetadata");
    this.type = this.#metadata.type;
    this.patchSchema = this.#metadata.patchSchema;
    this.custom = {
      listKind: names.listKind,
      schema: schema as Readonly<Record<string, unknown>>,
      applyType: (metadata) => applyTypeOf(schema, metadata),
      prune: (object) => replaceMembers(object, prune(membersOf(object), schema)),
    };
  }

  decode(value: unknown): DecodeResult {
    if (!isJsonObject(value))
      throw badRequest("json: cannot unmarshal value into Go value of type map[string]interface {}");
    const metadata = this.#decodeMetadata(value.metadata);
    const unknownFields: string[] = [];
    const pruned = pruneNulls(
      prune(value, this.schema, (path) => void unknownFields.push(path)),
      this.schema,
    ) as Record<string, unknown>;
    unknownFields.sort();
    const whole = this.#embedded(pruned, this.schema, "", unknownFields) as Record<string, unknown>;
    const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...rest } = whole;
    const object = { apiVersion: apiVersionOf(this), kind: this.kind, metadata: metadata.object.metadata, ...rest };
    return {
      object: object,
      unknownFields: [...metadata.unknownFields, ...unknownFields],
    };
  }

  applyDefaults(object: Mutable<KubeObject>): void {
    replaceMembers(object, withDefaults(membersOf(object), this.schema));
  }

  /** A stored object in this version: what the schema has lost since is gone, what it has gained has its default. May be shared. */
  fromStorage(object: KubeObject): KubeObject {
    const stored = object as unknown as Record<string, unknown>;
    const apiVersion = apiVersionOf(this);
    const named = object.apiVersion === apiVersion ? stored : { ...stored, apiVersion };
    return withDefaults(prune(named, this.schema), this.schema) as unknown as KubeObject;
  }

  /** `at` is where the object is inside the whole, whose own metadata it is when it is undefined. */
  #decodeMetadata(metadata: unknown, at?: string): DecodeResult {
    const { group, version, kind } = this.#metadata;
    try {
      return this.#metadata.decode({ kind, apiVersion: apiVersionOf({ group, version }), metadata });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const cause = text
        .slice(text.indexOf(": ") + 2)
        .replace(/ Go struct field PartialObjectMetadata\.metadata of/, " Go value of")
        .replace(/( Go struct field \w+\.)metadata\./, "$1");
      throw this.#cannotHandle(at === undefined ? cause : wrongMember(memberPath(at, "metadata"), metadata, cause));
    }
  }

  #cannotHandle(why: string): StatusError {
    return badRequest(`${this.kind} in version ${goQuote(this.version)} cannot be handled as a ${this.kind}: ${why}`);
  }

  /** Metadata of objects inside the object is what metadata is everywhere. */
  #embedded(value: unknown, schema: JsonSchema | undefined, path: string, unknownFields: string[]): unknown {
    if (!schema || !hasEmbedded(schema)) return value;
    if (Array.isArray(value)) {
      const items = itemSchema(schema);
      return items ? withItems(value, (item, i) => this.#embedded(item, items, `${path}[${i}]`, unknownFields)) : value;
    }
    if (!isJsonObject(value)) return value;
    const isResource = isEmbeddedResource(schema);
    return withMembers(value, (name, member) => {
      const at = memberPath(path, name);
      if (isResource && (name === "apiVersion" || name === "kind") && typeof member !== "string")
        throw this.#cannotHandle(wrongMember(at, member, "must be a string"));
      if (isResource && name === "metadata") {
        const decoded = this.#decodeMetadata(member, path);
        unknownFields.push(...decoded.unknownFields.map((field) => memberPath(path, field)));
        return decoded.object.metadata;
      }
      return this.#embedded(member, memberSchema(schema, name), at, unknownFields);
    });
  }
}

function wrongMember(path: string, value: unknown, why: string): string {
  return formatFieldError(fieldInvalid(FieldPath.of(path), value, why));
}

function membersOf(object: Mutable<KubeObject>): Record<string, unknown> {
  return object;
}

/** Makes the object have the members of another, in place. */
function replaceMembers(object: Mutable<KubeObject>, by: Readonly<Record<string, unknown>>): void {
  const target = membersOf(object);
  if (target === by) return;
  for (const name of Object.keys(target)) if (!Object.hasOwn(by, name)) delete target[name];
  for (const [name, member] of Object.entries(by)) if (target[name] !== member) setMember(target, name, member);
}
