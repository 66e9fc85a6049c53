import type { Pod, PodCondition, PodStatus } from "../../api/core/v1/types.gen.ts";
import { ownedConditions } from "./pod-conditions.ts";

// Lists merged by key in a strategic patch, which here are to be replaced whole.
const replacedLists: ReadonlySet<string> = new Set(["podIPs", "hostIPs"]);

// Objects a strategic patch merges: what they no longer have is to be named.
const mergedObjects: ReadonlySet<string> = new Set(["allocatedResources", "resources"]);

/** Set by the server or by others; a pod's node agent neither writes nor removes them. */
const foreignFields: ReadonlySet<string> = new Set([
  "conditions",
  "nominatedNodeName",
  "resize",
  "resourceClaimStatuses",
  "extendedResourceClaimStatus",
  "nodeAllocatableResourceClaimStatuses",
]);

/**
 * The strategic merge patch that turns `current` into `wanted`, or undefined when there is nothing to do. Conditions of
 * other owners are not mentioned, so a concurrent change to one of them is not lost.
 */
export function statusPatch(uid: string, current: PodStatus, wanted: PodStatus): unknown {
  const before: Readonly<Record<string, unknown>> = { ...current };
  const after: Readonly<Record<string, unknown>> = { ...wanted };
  const status: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (foreignFields.has(key) || equal(before[key], after[key])) continue;
    const value = after[key];
    if (value === undefined) status[key] = null;
    else if (replacedLists.has(key) && Array.isArray(value)) status[key] = [{ $patch: "replace" }, ...value];
    else if (mergedObjects.has(key)) status[key] = mergePatch(before[key], value);
    else status[key] = value;
  }
  const conditions = changedConditions(current.conditions ?? [], wanted.conditions ?? []);
  if (conditions.length > 0) status["conditions"] = conditions;
  return Object.keys(status).length === 0 ? undefined : { metadata: { uid }, status };
}

/** What makes `after` of `before` when it is merged into it. */
function mergePatch(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const gone = Object.keys(before).filter((name) => after[name] === undefined);
  return Object.fromEntries([
    ...Object.entries(after).map(([name, value]) => [name, mergePatch(before[name], value)]),
    ...gone.map((name) => [name, null]),
  ]) as unknown;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function changedConditions(current: readonly PodCondition[], wanted: readonly PodCondition[]): unknown[] {
  const out: unknown[] = [];
  for (const condition of wanted) {
    const known = current.find((c) => c.type === condition.type);
    if (equal(known, condition)) continue;
    // A key left out of a merge patch stays; what the new condition lacks has to be removed by name.
    const cleared = Object.fromEntries(
      Object.keys(known ?? {})
        .filter((key) => !(key in condition) && key !== "lastProbeTime")
        .map((key) => [key, null]),
    );
    out.push({ ...cleared, ...condition });
  }
  for (const { type } of current) {
    const isGone = ownedConditions.has(type) && !wanted.some((c) => c.type === type);
    if (isGone) out.push({ $patch: "delete", type });
  }
  return out;
}

/**
 * Whether a pod differs from what it was in nothing but what its node agent writes itself, which is no reason for the agent
 * to look at it again.
 */
export function isOwnChange(before: Pod, after: Pod): boolean {
  const { resourceVersion: _, managedFields: __, ...metadata } = before.metadata;
  const { resourceVersion: ___, managedFields: ____, ...newMetadata } = after.metadata;
  const foreign = ({ status }: Pod): unknown => (status.conditions ?? []).filter((c) => !ownedConditions.has(c.type));
  const [status, newStatus]: Readonly<Record<string, unknown>>[] = [{ ...before.status }, { ...after.status }];
  return (
    equal(metadata, newMetadata) &&
    equal(before.spec, after.spec) &&
    equal(foreign(before), foreign(after)) &&
    [...foreignFields].every((key) => key === "conditions" || equal(status?.[key], newStatus?.[key]))
  );
}

/** Deep equality of JSON values; a key with undefined (or null, which the server drops) is a key that is not there. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || a === undefined || b === null || b === undefined) return (a ?? undefined) === (b ?? undefined);
  if (typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => equal(item, b[i]));
  }
  // JSON objects are records.
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(left)) if (!equal(left[key], right[key])) return false;
  for (const key of Object.keys(right)) if (!(key in left) && !equal(undefined, right[key])) return false;
  return true;
}
