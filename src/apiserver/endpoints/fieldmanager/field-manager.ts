import { defined } from "../../../component-base/assert.ts";
import type { Steps } from "../../../component-base/steps.ts";
import { badRequest } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import { formatGroupVersionKind, gvkFromApiVersion } from "../../../apimachinery/group-version.ts";
import { cloneJson, deepEqual, isJsonObject } from "../../../apimachinery/object.ts";
import type { ManagedFieldsEntry } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import { formatTime } from "../../../apimachinery/time.ts";
import type { ApplyType, ApplyTypeCache } from "../../../apimachinery/structured-merge-diff/apply-type.ts";
import { FieldSet } from "../../../apimachinery/structured-merge-diff/field-set.ts";
import {
  type Conflict,
  ConflictError,
  type VersionedSet,
} from "../../../apimachinery/structured-merge-diff/managers.ts";
import { fieldElement } from "../../../apimachinery/structured-merge-diff/path-element.ts";
import { TypedValueError } from "../../../apimachinery/structured-merge-diff/typed-error.ts";
import {
  type TypedValue,
  applyConfiguration,
  updateManagers,
} from "../../../apimachinery/structured-merge-diff/updater.ts";
import { validateTyped } from "../../../apimachinery/structured-merge-diff/validate.ts";
import { capUpdaters } from "./cap-managers.ts";
import { conflictStatus } from "./conflict.ts";
import { applyTypeOf, ConvertingVersions, type KindVersions, describeObject, plainFailure } from "./kind-versions.ts";
import { fieldsOfLastApplied, kubectlManager, updateLastApplied } from "./last-applied.ts";
import {
  type ManagedFields,
  type ManagedFieldsCodec,
  ManagedFieldsError,
  managerId,
  noManagedFields,
} from "./managed-fields.ts";

/** Keeps metadata.managedFields of what one endpoint writes, and applies configurations. Objects are of the endpoint's version. */
export interface FieldManager {
  /** Records, in place, that `manager` made `object` of the live one. Never fails: at worst the object has no managedFields. */
  update(change: ObjectChange): Steps<void>;
  /**
   * The live object with a configuration applied, its defaults set. Throws BadRequest, Conflict with all conflicts, or a plain
   * failure when the configuration does not fit the kind.
   */
  apply(request: ApplyRequest): Steps<Mutable<KubeObject>>;
}

export interface ObjectChange {
  /** Undefined for a creation. */
  readonly live: KubeObject | undefined;
  readonly object: Mutable<KubeObject>;
  readonly manager: string;
  /** The client sent an empty list of managedFields, which normal form does not show: it wants them to be forgotten. */
  readonly isReset: boolean;
}

export interface ApplyRequest {
  readonly live: KubeObject | undefined;
  /** As parsed, nothing of it checked. */
  readonly applied: unknown;
  readonly manager: string;
  readonly isForced: boolean;
}

export interface FieldManagerOptions {
  readonly kind: ObjectKind;
  /** "" for the main resource. */
  readonly subresource: string;
  readonly versions: KindVersions;
  readonly types: ApplyTypeCache;
  readonly codec: ManagedFieldsCodec;
  readonly now: () => number;
}

/** Stands for the writer of an update until it is known what it changed. */
const currentOperation = "current-operation";
const beforeFirstApply = "before-first-apply";

/** What the server and the URL decide: nobody's. */
const strippedFields = FieldSet.of(
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => ["f:metadata", fieldElement(name)]),
);

export class StructuredMergeManager implements FieldManager {
  readonly #kind: ObjectKind;
  readonly #apiVersion: string;
  readonly #subresource: string;
  readonly #versions: ConvertingVersions;
  readonly #type: ApplyType;
  readonly #codec: ManagedFieldsCodec;
  readonly #now: () => number;
  #emptyObject: KubeObject | undefined;

  constructor({ kind, subresource, versions, types, codec, now }: FieldManagerOptions) {
    this.#kind = kind;
    this.#apiVersion = apiVersionOf(kind);
    this.#subresource = subresource;
    this.#versions = new ConvertingVersions(versions, types);
    this.#type = applyTypeOf(kind, types);
    this.#codec = codec;
    this.#now = now;
  }

  *update({ live, object, manager, isReset }: ObjectChange): Steps<void> {
    const { metadata } = object;
    const managed = this.#managedBefore(live, metadata.managedFields, isReset);
    delete metadata.managedFields;
    // An object nobody tracks the fields of stays so until it is applied.
    if (live && managed.managers.size === 0) return;
    try {
      const updated = yield* this.#update(live ?? this.#empty(), object, managed, manager);
      yield;
      const entries = yield* this.#codec.encode(updated);
      if (entries) metadata.managedFields = entries;
    } catch (error) {
      // The object cannot be looked into (items of a list that cannot be told apart): better no record than a wrong one.
      if (!(error instanceof TypedValueError)) throw error;
    }
  }

  *apply({ live, applied, manager, isForced }: ApplyRequest): Steps<Mutable<KubeObject>> {
    const configuration = this.#checked(applied);
    const before = live ?? this.#empty();
    const managed = this.#managedOrFail(before);
    yield;
    const known =
      managed.managers.size > 0 || !live
        ? managed
        : yield* this.#update(this.#empty(), live, managed, beforeFirstApply);
    const id = managerId({
      manager: manager || "unknown",
      operation: "Apply",
      apiVersion: "",
      subresource: this.#subresource,
    });
    const merge = (force: boolean): Steps<ApplyResult> =>
      this.#apply(before, { configuration, id, isForced: force }, known);
    const { object, managed: after } = yield* this.#applyOrConflict(
      before,
      manager,
      () => merge(isForced),
      () => merge(true),
    );
    yield;
    if (manager === kubectlManager) updateLastApplied(object, configuration);
    const entries = yield* this.#codec.encode(after);
    if (entries) object.metadata.managedFields = entries;
    return object;
  }

  /** Who managed what before an update: as the client says, unless it says nothing one can read. */
  #managedBefore(
    live: KubeObject | undefined,
    sent: readonly ManagedFieldsEntry[] | undefined,
    isReset: boolean,
  ): ManagedFields {
    const stored = live?.metadata.managedFields;
    if (this.#subresource === "") {
      if (isReset || isResetEntry(sent)) return noManagedFields;
      if (sent !== undefined && sent.length > 0 && sent !== stored && !deepEqual(sent, stored)) {
        const decoded = this.#decodeOrNone(sent);
        if (decoded.managers.size > 0) return decoded;
      }
    }
    return this.#decodeOrNone(stored);
  }

  #decodeOrNone(entries: readonly ManagedFieldsEntry[] | undefined): ManagedFields {
    try {
      return this.#codec.decode(entries);
    } catch (error) {
      if (error instanceof ManagedFieldsError) return noManagedFields;
      throw error;
    }
  }

  #managedOrFail(object: KubeObject): ManagedFields {
    try {
      return this.#codec.decode(object.metadata.managedFields);
    } catch (error) {
      if (error instanceof ManagedFieldsError) throw plainFailure(`failed to decode managed fields: ${error.message}`);
      throw error;
    }
  }

  *#update(live: KubeObject, next: KubeObject, managed: ManagedFields, manager: string): Steps<ManagedFields> {
    const { managers } = yield* updateManagers(this.#versions, {
      live: this.#typed(live),
      next: this.#typed(next),
      managers: managed.managers,
      manager: currentOperation,
    });
    yield;
    const own = stripped(managers, currentOperation);
    if (own === undefined) return capUpdaters({ managers, times: managed.times });
    managers.delete(currentOperation);
    const id = managerId({
      manager: manager || "unknown",
      operation: "Update",
      apiVersion: this.#apiVersion,
      subresource: this.#subresource,
    });
    const left = managers.get(id);
    const set = left ? left.set.union(own.set) : own.set;
    // What it took from itself is back: the very same set, when it is the same, is not encoded again.
    const before = managed.managers.get(id)?.set;
    yield;
    managers.set(id, { ...own, set: before?.equals(set) ? before : set });
    return capUpdaters({ managers, times: new Map(managed.times).set(id, formatTime(this.#now())) });
  }

  *#apply(
    live: KubeObject,
    request: { readonly configuration: JsonObject; readonly id: string; readonly isForced: boolean },
    managed: ManagedFields,
  ): Steps<ApplyResult> {
    const { configuration, id, isForced } = request;
    let result: { readonly managers: Map<string, VersionedSet>; readonly value: unknown };
    try {
      result = yield* applyConfiguration(this.#versions, {
        live: this.#typed(live),
        applied: this.#typed(configuration),
        managers: managed.managers,
        manager: id,
        isForced,
      });
    } catch (error) {
      if (error instanceof TypedValueError)
        throw plainFailure(`failed to create typed live object (${this.#describe(live)}): ${error.message}`);
      throw error;
    }
    const { managers, value } = result;
    const own = stripped(managers, id);
    const before = managed.managers.get(id)?.set;
    // The very same set, when it is the same, is not encoded again.
    if (own && before?.equals(own.set)) managers.set(id, { ...own, set: before });
    if (value === undefined) {
      const object = cloneJson(live) as Mutable<KubeObject>;
      delete object.metadata.managedFields;
      return { object, managed: { managers, times: managed.times } };
    }
    yield;
    const object = this.#decoded(value, configuration);
    delete object.metadata.managedFields;
    return { object, managed: { managers, times: new Map(managed.times).set(id, formatTime(this.#now())) } };
  }

  /** Conflicts over fields that kubectl itself set by client-side apply are none. */
  *#applyOrConflict(
    live: KubeObject,
    manager: string,
    merge: () => Steps<ApplyResult>,
    mergeByForce: () => Steps<ApplyResult>,
  ): Steps<ApplyResult> {
    let conflicts: readonly Conflict[];
    try {
      return yield* merge();
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      ({ conflicts } = error);
    }
    const allowed = manager === kubectlManager ? fieldsOfLastApplied(live, this.#apiVersion, this.#type) : undefined;
    const left = allowed ? conflicts.filter(({ path }) => !allowed.hasPath(path)) : conflicts;
    if (left.length > 0) throw conflictStatus(left);
    return yield* mergeByForce();
  }

  /** Throws unless the configuration is an object of this kind and version. */
  #checked(applied: unknown): JsonObject {
    const sent: JsonObject = isJsonObject(applied) ? applied : {};
    const { apiVersion, kind } = sent;
    const gvk = gvkFromApiVersion(
      typeof apiVersion === "string" ? apiVersion : "",
      typeof kind === "string" ? kind : "",
    );
    const own = this.#kind;
    if (gvk.group !== own.group || gvk.version !== own.version || gvk.kind !== own.kind)
      throw badRequest(`invalid object type: ${formatGroupVersionKind(gvk)}`);
    const { metadata } = sent;
    if (isJsonObject(metadata) && metadata["managedFields"] !== undefined && metadata["managedFields"] !== null)
      throw badRequest("metadata.managedFields must be nil");
    try {
      validateTyped(sent, this.#type);
    } catch (error) {
      if (error instanceof TypedValueError)
        throw plainFailure(`failed to create typed patch object (${this.#describe(sent)}): ${error.message}`);
      throw error;
    }
    return sent;
  }

  #decoded(value: unknown, configuration: JsonObject): Mutable<KubeObject> {
    try {
      const { object } = this.#kind.decode(value);
      this.#kind.applyDefaults(object);
      return object;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      throw plainFailure(
        `failed to convert new object (${this.#describe(configuration)}) to proper version (${this.#apiVersion}): ${error.message}`,
      );
    }
  }

  #describe(object: KubeObject | JsonObject): string {
    return describeObject({ ...object }, formatGroupVersionKind(this.#kind));
  }

  #typed(value: unknown): TypedValue {
    return { value, type: this.#type, apiVersion: this.#apiVersion };
  }

  /** An object of the kind that nobody has put anything into. */
  #empty(): KubeObject {
    return (this.#emptyObject ??= this.#kind.decode({ apiVersion: this.#apiVersion, kind: this.#kind.kind }).object);
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

interface ApplyResult {
  readonly object: Mutable<KubeObject>;
  readonly managed: ManagedFields;
}

/** `[{}]`: what the API documents as the way to reset managedFields. */
function isResetEntry(sent: readonly ManagedFieldsEntry[] | undefined): boolean {
  return sent?.length === 1 && Object.keys(defined(sent[0], "entry")).length === 0;
}

/** Takes from the manager, in place, what is nobody's; what it is left with, undefined for nothing. */
function stripped(managers: Map<string, VersionedSet>, id: string): VersionedSet | undefined {
  const versioned = managers.get(id);
  if (versioned === undefined) return undefined;
  const set = versioned.set.difference(strippedFields);
  if (set.isEmpty) {
    managers.delete(id);
    return undefined;
  }
  const own = set === versioned.set ? versioned : { ...versioned, set };
  managers.set(id, own);
  return own;
}
