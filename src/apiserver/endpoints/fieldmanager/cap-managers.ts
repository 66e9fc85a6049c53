import type { VersionedSet } from "../../../apimachinery/structured-merge-diff/managers.ts";
import { compareText } from "../../../apimachinery/structured-merge-diff/path-element.ts";
import { type ManagedFields, managerId, secondsOf } from "./managed-fields.ts";

/** More writers than this by update, and the oldest are put together. */
const updatersMax = 10;
const bucketName = "ancient-changes";

/** Keeps the number of managers by update bounded: the oldest of each version become one entry. Appliers are not counted. */
export function capUpdaters(managed: ManagedFields): ManagedFields {
  const updaters = [...managed.managers].filter(([, { isApplied }]) => !isApplied).map(([id]) => id);
  if (updaters.length <= updatersMax) return managed;
  const managers = new Map(managed.managers);
  const times = new Map(managed.times);
  updaters.sort((a, b) => secondsOf(times.get(a)) - secondsOf(times.get(b)) || compareText(a, b));
  const firstOfVersion = new Map<string, string>();
  let count = updaters.length;
  for (const id of updaters) {
    if (count <= updatersMax) break;
    const versioned = managers.get(id);
    if (versioned === undefined) continue;
    const { apiVersion } = versioned;
    const first = firstOfVersion.get(apiVersion);
    if (first === undefined) {
      firstOfVersion.set(apiVersion, id);
      continue;
    }
    mergeInto(managers, bucketOf(apiVersion), { first, id, versioned });
    // The one just put in is the youngest of them.
    const time = times.get(id);
    if (time !== undefined) times.set(bucketOf(apiVersion), time);
    count--;
  }
  return { managers, times };
}

function bucketOf(apiVersion: string): string {
  return managerId({ manager: bucketName, operation: "Update", apiVersion, subresource: "" });
}

interface Ancient {
  /** The oldest of the version, which becomes the bucket. */
  readonly first: string;
  readonly id: string;
  readonly versioned: VersionedSet;
}

function mergeInto(managers: Map<string, VersionedSet>, bucket: string, { first, id, versioned }: Ancient): void {
  const oldest = managers.get(first);
  if (!managers.has(bucket) && oldest) {
    managers.delete(first);
    managers.set(bucket, oldest);
  }
  const held = managers.get(bucket);
  managers.set(bucket, held ? { ...versioned, set: held.set.union(versioned.set) } : versioned);
  managers.delete(id);
}
