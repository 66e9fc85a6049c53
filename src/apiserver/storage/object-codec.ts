import { utf8Encode } from "../../component-base/bytes.ts";
import { parseJson } from "../../apimachinery/json/parse.ts";
import { stringifyJson } from "../../apimachinery/json/stringify.ts";
import { assert } from "../../component-base/assert.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { identity } from "./value/transformer.ts";

/**
 * The stored form of an object: its JSON as served, resourceVersion included, so that GET, LIST and WATCH share the
 * bytes of the store. kind and apiVersion come first, then metadata in upstream's field order, then the rest.
 *
 *     {"kind":"Pod","apiVersion":"v1","metadata":{"name":…,"uid":…,"resourceVersion":"7","generation":…},"spec":…}
 *     ╰──────── typePrefix ──────────╯╰──────────── head ─────────────────────────╯ ╰────────── tail ──────────╯
 */

const openingBrace = 0x7b;

const metadataBefore = ["name", "generateName", "namespace", "selfLink", "uid"] as const;
const metadataAfter = [
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
] as const;

/** The text before and after the resourceVersion's digits. */
interface EncodedObject {
  readonly head: string;
  readonly tail: string;
}

/** Splits the object's JSON around its resourceVersion. */
function encode(object: KubeObject): EncodedObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  const before: Record<string, unknown> = {};
  for (const key of metadataBefore) if (metadata[key] !== undefined) before[key] = metadata[key];
  const after: Record<string, unknown> = {};
  for (const key of metadataAfter) if (metadata[key] !== undefined) after[key] = metadata[key];
  const beforeText = stringifyJson(before);
  const afterText = stringifyJson(after);
  const restText = stringifyJson(rest);
  const open = beforeText === "{}" ? "{" : `${beforeText.slice(0, -1)},`;
  return {
    head: `${typePrefix(kind, apiVersion)}"metadata":${open}"resourceVersion":"`,
    tail: `"${afterText === "{}" ? "}" : `,${afterText.slice(1)}`}${restText === "{}" ? "}" : `,${restText.slice(1)}`}`,
  };
}

/** What every object of a kind begins with; list items are served without it, behind a `{` of their own. */
export function typePrefix(kind: string, apiVersion: string): string {
  return `{"kind":${stringifyJson(kind)},"apiVersion":${stringifyJson(apiVersion)},`;
}

/**
 * The bytes of the object at a revision the caller does not know yet. Sets the object's resourceVersion to it when called,
 * so that object and bytes agree.
 */
export function encoderOf(object: Mutable<KubeObject>): ObjectEncoder {
  const { head, tail } = encode(object);
  return {
    length: head.length + tail.length,
    at: (revision) => {
      object.metadata.resourceVersion = String(revision);
      return utf8Encode(head + String(revision) + tail);
    },
  };
}

export interface ObjectEncoder {
  /** Of the text without the revision, in UTF-16 units. */
  readonly length: number;
  at(revision: number): Uint8Array;
}

/** The bytes of an object as served, with the resourceVersion it has (none when it has none). */
export function encodeObject(object: KubeObject): Uint8Array {
  const { head, tail } = encode(object);
  const version = object.metadata.resourceVersion;
  if (version !== undefined && version !== "") return utf8Encode(head + version + tail);
  const marker = '"resourceVersion":"';
  const kept = head.slice(0, -marker.length);
  const rest = tail.slice(1);
  // `{` or `…,` before, `,…` or `}…` after: one comma too many, whichever side is empty.
  if (rest.startsWith(",")) return utf8Encode(kept + rest.slice(1));
  return utf8Encode((kept.endsWith(",") ? kept.slice(0, -1) : kept) + rest);
}

export function decodeObject(bytes: Uint8Array): KubeObject {
  // What was encrypted, where nothing decrypts any more, is no JSON either, but this says why.
  if (bytes[0] !== openingBrace) identity.fromStorage(bytes, "");
  return parseJson(bytes).value as KubeObject;
}

const versionMarker = utf8Encode('"resourceVersion":"');

/** The same object at another resourceVersion: the last state of a deleted object at the revision of its deletion. */
export function withRevision(bytes: Uint8Array, revision: number): Uint8Array {
  // Quotes inside strings are escaped, and nothing before it has a field of that name: the first match is the field.
  const start = indexOf(bytes, versionMarker) + versionMarker.length;
  let end = start;
  while (bytes[end] !== 0x22) end++;
  const digits = utf8Encode(String(revision));
  const out = new Uint8Array(bytes.length - (end - start) + digits.length);
  out.set(bytes.subarray(0, start));
  out.set(digits, start);
  out.set(bytes.subarray(end), start + digits.length);
  return out;
}

function indexOf(bytes: Uint8Array, pattern: Uint8Array): number {
  const first = pattern[0] ?? 0;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let i = 1;
    while (i < pattern.length && bytes[at + i] === pattern[i]) i++;
    if (i === pattern.length) return at;
  }
  assert(false, "a stored object has no resourceVersion");
}
