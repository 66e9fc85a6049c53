import { stringifyJson } from "./json/stringify.ts";

// Messages of the API carry values as Go prints them (`%q`, json.Marshal); clients and conformance specs compare them.

const shortEscapes: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|["\\]/gu;

/** A double-quoted Go string literal, as `%q` and strconv.Quote print it. */
export function goQuote(text: string): string {
  return `"${text.replace(unprintable, escapeRune)}"`;
}

/** True when Go's unicode.IsPrint holds for the (single) character. */
export function isPrintable(character: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);
}

function escapeRune(rune: string): string {
  const short = shortEscapes[rune];
  if (short !== undefined) return short;
  const code = rune.codePointAt(0) ?? 0;
  // A lone surrogate cannot occur in Go's UTF-8 text; it would have become U+FFFD when the input was decoded.
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x1_0000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

/** The value as json.Marshal writes it: compact, `<`, `>` and `&` escaped, integers beyond 2^53 exact. */
export function goJson(value: unknown): string {
  const text = value === undefined ? "null" : stringifyJson(value);
  return text.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A list of strings as Go's `%#v` prints it: `[]string{"a", "b"}`. */
export function goStringSlice(values: readonly string[]): string {
  return `[]string{${values.map(goQuote).join(", ")}}`;
}

/** A JSON value as Go's `%v` prints it decoded: `map[a:1 b:[x y]]`, members sorted. */
export function goValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goValue).join(" ")}]`;
  if (typeof value !== "object") return goJson(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${members.map(([name, member]) => `${name}:${goValue(member)}`).join(" ")}]`;
}
