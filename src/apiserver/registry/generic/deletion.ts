import { badRequest, conflict, invalid } from "../../../apimachinery/errors/new.ts";
import type { GroupKind } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { DeleteOptions, ObjectMeta } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import { foregroundDeletionFinalizer, orphanFinalizer } from "../../../apimachinery/validation/object-meta.ts";
import { validateDeleteOptions } from "../../../apimachinery/validation/options.ts";
import type { WritePreconditions } from "../rest/registry-access.ts";
import type { Strategy } from "../rest/strategy.ts";
import { cloneJson } from "../../../apimachinery/object.ts";

/** What becomes of an object somebody deletes. */
export type DeletionDecision =
  /** Gone at once. */
  | { readonly type: "remove" }
  /** Marked, to be finished later by whoever it waits for. */
  | { readonly type: "mark"; readonly object: Mutable<KubeObject> }
  /** Already marked as much as asked for. */
  | { readonly type: "pending" };

/**
 *     live ──delete, no grace, no finalizers──────────────────────────────────────▶ gone
 *       │                                                                            ▲
 *       ├──delete, grace n──▶ deletionTimestamp = now+n ──delete, grace 0────────────┤
 *       │                        │ (only a shorter grace may follow)                 │
 *       └──delete, finalizers────┴──▶ deletionTimestamp, grace 0 ──last finalizer────┘
 *                                                                  removed by an update
 */
export function decideDeletion(
  object: KubeObject,
  options: DeleteOptions,
  strategy: Strategy,
  nowMs: number,
): DeletionDecision {
  const meta = object.metadata;
  const finalizers = finalizersForPolicy(meta, options, strategy);
  const isBlocked = finalizers.length > 0 || (strategy.hasPendingFinalizers?.(object) ?? false);
  if (meta.deletionTimestamp !== undefined) return decideAgain(object, options, isBlocked);
  const grace = strategy.gracePeriodSeconds?.(object, options.gracePeriodSeconds);
  if (!isBlocked && !grace) return { type: "remove" };
  const marked = cloneJson(object) as Mutable<KubeObject>;
  marked.metadata.deletionTimestamp = toTime(nowMs + (grace ?? 0) * 1000);
  marked.metadata.deletionGracePeriodSeconds = grace ?? 0;
  // The object behaves differently from now on, which is a change of what is wanted.
  if (meta.generation) marked.metadata.generation = meta.generation + 1;
  if (finalizers.length > 0 || meta.finalizers) marked.metadata.finalizers = [...finalizers];
  strategy.prepareForGracefulDelete?.(marked, grace ?? 0);
  return { type: "mark", object: marked };
}

/** A deletion is pending: nothing but the grace period can change, and that only down. */
function decideAgain(object: KubeObject, options: DeleteOptions, isBlocked: boolean): DeletionDecision {
  const { deletionTimestamp = "", deletionGracePeriodSeconds: before } = object.metadata;
  if (before === undefined) return isBlocked ? { type: "pending" } : { type: "remove" };
  const grace = options.gracePeriodSeconds;
  if (grace === undefined || grace >= before)
    return !isBlocked && before === 0 ? { type: "remove" } : { type: "pending" };
  if (grace <= 0 && !isBlocked) return { type: "remove" };
  const marked = cloneJson(object) as Mutable<KubeObject>;
  marked.metadata.deletionTimestamp = toTime(Date.parse(deletionTimestamp) - (before - grace) * 1000);
  marked.metadata.deletionGracePeriodSeconds = grace;
  return { type: "mark", object: marked };
}

/** The finalizers the object needs under the propagation policy asked for, or the kind's default one. */
function finalizersForPolicy(meta: ObjectMeta, options: DeleteOptions, strategy: Strategy): readonly string[] {
  const before = meta.finalizers ?? [];
  // Once the deletion is pending, options cannot change it.
  if (meta.deletionTimestamp !== undefined) return before;
  const kept = before.filter((f) => f !== orphanFinalizer && f !== foregroundDeletionFinalizer);
  if (shouldOrphan(before, options, strategy)) kept.push(orphanFinalizer);
  else if (shouldWaitForDependents(before, options)) kept.push(foregroundDeletionFinalizer);
  return kept;
}

function shouldOrphan(before: readonly string[], options: DeleteOptions, strategy: Strategy): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Orphan";
  if (before.includes(orphanFinalizer)) return true;
  if (before.includes(foregroundDeletionFinalizer)) return false;
  return strategy.defaultGarbageCollectionPolicy === "Orphan";
}

function shouldWaitForDependents(before: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return false;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Foreground";
  return before.includes(foregroundDeletionFinalizer);
}

/** True when an update has removed the last thing a pending deletion waited for. */
export function isDeletionComplete(object: KubeObject, old: KubeObject, strategy: Strategy): boolean {
  return (
    old.metadata.deletionTimestamp !== undefined &&
    old.metadata.deletionGracePeriodSeconds === 0 &&
    (object.metadata.finalizers?.length ?? 0) === 0 &&
    !(strategy.hasPendingFinalizers?.(object) ?? false)
  );
}

/** Throws Conflict when the object is not the one whoever deletes it had in mind. */
export function checkDeletePreconditions(
  meta: ObjectMeta,
  preconditions: WritePreconditions | undefined,
  gk: GroupKind,
  name: string,
): void {
  if (!preconditions) return;
  // Upstream names the kind where other conflicts name the resource.
  const gr = { group: gk.group, resource: gk.kind };
  const { uid, resourceVersion } = preconditions;
  if (uid !== undefined && uid !== meta.uid)
    throw conflict(
      gr,
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${meta.uid ?? ""}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== meta.resourceVersion)
    throw conflict(
      gr,
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${meta.resourceVersion ?? ""}). The object might have been modified`,
    );
}

/** Throws Invalid for options that contradict themselves. */
export function checkDeleteOptions(options: DeleteOptions): void {
  const errors = validateDeleteOptions(options);
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind: "DeleteOptions" }, "", errors);
  if (options.gracePeriodSeconds !== undefined && !Number.isInteger(options.gracePeriodSeconds))
    throw badRequest("gracePeriodSeconds must be an integer");
}

/** A Time as the API writes it: whole seconds. */
export function toTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
