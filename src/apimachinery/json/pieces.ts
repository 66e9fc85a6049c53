import { endOfString } from "./scan.ts";

// Cuts JSON text between the members of a container, without reading them. Of text that is no JSON it makes pieces of which at
// least one is none either.

export interface JsonContainer {
  readonly text: string;
  readonly isList: boolean;
  /** What is between the brackets. */
  readonly start: number;
  readonly end: number;
}

/** The object or list that is all of the text; undefined when it is something else. */
export function containerIn(text: string): JsonContainer | undefined {
  let start = 0;
  while (isSpace(text.charCodeAt(start))) start++;
  let end = text.length - 1;
  while (end > start && isSpace(text.charCodeAt(end))) end--;
  const [open, close] = [text[start], text[end]];
  if (open === "{" && close === "}") return { text, isList: false, start: start + 1, end };
  return open === "[" && close === "]" ? { text, isList: true, start: start + 1, end } : undefined;
}

export interface Piece {
  readonly start: number;
  readonly end: number;
  /** A single member or item, because it is long. */
  readonly isOne: boolean;
}

/** Long members stand alone, short ones together up to about this much text. */
const pieceLength = 64 * 1024;

/** The members of a container, cut at commas. Throws SyntaxError when there is nothing between two commas. */
export function* piecesOf({ text, start, end }: JsonContainer): Generator<Piece> {
  for (const piece of cut(text, start, end)) {
    const isWhole = piece.start === start && piece.end === end;
    if (!isWhole && text.slice(piece.start, piece.end).trim() === "") throw new SyntaxError("a member is missing");
    yield piece;
  }
}

function* cut(text: string, start: number, end: number): Generator<Piece> {
  let pieceStart = start;
  let memberStart = start;
  while (memberStart <= end) {
    const memberEnd = endOfMember(text, memberStart, end);
    if (memberEnd - memberStart > pieceLength) {
      if (pieceStart < memberStart) yield { start: pieceStart, end: memberStart - 1, isOne: false };
      yield { start: memberStart, end: memberEnd, isOne: true };
      pieceStart = memberEnd + 1;
    } else if (memberEnd - pieceStart > pieceLength) {
      yield { start: pieceStart, end: memberEnd, isOne: false };
      pieceStart = memberEnd + 1;
    }
    memberStart = memberEnd + 1;
  }
  if (pieceStart <= end) yield { start: pieceStart, end, isOne: false };
}

/** Where the comma is that ends the member, or the end. */
function endOfMember(text: string, start: number, end: number): number {
  let depth = 0;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) i = endOfString(text, i);
    else if (c === 0x7b || c === 0x5b) depth++;
    else if (c === 0x7d || c === 0x5d) depth--;
    else if (c === 0x2c && depth === 0) return i;
  }
  return end;
}

/** Where the colon behind the name of a member is; -1 for none. */
export function nameEnd(member: string): number {
  let i = 0;
  while (isSpace(member.charCodeAt(i))) i++;
  if (member.charCodeAt(i) !== 0x22) return -1;
  i = endOfString(member, i) + 1;
  while (isSpace(member.charCodeAt(i))) i++;
  return member.charCodeAt(i) === 0x3a ? i : -1;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
