import type { Steps } from "../../component-base/steps.ts";
import { deepEqual } from "../object.ts";
import type { ApplyType } from "./apply-type.ts";
import { type Comparison, compareTyped } from "./compare.ts";
import { FieldSet } from "./field-set.ts";
import { type Conflict, ConflictError, type Managers, type VersionedSet } from "./managers.ts";
import { mergeTyped } from "./merge.ts";
import { withNamedFields } from "./named-fields.ts";
import { compareText } from "./path-element.ts";
import { reconcileWithSchema } from "./reconcile-schema.ts";
import { removeItems } from "./remove-items.ts";
import { fieldSetOfValue } from "./to-field-set.ts";

/** A value and how it is to be seen. */
export interface TypedValue {
  readonly value: unknown;
  readonly type: ApplyType;
  readonly apiVersion: string;
}

/** What an updater needs to know of the versions of a kind. */
export interface Versions {
  /** The value in another version; undefined when there is no such version any more. */
  convert(typed: TypedValue, apiVersion: string): TypedValue | undefined;
  /** Leaves out of a set what is not recorded under this version: fields the endpoint resets. */
  filter(set: FieldSet, apiVersion: string): FieldSet;
}

export interface UpdateInput {
  readonly live: TypedValue;
  readonly managers: Managers;
  readonly manager: string;
}

export interface UpdateOutput {
  readonly managers: Map<string, VersionedSet>;
}

export interface ApplyOutput extends UpdateOutput {
  /** The new value; undefined when it is the live one. */
  readonly value: unknown;
}

/**
 * Who manages what after `next` has replaced the live value: the manager has what it changed, others lose it. Throws
 * TypedValueError when a value does not fit its type.
 */
export function* updateManagers(
  versions: Versions,
  input: UpdateInput & { readonly next: TypedValue },
): Steps<UpdateOutput> {
  const { live, next, manager } = input;
  const managers = reconcileManagers(versions, live, input.managers);
  const comparison = yield* takeOver(versions, { live, next, manager, isForced: true }, managers);
  yield;
  const own = managers.get(manager)?.set ?? FieldSet.empty;
  const kept = own.difference(comparison.removed);
  yield;
  const changed = kept.union(comparison.modified);
  yield;
  const set = versions.filter(changed.union(comparison.added), next.apiVersion);
  if (set.isEmpty) managers.delete(manager);
  else managers.set(manager, { set, apiVersion: next.apiVersion, isApplied: false });
  return { managers };
}

/**
 * Applies a configuration: merges it over the live value, takes away what the manager applied before and no longer does, and
 * records that it manages what it applied. Throws ConflictError when that changes what others manage, unless forced.
 */
export function* applyConfiguration(
  versions: Versions,
  input: UpdateInput & { readonly applied: TypedValue; readonly isForced: boolean },
): Steps<ApplyOutput> {
  const { live, applied, manager, isForced } = input;
  const { apiVersion, type } = applied;
  const managers = reconcileManagers(versions, live, input.managers);
  const merged = { value: mergeTyped(live.value, applied.value, type), type, apiVersion };
  yield;
  const last = managers.get(manager);
  const set = versions.filter(fieldSetOfValue(applied.value, type), apiVersion);
  managers.set(manager, { set, apiVersion, isApplied: true });
  yield;
  const next = yield* prune(versions, merged, { managers, manager, last, apiVersion });
  yield;
  yield* takeOver(versions, { live, next, manager, isForced }, managers);
  yield;
  return { managers, value: deepEqual(live.value, next.value) ? undefined : next.value };
}

/** Drops managers of versions that are gone, and brings sets in line with today's schema. */
function reconcileManagers(versions: Versions, live: TypedValue, managers: Managers): Map<string, VersionedSet> {
  const out = new Map<string, VersionedSet>();
  for (const [manager, versioned] of managers) {
    const converted = versions.convert(live, versioned.apiVersion);
    if (converted === undefined) continue;
    const set = reconcileWithSchema(versioned.set, converted.type);
    out.set(manager, set === versioned.set ? versioned : { ...versioned, set });
  }
  return out;
}

interface Change {
  readonly live: TypedValue;
  readonly next: TypedValue;
  readonly manager: string;
  readonly isForced: boolean;
}

/** Takes from the other managers, in place, what the change touches. The comparison is that of the change's own version. */
function* takeOver(versions: Versions, change: Change, managers: Map<string, VersionedSet>): Steps<Comparison> {
  const { live, next, manager, isForced } = change;
  const comparisons = new Map<string, Comparison>();
  const own = filtered(versions, yield* compareTyped(live.value, next.value, next.type), next.apiVersion);
  comparisons.set(next.apiVersion, own);
  const touched = new Map<Comparison, FieldSet>();
  const conflicts = new Map<string, FieldSet>();
  const losses = new Map<string, FieldSet>();
  for (const [other, { set, apiVersion }] of managers) {
    if (other === manager) continue;
    let comparison = comparisons.get(apiVersion);
    if (comparison === undefined) {
      comparison = yield* compareAt(versions, live, next, apiVersion);
      if (comparison === undefined) {
        managers.delete(other);
        continue;
      }
      comparisons.set(apiVersion, comparison);
    }
    yield;
    let changed = touched.get(comparison);
    if (changed === undefined) touched.set(comparison, (changed = comparison.modified.union(comparison.added)));
    const conflict = set.intersection(changed);
    if (!conflict.isEmpty) conflicts.set(other, conflict);
    if (!comparison.removed.isEmpty) losses.set(other, comparison.removed);
  }
  if (!isForced && conflicts.size > 0) throw new ConflictError(conflictsOf(conflicts));
  for (const lost of [conflicts, losses]) {
    for (const [other, gone] of lost) {
      yield;
      const versioned = managers.get(other);
      if (versioned) managers.set(other, without(versioned, gone));
    }
  }
  for (const [other, { set }] of managers) if (set.isEmpty) managers.delete(other);
  return own;
}

function without(versioned: VersionedSet, gone: FieldSet): VersionedSet {
  const set = versioned.set.difference(gone);
  return set === versioned.set ? versioned : { ...versioned, set };
}

function conflictsOf(sets: ReadonlyMap<string, FieldSet>): Conflict[] {
  return [...sets]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([manager, set]) => set.paths().map((path) => ({ manager, path })));
}

function* compareAt(
  versions: Versions,
  live: TypedValue,
  next: TypedValue,
  apiVersion: string,
): Steps<Comparison | undefined> {
  const before = versions.convert(live, apiVersion);
  const after = versions.convert(next, apiVersion);
  if (before === undefined || after === undefined) return undefined;
  return filtered(versions, yield* compareTyped(before.value, after.value, after.type), apiVersion);
}

function filtered(versions: Versions, comparison: Comparison, apiVersion: string): Comparison {
  return {
    removed: versions.filter(comparison.removed, apiVersion),
    modified: versions.filter(comparison.modified, apiVersion),
    added: versions.filter(comparison.added, apiVersion),
  };
}

interface Applier {
  readonly managers: Managers;
  readonly manager: string;
  /** What the manager applied before. */
  readonly last: VersionedSet | undefined;
  /** Of this apply. */
  readonly apiVersion: string;
}

/** Takes away what the manager applied last time, not this time, and what nobody else manages. */
function* prune(versions: Versions, merged: TypedValue, applier: Applier): Steps<TypedValue> {
  const { last, managers, apiVersion } = applier;
  if (last === undefined || last.set.isEmpty) return merged;
  // Who applies all it applied before leaves nothing behind.
  const current = managers.get(applier.manager);
  if (last.apiVersion === apiVersion && current && last.set.difference(current.set).isEmpty) return merged;
  const atLast = versions.convert(merged, last.apiVersion);
  if (atLast === undefined) return merged;
  yield;
  let pruned: TypedValue = {
    ...atLast,
    value: removeItems(atLast.value, withNamedFields(last.set, atLast.type), atLast.type),
  };
  yield;
  pruned = yield* addBackOwned(versions, atLast, pruned, managers, last.apiVersion);
  yield;
  pruned = addBackDangling(versions, atLast, pruned, last);
  return versions.convert(pruned, apiVersion) ?? merged;
}

/** What was taken away and is managed: by others, or by this manager's new configuration. */
function* addBackOwned(
  versions: Versions,
  merged: TypedValue,
  pruned: TypedValue,
  managers: Managers,
  firstVersion: string,
): Steps<TypedValue> {
  const managed = new Map<string, FieldSet>();
  // That of the pruned version first: another version may not be convertible to while required fields are missing.
  managed.set(firstVersion, FieldSet.empty);
  for (const { set, apiVersion } of managers.values())
    managed.set(apiVersion, (managed.get(apiVersion) ?? FieldSet.empty).union(set));
  if (managed.get(firstVersion)?.isEmpty) managed.delete(firstVersion);
  let [whole, result] = [merged, pruned];
  for (const [apiVersion, set] of managed) {
    const before = versions.convert(whole, apiVersion);
    const after = before && versions.convert(result, apiVersion);
    if (before === undefined || after === undefined) continue;
    const { type } = before;
    const all = withNamedFields(fieldSetOfValue(before.value, type), type);
    yield;
    const kept = withNamedFields(fieldSetOfValue(after.value, type), type).union(withNamedFields(set, type));
    yield;
    whole = before;
    result = { ...before, value: removeItems(before.value, all.difference(kept), type) };
  }
  return result;
}

/** What was taken away although the manager had not applied it: nobody's fields within what it had. */
function addBackDangling(versions: Versions, merged: TypedValue, pruned: TypedValue, last: VersionedSet): TypedValue {
  const atLast = versions.convert(pruned, last.apiVersion);
  if (atLast === undefined) return merged;
  const { type } = merged;
  const kept = withNamedFields(fieldSetOfValue(atLast.value, type), type);
  const all = withNamedFields(fieldSetOfValue(merged.value, type), type);
  const gone = all.difference(kept).intersection(withNamedFields(last.set, type));
  return { ...merged, value: removeItems(merged.value, gone, type) };
}
