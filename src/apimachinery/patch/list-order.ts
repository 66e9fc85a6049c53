import { goValue } from "../go-format.ts";
import { isJsonObject, ownMember } from "../object.ts";
import { PatchError } from "./patch-error.ts";

type JsonList = readonly unknown[];

/**
 * Orders a merged list as upstream does. Items that `order` names stand in its order, all others in the server's; where
 * the two meet, the server's order decides, and what the server does not know comes first.
 */
export function mergeInOrder(
  merged: JsonList,
  order: JsonList,
  serverOrder: JsonList,
  mergeKey: string | undefined,
): unknown[] {
  const keyOf = keyReader(mergeKey);
  const orderIndex = indexByKey(order, keyOf);
  const serverIndex = indexByKey(serverOrder, keyOf);
  const named: Ranked[] = [];
  const others: Ranked[] = [];
  for (const item of merged) {
    const key = keyOf(item);
    const orderRank = orderIndex.get(key);
    const ranked = { item, orderRank: orderRank ?? -1, serverRank: serverIndex.get(key) ?? -1 };
    (orderRank === undefined ? others : named).push(ranked);
  }
  named.sort((a, b) => a.orderRank - b.orderRank);
  others.sort((a, b) => a.serverRank - b.serverRank);
  const result: unknown[] = [];
  let i = 0;
  for (const { item, serverRank } of named) {
    for (let other = others[i]; other && other.serverRank >= 0 && other.serverRank < serverRank; other = others[++i])
      result.push(other.item);
    result.push(item);
  }
  for (const { item } of others.slice(i)) result.push(item);
  return result;
}

/** An item and its places in the two orders; -1 for none. */
interface Ranked {
  readonly item: unknown;
  readonly orderRank: number;
  readonly serverRank: number;
}

/** What tells the items of a list apart: the merge key's value, or without one the scalar itself. */
export function keyReader(mergeKey: string | undefined): (item: unknown) => unknown {
  if (mergeKey === undefined) return (item) => item;
  return (item) => (isJsonObject(item) ? ownMember(item, mergeKey) : undefined);
}

/** The one kind all items of the lists have. */
export function elementKind(...lists: readonly JsonList[]): "object" | "scalar" {
  let type: string | undefined;
  for (const list of lists) {
    for (const item of list) {
      if (Array.isArray(item)) throw new PatchError(422, "lists of lists are not supported");
      const itemType = item === null ? "null" : typeof item;
      type ??= itemType;
      if (type !== itemType) throw new PatchError(422, `list element types are not identical: ${goValue(lists)}`);
    }
  }
  return type === "object" ? "object" : "scalar";
}

function indexByKey(list: JsonList, keyOf: (item: unknown) => unknown): ReadonlyMap<unknown, number> {
  const index = new Map<unknown, number>();
  for (const [i, item] of list.entries()) {
    const key = keyOf(item);
    if (!index.has(key)) index.set(key, i);
  }
  return index;
}
