import { isInvalid, isNotFound } from "../apimachinery/errors/status-error.ts";
import type { ObjectMeta, OwnerReference } from "../apimachinery/meta/v1/types.gen.ts";
import { apiVersionOf, type ResourceType } from "../apimachinery/resource-type.ts";
import type { ApiClient } from "../client/rest/api-client.ts";

/** An object with the metadata ownership needs. */
export interface Owned {
  readonly metadata: ObjectMeta;
}

/** The reference to the one owner that controls the object. */
export function controllerOf(object: Owned): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((ref) => ref.controller);
}

export function isControlledBy(object: Owned, owner: Owned): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** A reference that makes `owner` the controller of what carries it. */
export function newControllerRef(type: ResourceType, owner: Owned): OwnerReference {
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/**
 * The key of the owner, when the object is controlled by one of that type. The owner may be gone or be another object of
 * the same name: its reconciler compares the UID.
 */
export function controllerKeys(object: Owned, type: ResourceType): readonly string[] {
  const ref = controllerOf(object);
  if (ref?.kind !== type.kind || ref.apiVersion.split("/")[0] !== apiVersionOf(type).split("/")[0]) return [];
  return [type.namespaced ? `${object.metadata.namespace ?? ""}/${ref.name}` : ref.name];
}

export interface ClaimOptions<O extends Owned, T extends Owned> {
  readonly client: ApiClient;
  readonly owner: O;
  readonly ownerType: ResourceType<O>;
  readonly dependentType: ResourceType<T>;
  /** All objects of the dependent type in the owner's namespace. */
  readonly candidates: readonly T[];
  readonly matches: (object: T) => boolean;
  /** Put on what is adopted and taken off what is released. */
  readonly finalizers?: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * The candidates that are the owner's: those it controls and that match; matching orphans are adopted, and controlled
 * ones that match no longer are released. Adoption first makes sure, at the server, that the owner is not being deleted.
 */
export async function claimDependents<O extends Owned, T extends Owned>(options: ClaimOptions<O, T>): Promise<T[]> {
  const { owner, candidates, matches } = options;
  const claimed: T[] = [];
  let isOwnerChecked = false;
  for (const object of candidates) {
    const ref = controllerOf(object);
    if (ref) {
      if (ref.uid !== owner.metadata.uid) continue;
      if (matches(object)) claimed.push(object);
      else if (!owner.metadata.deletionTimestamp) await release(options, object);
      continue;
    }
    if (owner.metadata.deletionTimestamp || object.metadata.deletionTimestamp || !matches(object)) continue;
    if (!isOwnerChecked) await checkOwner(options);
    isOwnerChecked = true;
    const adopted = await adopt(options, object);
    if (adopted) claimed.push(adopted);
  }
  return claimed;
}

async function checkOwner<O extends Owned, T extends Owned>(options: ClaimOptions<O, T>): Promise<void> {
  const { client, owner, ownerType, signal } = options;
  const { namespace, name = "", uid } = owner.metadata;
  const what = `${ownerType.kind} ${namespace ?? ""}/${name}`;
  const fresh = await client.resource(ownerType, namespace).get(name, { signal });
  if (fresh.metadata.uid !== uid)
    throw new OwnerGoneError(`original ${what} is gone: got uid ${fresh.metadata.uid ?? ""}, wanted ${uid ?? ""}`);
  if (fresh.metadata.deletionTimestamp)
    throw new OwnerGoneError(`${what} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
}

/** The cache still shows an owner that the server has deleted; its event is on the way. */
export class OwnerGoneError extends Error {
  override readonly name = "OwnerGoneError";
}

async function adopt<O extends Owned, T extends Owned>(options: ClaimOptions<O, T>, object: T): Promise<T | undefined> {
  const { client, owner, ownerType, dependentType, finalizers, signal } = options;
  const { namespace, name = "", uid } = object.metadata;
  // The UID in the patch makes it fail when the name belongs to another object by now.
  const ownerReferences = [newControllerRef(ownerType, owner)];
  const patch = { metadata: { ownerReferences, uid, ...(finalizers ? { finalizers } : {}) } };
  try {
    return await client.resource(dependentType, namespace).patch(name, "strategic", patch, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function release<O extends Owned, T extends Owned>(options: ClaimOptions<O, T>, object: T): Promise<void> {
  const { client, owner, dependentType, finalizers, signal } = options;
  const { namespace, name = "", uid } = object.metadata;
  const ownerReferences = [{ $patch: "delete", uid: owner.metadata.uid }];
  const removed = finalizers ? { "$deleteFromPrimitiveList/finalizers": finalizers } : {};
  const patch = { metadata: { ownerReferences, uid, ...removed } };
  try {
    await client.resource(dependentType, namespace).patch(name, "strategic", patch, { signal });
  } catch (error) {
    // Gone, or replaced by another object of its name (the UID does not fit): nothing to release.
    if (!isNotFound(error) && !isInvalid(error)) throw error;
  }
}
