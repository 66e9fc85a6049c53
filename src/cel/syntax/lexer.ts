import type { Issue } from "../errors.ts";
import { readString } from "./string-literal.ts";

export type Token = { readonly at: number; readonly end: number; readonly text: string } & (
  | { readonly kind: "ident" | "punctuation" | "end" }
  | { readonly kind: "int" | "uint"; readonly value: bigint }
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
);

const space = /(?:[\s]|\/\/[^\n]*)*/y;
const number = /0x[0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\d*\.\d+|\d+(?=[eE][+-]?\d))(?:[eE][+-]?\d+)?|\d+[uU]?/y;
const ident = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const stringStart = /(?:[rR][bB]?|[bB][rR]?)?(?:"""|'''|"|')/y;
const punctuation = /==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()[\]{}]/y;

const intMax = 2n ** 63n;
const uintMax = 2n ** 64n - 1n;

/** The tokens of a text, the last of kind "end". What is none is told to `report` and passed over. */
export function tokenize(text: string, report: (issue: Issue) => void): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    at += match(space)?.length ?? 0;
    if (at >= text.length) break;
    const opening = match(stringStart);
    if (opening !== undefined) {
      const read = readString(text, at, opening);
      if ("error" in read) {
        report({ at, message: `Syntax error: ${read.error}` });
        at = read.end;
        continue;
      }
      tokens.push({ at, text: text.slice(at, read.end), ...read });
      at = read.end;
      continue;
    }
    const word = match(ident);
    const digits = word === undefined ? match(number) : undefined;
    const sign = word === undefined && digits === undefined ? match(punctuation) : undefined;
    const found = word ?? digits ?? sign;
    if (found === undefined) {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      report({ at, message: `Syntax error: token recognition error at: '${character}'` });
      at += character.length;
      continue;
    }
    const base = { at, end: at + found.length, text: found };
    at = base.end;
    if (digits !== undefined) tokens.push({ ...base, ...numberOf(digits, base.at, report) });
    else tokens.push({ ...base, kind: word === undefined ? "punctuation" : "ident" });
  }
  tokens.push({ kind: "end", at: text.length, end: text.length, text: "<EOF>" });
  return tokens;
}

type NumberToken =
  | { readonly kind: "int" | "uint"; readonly value: bigint }
  | { readonly kind: "double"; readonly value: number };

function numberOf(digits: string, at: number, report: (issue: Issue) => void): NumberToken {
  const isHex = digits.startsWith("0x");
  if (!isHex && /[.eE]/.test(digits)) {
    const value = Number(digits);
    if (!Number.isFinite(value)) report({ at, message: "invalid double literal" });
    return { kind: "double", value };
  }
  if (/[uU]$/.test(digits)) {
    const value = BigInt(digits.slice(0, -1));
    if (value > uintMax) report({ at, message: "invalid uint literal" });
    return { kind: "uint", value };
  }
  const value = BigInt(digits);
  // One more than the largest is the smallest without its sign; the parser knows whether there is one.
  if (value > intMax) report({ at, message: "invalid int literal" });
  return { kind: "int", value };
}
