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
  const rank = (index: ReadonlyMap<unknown, number>) => (item: unknown) => index.get(keyOf(item)) ?? -1;
  const [orderRank, serverRank] = [rank(orderIndex), rank(serverIndex)];
  const named = merged.filter((item) => orderRank(item) >= 0).sort((a, b) => orderRank(a) - orderRank(b));
  const others = merged.filter((item) => orderRank(item) < 0).sort((a, b) => serverRank(a) - serverRank(b));
  const result: unknown[] = [];
  let i = 0;
  for (const item of named) {
    const place = serverRank(item);
    const isBefore = (other: number) => other >= 0 && other < place;
    for (; i < others.length && isBefore(serverRank(others[i])); i++) result.push(others[i]);
    result.push(item);
  }
  result.push(...others.slice(i));
  return result;
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
