/**
 * Regular expressions by Go's syntax (RE2), as a tree. There are no back-references and no look-around, so that matching takes
 * time linear in the text; a pattern that has them is an error, as in upstream.
 */
export type Node =
  | { readonly type: "empty" }
  | { readonly type: "char"; readonly test: (code: number) => boolean }
  | { readonly type: "assert"; readonly where: Assertion }
  | { readonly type: "sequence"; readonly items: readonly Node[] }
  | { readonly type: "choice"; readonly options: readonly Node[] }
  /** `max` undefined: any number. Lazy ones prefer few. */
  | {
      readonly type: "repeat";
      readonly item: Node;
      readonly min: number;
      readonly max: number | undefined;
      readonly isLazy: boolean;
    };

export type Assertion = "textStart" | "textEnd" | "lineStart" | "lineEnd" | "wordBoundary" | "noWordBoundary";

/** The pattern is no regular expression of Go. The message is Go's. */
export class RegexpSyntaxError extends Error {
  override readonly name = "RegexpSyntaxError";

  constructor(what: string, where: string) {
    super(`error parsing regexp: ${what}: \`${where}\``);
  }
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

// Go's limits.
const repeatMax = 1000;
const depthMax = 1000;

/** Throws RegexpSyntaxError. */
export function parseRegexp(pattern: string): Node {
  return new Parser(pattern).all();
}

type Test = (code: number) => boolean;

const isDigit: Test = (c) => c >= 0x30 && c <= 0x39;
const isSpace: Test = (c) => c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0c || c === 0x0d;
export const isWord: Test = (c) => isDigit(c) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x5f;

const perlClasses: Readonly<Record<string, Test>> = { d: isDigit, s: isSpace, w: isWord };

const posixClasses: Readonly<Record<string, RegExp>> = {
  alnum: /^[0-9A-Za-z]$/,
  alpha: /^[A-Za-z]$/,
  // oxlint-disable-next-line no-control-regex -- that is the class.
  ascii: /^[\x00-\x7f]$/,
  blank: /^[\t ]$/,
  // oxlint-disable-next-line no-control-regex -- that is the class.
  cntrl: /^[\x00-\x1f\x7f]$/,
  digit: /^[0-9]$/,
  graph: /^[!-~]$/,
  lower: /^[a-z]$/,
  print: /^[ -~]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^[\t\n\v\f\r ]$/,
  upper: /^[A-Z]$/,
  word: /^[0-9A-Za-z_]$/,
  xdigit: /^[0-9A-Fa-f]$/,
};

const escapes: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

class Parser {
  readonly #text: string;
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#text = pattern;
    this.#chars = Array.from(pattern);
  }

  all(): Node {
    const node = this.#choice({ ignoreCase: false, multiLine: false, dotAll: false });
    if (this.#at < this.#chars.length) throw new RegexpSyntaxError("unexpected )", this.#text);
    return node;
  }

  #peek(offset = 0): string | undefined {
    return this.#chars[this.#at + offset];
  }

  #rest(from: number): string {
    return this.#chars.slice(from).join("");
  }

  #choice(given: Flags): Node {
    let flags = given;
    const options: Node[] = [];
    let items: Node[] = [];
    for (;;) {
      const char = this.#peek();
      if (char === undefined || char === ")") break;
      if (char === "|") {
        this.#at++;
        options.push(sequence(items));
        items = [];
        continue;
      }
      const changed = this.#flagsGroup(flags);
      if (changed) flags = changed;
      else items.push(this.#repeated(flags));
    }
    if (options.length === 0) return sequence(items);
    return { type: "choice", options: [...options, sequence(items)] };
  }

  /** `(?i)`: changes what follows in this group. */
  #flagsGroup(flags: Flags): Flags | undefined {
    if (this.#peek() !== "(" || this.#peek(1) !== "?") return undefined;
    const match = /^\(\?([imsU]*(?:-[imsU]+)?)\)/.exec(this.#rest(this.#at));
    if (!match?.[1]) return undefined;
    this.#at += match[0].length;
    return applyFlags(flags, match[1]);
  }

  #repeated(flags: Flags): Node {
    const start = this.#at;
    let node = this.#atom(flags);
    let isRepeated = false;
    for (;;) {
      const opAt = this.#at;
      const range = this.#repetition();
      if (!range) return node;
      if (isRepeated)
        throw new RegexpSyntaxError(
          "invalid nested repetition operator",
          this.#chars.slice(opAt - 1, this.#at).join(""),
        );
      if (range.min > repeatMax || (range.max ?? 0) > repeatMax || (range.max !== undefined && range.max < range.min))
        throw new RegexpSyntaxError("invalid repeat count", this.#chars.slice(opAt, this.#at).join(""));
      // Lazy or not makes no difference to whether there is a match.
      const isLazy = this.#peek() === "?";
      if (isLazy) this.#at++;
      isRepeated = true;
      node = { type: "repeat", item: node, ...range, isLazy };
      if (this.#at === start) return node;
    }
  }

  #repetition(): { readonly min: number; readonly max: number | undefined } | undefined {
    switch (this.#peek()) {
      case "*":
        this.#at++;
        return { min: 0, max: undefined };
      case "+":
        this.#at++;
        return { min: 1, max: undefined };
      case "?":
        this.#at++;
        return { min: 0, max: 1 };
      case "{": {
        const match = /^\{([0-9]{1,9})(?:(,)([0-9]{1,9})?)?\}/.exec(this.#rest(this.#at));
        // As in Go, what is no count is a literal brace.
        if (!match) return undefined;
        this.#at += match[0].length;
        const min = Number(match[1]);
        if (match[2] === undefined) return { min, max: min };
        return { min, max: match[3] === undefined ? undefined : Number(match[3]) };
      }
      default:
        return undefined;
    }
  }

  #atom(flags: Flags): Node {
    const char = this.#chars[this.#at++] ?? "";
    switch (char) {
      case "^":
        return { type: "assert", where: flags.multiLine ? "lineStart" : "textStart" };
      case "$":
        return { type: "assert", where: flags.multiLine ? "lineEnd" : "textEnd" };
      case ".":
        return { type: "char", test: flags.dotAll ? () => true : (c) => c !== 0x0a };
      case "(":
        return this.#group(flags);
      case "[":
        return { type: "char", test: folded(this.#class(), flags) };
      case "\\":
        return this.#escape(flags);
      case "*":
      case "+":
      case "?":
        throw new RegexpSyntaxError("missing argument to repetition operator", char);
      default:
        return literal(char.codePointAt(0) ?? 0, flags);
    }
  }

  #group(flags: Flags): Node {
    const start = this.#at - 1;
    let inner = flags;
    if (this.#peek() === "?") {
      const match = /^\?(?:P?<([A-Za-z0-9_]+)>|([imsU]*(?:-[imsU]+)?):)/.exec(this.#rest(this.#at));
      if (!match)
        throw new RegexpSyntaxError("invalid or unsupported Perl syntax", this.#chars.slice(start, start + 3).join(""));
      this.#at += match[0].length;
      if (match[2]) inner = applyFlags(flags, match[2]);
    }
    if (++this.#depth > depthMax) throw new RegexpSyntaxError("expression nests too deeply", this.#text);
    const node = this.#choice(inner);
    this.#depth--;
    if (this.#peek() !== ")") throw new RegexpSyntaxError("missing closing )", this.#text);
    this.#at++;
    return node;
  }

  #escape(flags: Flags): Node {
    switch (this.#peek() ?? "") {
      case "A":
        this.#at++;
        return { type: "assert", where: "textStart" };
      case "z":
        this.#at++;
        return { type: "assert", where: "textEnd" };
      case "b":
        this.#at++;
        return { type: "assert", where: "wordBoundary" };
      case "B":
        this.#at++;
        return { type: "assert", where: "noWordBoundary" };
      case "Q": {
        const end = this.#rest(this.#at + 1).indexOf("\\E");
        const text = end < 0 ? this.#rest(this.#at + 1) : this.#rest(this.#at + 1).slice(0, end);
        this.#at = end < 0 ? this.#chars.length : this.#at + 1 + Array.from(text).length + 2;
        return sequence(Array.from(text, (char) => literal(char.codePointAt(0) ?? 0, flags)));
      }
    }
    const test = this.#escapedClass();
    return test ? { type: "char", test: folded(test, flags) } : literal(this.#escapedChar(), flags);
  }

  /** `\d`, `\pL`, `\P{Greek}` after the backslash. */
  #escapedClass(): Test | undefined {
    const char = this.#peek() ?? "";
    const perl = perlClasses[char.toLowerCase()];
    if (perl) {
      this.#at++;
      return char === char.toLowerCase() ? perl : (c) => !perl(c);
    }
    if (char !== "p" && char !== "P") return undefined;
    const match = /^[pP](?:\{(\^?)([A-Za-z_]+)\}|([A-Za-z]))/.exec(this.#rest(this.#at));
    const where = `\\${match?.[0] ?? char}`;
    const name = match?.[2] ?? match?.[3] ?? "";
    if (match) this.#at += match[0].length;
    const regexp = unicodeClass(name);
    if (!regexp) throw new RegexpSyntaxError("invalid character class range", where);
    const isNegated = (char === "P") !== (match?.[1] === "^");
    return (c) => regexp.test(String.fromCodePoint(c)) !== isNegated;
  }

  #escapedChar(): number {
    const start = this.#at - 1;
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new RegexpSyntaxError("trailing backslash at end of expression", "");
    const known = escapes[char];
    if (known !== undefined) return known;
    if (char === "x") {
      const match = /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/.exec(this.#rest(this.#at));
      if (!match) throw new RegexpSyntaxError("invalid escape sequence", this.#chars.slice(start, this.#at).join(""));
      this.#at += match[0].length;
      return Number.parseInt(match[1] ?? match[2] ?? "", 16);
    }
    if (char >= "0" && char <= "7") {
      const match = /^[0-7]{1,3}/.exec(this.#rest(this.#at - 1));
      if (match && (char === "0" || match[0].length > 1)) {
        this.#at += match[0].length - 1;
        return Number.parseInt(match[0], 8);
      }
    }
    if (/^[0-9A-Za-z]$/.test(char)) throw new RegexpSyntaxError("invalid escape sequence", `\\${char}`);
    return char.codePointAt(0) ?? 0;
  }

  /** A bracketed class, after the `[`. */
  #class(): Test {
    const start = this.#at - 1;
    const isNegated = this.#peek() === "^";
    if (isNegated) this.#at++;
    const tests: Test[] = [];
    for (let isFirst = true; this.#peek() !== "]" || isFirst; isFirst = false) {
      if (this.#peek() === undefined) throw new RegexpSyntaxError("missing closing ]", this.#rest(start));
      tests.push(this.#classItem());
    }
    this.#at++;
    return (c) => tests.some((test) => test(c)) !== isNegated;
  }

  #classItem(): Test {
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#rest(this.#at));
    if (posix) {
      const regexp = posixClasses[posix[2] ?? ""];
      if (!regexp) throw new RegexpSyntaxError("invalid character class range", posix[0]);
      this.#at += posix[0].length;
      return (c) => regexp.test(String.fromCodePoint(c)) !== (posix[1] === "^");
    }
    const start = this.#at;
    if (this.#peek() === "\\") {
      this.#at++;
      const test = this.#escapedClass();
      if (test) return test;
      this.#at--;
    }
    const low = this.#classChar();
    if (this.#peek() !== "-" || this.#peek(1) === "]" || this.#peek(1) === undefined) return (c) => c === low;
    this.#at++;
    const high = this.#classChar();
    if (high < low)
      throw new RegexpSyntaxError("invalid character class range", this.#chars.slice(start, this.#at).join(""));
    return (c) => c >= low && c <= high;
  }

  #classChar(): number {
    const char = this.#chars[this.#at++] ?? "";
    return char === "\\" ? this.#escapedChar() : (char.codePointAt(0) ?? 0);
  }
}

function applyFlags(flags: Flags, text: string): Flags {
  const [on = "", off = ""] = text.split("-");
  const value = (name: string, before: boolean): boolean => (on.includes(name) || before) && !off.includes(name);
  return {
    ignoreCase: value("i", flags.ignoreCase),
    multiLine: value("m", flags.multiLine),
    dotAll: value("s", flags.dotAll),
  };
}

function unicodeClass(name: string): RegExp | undefined {
  if (name === "Any") return /^[^]$/u;
  for (const property of [`gc=${name}`, `sc=${name}`]) {
    try {
      return new RegExp(`^\\p{${property}}$`, "u");
    } catch {
      // No such category, or no such script.
    }
  }
  return undefined;
}

function literal(code: number, flags: Flags): Node {
  return { type: "char", test: folded((c) => c === code, flags) };
}

/** The same without regard to case, where the flag says so. */
function folded(test: Test, { ignoreCase }: Flags): Test {
  if (!ignoreCase) return test;
  const other = (c: number, fold: (text: string) => string): number => {
    const text = fold(String.fromCodePoint(c));
    return Array.from(text).length === 1 ? (text.codePointAt(0) ?? c) : c;
  };
  return (c) => test(c) || test(other(c, (text) => text.toLowerCase())) || test(other(c, (text) => text.toUpperCase()));
}

function sequence(items: readonly Node[]): Node {
  const [only] = items;
  if (!only) return { type: "empty" };
  return items.length === 1 ? only : { type: "sequence", items };
}
