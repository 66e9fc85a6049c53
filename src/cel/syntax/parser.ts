import { CompileError, type Issue } from "../errors.ts";
import { boolType, bytesType, doubleType, intType, nullType, stringType, uintType } from "../types/cel-type.ts";
import { Uint } from "../values/value.ts";
import type { Expr, ListElement, MapEntry, StructField } from "./ast.ts";
import { tokenize, type Token } from "./lexer.ts";
import { expandMacro } from "./macros.ts";

/** Code points of a text; upstream's limit. */
const textMax = 100_000;
/** Levels of nesting; upstream's limit. */
const depthMax = 250;
/** Links of one chain, as in `a.b.c` or `1 + 2 + 3`: each is a level of what the text becomes. */
const chainMax = 1_000;

const reserved = new Set(
  "as break const continue else false for function if import in let loop package namespace null return true var void while".split(
    " ",
  ),
);
const literals =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** The expression a text stands for, macros expanded. Throws CompileError. */
export function parseExpression(text: string): Expr {
  return new Parser(text).parse();
}

/** Stops parsing after a first mistake: what follows is guesswork. */
class Stop extends Error {}

class Parser {
  readonly #text: string;
  readonly #issues: Issue[] = [];
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    const size = Array.from(text).length;
    if (size > textMax) {
      const message = `expression code point size exceeds limit: size: ${size}, limit ${textMax}`;
      throw new CompileError("", [{ at: 0, message }]);
    }
    this.#tokens = tokenize(text, (issue) => this.#issues.push(issue));
  }

  parse(): Expr {
    let expr: Expr | undefined;
    try {
      expr = this.#expression();
      if (this.#token.kind !== "end") this.#fail(`extraneous input '${this.#token.text}' expecting <EOF>`);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
    }
    if (!expr || this.#issues.length > 0) throw new CompileError(this.#text, this.#issues);
    return expr;
  }

  get #token(): Token {
    const token = this.#tokens[Math.min(this.#next, this.#tokens.length - 1)];
    if (!token) throw new Stop();
    return token;
  }

  #fail(message: string, at = this.#token.at): never {
    this.#issues.push({ at, message: `Syntax error: ${message}` });
    throw new Stop();
  }

  /** A mistake of meaning, which is no reason to stop. */
  #report(at: number, message: string): void {
    this.#issues.push({ at, message });
  }

  #is(sign: string): boolean {
    return this.#token.kind === "punctuation" && this.#token.text === sign;
  }

  /** Passes the sign if it is next; gives where it was. */
  #take(sign: string): number | undefined {
    if (!this.#is(sign)) return undefined;
    return this.#tokens[this.#next++]?.at;
  }

  #expect(sign: string): void {
    if (this.#take(sign) !== undefined) return;
    this.#fail(`missing '${sign}' at '${this.#token.text}'`);
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > depthMax) this.#tooDeep(depthMax);
    const result = parse();
    this.#depth--;
    return result;
  }

  #tooDeep(limit: number): never {
    this.#report(this.#token.at, `expression recursion limit exceeded: ${limit}`);
    throw new Stop();
  }

  #expression(): Expr {
    return this.#nested(() => {
      const condition = this.#logical("||", () => this.#logical("&&", () => this.#binary(0)));
      const at = this.#take("?");
      if (at === undefined) return condition;
      const yes = this.#logical("||", () => this.#logical("&&", () => this.#binary(0)));
      this.#expect(":");
      return call(at, "_?_:_", [condition, yes, this.#expression()]);
    });
  }

  /** Chains of `&&` and `||` become balanced trees: the order of their evaluation does not matter, their depth does. */
  #logical(sign: "&&" | "||", operand: () => Expr): Expr {
    const terms = [operand()];
    const places: number[] = [];
    for (let at = this.#take(sign); at !== undefined; at = this.#take(sign)) {
      places.push(at);
      terms.push(operand());
    }
    const balanced = (from: number, to: number): Expr => {
      const middle = (from + to) >> 1;
      const only = terms[from];
      if (from === to && only) return only;
      return call(places[middle] ?? 0, `_${sign}_`, [balanced(from, middle), balanced(middle + 1, to)]);
    };
    return balanced(0, terms.length - 1);
  }

  /** Operators of one level, from left to right: relations, then sums, then products. */
  #binary(level: number): Expr {
    const signs = binaryOperators[level];
    if (!signs) return this.#unary();
    let left = this.#binary(level + 1);
    for (let links = 0; ; links++) {
      const { at, text, kind } = this.#token;
      const name = kind === "punctuation" || text === "in" ? signs[text] : undefined;
      if (name === undefined) return left;
      if (links === chainMax) this.#tooDeep(chainMax);
      this.#next++;
      left = call(at, name, [left, this.#binary(level + 1)]);
    }
  }

  #unary(): Expr {
    for (const [sign, name] of [
      ["!", "!_"],
      ["-", "-_"],
    ] as const) {
      const { at } = this.#token;
      let count = 0;
      while (this.#is(sign)) {
        const following = this.#tokens[this.#next + 1];
        // The sign next to a number is a part of it.
        if (sign === "-" && (following?.kind === "int" || following?.kind === "double")) break;
        this.#next++;
        count++;
      }
      if (count > 0) {
        const operand = this.#member();
        return count % 2 === 1 ? call(at, name, [operand]) : operand;
      }
    }
    return this.#member();
  }

  #member(): Expr {
    let expr = this.#primary();
    for (let links = 0; ; links++) {
      if (links === chainMax) this.#tooDeep(chainMax);
      const { at } = this.#token;
      if (this.#take(".") !== undefined) {
        const isOptional = this.#take("?") !== undefined;
        const { at: fieldAt, text: field } = this.#identifier(true);
        if (!isOptional && this.#is("(")) expr = this.#call(this.#token.at, expr, field);
        else
          expr = { kind: "select", at: isOptional ? at : fieldAt - 1, operand: expr, field, isTest: false, isOptional };
      } else if (this.#is("[")) {
        this.#next++;
        const name = this.#take("?") === undefined ? "_[_]" : "_[?_]";
        const index = this.#expression();
        this.#expect("]");
        expr = call(at, name, [expr, index]);
      } else if (this.#is("{")) {
        const type = qualifiedName(expr);
        if (type === undefined) return expr;
        expr = { kind: "struct", at, type, fields: this.#fields() };
      } else return expr;
    }
  }

  #primary(): Expr {
    const token = this.#token;
    const { at } = token;
    switch (token.kind) {
      case "int":
        this.#next++;
        if (token.value === 2n ** 63n) this.#report(at, "invalid int literal");
        return { kind: "constant", at, value: token.value, type: intType };
      case "uint":
        this.#next++;
        return { kind: "constant", at, value: new Uint(token.value), type: uintType };
      case "double":
        this.#next++;
        return { kind: "constant", at, value: token.value, type: doubleType };
      case "string":
        this.#next++;
        return { kind: "constant", at, value: token.value, type: stringType };
      case "bytes":
        this.#next++;
        return { kind: "constant", at, value: token.value, type: bytesType };
      case "ident":
        return this.#named();
      case "end":
        return this.#fail(`mismatched input '<EOF>' expecting ${literals}`);
      case "punctuation":
        return this.#bracketed();
    }
  }

  #bracketed(): Expr {
    const { at, text } = this.#token;
    switch (text) {
      case "(": {
        this.#next++;
        const expr = this.#expression();
        this.#expect(")");
        return expr;
      }
      case "[":
        return { kind: "list", at, elements: this.#elements() };
      case "{":
        return { kind: "map", at, entries: this.#entries() };
      case "-": {
        this.#next++;
        const token = this.#token;
        this.#next++;
        if (token.kind === "int") return { kind: "constant", at, value: -token.value, type: intType };
        if (token.kind === "double") return { kind: "constant", at, value: -token.value, type: doubleType };
        this.#next--;
        return this.#fail(`mismatched input '${token.text}' expecting {NUM_FLOAT, NUM_INT}`);
      }
      case ".":
        // There is but one container, and it is the root.
        this.#next++;
        return this.#named();
      default:
        return this.#fail(`mismatched input '${text}' expecting ${literals}`);
    }
  }

  #named(): Expr {
    const { at, text } = this.#token;
    if (text === "true" || text === "false" || text === "null") {
      this.#next++;
      if (text === "null") return { kind: "constant", at, value: null, type: nullType };
      return { kind: "constant", at, value: text === "true", type: boolType };
    }
    const { text: name } = this.#identifier(false);
    if (this.#is("(")) return this.#call(this.#token.at, undefined, name);
    return { kind: "ident", at, name };
  }

  /** A field may be called as a word of the language; a variable may not. */
  #identifier(isField: boolean): Token {
    const token = this.#token;
    if (token.kind === "end" && isField) return this.#fail(`no viable alternative at input '.'`);
    if (token.kind !== "ident") return this.#fail(`mismatched input '${token.text}' expecting IDENTIFIER`);
    if (token.text === "in" || (!isField && ["true", "false", "null"].includes(token.text)))
      return this.#fail(`mismatched input '${token.text}' expecting IDENTIFIER`);
    if (!isField && reserved.has(token.text)) this.#report(token.at, `reserved identifier: ${token.text}`);
    this.#next++;
    return token;
  }

  #call(at: number, target: Expr | undefined, name: string): Expr {
    this.#expect("(");
    const args = this.#until(")", () => this.#expression(), false);
    const macro = expandMacro({ at, target, name, args }, (place, message) => this.#report(place, message));
    return macro ?? { kind: "call", at, name, target, args };
  }

  #elements(): readonly ListElement[] {
    this.#expect("[");
    return this.#until("]", () => ({
      isOptional: this.#take("?") !== undefined,
      value: this.#expression(),
    }));
  }

  #entries(): readonly MapEntry[] {
    this.#expect("{");
    return this.#until("}", () => {
      const isOptional = this.#take("?") !== undefined;
      const key = this.#expression();
      this.#expect(":");
      return { isOptional, key, value: this.#expression() };
    });
  }

  #fields(): readonly StructField[] {
    this.#expect("{");
    return this.#until("}", () => {
      if (this.#token.kind === "end")
        this.#fail("mismatched input '<EOF>' expecting {'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}");
      const isOptional = this.#take("?") !== undefined;
      const { at, text: name } = this.#identifier(true);
      this.#expect(":");
      return { at, name, isOptional, value: this.#expression() };
    });
  }

  /** Items between commas up to the closing sign; the last may be followed by one, except of arguments. */
  #until<T>(closing: string, item: () => T, mayTrail = true): readonly T[] {
    const items: T[] = [];
    while (!this.#is(closing)) {
      if (items.length > 0) {
        if (this.#token.kind === "end") this.#fail(`mismatched input '<EOF>' expecting {'${closing}', ','}`);
        this.#expect(",");
        if (mayTrail && this.#is(closing)) break;
      }
      items.push(item());
    }
    this.#expect(closing);
    return items;
  }
}

/** By level, weakest first; names as signatures have them. */
const binaryOperators: readonly Readonly<Record<string, string>>[] = [
  { "<": "_<_", "<=": "_<=_", ">": "_>_", ">=": "_>=_", "==": "_==_", "!=": "_!=_", in: "@in" },
  { "+": "_+_", "-": "_-_" },
  { "*": "_*_", "/": "_/_", "%": "_%_" },
];

function call(at: number, name: string, args: readonly Expr[]): Expr {
  return { kind: "call", at, name, target: undefined, args };
}

/** `a.b.c` of identifiers alone; undefined for any other expression. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === "ident") return expr.name;
  if (expr.kind !== "select" || expr.isTest || expr.isOptional) return undefined;
  const operand = qualifiedName(expr.operand);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
}
