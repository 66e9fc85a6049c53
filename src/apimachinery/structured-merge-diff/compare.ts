import { deepEqual, isJsonObject, ownMember } from "../object.ts";
import type { ApplyType, ListType, MapType, WalkedType } from "./apply-type.ts";
import { memberType, walkedType } from "./apply-type.ts";
import type { FieldSet } from "./field-set.ts";
import { FieldSetBuilders } from "./field-set-builder.ts";
import { listItemElement } from "./list-item.ts";
import { type PathElement, fieldElement } from "./path-element.ts";

/** How one value became another. No field is in two of the sets. */
export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

const removed = 0;
const modified = 1;
const added = 2;

/**
 * Compares two values of one type. Parts that are equal cost one comparison of the data. Throws TypedValueError for list
 * items that cannot be told apart.
 */
export function compareTyped(before: unknown, after: unknown, type: ApplyType): Comparison {
  const builders = new FieldSetBuilders(3);
  compare(before, after, type, builders);
  return { removed: builders.build(removed), modified: builders.build(modified), added: builders.build(added) };
}

/** `undefined` is absent, which null is not. */
function compare(before: unknown, after: unknown, type: ApplyType, builders: FieldSetBuilders): void {
  const left = walkedType(type, before);
  const right = walkedType(type, after);
  let isLeaf: boolean;
  if (after === undefined) isLeaf = compareAs(before, after, left, builders);
  else {
    // What turned from one sort of value into another is looked at as either.
    if (before !== undefined && left !== right) compareAs(before, after, left, builders);
    isLeaf = compareAs(before, after, right, builders);
  }
  if (isLeaf) return;
  if (before === undefined) builders.add(added);
  else if (after === undefined) builders.add(removed);
}

/** True when the value counted as a whole. */
function compareAs(before: unknown, after: unknown, type: WalkedType, builders: FieldSetBuilders): boolean {
  switch (type.kind) {
    case "scalar":
      return compareLeaf(before, after, builders);
    case "list": {
      const left: readonly unknown[] = Array.isArray(before) ? before : [];
      const right: readonly unknown[] = Array.isArray(after) ? after : [];
      if (type.relationship === "atomic" || (left.length === 0 && right.length === 0))
        return compareLeaf(before, after, builders);
      if (left === right || deepEqual(left, right)) return false;
      compareItems(left, right, type, builders);
      return false;
    }
    case "map": {
      const left = isJsonObject(before) ? before : nothing;
      const right = isJsonObject(after) ? after : nothing;
      if (type.isAtomic || (isEmpty(left) && isEmpty(right))) return compareLeaf(before, after, builders);
      if (left !== right) compareMembers(left, right, type, builders);
      return false;
    }
  }
}

type Members = Readonly<Record<string, unknown>>;
const nothing: Members = Object.freeze({});

function isEmpty(members: Members): boolean {
  for (const name in members) if (members[name] !== undefined) return false;
  return true;
}

function compareLeaf(before: unknown, after: unknown, builders: FieldSetBuilders): boolean {
  if (before === undefined) builders.add(added);
  else if (after === undefined) builders.add(removed);
  else if (!deepEqual(before, after)) builders.add(modified);
  return true;
}

function compareMembers(before: Members, after: Members, type: MapType, builders: FieldSetBuilders): void {
  for (const name in before) {
    const left = before[name];
    if (left === undefined) continue;
    compareMember(name, left, ownMember(after, name), type, builders);
  }
  for (const name in after) {
    const right = after[name];
    if (right !== undefined && ownMember(before, name) === undefined)
      compareMember(name, undefined, right, type, builders);
  }
}

function compareMember(name: string, left: unknown, right: unknown, type: MapType, builders: FieldSetBuilders): void {
  if (left === right) return;
  const member = memberType(type, name);
  // Nobody owns what the type does not have.
  if (member === undefined) return;
  builders.enter(fieldElement(name));
  compare(left, right, member, builders);
  builders.leave();
}

function compareItems(
  before: readonly unknown[],
  after: readonly unknown[],
  type: ListType,
  builders: FieldSetBuilders,
): void {
  const left = itemsByElement(before, type);
  const right = itemsByElement(after, type);
  for (const [element, items] of left) {
    builders.enter(element);
    compareOccurrences(items, right.get(element) ?? none, type, builders);
    builders.leave();
  }
  for (const [element, items] of right) {
    if (left.has(element)) continue;
    builders.enter(element);
    compareOccurrences(none, items, type, builders);
    builders.leave();
  }
}

const none: readonly unknown[] = Object.freeze([]);

/** Items that occur several times are owned together; with the last but one gone, the remaining one is looked into again. */
function compareOccurrences(
  left: readonly unknown[],
  right: readonly unknown[],
  type: ListType,
  builders: FieldSetBuilders,
): void {
  if (left.length <= 1 && right.length <= 1) compare(left[0], right[0], type.items, builders);
  else if (left.length >= 2 && right.length >= 2) {
    if (!deepEqual(left, right)) builders.add(modified);
  } else if (left.length >= 2) {
    if (right.length > 0) compare(undefined, right[0], type.items, builders);
    builders.add(removed);
  } else {
    if (left.length > 0) compare(left[0], undefined, type.items, builders);
    builders.add(added);
  }
}

function itemsByElement(items: readonly unknown[], type: ListType): Map<PathElement, unknown[]> {
  const out = new Map<PathElement, unknown[]>();
  for (const item of items) {
    const element = listItemElement(item, type);
    const same = out.get(element);
    if (same) same.push(item);
    else out.set(element, [item]);
  }
  return out;
}
