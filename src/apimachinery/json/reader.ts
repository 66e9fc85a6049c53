import { goQuote } from "../go-format.ts";
import { JsonError } from "./json-error.ts";

/** How many duplicates are told; upstream stops there too. */
const duplicatesMax = 100;

/**
 * A parser of our own, for the rare text JSON.parse is not enough for: it tells duplicate members by path, keeps integers
 * of 64 bits exact as bigint, replaces lone surrogates, and says what is wrong in Go's words. About ten times slower.
 * The caller has checked the depth.
 */
export function readJson(text: string): { readonly value: unknown; readonly duplicates: readonly string[] } {
  const reader = new Reader(text);
  const value = reader.readDocument();
  return { value, duplicates: reader.duplicates };
}

/** The paths of all members in the order of the text, those that occur again included. For text that has been read. */
export function memberPaths(text: string): readonly string[] {
  const paths: string[] = [];
  new Reader(text, { onMember: (path) => void paths.push(path) }).readDocument();
  return paths;
}

/**
 * How the numbers that are no integers of 64 bits, or not written as such, are written, by path. For text that has been read,
 * and is short: some 15 ms for 32 KiB of nothing but such.
 */
export function numberLiterals(text: string): ReadonlyMap<string, string> {
  const literals = new Map<string, string>();
  new Reader(text, { onOtherNumber: (path, literal) => void literals.set(path, literal) }).readDocument();
  return literals;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const literals: Readonly<Record<string, readonly [string, unknown]>> = {
  t: ["true", true],
  f: ["false", false],
  n: ["null", null],
};

interface Listener {
  onMember?(path: string): void;
  onOtherNumber?(path: string, literal: string): void;
}

class Reader {
  readonly duplicates: string[] = [];
  readonly #text: string;
  #position = 0;
  /** Member names and item numbers from the root to here. */
  readonly #path: (string | number)[] = [];

  readonly #listener: Listener;

  constructor(text: string, listener: Listener = {}) {
    this.#text = text;
    this.#listener = listener;
  }

  readDocument(): unknown {
    const value = this.#value();
    if (this.#peek() !== "") this.#fail("after top-level value");
    return value;
  }

  #value(): unknown {
    const c = this.#peek();
    if (c === "{") return this.#object();
    if (c === "[") return this.#array();
    if (c === '"') return this.#string();
    if (c === "-" || isDigit(c)) return this.#number();
    const literal = Object.hasOwn(literals, c) ? literals[c] : undefined;
    if (literal === undefined) return this.#fail("looking for beginning of value");
    const [word, value] = literal;
    for (const expected of word) {
      if (this.#text[this.#position] !== expected) this.#fail(`in literal ${word} (expecting ${quoteRune(expected)})`);
      this.#position++;
    }
    return value;
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#position++;
    if (this.#take("}")) return object;
    for (;;) {
      if (this.#peek() !== '"') this.#fail("looking for beginning of object key string");
      const name = this.#string();
      if (!this.#take(":")) this.#fail("after object key");
      this.#path.push(name);
      this.#listener.onMember?.(this.#pathText());
      if (Object.hasOwn(object, name)) this.#noteDuplicate();
      const value = this.#value();
      // Plain assignment to `__proto__` would change the prototype; here it is a member like any other.
      if (name === "__proto__") {
        Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
      } else {
        object[name] = value;
      }
      this.#path.pop();
      if (this.#take("}")) return object;
      if (!this.#take(",")) this.#fail("after object key:value pair");
    }
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#position++;
    if (this.#take("]")) return array;
    for (;;) {
      this.#path.push(array.length);
      array.push(this.#value());
      this.#path.pop();
      if (this.#take("]")) return array;
      if (!this.#take(",")) this.#fail("after array element");
    }
  }

  #string(): string {
    let out = "";
    let start = ++this.#position;
    for (;;) {
      this.#skipPlain();
      const c = this.#text[this.#position] ?? this.#failAtEnd();
      if (c === '"') {
        out += this.#text.slice(start, this.#position);
        this.#position++;
        return out.toWellFormed();
      }
      if (c < " ") this.#fail("in string literal");
      out += this.#text.slice(start, this.#position);
      this.#position++;
      out += this.#escape();
      start = this.#position;
    }
  }

  /** To the next quote, backslash or control character, or the end. */
  #skipPlain(): void {
    let code = this.#text.charCodeAt(this.#position);
    while (code >= 0x20 && code !== 0x22 && code !== 0x5c) code = this.#text.charCodeAt(++this.#position);
  }

  #escape(): string {
    const c = this.#text[this.#position] ?? this.#failAtEnd();
    if (c !== "u") {
      const escape = Object.hasOwn(escapes, c) ? escapes[c] : undefined;
      if (escape === undefined) return this.#fail("in string escape code");
      this.#position++;
      return escape;
    }
    this.#position++;
    const start = this.#position;
    for (; this.#position < start + 4; this.#position++) {
      const digit = this.#text[this.#position] ?? this.#failAtEnd();
      if (!/[0-9a-fA-F]/.test(digit)) this.#fail("in \\u hexadecimal character escape");
    }
    return String.fromCharCode(Number.parseInt(this.#text.slice(start, this.#position), 16));
  }

  #number(): number | bigint {
    const start = this.#position;
    if (this.#text[this.#position] === "-") this.#position++;
    if (this.#text[this.#position] === "0") this.#position++;
    else this.#digits("in numeric literal");
    let isInteger = true;
    if (this.#text[this.#position] === ".") {
      isInteger = false;
      this.#position++;
      this.#digits("after decimal point in numeric literal");
    }
    if (/[eE]/.test(this.#text[this.#position] ?? "")) {
      isInteger = false;
      this.#position++;
      if (/[+-]/.test(this.#text[this.#position] ?? "")) this.#position++;
      this.#digits("in exponent of numeric literal");
    }
    const literal = this.#text.slice(start, this.#position);
    const number = toNumber(literal, isInteger);
    const isOther = !isInteger || (typeof number === "number" && !Number.isSafeInteger(number));
    if (isOther) this.#listener.onOtherNumber?.(this.#pathText(), literal);
    return number;
  }

  #digits(context: string): void {
    const start = this.#position;
    for (let code = this.#text.charCodeAt(start); code >= 0x30 && code <= 0x39;) {
      code = this.#text.charCodeAt(++this.#position);
    }
    if (this.#position === start) this.#fail(context);
  }

  /** The next character that is no white space, the empty string at the end. */
  #peek(): string {
    for (;;) {
      const c = this.#text[this.#position] ?? "";
      if (c !== " " && c !== "\n" && c !== "\r" && c !== "\t") return c;
      this.#position++;
    }
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#position++;
    return true;
  }

  #noteDuplicate(): void {
    if (this.duplicates.length < duplicatesMax) this.duplicates.push(this.#pathText());
  }

  #pathText(): string {
    let text = "";
    for (const part of this.#path) {
      if (typeof part === "number") text += `[${part}]`;
      else text += text === "" ? part : `.${part}`;
    }
    return text;
  }

  #fail(context: string): never {
    const code = this.#text.codePointAt(this.#position);
    if (code === undefined) this.#failAtEnd();
    throw new JsonError(`invalid character ${quoteRune(String.fromCodePoint(code ?? 0))} ${context}`);
  }

  #failAtEnd(): never {
    throw new JsonError("unexpected end of JSON input");
  }
}

/** Integers of 64 bits stay exact; whatever else is the nearest double, as in Go. */
function toNumber(source: string, isInteger: boolean): number | bigint {
  const number = Number(source);
  if (!Number.isFinite(number)) {
    throw new JsonError(`json: cannot unmarshal number ${source} into Go value of type float64`);
  }
  // 19 digits and a sign are the most an int64 has.
  if (!isInteger || Number.isSafeInteger(number) || source.length > 20) return number;
  const exact = BigInt(source);
  return BigInt.asIntN(64, exact) === exact ? exact : number;
}

function isDigit(c: string): boolean {
  return c >= "0" && c <= "9" && c.length === 1;
}

/** A Go rune literal: `'x'`. */
function quoteRune(rune: string): string {
  if (rune === "'") return "'\\''";
  if (rune === '"') return "'\"'";
  return `'${goQuote(rune).slice(1, -1)}'`;
}
