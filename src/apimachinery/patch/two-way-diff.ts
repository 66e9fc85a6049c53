import { deepEqual, isJsonObject, ownMember, setMember } from "../object.ts";
import { elementKind, keyReader } from "./list-order.ts";
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

/** The strategic merge patch that turns `original` into `modified`; empty when they are equal. Throws PatchError. */
export function createTwoWayMergePatch(original: JsonObject, modified: JsonObject, schema: PatchSchema): JsonObject {
  return diffObjects(original, modified, schema, false);
}

const noField: FieldPatchSchema = { strategies: [] };

function diffObjects(
  original: JsonObject,
  modified: JsonObject,
  schema: PatchSchema,
  retainsKeys: boolean,
): JsonObject {
  const patch: Record<string, unknown> = {};
  for (const [name, after] of Object.entries(modified)) {
    const before = ownMember(original, name);
    if (deepEqual(before, after)) continue;
    const field = schema.field(name) ?? noField;
    if (isJsonObject(before) && isJsonObject(after) && !field.strategies.includes("replace")) {
      const nested = diffObjects(
        before,
        after,
        field.schema ?? opaquePatchSchema,
        field.strategies.includes("retainKeys"),
      );
      if (Object.keys(nested).length > 0) setMember(patch, name, nested);
    } else if (Array.isArray(before) && Array.isArray(after) && field.strategies.includes("merge")) {
      diffLists(patch, name, before, after, field);
    } else {
      setMember(patch, name, after ?? null);
    }
  }
  for (const name of Object.keys(original)) {
    if (!Object.hasOwn(modified, name)) setMember(patch, name, null);
  }
  if (retainsKeys && Object.keys(patch).length > 0) {
    patch[retainKeysDirective] = Object.keys(modified).sort();
  }
  return patch;
}

/** Adds what changes in a list that merges: changed and new items, deletions, and the order. */
function diffLists(
  patch: Record<string, unknown>,
  name: string,
  original: JsonList,
  modified: JsonList,
  field: FieldPatchSchema,
): void {
  if (elementKind(original, modified) === "scalar") {
    const [before, after] = [new Set(original), new Set(modified)];
    const added = [...after].filter((value) => !before.has(value));
    const removed = [...before].filter((value) => !after.has(value));
    if (added.length > 0) setMember(patch, name, added);
    if (removed.length > 0) patch[`${deleteFromListPrefix}${name}`] = removed;
    if (modified.length > 0) patch[`${elementOrderPrefix}${name}`] = modified;
    return;
  }
  const { mergeKey } = field;
  if (mergeKey === undefined) throw new PatchError(422, `cannot merge lists without merge key for ${name}`);
  const changes = diffItems(original as readonly JsonObject[], modified as readonly JsonObject[], mergeKey, field);
  if (changes.length > 0) setMember(patch, name, changes);
  if (modified.length > 0) {
    const keyOf = keyReader(mergeKey);
    patch[`${elementOrderPrefix}${name}`] = modified.map((item) => ({ [mergeKey]: keyOf(item) }));
  }
}

/** Changed and new items in their new order, then the deletions. */
function diffItems(
  original: readonly JsonObject[],
  modified: readonly JsonObject[],
  mergeKey: string,
  field: FieldPatchSchema,
): JsonObject[] {
  const keyOf = keyReader(mergeKey);
  const before = new Map(original.map((item) => [keyOf(item), item]));
  const retainsKeys = field.strategies.includes("retainKeys");
  const changes: JsonObject[] = [];
  for (const item of modified) {
    const key = keyOf(item);
    const old = before.get(key);
    before.delete(key);
    if (old === undefined) {
      changes.push(item);
      continue;
    }
    const nested = diffObjects(old, item, field.schema ?? opaquePatchSchema, retainsKeys);
    if (Object.keys(nested).length > 0) changes.push({ [mergeKey]: key, ...nested });
  }
  for (const key of before.keys()) changes.push({ [patchDirective]: "delete", [mergeKey]: key });
  return changes;
}
