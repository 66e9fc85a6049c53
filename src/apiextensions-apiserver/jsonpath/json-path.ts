import { deepEqual, isJsonObject } from "../../apimachinery/object.ts";

/** The text is no JSONPath. */
export class JsonPathError extends Error {
  override readonly name = "JsonPathError";
}

type Step =
  | { readonly type: "member"; readonly name: string }
  | { readonly type: "all" }
  | { readonly type: "descend" }
  | {
      readonly type: "slice";
      readonly start: number | undefined;
      readonly end: number | undefined;
      readonly step: number;
    }
  | { readonly type: "index"; readonly index: number }
  | { readonly type: "filter"; readonly left: Operand; readonly operator: string; readonly right: Operand | undefined };

/** A side of a filter's comparison: a path from the item, or a constant. */
type Operand = { readonly path: JsonPath } | { readonly value: unknown };

/**
 * kubectl's JSONPath, the part columns, scale and selectable fields use: `.spec.names['a.b'][0]`, `[*]`, `..name`, `[1:3]`,
 * `.status.conditions[?(@.type=="Ready")].status`. Immutable.
 */
export class JsonPath {
  readonly #steps: readonly Step[];

  private constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  /** Throws JsonPathError. */
  static parse(text: string): JsonPath {
    return new JsonPath(new StepReader(text).all());
  }

  static of(steps: readonly Step[]): JsonPath {
    return new JsonPath(steps);
  }

  /** The members it goes through, when it does nothing else; else undefined. */
  get members(): readonly string[] | undefined {
    const names = this.#steps.flatMap((step) => (step.type === "member" ? [step.name] : []));
    return names.length === this.#steps.length ? names : undefined;
  }

  /** Everything it leads to, in document order. */
  find(root: unknown): readonly unknown[] {
    let found: readonly unknown[] = [root];
    for (const step of this.#steps) found = found.flatMap((value) => take(step, value));
    return found;
  }
}

function take(step: Step, value: unknown): readonly unknown[] {
  switch (step.type) {
    case "member":
      return isJsonObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case "all":
      return children(value);
    case "descend":
      return descendants(value);
    case "index": {
      if (!Array.isArray(value)) return [];
      const at = step.index < 0 ? value.length + step.index : step.index;
      return at >= 0 && at < value.length ? [value[at]] : [];
    }
    case "slice": {
      if (!Array.isArray(value)) return [];
      return value.slice(step.start, step.end).filter((_, i) => i % step.step === 0);
    }
    case "filter":
      return Array.isArray(value) ? value.filter((item: unknown) => holds(step, item)) : [];
  }
}

function children(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isJsonObject(value) ? Object.values(value) : [];
}

function descendants(value: unknown): readonly unknown[] {
  return [value, ...children(value).flatMap(descendants)];
}

function holds(step: Step & { readonly type: "filter" }, item: unknown): boolean {
  const left = valuesOf(step.left, item);
  if (!step.right) return left.length > 0;
  const right = valuesOf(step.right, item);
  if (left.length !== 1 || right.length !== 1) return false;
  return compare(step.operator, left[0], right[0]);
}

function valuesOf(operand: Operand, item: unknown): readonly unknown[] {
  return "path" in operand ? operand.path.find(item) : [operand.value];
}

function compare(operator: string, left: unknown, right: unknown): boolean {
  if (operator === "==") return deepEqual(left, right);
  if (operator === "!=") return !deepEqual(left, right);
  const isComparable =
    (typeof left === "number" && typeof right === "number") || (typeof left === "string" && typeof right === "string");
  if (!isComparable) return false;
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    default:
      return left >= right;
  }
}

class StepReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    const isBraced = text.startsWith("{") && text.endsWith("}");
    this.#text = isBraced ? text.slice(1, -1) : text;
  }

  all(): Step[] {
    const steps: Step[] = [];
    if (this.#text.startsWith("$") || this.#text.startsWith("@")) this.#at++;
    while (this.#at < this.#text.length) steps.push(...this.#step());
    return steps;
  }

  #step(): readonly Step[] {
    if (this.#takes("..")) {
      const isMember = this.#text[this.#at] !== "[" && this.#at < this.#text.length;
      return [{ type: "descend" }, ...(isMember ? [this.#member()] : [])];
    }
    if (this.#takes("[")) return [this.#bracket()];
    if (this.#takes(".")) return this.#text[this.#at] === "[" || this.#at >= this.#text.length ? [] : [this.#member()];
    throw new JsonPathError(`unexpected ${this.#text.slice(this.#at)} in ${this.#text}`);
  }

  #takes(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #member(): Step {
    if (this.#takes("*")) return { type: "all" };
    let name = "";
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] ?? "";
      if (char === "\\" && this.#at + 1 < this.#text.length) {
        name += this.#text[this.#at + 1];
        this.#at += 2;
        continue;
      }
      if (/[.[\]\s(){}'"|,=!<>@?*]/.test(char)) break;
      name += char;
      this.#at++;
    }
    if (name === "") throw new JsonPathError(`unexpected ${this.#text.slice(this.#at)} in ${this.#text}`);
    return { type: "member", name };
  }

  #bracket(): Step {
    if (this.#takes("?(")) return this.#filter();
    const quote = this.#text[this.#at];
    if (quote === "'" || quote === '"') {
      const name = this.#quoted(quote);
      this.#expect("]");
      return { type: "member", name };
    }
    const end = this.#text.indexOf("]", this.#at);
    if (end < 0) throw new JsonPathError("unterminated array");
    const inside = this.#text.slice(this.#at, end).trim();
    this.#at = end + 1;
    if (inside === "*") return { type: "all" };
    if (/^-?[0-9]{1,9}$/.test(inside)) return { type: "index", index: Number(inside) };
    const slice = /^(-?[0-9]{1,9})?:(-?[0-9]{1,9})?(?::([1-9][0-9]{0,8}))?$/.exec(inside);
    if (!slice) throw new JsonPathError(`invalid array index ${inside}`);
    const bound = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
    return { type: "slice", start: bound(slice[1]), end: bound(slice[2]), step: Number(slice[3] ?? 1) };
  }

  #filter(): Step {
    const left = this.#operand();
    const operator = /^(?:==|!=|<=|>=|<|>)/.exec(this.#text.slice(this.#at))?.[0];
    if (operator === undefined) {
      this.#expect(")]");
      return { type: "filter", left, operator: "exists", right: undefined };
    }
    this.#at += operator.length;
    const right = this.#operand();
    this.#expect(")]");
    return { type: "filter", left, operator, right };
  }

  #operand(): Operand {
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === "'" || char === '"') {
      const value = this.#quoted(char);
      this.#skipSpace();
      return { value };
    }
    if (char === "@" || char === "$") {
      this.#at++;
      const steps: Step[] = [];
      while (this.#text[this.#at] === "." || this.#text[this.#at] === "[") steps.push(...this.#step());
      this.#skipSpace();
      return { path: JsonPath.of(steps) };
    }
    const word = /^[^\s)=!<>]+/.exec(this.#text.slice(this.#at))?.[0];
    if (word === undefined) throw new JsonPathError("unterminated filter");
    this.#at += word.length;
    this.#skipSpace();
    if (word === "true" || word === "false") return { value: word === "true" };
    const number = Number(word);
    if (Number.isNaN(number)) throw new JsonPathError(`unrecognized character in action: ${word}`);
    return { value: number };
  }

  #quoted(quote: string): string {
    let text = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at] ?? "";
      if (char === quote) {
        this.#at++;
        return text;
      }
      if (char === "\\" && this.#at + 1 < this.#text.length) text += this.#text[++this.#at];
      else text += char;
    }
    throw new JsonPathError("unterminated quoted string");
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " ") this.#at++;
  }

  #expect(token: string): void {
    if (!this.#takes(token)) throw new JsonPathError(`unterminated ${token === "]" ? "array" : "filter"}`);
  }
}
