import { accumulator, type Comprehension, type Expr } from "../syntax/ast.ts";
import { type CelType, heldBy } from "../types/cel-type.ts";
import type { Checked } from "./checker.ts";
import { callCost } from "./estimate-call.ts";
import { fixed, type Size, times, union, unknownSize } from "./size.ts";

/** From a variable to a part of it: names of fields, `@items`, `@keys`, `@values`. */
export type ValuePath = readonly string[];

/** How large the value at a path may be; undefined where nobody knows. */
export type SizeAt = (path: ValuePath) => Size | undefined;

/** A node as the estimates of functions see it. */
export interface Operand {
  readonly expr: Expr | undefined;
  readonly type: CelType;
  readonly size: Size;
  /** What its elements are, for lists. */
  elements(): Operand | undefined;
}

/** The most an expression can cost by cel-go's reckoning, whose numbers definitions are accepted by; at most 2^64. */
export function estimateCost(checked: Checked, sizeAt: SizeAt): number {
  return new Estimator(checked, sizeAt).cost(checked.expr);
}

/** Sizes of what is in a list or map that an expression makes. */
interface EntrySizes {
  readonly kind: "list" | "map";
  readonly key: Size;
  readonly value: Size;
}

interface Local {
  readonly name: string;
  readonly path: ValuePath;
  readonly size: Size | undefined;
  readonly entries: EntrySizes | undefined;
}

const listCost = 10;
const mapCost = 30;
const structCost = 40;

class Estimator {
  readonly #checked: Checked;
  readonly #sizeAt: SizeAt;
  readonly #paths = new Map<Expr, ValuePath>();
  readonly #sizes = new Map<Expr, Size>();
  readonly #entries = new Map<Expr, EntrySizes>();
  readonly #locals: Local[] = [];

  constructor(checked: Checked, sizeAt: SizeAt) {
    this.#checked = checked;
    this.#sizeAt = sizeAt;
  }

  cost(expr: Expr): number {
    switch (expr.kind) {
      case "constant":
        return 0;
      case "ident":
        this.#paths.set(expr, this.#local(expr.name)?.path ?? [expr.name]);
        return 1;
      case "select":
        return this.#select(expr);
      case "call":
        return this.#call(expr);
      case "list":
        return this.#list(expr);
      case "map":
        return this.#map(expr);
      case "struct":
        return structCost + this.#costs(expr.fields.map(({ value }) => value));
      case "comprehension":
        return this.#comprehension(expr);
    }
  }

  #costs(exprs: readonly Expr[]): number {
    return exprs.reduce((sum, expr) => sum + this.cost(expr), 0);
  }

  #select(expr: Expr & { readonly kind: "select" }): number {
    const cost = this.cost(expr.operand);
    // Whether something is there costs nothing.
    if (expr.isTest) return cost;
    this.#paths.set(expr, [...this.#path(expr.operand), expr.field]);
    const { kind } = this.#checked.typeOf(expr.operand);
    return cost + (kind === "map" || kind === "object" ? 1 : 0);
  }

  #call(expr: Expr & { readonly kind: "call" }): number {
    const { name, target, args } = expr;
    const costs = args.map((arg) => this.cost(arg));
    const ofArgs = costs.reduce((sum, cost) => sum + cost, 0);
    const ofTarget = target ? this.cost(target) : 0;
    const [first, second, third] = args;
    if (name === "dyn" && first) {
      this.#copySizes(expr, first);
      return ofArgs + 1;
    }
    if (name === "_?_:_" && second && third) {
      const [ofCondition = 0, ofYes = 0, ofNo = 0] = costs;
      this.#sizes.set(expr, union(this.#sizeOrUnknown(second), this.#sizeOrUnknown(third)));
      this.#joinEntries(expr, second, third);
      return ofCondition + Math.max(ofYes, ofNo);
    }
    if (name === "_&&_" || name === "_||_") return ofArgs;
    if (name === "_[_]" && first) this.#index(expr, first);
    if (name === "_+_" && first && second) this.#joinEntries(expr, first, second);
    const made = callCost(
      name,
      target && this.#operand(target),
      args.map((arg) => this.#operand(arg)),
    );
    const size = made.size ?? this.#size(expr);
    if (size) this.#sizes.set(expr, size);
    return Math.min(ofTarget + ofArgs + made.cost, 2 ** 64);
  }

  #index(expr: Expr, of: Expr): void {
    const size = this.#entriesOf(of)?.value;
    if (size) this.#sizes.set(expr, size);
    const { kind } = this.#checked.typeOf(of);
    if (kind === "list") this.#paths.set(expr, [...this.#path(of), "@items"]);
    else if (kind === "map") this.#paths.set(expr, [...this.#path(of), "@values"]);
  }

  #list(expr: Expr & { readonly kind: "list" }): number {
    const elements = expr.elements.map(({ value }) => value);
    const cost = listCost + this.#costs(elements);
    const value = elements.map((element) => this.#sizeOrUnknown(element)).reduce(union, noSize(elements.length));
    this.#entries.set(expr, { kind: "list", key: fixed(1), value });
    return cost;
  }

  #map(expr: Expr & { readonly kind: "map" }): number {
    const cost = mapCost + this.#costs(expr.entries.flatMap(({ key, value }) => [key, value]));
    const none = noSize(expr.entries.length);
    this.#entries.set(expr, {
      kind: "map",
      key: expr.entries.map(({ key }) => this.#sizeOrUnknown(key)).reduce(union, none),
      value: expr.entries.map(({ value }) => this.#sizeOrUnknown(value)).reduce(union, none),
    });
    return cost;
  }

  #comprehension(expr: Expr & Comprehension): number {
    const { range, init, condition, step, result } = expr;
    const around = this.cost(range) + this.cost(init);
    const depth = this.#locals.length;
    this.#locals.push({
      name: accumulator,
      path: this.#path(init),
      size: this.#size(init),
      entries: this.#entriesOf(init),
    });
    if (expr.secondVariable === undefined) {
      const isList = this.#kindOfRange(range) === "list";
      this.#pushLoopVariable(expr.variable, range, isList ? "value" : "key");
    } else {
      this.#pushLoopVariable(expr.variable, range, "key");
      this.#pushLoopVariable(expr.secondVariable, range, "value");
    }
    const turn = this.cost(condition) + this.cost(step);
    this.#locals.length = depth + 1;
    const cost = around + this.cost(result);
    this.#locals.length = depth;
    const turns = this.#sizeOrUnknown(range);
    this.#comprehensionSize(expr, init, step, turns);
    return Math.min(cost + times(turns, turn).max, 2 ** 64);
  }

  #comprehensionSize(expr: Expr, init: Expr, step: Expr, turns: Size): void {
    if (init.kind === "constant") {
      const size = this.#size(init);
      if (size) this.#sizes.set(expr, size);
    } else if (init.kind === "list" || init.kind === "map") {
      this.#sizes.set(expr, turns);
      const entries = this.#entriesOf(step);
      if (entries) this.#entries.set(expr, entries);
    }
  }

  #kindOfRange(range: Expr): string {
    return this.#entriesOf(range)?.kind ?? this.#checked.typeOf(range).kind;
  }

  #pushLoopVariable(name: string, range: Expr, part: "key" | "value"): void {
    const isList = this.#kindOfRange(range) === "list";
    const step = part === "key" ? (isList ? "@indices" : "@keys") : isList ? "@items" : "@values";
    this.#locals.push({
      name,
      path: [...this.#path(range), step],
      size: this.#entriesOf(range)?.[part],
      entries: undefined,
    });
  }

  #local(name: string): Local | undefined {
    return this.#locals.findLast((local) => local.name === name);
  }

  #path(expr: Expr): ValuePath {
    const local = expr.kind === "ident" ? this.#local(expr.name) : undefined;
    return local?.path ?? this.#paths.get(expr) ?? [];
  }

  #operand(expr: Expr): Operand {
    const type = this.#checked.typeOf(expr);
    const size = this.#sizeOrUnknown(expr);
    return {
      expr,
      type,
      size,
      elements: () => (type.kind === "list" ? this.#elements(expr, type.element) : undefined),
    };
  }

  #elements(list: Expr, type: CelType): Operand {
    const path = this.#path(list);
    const size = path.length === 0 ? undefined : this.#sizeAt([...path, "@items"]);
    return { expr: undefined, type, size: size ?? unknownSize, elements: () => undefined };
  }

  #sizeOrUnknown(expr: Expr): Size {
    return this.#size(expr) ?? unknownSize;
  }

  #size(expr: Expr): Size | undefined {
    const known = this.#sizes.get(expr) ?? literalSize(expr);
    if (known) return known;
    const path = this.#path(expr);
    const size = path.length === 0 ? undefined : this.#sizeAt(path);
    if (size) {
      this.#sizes.set(expr, size);
      return size;
    }
    if (isScalar(this.#checked.typeOf(expr))) return fixed(1);
    return expr.kind === "ident" ? this.#local(expr.name)?.size : undefined;
  }

  #entriesOf(expr: Expr): EntrySizes | undefined {
    return this.#entries.get(expr) ?? (expr.kind === "ident" ? this.#local(expr.name)?.entries : undefined);
  }

  #copySizes(to: Expr, from: Expr): void {
    const [size, entries] = [this.#size(from), this.#entriesOf(from)];
    if (size) this.#sizes.set(to, size);
    if (entries) this.#entries.set(to, entries);
  }

  #joinEntries(to: Expr, first: Expr, second: Expr): void {
    const [a, b] = [this.#entriesOf(first), this.#entriesOf(second)];
    if (a && b) this.#entries.set(to, { ...a, key: union(a.key, b.key), value: union(a.value, b.value) });
  }
}

function noSize(count: number): Size {
  return count === 0 ? fixed(0) : { min: 2 ** 64, max: 0 };
}

function literalSize(expr: Expr): Size | undefined {
  if (expr.kind === "list") return fixed(expr.elements.length);
  if (expr.kind === "map") return fixed(expr.entries.length);
  if (expr.kind !== "constant") return undefined;
  const { value } = expr;
  if (typeof value === "string") return fixed(Array.from(value).length);
  return fixed(value instanceof Uint8Array ? value.length : 1);
}

const scalars: ReadonlySet<string> = new Set(["bool", "double", "duration", "int", "timestamp", "uint"]);

function isScalar(type: CelType): boolean {
  return scalars.has((heldBy(type) ?? type).kind);
}
