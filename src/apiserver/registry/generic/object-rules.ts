import { finishGivingWay } from "../../../component-base/steps.ts";
import { badRequest, conflict, invalid } from "../../../apimachinery/errors/new.ts";
import { uintProblem } from "../../../apimachinery/go-integer.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import type { GroupKind, GroupResource, ObjectMeta } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type { NameRule } from "../../../apimachinery/validation/names.ts";
import { nameIsDnsSubdomain, nameIsPathSegment } from "../../../apimachinery/validation/names.ts";
import {
  validateMetaBesideName,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from "../../../apimachinery/validation/object-meta.ts";
import { randomUuid } from "../../../component-base/random.ts";
import type { Random } from "../../../component-base/random.ts";
import type { WritePreconditions } from "../rest/registry-access.ts";
import type { RequestContext, Strategy, SubresourceStrategy } from "../rest/strategy.ts";
import { cloneJson, deepEqual } from "../../../apimachinery/object.ts";
import { toTime } from "./deletion.ts";

/** The names a kind goes by in messages. */
export interface ResourceNames {
  readonly gr: GroupResource;
  readonly gk: GroupKind;
  readonly namespaced: boolean;
  /** Of the kind's strategy. */
  readonly checksMetadataOnce: boolean;
  /** Under `/registry/`, as it appears in messages about stored objects. */
  readonly storagePrefix: string;
}

export type GenerationRule = "spec" | "object" | "none";

/** An object whose parts beyond metadata are looked at by name. */
type WithParts = Mutable<KubeObject> & { spec?: unknown; status?: unknown };

const metadataPath = FieldPath.of("metadata");

/** Fills or checks metadata.namespace against the request's. Throws BadRequest when they differ. */
export function ensureNamespaceMatches(object: Mutable<KubeObject>, namespace: string): void {
  const own = object.metadata.namespace ?? "";
  if (own === namespace) return;
  // As upstream, what is cluster-scoped just loses a namespace it should not have.
  if (namespace === "") delete object.metadata.namespace;
  else if (own === "") object.metadata.namespace = namespace;
  else throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

/** What the server alone sets on a new object. */
export function fillSystemFields(
  object: Mutable<KubeObject>,
  generation: GenerationRule,
  nowMs: number,
  random: Random,
): void {
  const meta = object.metadata;
  // Validation says that it is missing; until then strategies find a text.
  meta.name ??= "";
  meta.uid = randomUuid(random);
  meta.creationTimestamp = toTime(nowMs);
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.selfLink;
  // Where nobody counts, the client's number stays.
  if (generation !== "none") meta.generation = 1;
}

/** The last thing upstream looks at, when all others have agreed to the object. What is no version is none. */
export function checkNoResourceVersion({ metadata }: KubeObject): void {
  const { resourceVersion = "" } = metadata;
  if (resourceVersion === "" || uintProblem(resourceVersion) !== undefined || Number(resourceVersion) === 0) return;
  throw new StatusError({
    code: 500,
    reason: "",
    message: "resourceVersion should not be set on objects to be created",
  });
}

/** Throws Invalid with all errors of a new object. */
export async function validateCreate(
  object: KubeObject,
  names: ResourceNames,
  strategy: Strategy,
  context: RequestContext,
): Promise<void> {
  const errors: FieldError[] = validateObjectMeta(
    object.metadata,
    { namespaced: names.namespaced, validateName: strategy.validateName?.bind(strategy) },
    metadataPath,
  );
  const own = strategy.validate?.(object, context);
  if (own) errors.push(...own);
  if (strategy.validateInSteps)
    errors.push(...(await finishGivingWay(strategy.validateInSteps(object, undefined, context, errors))));
  if (errors.length > 0) throw invalid(names.gk, object.metadata.name ?? "", errors);
}

/**
 * Throws Conflict, in the words of upstream's storage layer, when the stored object is not the one the writer had in mind.
 * An absent object is not the one either.
 */
export function checkPreconditions(
  stored: ObjectMeta | undefined,
  preconditions: WritePreconditions | undefined,
  {
    names,
    namespace,
    name,
    dryRun,
  }: {
    readonly names: ResourceNames;
    readonly namespace: string;
    readonly name: string;
    readonly dryRun: boolean;
  },
): void {
  if (!preconditions) return;
  const { uid, resourceVersion } = preconditions;
  const check = (what: string, wanted: string | undefined, actual = ""): void => {
    if (wanted === undefined || wanted === actual) return;
    // A dry run does not get as far as where keys have their prefix.
    const prefix = dryRun ? "" : "/registry";
    const key = `${prefix}/${names.storagePrefix}/${namespace === "" ? "" : `${namespace}/`}${name}`;
    const why = `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${actual}`;
    throw conflict(
      names.gr,
      name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
    );
  };
  check("UID", uid, stored?.uid);
  check("ResourceVersion", resourceVersion, stored?.resourceVersion);
}

/** A resourceVersion of an object as a number; 0 when there is none. Throws a Status without a reason for what is no number. */
export function versionOf(meta: { readonly resourceVersion?: string }): number {
  const { resourceVersion: text = "" } = meta;
  if (text === "") return 0;
  const message = uintProblem(text);
  if (message !== undefined) throw new StatusError({ code: 500, reason: "", message });
  return Number(text);
}

/**
 * Makes resourceVersion and the server's other metadata of an update what they must be; what must not change and did is left
 * for validation to refuse. Throws Conflict when the update was made for another state.
 */
export function reconcileMetadata(
  object: Mutable<KubeObject>,
  old: KubeObject,
  names: ResourceNames,
  allowUnconditionalUpdate: boolean,
): void {
  const meta = object.metadata;
  const before = old.metadata;
  const name = before.name ?? "";
  const version = versionOf(meta);
  if (version === 0) {
    if (!allowUnconditionalUpdate) {
      const error = fieldInvalid(metadataPath.child("resourceVersion"), 0, "must be specified for an update");
      throw invalid({ group: names.gr.group, kind: names.gr.resource }, name, [error]);
    }
  } else if (version !== versionOf(before)) throw conflict(names.gr, name);
  meta.resourceVersion = before.resourceVersion ?? "";
  meta.name ??= name;
  if (!meta.uid) copyOrDrop(meta, before, "uid");
  copyOrDrop(meta, before, "creationTimestamp");
  copyOrDrop(meta, before, "generation");
  copyOrDrop(meta, before, "selfLink");
  if (before.deletionTimestamp !== undefined) copyOrDrop(meta, before, "deletionTimestamp");
  if (meta.deletionGracePeriodSeconds === undefined) copyOrDrop(meta, before, "deletionGracePeriodSeconds");
}

/** A change of nothing but when fields were written is none: the times of managedFields are put back. */
export function keepManagedTimes(object: Mutable<KubeObject>, old: KubeObject): void {
  const now = object.metadata.managedFields;
  const before = old.metadata.managedFields;
  if (!now || !before || now === before || now.length !== before.length) return;
  const isSame = now.every((entry, i) => deepEqual({ ...entry, time: "" }, { ...before[i], time: "" }));
  if (!isSame) return;
  const metadata = { ...object.metadata, managedFields: before };
  if (deepEqual({ ...object, metadata }, old)) object.metadata = metadata as typeof object.metadata;
}

function copyOrDrop(
  to: Mutable<KubeObject>["metadata"],
  from: KubeObject["metadata"],
  key: keyof KubeObject["metadata"],
): void {
  // The stored value is shared; it is only ever replaced, never changed in place.
  if (from[key] === undefined) delete to[key];
  else Object.assign(to, { [key]: from[key] });
}

/** Status belongs to the status subresource: a main update keeps the stored one. */
export function keepStatus(object: Mutable<KubeObject>, old: KubeObject): void {
  const to = object as WithParts;
  const from = old as { readonly status?: unknown };
  if (from.status === undefined) delete to.status;
  else to.status = cloneJson(from.status);
}

/**
 * A status update: of the object sent, metadata (as far as updates may change it, and but for the members named) and status
 * count, all else is as stored.
 */
export function keepAllButStatus(
  object: Mutable<KubeObject>,
  old: KubeObject,
  metadata: readonly (keyof ObjectMeta)[],
): void {
  for (const key of metadata) copyOrDrop(object.metadata, old.metadata, key);
  const to = object as unknown as Record<string, unknown>;
  const from = old as unknown as Readonly<Record<string, unknown>>;
  for (const key of new Set([...Object.keys(to), ...Object.keys(from)])) {
    if (key === "metadata" || key === "status" || key === "kind" || key === "apiVersion") continue;
    if (from[key] === undefined) delete to[key];
    else to[key] = cloneJson(from[key]);
  }
}

/** Raises generation when what the rule looks at has changed. Clients cannot set it: it was copied from `old` before. */
export function bumpGeneration(object: Mutable<KubeObject>, old: KubeObject, rule: GenerationRule): void {
  if (rule === "none" || !isChanged(object, old, rule)) return;
  object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

function isChanged(object: KubeObject, old: KubeObject, rule: "spec" | "object"): boolean {
  const now = object as unknown as Readonly<Record<string, unknown>>;
  const before = old as unknown as Readonly<Record<string, unknown>>;
  if (rule === "spec") return !deepEqual(now.spec, before.spec);
  const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
  keys.delete("metadata");
  keys.delete("status");
  return [...keys].some((key) => !deepEqual(now[key], before[key]));
}

function ownNameRule(strategy: SubresourceStrategy & Pick<Strategy, "validateName">): NameRule {
  return (name, isPrefix) => strategy.validateName?.(name, isPrefix) ?? nameIsDnsSubdomain(name, isPrefix);
}

/** Throws Invalid with all errors of an update. */
export async function validateUpdate(
  object: KubeObject,
  old: KubeObject,
  names: ResourceNames,
  strategy: SubresourceStrategy,
  context: RequestContext,
): Promise<void> {
  const { generateName = "" } = object.metadata;
  const nameErrors = (rule: NameRule): FieldError[] =>
    generateName === ""
      ? []
      : rule(generateName, true).map((m) => fieldInvalid(metadataPath.child("generateName"), generateName, m));
  const errors = nameErrors(nameIsPathSegment);
  const changes = validateObjectMetaUpdate(object.metadata, old.metadata, metadataPath);
  if (changes.length > 0) {
    errors.push(...validateMetaBesideName(object.metadata, names.namespaced, metadataPath), ...changes);
    // The rules of nearly every kind look at them again, which shows in the causes.
    if (!names.checksMetadataOnce) errors.push(...changes);
  }
  const own = strategy.validateUpdate?.(object, old, context);
  if (own) errors.push(...own);
  if (strategy.validateInSteps)
    errors.push(...(await finishGivingWay(strategy.validateInSteps(object, old, context, errors))));
  if (strategy.checksNameOnUpdate && changes.length > 0)
    errors.push(...validateMetaBesideName(object.metadata, names.namespaced, metadataPath));
  if (strategy.checksNameOnUpdate) errors.push(...nameErrors(ownNameRule(strategy)));
  if (errors.length > 0) throw invalid(names.gk, object.metadata.name ?? "", errors);
}
