import { finish } from "../../../component-base/steps.ts";
import { defined } from "../../../component-base/assert.ts";
import type { ManagedFieldsEntry } from "../../../apimachinery/meta/v1/types.gen.ts";
import { FieldSet } from "../../../apimachinery/structured-merge-diff/field-set.ts";
import { type PathElement, fieldElement } from "../../../apimachinery/structured-merge-diff/path-element.ts";
import type { VersionedSet } from "../../../apimachinery/structured-merge-diff/managers.ts";
import { type ManagedFields, type ManagedFieldsCodec, ManagedFieldsError, noManagedFields } from "./managed-fields.ts";

// A Scale is one field of its parent: who manages the parent's replicas manages the Scale's, and what is written through the
// scale subresource is recorded with the parent.

const scaleVersion = "autoscaling/v1";
const scalePath = ["f:spec", "f:replicas"];
const scaleReplicas = FieldSet.of(scalePath);

/** Where a resource has its replicas in each version it is served in, by apiVersion. */
export type ReplicasPaths = ReadonlyMap<string, readonly string[]>;

/** As field sets have paths; undefined for a version that is not served. */
function pathIn(paths: ReplicasPaths, apiVersion: string): readonly PathElement[] | undefined {
  return paths.get(apiVersion)?.map(fieldElement);
}

/** The managedFields of a Scale. */
export function scaleManagedFields(
  codec: ManagedFieldsCodec,
  parent: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
): readonly ManagedFieldsEntry[] | undefined {
  const managed = decodeOrNone(codec, parent);
  const managers = new Map<string, VersionedSet>();
  for (const [id, { set, apiVersion, isApplied }] of managed.managers) {
    const path = pathIn(paths, apiVersion);
    if (path && set.hasPath(path)) managers.set(id, { set: scaleReplicas, apiVersion: scaleVersion, isApplied });
  }
  return finish(codec.encode({ managers, times: timesOf(managers, managed) }));
}

/** The parent's managedFields after its Scale has been written. As upstream, a manager that is new to the parent has no time. */
export function parentManagedFields(
  codec: ManagedFieldsCodec,
  parent: readonly ManagedFieldsEntry[] | undefined,
  scale: readonly ManagedFieldsEntry[] | undefined,
  { apiVersion, paths }: { readonly apiVersion: string; readonly paths: ReplicasPaths },
): readonly ManagedFieldsEntry[] | undefined {
  const before = decodeOrNone(codec, parent);
  const written = decodeOrNone(codec, scale);
  const left = new Map(written.managers);
  const managers = new Map<string, VersionedSet>();
  const times = new Map<string, string>();
  for (const [id, versioned] of before.managers) {
    const path = pathIn(paths, versioned.apiVersion);
    if (!path) continue;
    const isKept = !versioned.set.hasPath(path) || left.delete(id);
    const set = isKept ? versioned.set : versioned.set.difference(FieldSet.of(path));
    if (set.isEmpty) continue;
    managers.set(id, { ...versioned, set });
    copyTime(times, before, id);
  }
  const ownPath = defined(pathIn(paths, apiVersion), apiVersion);
  for (const [id, { set, isApplied }] of left) {
    if (!set.hasPath(scalePath)) continue;
    managers.set(id, { set: FieldSet.of(ownPath), apiVersion, isApplied });
    copyTime(times, before, id);
  }
  return finish(codec.encode({ managers, times }));
}

function timesOf(managers: ReadonlyMap<string, VersionedSet>, { times }: ManagedFields): ReadonlyMap<string, string> {
  return new Map([...times].filter(([id]) => managers.has(id)));
}

function copyTime(times: Map<string, string>, from: ManagedFields, id: string): void {
  const time = from.times.get(id);
  if (time !== undefined) times.set(id, time);
}

function decodeOrNone(codec: ManagedFieldsCodec, entries: readonly ManagedFieldsEntry[] | undefined): ManagedFields {
  try {
    return codec.decode(entries);
  } catch (error) {
    if (error instanceof ManagedFieldsError) return noManagedFields;
    throw error;
  }
}
