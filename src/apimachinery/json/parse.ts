import { utf8Decode } from "../../component-base/bytes.ts";
import type { Steps } from "../../component-base/steps.ts";
import { setMember } from "../object.ts";
import { JsonError } from "./json-error.ts";
import { readJson } from "./reader.ts";
import { containerIn, type JsonContainer, nameEnd, piecesOf } from "./pieces.ts";
import { type JsonScan, scanJson } from "./scan.ts";

export interface JsonLimits {
  /** Levels of objects and arrays. */
  readonly depthMax?: number;
}

/**
 * Differs from upstream: Go allows 10,000 levels. No API type needs a hundredth of it, and every recursive walk over a
 * value may then rely on the stack being large enough.
 */
export const jsonDepthMax = 1000;

export interface JsonReading {
  readonly value: unknown;
  /** Paths of members that occur again in their object, e.g. `spec.containers[0].name`; the last one wins. */
  readonly duplicates: readonly string[];
  /** Some number may be none that is read as an integer of 64 bits: `numberLiterals` tells which. */
  readonly hasOtherNumber: boolean;
}

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
  if (scan.hasLargeNumber || scan.hasSurrogateEscape) return readCarefully(text, scan);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The reader finds the same fault and says it in Go's words.
    return readCarefully(text, scan);
  }
  // JSON.parse drops duplicates silently, so fewer members than were written means there are some.
  return countMembers(value) === scan.memberCount
    ? { value, duplicates: noDuplicates, hasOtherNumber: scan.hasOtherNumber }
    : readCarefully(text, scan);
}

function readCarefully(text: string, { hasOtherNumber }: JsonScan): JsonReading {
  return { ...readJson(text), hasOtherNumber };
}

const noDuplicates: readonly string[] = [];

/** Text of this length is read in one piece: some 5 ms, if it is all short members. */
const pieceLength = 128 * 1024;

/** As parseJson, with long text read in pieces. */
export function* parseJsonInPieces(input: Uint8Array | string, limits: JsonLimits = {}): Steps<JsonReading> {
  const text = typeof input === "string" ? input : utf8Decode(input);
  if (text.length <= pieceLength) return parseJson(text, limits);
  const depthMax = limits.depthMax ?? jsonDepthMax;
  const scan = scanJson(text, depthMax);
  if (scan.depth > depthMax) throw new JsonError("exceeded max depth");
  if (scan.hasLargeNumber || scan.hasSurrogateEscape) return readCarefully(text, scan);
  yield;
  const pieces = new PieceReader();
  let value: unknown;
  try {
    value = yield* pieces.read(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return readCarefully(text, scan);
  }
  return pieces.memberCount === scan.memberCount
    ? { value, duplicates: noDuplicates, hasOtherNumber: scan.hasOtherNumber }
    : readCarefully(text, scan);
}

/** Reads long text by cutting its containers between members, which cost no more than to look over when they are short. */
class PieceReader {
  /** Members met so far, those that came twice once. */
  memberCount = 0;

  *read(text: string): Steps<unknown> {
    const container = text.length > pieceLength ? containerIn(text) : undefined;
    if (!container) {
      const value: unknown = JSON.parse(text);
      this.memberCount += countMembers(value);
      return value;
    }
    return container.isList ? yield* this.#list(container) : yield* this.#object(container);
  }

  *#list(container: JsonContainer): Steps<unknown[]> {
    const { text } = container;
    const list: unknown[] = [];
    for (const piece of piecesOf(container)) {
      if (piece.isOne) list.push(yield* this.read(text.slice(piece.start, piece.end)));
      else for (const item of this.#parse(`[${text.slice(piece.start, piece.end)}]`) as unknown[]) list.push(item);
      yield;
    }
    return list;
  }

  *#object(container: JsonContainer): Steps<Record<string, unknown>> {
    const { text } = container;
    const object: Record<string, unknown> = {};
    for (const piece of piecesOf(container)) {
      const member = text.slice(piece.start, piece.end);
      const colon = piece.isOne ? nameEnd(member) : -1;
      if (colon >= 0) {
        const name: unknown = JSON.parse(member.slice(0, colon));
        if (typeof name !== "string") throw new SyntaxError("a name is no string");
        if (!Object.hasOwn(object, name)) this.memberCount++;
        setMember(object, name, yield* this.read(member.slice(colon + 1)));
      } else {
        const members = this.#parse(`{${member}}`) as Record<string, unknown>;
        for (const name in members) {
          if (Object.hasOwn(object, name)) this.memberCount--;
          setMember(object, name, members[name]);
        }
      }
      yield;
    }
    return object;
  }

  #parse(text: string): unknown {
    const value: unknown = JSON.parse(text);
    this.memberCount += countMembers(value);
    return value;
  }
}

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
