import type { Clock } from "../../../component-base/clock.ts";
import { randomName } from "../../../component-base/random.ts";
import type { Random } from "../../../component-base/random.ts";
import { alreadyExists, generateNameConflict, notFound } from "../../../apimachinery/errors/new.ts";
import { StatusError, isNotFound } from "../../../apimachinery/errors/status-error.ts";
import type { DeleteOptions } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { Input, KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { ResourceStorage, StorageChange } from "../../storage/interface.ts";
import type { Selection } from "../../storage/selection.ts";
import type { StoredObject } from "../../storage/stored-object.ts";
import type { ResourceRegistry, WritePreconditions } from "../rest/registry-access.ts";
import type { Claim, RequestContext, Strategy, SubresourceStrategy } from "../rest/strategy.ts";
import { checkDeleteOptions, checkDeletePreconditions, decideDeletion, isDeletionComplete } from "./deletion.ts";
import { cloneJson, deepEqual } from "../../../apimachinery/object.ts";
import {
  bumpGeneration,
  checkNoResourceVersion,
  fillSystemFields,
  keepAllButStatus,
  keepManagedTimes,
  keepStatus,
  checkPreconditions,
  reconcileMetadata,
  validateCreate,
  validateUpdate,
  versionOf,
} from "./object-rules.ts";
import type { GenerationRule, ResourceNames } from "./object-rules.ts";

// Upstream's limits: a generated name has a 5 character suffix, the whole is a DNS label, and creation is tried 8 times.
const generatedSuffixLength = 5;
const generatedNameLengthMax = 63;
const generateAttempts = 8;

export interface RegistryStoreOptions {
  /** As messages name the resource: a second version of a resource has its own. */
  readonly names: ResourceNames;
  readonly storage: ResourceStorage;
  /** Of the storage version, as everything here is. */
  readonly strategy: Strategy;
  readonly generation: GenerationRule;
  /** Whether a status subresource exists, so that main writes leave status alone. */
  readonly hasStatus: boolean;
  /** The status of a new object; undefined when the kind has none. */
  readonly emptyStatus: () => unknown;
  readonly subresources: Readonly<Record<string, SubresourceStrategy>>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Admission around a write, handed in by the endpoint; in-process callers have none. */
export type ValidatingAdmission = (object: KubeObject | undefined, old: KubeObject | undefined) => Promise<void>;

export interface UpdateRequest {
  readonly namespace: string;
  readonly name: string;
  /**
   * Makes the new object from the stored one (undefined: there is none, and the strategy allows to create it). Owned by
   * the store once returned. Called again when somebody else was faster.
   */
  readonly change: (old: KubeObject | undefined) => Promise<Mutable<KubeObject>>;
  readonly context: RequestContext;
  readonly subresource?: string;
  /** Creates what is absent, whatever the strategy says of updates. Subresources never create. */
  readonly allowCreate?: boolean;
  readonly preconditions?: WritePreconditions;
  readonly validate?: ValidatingAdmission;
}

export interface UpdateResult {
  readonly object: StoredOrDry;
  readonly isCreated: boolean;
}

export interface DeleteRequest {
  readonly namespace: string;
  readonly name: string;
  readonly options: DeleteOptions;
  readonly context: RequestContext;
  readonly validate?: ValidatingAdmission;
}

export interface DeleteResult {
  readonly object: StoredOrDry;
  /** False: the object stays until its grace period is over or its finalizers are gone. */
  readonly isGone: boolean;
}

/** What a write ends with: a stored version, whose bytes are served as they are, or what a dry run would have stored. */
export type StoredOrDry = StoredObject | { readonly dryRun: KubeObject };

/** The object itself. Read-only. */
export function objectOf(result: StoredOrDry): KubeObject {
  return "dryRun" in result ? result.dryRun : result.object();
}

/**
 * The one CRUD engine: every rule that holds for all kinds, in one place and one order; strategies say the rest. A write
 * is decided on a snapshot and lands only if that snapshot is still the newest, else it is decided again.
 */
export class RegistryStore implements ResourceRegistry {
  readonly names: ResourceNames;
  readonly storage: ResourceStorage;
  readonly strategy: Strategy;
  readonly #generation: GenerationRule;
  readonly #hasStatus: boolean;
  readonly #emptyStatus: () => unknown;
  readonly #subresources: Readonly<Record<string, SubresourceStrategy>>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: RegistryStoreOptions) {
    this.names = options.names;
    this.storage = options.storage;
    this.strategy = options.strategy;
    this.#generation = options.generation;
    this.#hasStatus = options.hasStatus;
    this.#emptyStatus = options.emptyStatus;
    this.#subresources = options.subresources;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Throws NotFound. */
  stored(namespace: string, name: string): StoredObject {
    const found = this.storage.get(namespace, name);
    if (!found) throw notFound(this.names.gr, name);
    return found;
  }

  async get(namespace: string, name: string): Promise<KubeObject> {
    return this.stored(namespace, name).object();
  }

  async list(namespace?: string): Promise<readonly KubeObject[]> {
    return this.storage.all(namespace).map((stored) => stored.object());
  }

  async create(object: Input<KubeObject>, context: RequestContext): Promise<KubeObject> {
    // Ours from here on, so no longer read-only; completeness is the caller's promise.
    return objectOf(await this.createObject(object as Mutable<KubeObject>, context));
  }

  async update(
    namespace: string,
    name: string,
    change: (object: Mutable<KubeObject>) => void | Promise<void>,
    context: RequestContext,
    options: { readonly preconditions?: WritePreconditions; readonly subresource?: string } = {},
  ): Promise<KubeObject> {
    const result = await this.updateObject({
      namespace,
      name,
      context,
      change: async (old) => {
        if (!old) throw notFound(this.names.gr, name);
        const copy = cloneJson(old) as Mutable<KubeObject>;
        await change(copy);
        return copy;
      },
      ...options,
    });
    return objectOf(result.object);
  }

  async delete(namespace: string, name: string, options: DeleteOptions, context: RequestContext): Promise<KubeObject> {
    return objectOf((await this.deleteObject({ namespace, name, options, context })).object);
  }

  /** Creates; owns `object`. Throws AlreadyExists, Invalid. */
  async createObject(
    object: Mutable<KubeObject>,
    context: RequestContext,
    validate?: ValidatingAdmission,
  ): Promise<StoredOrDry> {
    const claim = await this.strategy.beginCreate?.(object, context);
    try {
      const created = await this.#createNamed(object, context, validate);
      await (context.dryRun ? claim?.rollback() : claim?.commit());
      return created;
    } catch (error) {
      await claim?.rollback();
      throw error;
    }
  }

  /** Replaces what is stored by what `change` makes of it. */
  async updateObject(request: UpdateRequest): Promise<UpdateResult> {
    const { namespace, name, context } = request;
    let claim: Claim | undefined;
    let dry: KubeObject | undefined;
    let isCreated = false;
    let isDeleted = false;
    const settle = async (isWritten: boolean): Promise<void> => {
      const held = claim;
      claim = undefined;
      await (isWritten && !context.dryRun ? held?.commit() : held?.rollback());
    };
    try {
      const result = await this.storage.guaranteedUpdate(namespace, name, async (current) => {
        await settle(false);
        context.pace?.note(current?.bytes.length ?? 0);
        const old = current?.object();
        const object = await this.#changed(request, old);
        isCreated = old === undefined;
        isDeleted = false;
        if (!old) {
          claim = await this.strategy.beginCreate?.(object, context);
          versionOf(object.metadata);
          await this.#prepareCreate(object, context, request.validate);
          delete object.metadata.resourceVersion;
        } else {
          claim = request.subresource ? undefined : await this.strategy.beginUpdate?.(object, old, context);
          await this.#prepareUpdate(object, old, request);
          await context.pace?.giveWay();
          if (deepEqual(object, old) && !(current && this.storage.isOutdated(current))) return { type: "keep" };
          isDeleted = isDeletionComplete(object, old, this.strategy);
        }
        dry = object;
        await context.pace?.giveWay();
        if (context.dryRun) return { type: "keep" };
        return isDeleted ? { type: "delete" } : this.#put(object);
      });
      await settle(true);
      if (context.dryRun && dry) return { object: { dryRun: dry }, isCreated };
      if (!result.object) throw notFound(this.names.gr, name);
      if (isDeleted) await this.strategy.afterDelete?.(result.object.object());
      return { object: result.object, isCreated };
    } catch (error) {
      await settle(false);
      throw error;
    }
  }

  /** Deletes, or marks for deletion when something has to happen first. */
  async deleteObject(request: DeleteRequest): Promise<DeleteResult> {
    const { namespace, name, options, context } = request;
    checkDeleteOptions(options);
    let isGone = false;
    let dry: KubeObject | undefined;
    const result = await this.storage.guaranteedUpdate(namespace, name, async (current): Promise<StorageChange> => {
      if (!current) throw notFound(this.names.gr, name);
      const old = current.object();
      checkDeletePreconditions(old.metadata, options.preconditions, this.names.gk, name);
      await request.validate?.(undefined, old);
      const decision = decideDeletion(old, options, this.strategy, this.#clock.now());
      isGone = decision.type === "remove";
      dry = decision.type === "mark" ? decision.object : old;
      if (context.dryRun || decision.type === "pending") return { type: "keep" };
      return decision.type === "remove" ? { type: "delete" } : this.#put(decision.object);
    });
    if (context.dryRun && dry) return { object: { dryRun: dry }, isGone };
    if (!result.object) throw notFound(this.names.gr, name);
    if (isGone) await this.strategy.afterDelete?.(result.object.object());
    return { object: result.object, isGone };
  }

  /** Deletes every object selected, as single deletions; what vanishes meanwhile is done. Returns what was selected. */
  async deleteCollection(
    selection: Selection,
    page: { readonly limit: number; readonly continueToken: string; readonly resourceVersion: string },
    request: Omit<DeleteRequest, "name" | "namespace">,
    narrow?: (items: readonly StoredObject[]) => Promise<readonly StoredObject[]>,
  ): Promise<{ readonly items: readonly StoredObject[]; readonly revision: number }> {
    checkDeleteOptions(request.options);
    const list = await this.storage.list({ selection, ...page, resourceVersionMatch: "" });
    const { revision } = list;
    const items = narrow ? await narrow(list.items) : list.items;
    // In order and one by one: a deletion is an in-memory decision, and its writes are batched across requests anyway.
    for (const { namespace, name } of items) {
      try {
        await this.deleteObject({ ...request, namespace, name });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return { items, revision };
  }

  async #createNamed(
    object: Mutable<KubeObject>,
    context: RequestContext,
    validate: ValidatingAdmission | undefined,
  ): Promise<StoredOrDry> {
    const { generateName } = object.metadata;
    const isGenerated = !object.metadata.name && !!generateName;
    for (let attempt = 1; ; attempt++) {
      if (isGenerated) object.metadata.name = this.#generateName(generateName);
      // Everything is prepared and checked once per name: admission may look at it.
      if (attempt === 1) {
        await this.#prepareCreate(object, context, validate);
        if (!context.dryRun) checkNoResourceVersion(object);
        delete object.metadata.resourceVersion;
      }
      const { namespace = "", name = "" } = object.metadata;
      const existing = this.storage.get(namespace, name);
      if (!existing) {
        if (context.dryRun) return { dryRun: object };
        await context.pace?.giveWay();
        const created = await this.storage.create(object, this.strategy.ttlSeconds?.(object));
        if (created) return created;
      }
      if (!isGenerated) throw this.#exists(namespace, name);
      if (attempt === generateAttempts) throw generateNameConflict(this.names.gr, name, 1);
    }
  }

  #exists(namespace: string, name: string): StatusError {
    const error = alreadyExists(this.names.gr, name);
    if (this.storage.get(namespace, name)?.object().metadata.deletionTimestamp === undefined) return error;
    const { code, reason, details, message } = error;
    return new StatusError({ code, reason, details, message: `object is being deleted: ${message}` });
  }

  #generateName(base: string): string {
    const kept = base.slice(0, generatedNameLengthMax - generatedSuffixLength);
    return kept + randomName(this.#random, generatedSuffixLength);
  }

  /** The order upstream's rest.BeforeCreate has. */
  async #prepareCreate(
    object: Mutable<KubeObject>,
    context: RequestContext,
    validate: ValidatingAdmission | undefined,
  ): Promise<void> {
    fillSystemFields(object, this.#generation, this.#clock.now(), this.#random);
    if (this.#hasStatus) resetStatus(object, this.#emptyStatus());
    this.strategy.prepareForCreate?.(object, context);
    await context.pace?.giveWay();
    await validateCreate(object, this.names, this.strategy, context);
    for (const text of this.strategy.warningsOnCreate?.(object) ?? []) context.warn(text);
    await validate?.(object, undefined);
  }

  async #changed(request: UpdateRequest, old: KubeObject | undefined): Promise<Mutable<KubeObject>> {
    const { namespace, name, preconditions, subresource, allowCreate } = request;
    if (!old && (subresource || !(allowCreate || this.strategy.allowCreateOnUpdate)))
      throw notFound(this.names.gr, name);
    const { dryRun } = request.context;
    checkPreconditions(old?.metadata, preconditions, { names: this.names, namespace, name, dryRun });
    return request.change(old);
  }

  /** The order upstream's rest.BeforeUpdate has. */
  async #prepareUpdate(object: Mutable<KubeObject>, old: KubeObject, request: UpdateRequest): Promise<void> {
    const { subresource, context } = request;
    const strategy = subresource ? (this.#subresources[subresource] ?? {}) : this.strategy;
    const unconditional = strategy.allowUnconditionalUpdate ?? this.strategy.allowUnconditionalUpdate ?? true;
    reconcileMetadata(object, old, this.names, unconditional);
    if (subresource === "status") keepAllButStatus(object, old, this.strategy.statusKeeps ?? []);
    else if (!subresource && this.#hasStatus) keepStatus(object, old);
    strategy.prepareForUpdate?.(object, old, context);
    await context.pace?.giveWay();
    const generation = subresource
      ? (strategy.generation ?? (subresource === "status" ? "none" : undefined))
      : undefined;
    bumpGeneration(object, old, generation ?? this.#generation);
    keepManagedTimes(object, old);
    await context.pace?.giveWay();
    await validateUpdate(object, old, this.names, strategy, context);
    for (const text of strategy.warningsOnUpdate?.(object, old) ?? []) context.warn(text);
    await request.validate?.(object, old);
  }

  #put(object: Mutable<KubeObject>): StorageChange {
    const ttlSeconds = this.strategy.ttlSeconds?.(object);
    return { type: "put", object, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
  }
}

function resetStatus(object: Mutable<KubeObject>, status: unknown): void {
  const target = object as Mutable<KubeObject> & { status?: unknown };
  if (status === undefined) delete target.status;
  else target.status = status;
}
