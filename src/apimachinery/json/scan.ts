/** What one pass over JSON text tells before anything is built from it. Of text that is no JSON, whatever it looks like. */
export interface JsonScan {
  /** Levels of objects and arrays. */
  readonly depth: number;
  /** Members of all objects together. */
  readonly memberCount: number;
  /** Some number may not fit a double exactly: 16 digits or more, or an exponent. */
  readonly hasLargeNumber: boolean;
  /** Some number is not written as an integer, or may be none of 64 bits. */
  readonly hasOtherNumber: boolean;
  /** Some string may have half of a surrogate pair, written as an escape. */
  readonly hasSurrogateEscape: boolean;
}

/** About 1 µs per KB; stops at once past `depthMax`. */
export function scanJson(text: string, depthMax: number): JsonScan {
  let depth = 0;
  let deepest = 0;
  let memberCount = 0;
  let hasLargeNumber = false;
  let hasOtherNumber = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      i = endOfString(text, i);
    } else if (c === 0x7b || c === 0x5b) {
      depth++;
      if (depth > deepest) deepest = depth;
      if (depth > depthMax) break;
    } else if (c === 0x7d || c === 0x5d) {
      depth--;
    } else if (c === 0x3a) {
      memberCount++;
    } else if (c >= 0x30 && c <= 0x39) {
      const end = endOfNumber(text, i);
      const isLarge = end - i >= 16 || hasAny(text, i, end, exponents);
      hasLargeNumber ||= isLarge;
      hasOtherNumber ||= isLarge || hasAny(text, i, end, points);
      i = end - 1;
    }
  }
  const hasSurrogateEscape = text.includes("\\u") && /\\u[dD][89a-fA-F]/.test(text);
  return { depth: deepest, memberCount, hasLargeNumber, hasOtherNumber, hasSurrogateEscape };
}

/** The index of the closing quote, or the end of the text. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

/** Past the last of the characters a number is made of: `0-9 . + - e E`. */
function endOfNumber(text: string, start: number): number {
  let i = start + 1;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const isPart = (c >= 0x30 && c <= 0x39) || c === 0x2e || c === 0x2b || c === 0x2d || c === 0x45 || c === 0x65;
    if (!isPart) break;
  }
  return i;
}

const exponents = [0x45, 0x65];
const points = [0x2e];

function hasAny(text: string, start: number, end: number, codes: readonly number[]): boolean {
  for (let i = start; i < end; i++) if (codes.includes(text.charCodeAt(i))) return true;
  return false;
}
