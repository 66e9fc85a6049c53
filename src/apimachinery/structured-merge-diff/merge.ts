import { isJsonObject, ownMember, setMember } from "../object.ts";
import type { ApplyType, ListType, MapType } from "./apply-type.ts";
import { memberType, walkedType } from "./apply-type.ts";
import { listItemElement } from "./list-item.ts";
import type { PathElement } from "./path-element.ts";

/**
 * The live value with what an applier says put over it. Nothing is taken away; lists keep the live order unless the applier
 * orders them otherwise. The result shares what it can with both. `undefined` is absent. Throws TypedValueError for list items
 * that cannot be told apart.
 */
export function mergeTyped(live: unknown, applied: unknown, type: ApplyType): unknown {
  // One side alone is the result: merging it with nothing would rebuild it.
  if (applied === undefined) return live;
  if (live === undefined) return applied;
  const walked = walkedType(type, applied);
  switch (walked.kind) {
    case "scalar":
      return applied;
    case "list": {
      const left: readonly unknown[] = Array.isArray(live) ? live : [];
      const right: readonly unknown[] = Array.isArray(applied) ? applied : [];
      if (walked.relationship === "atomic" || (left.length === 0 && right.length === 0)) return applied;
      return mergeLists(left, right, walked);
    }
    case "map": {
      const left = isJsonObject(live) ? live : {};
      const right = isJsonObject(applied) ? applied : {};
      if (walked.isAtomic || (isEmpty(left) && isEmpty(right))) return applied;
      return mergeMaps(left, right, walked);
    }
  }
}

type Members = Readonly<Record<string, unknown>>;

function isEmpty(members: Members): boolean {
  for (const name in members) if (members[name] !== undefined) return false;
  return true;
}

function mergeMaps(live: Members, applied: Members, type: MapType): Members {
  const out: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(live), ...Object.keys(applied)])) {
    const member = memberType(type, name);
    const [left, right] = [ownMember(live, name), ownMember(applied, name)];
    const merged = member === undefined ? (right ?? left) : mergeTyped(left, right, member);
    if (merged !== undefined) setMember(out, name, merged);
  }
  return out;
}

interface Indexed {
  readonly elements: readonly PathElement[];
  /** By element; null where the element occurs more than once, as such items are not merged. */
  readonly items: ReadonlyMap<PathElement, unknown>;
}

function indexItems(items: readonly unknown[], type: ListType): Indexed {
  const elements: PathElement[] = [];
  const byElement = new Map<PathElement, unknown>();
  for (const item of items) {
    const element = listItemElement(item, type);
    byElement.set(element, byElement.has(element) ? null : item);
    elements.push(element);
  }
  return { elements, items: byElement };
}

/**
 * Walks both lists side by side. Items of both come in the applier's order, live ones alone stay before the next item of
 * both that they stood before, and the applier's new ones come where it has them.
 */
function mergeLists(live: readonly unknown[], applied: readonly unknown[], type: ListType): unknown[] {
  const left = indexItems(live, type);
  const right = indexItems(applied, type);
  const shared = right.elements.filter((element) => left.items.has(element));
  let nextShared = 0;
  const merged = new Set<PathElement>();
  const out: unknown[] = [];
  const mergeBoth = (element: PathElement): void => {
    merged.add(element);
    out.push(mergeTyped(left.items.get(element), right.items.get(element), type.items));
  };
  for (let l = 0, r = 0; l < live.length || r < applied.length;) {
    const ours = left.elements[l];
    const theirs = right.elements[r];
    if (ours !== undefined && theirs !== undefined) {
      if (ours === theirs) {
        mergeBoth(ours);
        l++;
        r++;
        nextShared++;
        continue;
      }
      const awaited = shared[nextShared];
      if (right.items.has(ours) && awaited !== undefined && awaited !== ours) {
        // Of both, and not its turn: it comes where the applier has it.
        l++;
        continue;
      }
    }
    if (ours !== undefined) {
      if (!right.items.has(ours)) {
        // By place, as an element that occurs twice has two items.
        out.push(live[l]);
        l++;
        continue;
      }
      if (merged.has(ours)) l++;
    }
    if (theirs !== undefined) {
      mergeBoth(theirs);
      r++;
      if (shared[nextShared] === theirs) nextShared++;
    }
  }
  return out;
}
