import { finish, type Steps } from "../../component-base/steps.ts";
import { deepEqual, isJsonObject, ownMember } from "../object.ts";
import type { ApplyType, ListType, MapType, WalkedType } from "./apply-type.ts";
import { memberType, walkedType } from "./apply-type.ts";
import type { FieldSet } from "./field-set.ts";
import { FieldSetBuilders } from "./field-set-builder.ts";
import { listItemElement } from "./list-item.ts";
import { type Path, type PathElement, fieldElement } from "./path-element.ts";

/** How one value became another. No field is in two of the sets. */
export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

const removed = 0;
const modified = 1;
const added = 2;

/** Lists and maps of more than this are looked through when all else is done, this many at a time. */
const pieceMax = 1000;

/**
 * Compares two values of one type. Parts that are equal cost one comparison of the data. Throws TypedValueError for list
 * items that cannot be told apart.
 */
export function* compareTyped(before: unknown, after: unknown, type: ApplyType): Steps<Comparison> {
  const builders = new FieldSetBuilders(3);
  const walk: Walk = { builders, large: [] };
  compare(before, after, type, walk);
  for (let next = walk.large.pop(); next; next = walk.large.pop()) {
    yield;
    for (const element of next.path) builders.enter(element);
    yield* next.compare();
    for (const _ of next.path) builders.leave();
  }
  return { removed: builders.build(removed), modified: builders.build(modified), added: builders.build(added) };
}

interface Walk {
  readonly builders: FieldSetBuilders;
  /** What is left for later, and where it is. */
  readonly large: { readonly path: Path; compare(): Steps<void> }[];
}

/** `undefined` is absent, which null is not. */
function compare(before: unknown, after: unknown, type: ApplyType, walk: Walk): void {
  const left = walkedType(type, before);
  const right = walkedType(type, after);
  let isLeaf: boolean;
  if (after === undefined) isLeaf = compareAs(before, after, left, walk);
  else {
    // What turned from one sort of value into another is looked at as either.
    if (before !== undefined && left !== right) compareAs(before, after, left, walk);
    isLeaf = compareAs(before, after, right, walk);
  }
  if (isLeaf) return;
  if (before === undefined) walk.builders.add(added);
  else if (after === undefined) walk.builders.add(removed);
}

/** True when the value counted as a whole. */
function compareAs(before: unknown, after: unknown, type: WalkedType, walk: Walk): boolean {
  const { builders } = walk;
  switch (type.kind) {
    case "scalar":
      return compareLeaf(before, after, builders);
    case "list": {
      const left: readonly unknown[] = Array.isArray(before) ? before : [];
      const right: readonly unknown[] = Array.isArray(after) ? after : [];
      if (type.relationship === "atomic" || (left.length === 0 && right.length === 0))
        return compareLeaf(before, after, builders);
      if (left === right) return false;
      const isLarge = left.length + right.length > pieceMax;
      if (!isLarge && deepEqual(left, right)) return false;
      doOrDefer(isLarge, () => compareItems(left, right, type, walk), walk);
      return false;
    }
    case "map": {
      const left = isJsonObject(before) ? before : nothing;
      const right = isJsonObject(after) ? after : nothing;
      if (type.isAtomic || (isEmpty(left) && isEmpty(right))) return compareLeaf(before, after, builders);
      if (left === right) return false;
      const isLarge = type.values !== undefined && (isLargeMap(left) || isLargeMap(right));
      doOrDefer(isLarge, () => compareMembers(left, right, type, walk), walk);
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

function isLargeMap(members: Members): boolean {
  let count = 0;
  for (const _ in members) if (++count > pieceMax) return true;
  return false;
}

function doOrDefer(isLarge: boolean, work: () => Steps<void>, { builders, large }: Walk): void {
  if (isLarge) large.push({ path: builders.path, compare: work });
  else finish(work());
}

function* compareMembers(before: Members, after: Members, type: MapType, walk: Walk): Steps<void> {
  let count = 0;
  for (const name in before) {
    if (++count % pieceMax === 0) yield;
    const left = before[name];
    if (left !== undefined) compareMember(name, left, ownMember(after, name), type, walk);
  }
  for (const name in after) {
    if (++count % pieceMax === 0) yield;
    const right = after[name];
    if (right !== undefined && ownMember(before, name) === undefined) compareMember(name, undefined, right, type, walk);
  }
}

function compareMember(name: string, left: unknown, right: unknown, type: MapType, walk: Walk): void {
  if (left === right) return;
  const member = memberType(type, name);
  // Nobody owns what the type does not have.
  if (member === undefined) return;
  walk.builders.enter(fieldElement(name));
  compare(left, right, member, walk);
  walk.builders.leave();
}

function* compareItems(before: readonly unknown[], after: readonly unknown[], type: ListType, walk: Walk): Steps<void> {
  const { builders } = walk;
  const left = yield* itemsByElement(before, type);
  const right = yield* itemsByElement(after, type);
  let count = 0;
  for (const [element, items] of left) {
    if (++count % pieceMax === 0) yield;
    const counterpart = right.get(element);
    if (counterpart === items) continue;
    builders.enter(element);
    compareOccurrences(items, counterpart, type, walk);
    builders.leave();
  }
  for (const [element, items] of right) {
    if (++count % pieceMax === 0) yield;
    if (left.has(element)) continue;
    builders.enter(element);
    compareOccurrences(undefined, items, type, walk);
    builders.leave();
  }
}

/** Items that occur several times are owned together; with the last but one gone, the remaining one is looked into again. */
function compareOccurrences(left: unknown, right: unknown, type: ListType, walk: Walk): void {
  const { builders } = walk;
  if (left instanceof Several && right instanceof Several) {
    if (!deepEqual(left.items, right.items)) builders.add(modified);
  } else if (left instanceof Several) {
    if (right !== undefined) compare(undefined, right, type.items, walk);
    builders.add(removed);
  } else if (right instanceof Several) {
    if (left !== undefined) compare(left, undefined, type.items, walk);
    builders.add(added);
  } else compare(left, right, type.items, walk);
}

/** Items of one list that cannot be told apart. */
class Several {
  readonly items: unknown[];

  constructor(...items: readonly unknown[]) {
    this.items = [...items];
  }
}

/** Each item, or where several have one element, `Several`. */
function* itemsByElement(items: readonly unknown[], type: ListType): Steps<Map<PathElement, unknown>> {
  const out = new Map<PathElement, unknown>();
  let count = 0;
  for (const item of items) {
    if (++count % pieceMax === 0) yield;
    const element = listItemElement(item, type);
    const same = out.get(element);
    if (same === undefined) out.set(element, item);
    else if (same instanceof Several) same.items.push(item);
    else out.set(element, new Several(same, item));
  }
  return out;
}
