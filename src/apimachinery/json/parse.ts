import { utf8Decode } from "../../component-base/bytes.ts";
import { JsonError } from "./json-error.ts";
import { type JsonReading, readJson } from "./reader.ts";
import { scanJson } from "./scan.ts";

export interface JsonLimits {
  /** Levels of objects and arrays. */
  readonly depthMax?: number;
}

/**
 * Differs from upstream: Go allows 10,000 levels. No API type needs a hundredth of it, and every recursive walk over a
 * value may then rely on the stack being large enough.
 */
export const jsonDepthMax = 1000;

/**
 * Parses untrusted JSON. Members named `__proto__` or `constructor` are plain data; integers of 64 bits beyond 2^53 are
 * bigint; bytes that are no UTF-8 become U+FFFD. Duplicate members are reported, the last one wins.
 * Throws JsonError with Go's message. Costs JSON.parse and half again.
 */
export function parseJson(input: Uint8Array | string, limits: JsonLimits = {}): JsonReading {
  const text = typeof input === "string" ? input : utf8Decode(input);
  const depthMax = limits.depthMax ?? jsonDepthMax;
  const scan = scanJson(text, depthMax);
  if (scan.depth > depthMax) throw new JsonError("exceeded max depth");
  if (scan.hasLargeNumber || scan.hasSurrogateEscape) return readJson(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The reader finds the same fault and says it in Go's words.
    return readJson(text);
  }
  // JSON.parse drops duplicates silently, so fewer members than were written means there are some.
  return countMembers(value) === scan.memberCount ? { value, duplicates: noDuplicates } : readJson(text);
}

const noDuplicates: readonly string[] = [];

function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object") count += countMembers(item);
    return count;
  }
  const object = value as Record<string, unknown>;
  for (const name in object) {
    count++;
    const member = object[name];
    if (typeof member === "object") count += countMembers(member);
  }
  return count;
}
