import { utf8Encode } from "../../component-base/bytes.ts";

/** A string or bytes literal and where it ends, or why it is none. */
export type StringRead =
  | { readonly kind: "string"; readonly value: string; readonly end: number }
  | { readonly kind: "bytes"; readonly value: Uint8Array; readonly end: number }
  | { readonly error: string; readonly end: number };

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
  "`": "`",
  "?": "?",
};

/** Reads the literal that begins at `start` with `opening`: its prefix and quotes. */
export function readString(text: string, start: number, opening: string): StringRead {
  const quote = /"""|'''|"|'/.exec(opening)?.[0] ?? '"';
  const prefix = opening.slice(0, opening.length - quote.length).toLowerCase();
  const isRaw = prefix.includes("r");
  const isBytes = prefix.includes("b");
  const parts: (string | Uint8Array)[] = [];
  let at = start + opening.length;
  for (;;) {
    if (at >= text.length || (quote.length === 1 && /[\r\n]/.test(text[at] ?? "")))
      return { error: `token recognition error at: '${text.slice(start, at)}'`, end: at };
    if (text.startsWith(quote, at)) break;
    if (text[at] === "\\" && !isRaw) {
      const read = readEscape(text, at + 1, isBytes);
      if (!read) return { error: `token recognition error at: '${text.slice(start, at + 2)}'`, end: at + 2 };
      parts.push(read.value);
      at = read.end;
      continue;
    }
    const from = at;
    // A raw literal may hold its quote behind a backslash.
    at += text[at] === "\\" ? 2 : 1;
    parts.push(text.slice(from, at));
  }
  const end = at + quote.length;
  if (!isBytes) return { kind: "string", value: parts.join(""), end };
  return { kind: "bytes", value: joinBytes(parts), end };
}

function readEscape(
  text: string,
  at: number,
  isBytes: boolean,
): { readonly value: string | Uint8Array; readonly end: number } | undefined {
  const letter = text[at] ?? "";
  const plain = escapes[letter];
  if (plain !== undefined) return { value: plain, end: at + 1 };
  const [pattern, base, from]: [RegExp, number, number] =
    letter === "x" || letter === "X"
      ? [/[0-9a-fA-F]{2}/y, 16, at + 1]
      : letter === "u" && !isBytes
        ? [/[0-9a-fA-F]{4}/y, 16, at + 1]
        : letter === "U" && !isBytes
          ? [/[0-9a-fA-F]{8}/y, 16, at + 1]
          : [/[0-3][0-7]{2}/y, 8, at];
  pattern.lastIndex = from;
  const digits = pattern.exec(text)?.[0];
  if (digits === undefined) return undefined;
  const code = parseInt(digits, base);
  const end = from + digits.length;
  if (isBytes) return { value: Uint8Array.of(code), end };
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return { value: String.fromCodePoint(code), end };
}

function joinBytes(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const bytes: number[] = [];
  // Neighbouring characters are encoded together: a pair of surrogates is one code point.
  let text = "";
  const flush = (): void => {
    bytes.push(...utf8Encode(text));
    text = "";
  };
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    flush();
    bytes.push(...part);
  }
  flush();
  return Uint8Array.from(bytes);
}
