import { deepEqual, isJsonObject, ownMember, setMember } from "../object.ts";
import { PatchError } from "./patch-error.ts";

/**
 * Applies a JSON merge patch (RFC 7386): members of the patch replace, null removes, objects merge. Neither argument is
 * changed; the result shares with both what it does not touch. Throws PatchError when the patch is no object.
 */
export function applyMergePatch(original: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) throw new PatchError(400, "Invalid JSON Patch");
  return merge(original, patch);
}

function merge(original: unknown, patch: unknown): unknown {
  // Against nothing, or what is no object, nulls of the patch have nothing to remove.
  if (!isJsonObject(original)) return withoutNulls(patch);
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(original)) {
    if (ownMember(patch, name) !== null) setMember(result, name, original[name]);
  }
  for (const name of Object.keys(patch)) {
    if (patch[name] !== null) setMember(result, name, merge(ownMember(original, name), patch[name]));
  }
  return result;
}

/** A copy of a value of the patch without null members at any depth, in objects of lists, too. Items of lists may be null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    if (value[name] !== null) setMember(result, name, withoutNulls(value[name]));
  }
  return result;
}

/** The merge patch that turns one object into the other. Lists are replaced whole. */
export function createMergePatch(
  original: Readonly<Record<string, unknown>>,
  modified: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const name of Object.keys(original)) {
    if (ownMember(modified, name) === undefined) setMember(patch, name, null);
  }
  for (const name of Object.keys(modified)) {
    const [before, after] = [ownMember(original, name), modified[name]];
    if (after === undefined) continue;
    if (isJsonObject(before) && isJsonObject(after)) {
      const nested = createMergePatch(before, after);
      if (Object.keys(nested).length > 0) setMember(patch, name, nested);
    } else if (!deepEqual(before, after)) {
      setMember(patch, name, after);
    }
  }
  return patch;
}
