import { CelError } from "../errors.ts";
import type { Budget } from "../eval/budget.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { formatString } from "./format-string.ts";
import type { ListValue, Value } from "../values/value.ts";
import { ListValue as List } from "../values/value.ts";
import type { Functions } from "./signature.ts";

/** The string extension of cel-go in version 2, which counts in code points. */
export const stringFunctions: Functions = {
  "string.charAt(int): string": ([text, index]: readonly [string, bigint], budget) => {
    const codes = charactersOf(text, budget);
    const at = Number(index);
    if (at < 0 || at > codes.length) throw new CelError(`index out of range: ${index}`);
    return codes[at] ?? "";
  },
  "string.indexOf(string): int": ([text, part]: readonly [string, string], budget) => indexOf(text, part, 0n, budget),
  "string.indexOf(string, int): int": ([text, part, from]: readonly [string, string, bigint], budget) =>
    indexOf(text, part, from, budget),
  "string.lastIndexOf(string): int": ([text, part]: readonly [string, string], budget) =>
    lastIndexOf(text, part, undefined, budget),
  "string.lastIndexOf(string, int): int": ([text, part, from]: readonly [string, string, bigint], budget) =>
    lastIndexOf(text, part, from, budget),
  "list<string>.join(): string": ([list]: readonly [ListValue], budget) => join(list, "", budget),
  "list<string>.join(string): string": ([list, separator]: readonly [ListValue, string], budget) =>
    join(list, separator, budget),
  "string.lowerAscii(): string": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return text.replace(/[A-Z]+/g, (part) => part.toLowerCase());
  },
  "string.upperAscii(): string": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return text.replace(/[a-z]+/g, (part) => part.toUpperCase());
  },
  "string.replace(string, string): string": ([text, from, to]: readonly [string, string, string], budget) =>
    replace(text, from, to, -1n, budget),
  "string.replace(string, string, int): string": (
    [text, from, to, times]: readonly [string, string, string, bigint],
    budget,
  ) => replace(text, from, to, times, budget),
  "string.split(string): list<string>": ([text, separator]: readonly [string, string], budget) =>
    split(text, separator, -1n, budget),
  "string.split(string, int): list<string>": ([text, separator, parts]: readonly [string, string, bigint], budget) =>
    split(text, separator, parts, budget),
  "string.substring(int): string": ([text, start]: readonly [string, bigint], budget) =>
    substring(text, start, undefined, budget),
  "string.substring(int, int): string": ([text, start, end]: readonly [string, bigint, bigint], budget) =>
    substring(text, start, end, budget),
  "string.trim(): string": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return text.replace(/^[\s\u0085]+|[\s\u0085]+$/gu, "");
  },
  "string.format(list<dyn>): string": ([text, args]: readonly [string, ListValue], budget) =>
    formatString(text, args, budget),
  "strings.quote(string): string": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return goQuote(text);
  },
};

export function charactersOf(text: string, budget: Budget): readonly string[] {
  budget.chargeText(text.length);
  return Array.from(text);
}

/** The place of an index in code points within the text as JavaScript has it. */
function indexOf(text: string, part: string, from: bigint, budget: Budget): bigint {
  const characters = charactersOf(text, budget);
  if (from < 0n || from > BigInt(characters.length)) throw new CelError(`index out of range: ${from}`);
  const before = characters.slice(0, Number(from)).join("");
  const found = text.indexOf(part, before.length);
  return found < 0 ? -1n : BigInt(Array.from(text.slice(0, found)).length);
}

function lastIndexOf(text: string, part: string, from: bigint | undefined, budget: Budget): bigint {
  const characters = charactersOf(text, budget);
  if (from !== undefined && (from < 0n || from > BigInt(characters.length)))
    throw new CelError(`index out of range: ${from}`);
  const before = from === undefined ? Infinity : characters.slice(0, Number(from)).join("").length;
  const found = text.lastIndexOf(part, before);
  return found < 0 ? -1n : BigInt(Array.from(text.slice(0, found)).length);
}

function join(list: ListValue, separator: string, budget: Budget): string {
  const parts = [...list].map((each) => {
    if (typeof each !== "string") throw new CelError("no such overload");
    budget.chargeText(each.length + separator.length);
    return each;
  });
  return parts.join(separator);
}

function replace(text: string, from: string, to: string, times: bigint, budget: Budget): string {
  budget.chargeText(text.length);
  const parts = from === "" ? ["", ...Array.from(text), ""] : text.split(from);
  let left = times < 0n ? Infinity : Number(times);
  let made = parts[0] ?? "";
  for (const part of parts.slice(1)) {
    const between = left-- > 0 ? to : from;
    budget.chargeText(between.length);
    made += between + part;
  }
  return made;
}

function split(text: string, separator: string, limit: bigint, budget: Budget): Value {
  budget.chargeText(text.length);
  if (limit === 0n) return List.of([]);
  const parts = separator === "" ? Array.from(text) : text.split(separator);
  const max = Number(limit);
  if (max < 0 || parts.length <= max) return List.of(parts);
  return List.of([...parts.slice(0, max - 1), parts.slice(max - 1).join(separator)]);
}

function substring(text: string, start: bigint, end: bigint | undefined, budget: Budget): string {
  const characters = charactersOf(text, budget);
  const last = end ?? BigInt(characters.length);
  if (start < 0n || start > BigInt(characters.length)) throw new CelError(`index out of range: ${start}`);
  if (last < 0n || last > BigInt(characters.length)) throw new CelError(`index out of range: ${last}`);
  if (start > last) throw new CelError(`invalid substring range. start: ${start}, end: ${last}`);
  return characters.slice(Number(start), Number(last)).join("");
}
