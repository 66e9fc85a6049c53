import { goValue } from "../go-format.ts";
import { isJsonObject, ownMember, setMember } from "../object.ts";
import { elementKind, keyReader, mergeInOrder } from "./list-order.ts";
import { PatchError } from "./patch-error.ts";
import {
  type FieldPatchSchema,
  type PatchSchema,
  deleteFromListPrefix,
  elementOrderPrefix,
  opaquePatchSchema,
  patchDirective,
  retainKeysDirective,
} from "./patch-schema.ts";

type JsonObject = Readonly<Record<string, unknown>>;
type JsonList = readonly unknown[];

/**
 * Applies a strategic merge patch: a merge patch that also merges lists whose items have a key, steered by the kind's
 * schema and by directives in the patch. Neither argument is changed; the result shares with both what it does not touch.
 * Throws PatchError.
 */
export function applyStrategicMergePatch(original: JsonObject, patch: unknown, schema: PatchSchema): JsonObject {
  if (patch === null) return original;
  if (!isJsonObject(patch)) throw new PatchError(400, "invalid JSON document");
  return mergeObject(original, patch, schema);
}

function mergeObject(original: JsonObject, patch: JsonObject, schema: PatchSchema): JsonObject {
  if (setsScalarsOnly(patch)) return { ...original, ...patch };
  const directive = ownMember(patch, patchDirective);
  if (directive === "delete") return {};
  if (directive === "replace") return without(patch, patchDirective);
  if (directive !== undefined) throw badPatchType(directive, patch);

  const result = new Map(Object.entries(retainKeys(original, patch)));
  const ordered = mergeOrderedLists(result, patch, schema);
  for (const [member, value] of Object.entries(patch)) {
    if (member === retainKeysDirective || member.startsWith(elementOrderPrefix) || ordered.has(member)) continue;
    const isDeletion = member.startsWith(deleteFromListPrefix);
    const name = isDeletion ? member.slice(deleteFromListPrefix.length) : member;
    if (value === null) {
      result.delete(name);
      continue;
    }
    const current = result.get(name);
    if (current === undefined || jsonType(current) !== jsonType(value)) {
      // A list to delete from that is not there is nothing to do.
      if (!isDeletion) setOrDelete(result, name, asNewValue(value));
    } else {
      setOrDelete(result, name, mergeMember(current, value, schema.field(name) ?? noField, isDeletion));
    }
  }
  const object: Record<string, unknown> = {};
  for (const [name, value] of result) setMember(object, name, value);
  return object;
}

/** Nothing to remove, merge or direct: what most items of lists are. */
function setsScalarsOnly(patch: JsonObject): boolean {
  for (const name in patch) if (name.startsWith("$") || typeof patch[name] === "object") return false;
  return true;
}

const noField: FieldPatchSchema = { strategies: [] };

/** Both values are there and of one type. */
function mergeMember(current: unknown, value: unknown, field: FieldPatchSchema, isDeletion: boolean): unknown {
  const strategy = mergeStrategy(field);
  if (isJsonObject(current) && isJsonObject(value)) {
    return strategy === "replace" ? value : mergeObject(current, value, field.schema ?? opaquePatchSchema);
  }
  if (Array.isArray(current) && Array.isArray(value)) {
    return strategy === "merge" || isDeletion ? mergeList(current, value, field, isDeletion) : value;
  }
  return value;
}

/** `retainKeys` says how a client makes patches; what the server does is in the others. */
function mergeStrategy(field: FieldPatchSchema): string | undefined {
  return field.strategies.find((strategy) => strategy !== "retainKeys");
}

function retainKeys(original: JsonObject, patch: JsonObject): JsonObject {
  const kept = ownMember(patch, retainKeysDirective);
  if (kept === undefined) return original;
  const malformed = () => new PatchError(400, "invalid patch format of retainKeys");
  if (!Array.isArray(kept)) throw malformed();
  const names = new Set<unknown>(kept);
  for (const [name, value] of Object.entries(patch)) {
    if (name === retainKeysDirective || value === null) continue;
    if (name.startsWith(deleteFromListPrefix) || name.startsWith(elementOrderPrefix)) continue;
    if (!names.has(name)) throw malformed();
  }
  return Object.fromEntries(Object.entries(original).filter(([name]) => names.has(name)));
}

/** Merges and orders the lists that have a `$setElementOrder`; returns their names. */
function mergeOrderedLists(result: Map<string, unknown>, patch: JsonObject, schema: PatchSchema): Set<string> {
  const done = new Set<string>();
  for (const [member, order] of Object.entries(patch)) {
    if (!member.startsWith(elementOrderPrefix)) continue;
    const name = member.slice(elementOrderPrefix.length);
    const field = schema.field(name) ?? noField;
    const current = listOrAbsent(result.get(name));
    const change = listOrAbsent(ownMember(patch, name));
    const orderList = listOrAbsent(order) ?? [];
    checkOrder(change ?? [], orderList, field.mergeKey);
    done.add(name);
    if (change === undefined && current === undefined) continue;
    const merged = mergeOrderedList(current, change, field);
    const serverOrder = orderAfterDeletions(current ?? [], change ?? [], field.mergeKey);
    result.set(name, mergeInOrder(merged, orderList, serverOrder, field.mergeKey));
  }
  return done;
}

function mergeOrderedList(
  current: JsonList | undefined,
  change: JsonList | undefined,
  field: FieldPatchSchema,
): JsonList {
  if (change === undefined) return current ?? [];
  if (current === undefined) return withoutDirectives(change);
  return mergeStrategy(field) === "merge" ? mergeList(current, change, field, false) : change;
}

/**
 * The order that counts as the server's: its own, where new items of the patch stand at the end in the room that deleted
 * ones leave. Upstream comes to this by reusing the deleted items' memory; the order of the result is visible, so it is kept.
 */
function orderAfterDeletions(current: JsonList, change: JsonList, mergeKey: string | undefined): JsonList {
  if (mergeKey === undefined) return current;
  const keyOf = keyReader(mergeKey);
  const directiveOf = (item: unknown) => (isJsonObject(item) ? ownMember(item, patchDirective) : undefined);
  const deleted = new Set(change.filter((item) => directiveOf(item) === "delete").map(keyOf));
  if (deleted.size === 0) return current;
  const remaining = current.filter((item) => !deleted.has(keyOf(item)));
  const known = new Set(remaining.map(keyOf));
  const added = change.filter((item) => directiveOf(item) === undefined && !known.has(keyOf(item)));
  return [...remaining, ...added.slice(0, current.length - remaining.length)];
}

/** Items of the patch must come in the order the patch itself asks for. */
function checkOrder(change: JsonList, order: JsonList, mergeKey: string | undefined): void {
  if (change.length === 0 || order.length === 0) return;
  const keyOf = keyReader(mergeKey);
  let next = 0;
  for (const item of change) {
    if (isJsonObject(item) && Object.hasOwn(item, patchDirective)) continue;
    while (next < order.length && keyOf(order[next]) !== keyOf(item)) next++;
    if (next === order.length) {
      const text = `The order in patch list:\n${goValue(change)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`;
      throw new PatchError(422, text);
    }
    next++;
  }
}

function mergeList(current: JsonList, change: JsonList, field: FieldPatchSchema, isDeletion: boolean): JsonList {
  if (current.length === 0 && change.length === 0) return current;
  if (elementKind(current, change) === "scalar") {
    if (isDeletion) {
      const gone = new Set(change);
      return current.filter((value) => !gone.has(value));
    }
    return mergeInOrder([...new Set([...current, ...change])], change, current, undefined);
  }
  const { mergeKey } = field;
  if (mergeKey === undefined) throw new PatchError(422, "cannot merge lists without merge key");
  const { base, items } = applyItemDirectives(
    current as readonly JsonObject[],
    change as readonly JsonObject[],
    mergeKey,
  );
  return mergeInOrder(mergeItems(base, items, mergeKey, field.schema ?? opaquePatchSchema), items, base, mergeKey);
}

/** Takes `$patch: delete` and `$patch: replace` items out of the patch and does what they say. */
function applyItemDirectives(current: readonly JsonObject[], change: readonly JsonObject[], mergeKey: string) {
  const items: JsonObject[] = [];
  const deleted = new Set<unknown>();
  let isReplace = false;
  for (const item of change) {
    const directive = ownMember(item, patchDirective);
    if (directive === undefined) items.push(item);
    else if (directive === "replace") isReplace = true;
    else if (directive === "delete") deleted.add(keyValue(item, mergeKey));
    else if (directive === "merge") throw new PatchError(422, "merging lists cannot yet be specified in the patch");
    else throw badPatchType(directive, item);
  }
  if (isReplace) return { base: items, items: [] };
  if (deleted.size === 0) return { base: current, items };
  return { base: current.filter((item) => !deleted.has(ownMember(item, mergeKey))), items };
}

function mergeItems(
  current: readonly JsonObject[],
  change: readonly JsonObject[],
  mergeKey: string,
  schema: PatchSchema,
): JsonObject[] {
  const merged = [...current];
  const indexOfKey = new Map<unknown, number>();
  for (const [i, item] of current.entries()) {
    const key = ownMember(item, mergeKey);
    if (key !== undefined && !indexOfKey.has(key)) indexOfKey.set(key, i);
  }
  for (const item of change) {
    const key = keyValue(item, mergeKey);
    const index = indexOfKey.get(key);
    const existing = index === undefined ? undefined : merged[index];
    if (index === undefined || existing === undefined) {
      indexOfKey.set(key, merged.length);
      merged.push(asNewValue(item) as JsonObject); // It has no directive of its own, so it stays an object.
    } else {
      merged[index] = mergeObject(existing, item, schema);
    }
  }
  for (const item of merged) keyValue(item, mergeKey);
  return merged;
}

function keyValue(item: JsonObject, mergeKey: string): unknown {
  const key = ownMember(item, mergeKey);
  if (key !== undefined) return key;
  throw new PatchError(422, `map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`);
}

/**
 * A value of the patch that meets nothing: nulls have nothing to remove, what carries a directive is not there.
 * Differs from upstream: directives about the members of a new object go as well; upstream leaves them in as unknown fields.
 */
function asNewValue(value: unknown): unknown {
  if (Array.isArray(value)) return withoutDirectives(value);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, patchDirective)) return undefined;
  const object: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const kept = member === null || isDirective(name) ? undefined : asNewValue(member);
    if (kept !== undefined) setMember(object, name, kept);
  }
  return object;
}

function withoutDirectives(list: JsonList): unknown[] {
  return list.map(asNewValue).filter((item) => item !== undefined);
}

function isDirective(name: string): boolean {
  return name === retainKeysDirective || name.startsWith(elementOrderPrefix) || name.startsWith(deleteFromListPrefix);
}

function without(object: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = object;
  return rest;
}

function setOrDelete(result: Map<string, unknown>, name: string, value: unknown): void {
  if (value === undefined) result.delete(name);
  else result.set(name, value);
}

function listOrAbsent(value: unknown): JsonList | undefined {
  if (value === undefined || Array.isArray(value)) return value;
  const type = typeof value === "object" ? "map[string]interface {}" : goTypeOf(value);
  throw new PatchError(400, `expected a []interface {}, but received a ${type}`);
}

function goTypeOf(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  return typeof value === "number" ? "float64" : typeof value;
}

function jsonType(value: unknown): string {
  return Array.isArray(value) ? "list" : typeof value;
}

function badPatchType(directive: unknown, patch: JsonObject): PatchError {
  return new PatchError(422, `unknown patch type: ${goValue(directive)} in map: ${goValue(patch)}`);
}
