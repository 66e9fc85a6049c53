import type { Issue } from "../errors.ts";
import type { Overload } from "../library/signature.ts";
import type { Comprehension, Expr } from "../syntax/ast.ts";
import { accumulator } from "../syntax/ast.ts";
import { qualifiedName } from "../syntax/parser.ts";
import {
  boolType,
  type CelType,
  dynType,
  errorType,
  formatType,
  heldBy,
  intType,
  listOf,
  mapOf,
  optionalOf,
  stringType,
} from "../types/cel-type.ts";
import { forUse, Substitution } from "../types/substitution.ts";
import { TypeValue } from "../values/value.ts";

/** What names mean where an expression is checked. */
export interface Declarations {
  variable(name: string): CelType | undefined;
  /** Overloads of a name, called on a first argument or not. */
  functions(name: string): readonly Overload[];
  /** A type expressions may name. */
  type(name: string): CelType | undefined;
}

export interface Checked {
  /** Names resolved: qualified variables and functions, types as constants. */
  readonly expr: Expr;
  readonly type: CelType;
  readonly issues: readonly Issue[];
  /** The type of a part of `expr`. */
  typeOf(part: Expr): CelType;
}

/** Finds the type of an expression and what is wrong about it. */
export function checkExpression(expr: Expr, declarations: Declarations): Checked {
  const checker = new Checker(declarations);
  const checked = checker.check(expr, undefined);
  return {
    expr: checked.expr,
    type: checker.final(checked.type),
    issues: checker.issues,
    typeOf: (part) => checker.final(checker.types.get(part) ?? dynType),
  };
}

interface Typed {
  readonly expr: Expr;
  readonly type: CelType;
}

/** Variables of comprehensions, innermost first. */
interface Scope {
  readonly names: ReadonlyMap<string, CelType>;
  readonly outer: Scope | undefined;
}

class Checker {
  readonly issues: Issue[] = [];
  readonly types = new Map<Expr, CelType>();
  readonly #declarations: Declarations;
  readonly #substitution = new Substitution();
  /** Within arguments of `format`, whose lists hold whatever is to be printed. */
  #isMixed = false;

  constructor(declarations: Declarations) {
    this.#declarations = declarations;
  }

  final(type: CelType): CelType {
    return this.#substitution.resolve(type, true);
  }

  check(expr: Expr, scope: Scope | undefined): Typed {
    const typed = this.#typed(expr, scope);
    this.types.set(typed.expr, typed.type);
    return typed;
  }

  #typed(expr: Expr, scope: Scope | undefined): Typed {
    switch (expr.kind) {
      case "constant":
        return { expr, type: expr.type };
      case "ident":
        return this.#named(expr, expr.name, scope) ?? this.#undeclared(expr, expr.name);
      case "select":
        return this.#select(expr, scope);
      case "call":
        return this.#call(expr, scope);
      case "list":
        return this.#list(expr, scope);
      case "map":
        return this.#map(expr, scope);
      case "struct":
        return this.#struct(expr, scope);
      case "comprehension":
        return this.#comprehension(expr, scope);
    }
  }

  #report(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  #undeclared(expr: Expr, name: string): Typed {
    this.#report(expr.at, `undeclared reference to '${name}' (in container '')`);
    return { expr, type: errorType };
  }

  #named(expr: Expr, name: string, scope: Scope | undefined): Typed | undefined {
    for (let at = scope; at; at = at.outer) {
      const local = at.names.get(name);
      if (local) return { expr, type: local };
    }
    const variable = this.#declarations.variable(name);
    if (variable) return { expr: { kind: "ident", at: expr.at, name }, type: variable };
    const named = this.#declarations.type(name);
    if (!named) return undefined;
    const type: CelType = { kind: "type", of: named };
    return { expr: { kind: "constant", at: expr.at, value: new TypeValue(named), type }, type };
  }

  #isLocal(expr: Expr, scope: Scope | undefined): boolean {
    if (expr.kind === "select") return this.#isLocal(expr.operand, scope);
    if (expr.kind !== "ident") return false;
    for (let at = scope; at; at = at.outer) if (at.names.has(expr.name)) return true;
    return false;
  }

  #select(expr: Expr & { readonly kind: "select" }, scope: Scope | undefined): Typed {
    if (!expr.isTest) {
      const name = this.#isLocal(expr, scope) ? undefined : qualifiedName(expr);
      const named = name === undefined ? undefined : this.#named(expr, name, scope);
      if (named) return named;
    }
    const operand = this.check(expr.operand, scope);
    const of = this.#substitution.resolve(operand.type);
    const held = heldBy(of);
    let type = this.#fieldType(expr, held ?? of);
    if ((held || expr.isOptional) && !heldBy(type)) type = optionalOf(type);
    return { expr: { ...expr, operand: operand.expr }, type: expr.isTest ? boolType : type };
  }

  #fieldType({ at, field }: Expr & { readonly kind: "select" }, of: CelType): CelType {
    switch (of.kind) {
      case "dyn":
      case "error":
      case "parameter":
        return of.kind === "error" ? errorType : dynType;
      case "map":
        return of.value;
      case "object": {
        const type = of.field(field);
        if (type) return type;
        this.#report(at, `undefined field '${field}'`);
        return errorType;
      }
      default:
        this.#report(at, `type '${formatType(this.final(of))}' does not support field selection`);
        return errorType;
    }
  }

  #call(expr: Expr & { readonly kind: "call" }, scope: Scope | undefined): Typed {
    const { at, name, target } = expr;
    const wasMixed = this.#isMixed;
    this.#isMixed ||= name === "format" && target !== undefined;
    const args = expr.args.map((arg) => this.check(arg, scope));
    this.#isMixed = wasMixed;
    // `a.b.f(x)` is a function of that name, when there is one.
    const qualifier = target && !this.#isLocal(target, scope) ? qualifiedName(target) : undefined;
    const qualified = qualifier === undefined ? undefined : `${qualifier}.${name}`;
    if (qualified !== undefined && this.#declarations.functions(qualified).some(({ isMember }) => !isMember))
      return this.#resolved({ at, kind: "call", name: qualified, target: undefined, args: [] }, args);
    if (!target) return this.#resolved(expr, args);
    return this.#resolved({ ...expr, target }, [this.check(target, scope), ...args]);
  }

  #resolved(expr: Expr & { readonly kind: "call" }, args: readonly Typed[]): Typed {
    const { at, name, target } = expr;
    const isMember = target !== undefined;
    const exprs = args.map((arg) => arg.expr);
    const call: Expr = isMember ? { ...expr, target: exprs[0], args: exprs.slice(1) } : { ...expr, args: exprs };
    const declared = this.#declarations.functions(name).filter((overload) => overload.isMember === isMember);
    if (this.#declarations.functions(name).length === 0) return this.#undeclared(call, name);
    if (name === "_&&_" || name === "_||_") {
      for (const arg of args) this.#mustBe(arg, boolType, arg.expr.at);
      return { expr: call, type: boolType };
    }
    const types = args.map(({ type }) => this.#substitution.resolve(type));
    let result: CelType | undefined;
    for (const overload of declared) {
      if (overload.parameters.length !== types.length) continue;
      const use = this.#substitution.nextUse();
      if (
        !this.#substitution.assign(
          overload.parameters.map((each) => forUse(each, use)),
          types,
        )
      )
        continue;
      const type = this.#substitution.resolve(forUse(overload.result, use));
      // With arguments of unknown type, several may be meant.
      result = result && !this.#isSame(result, type) ? dynType : type;
    }
    if (!result) {
      const [first = "", ...rest] = types.map((type) => formatType(this.final(type)));
      const signature = isMember ? `${first}.(${rest.join(", ")})` : `(${[first, ...rest].join(", ")})`;
      this.#report(at, `found no matching overload for '${name}' applied to '${signature}'`);
      return { expr: call, type: errorType };
    }
    return { expr: call, type: result };
  }

  #isSame(a: CelType, b: CelType): boolean {
    return formatType(this.#substitution.resolve(a)) === formatType(this.#substitution.resolve(b));
  }

  #list(expr: Expr & { readonly kind: "list" }, scope: Scope | undefined): Typed {
    let element: CelType | undefined;
    const elements = expr.elements.map(({ value, isOptional }) => {
      const checked = this.check(value, scope);
      element = this.#joined(element, this.#unwrapped(checked, isOptional), value.at);
      return { value: checked.expr, isOptional };
    });
    return { expr: { ...expr, elements }, type: listOf(element ?? this.#unknown()) };
  }

  #map(expr: Expr & { readonly kind: "map" }, scope: Scope | undefined): Typed {
    let keyType: CelType | undefined;
    let valueType: CelType | undefined;
    const entries = expr.entries.map(({ key, value, isOptional }) => {
      const [checkedKey, checkedValue] = [this.check(key, scope), this.check(value, scope)];
      keyType = this.#joined(keyType, checkedKey.type, key.at);
      valueType = this.#joined(valueType, this.#unwrapped(checkedValue, isOptional), value.at);
      return { key: checkedKey.expr, value: checkedValue.expr, isOptional };
    });
    return { expr: { ...expr, entries }, type: mapOf(keyType ?? this.#unknown(), valueType ?? this.#unknown()) };
  }

  #unknown(): CelType {
    return { kind: "parameter", name: `E${this.#substitution.nextUse()}` };
  }

  /** What an optional element holds. */
  #unwrapped({ expr, type }: Typed, isOptional: boolean): CelType {
    if (!isOptional) return type;
    const resolved = this.#substitution.resolve(type);
    const held = heldBy(resolved);
    if (held) return held;
    if (resolved.kind !== "dyn" && resolved.kind !== "error") this.#mismatch(expr.at, optionalOf(resolved), resolved);
    return dynType;
  }

  #mismatch(at: number, expected: CelType, actual: CelType): void {
    const [wanted, found] = [formatType(this.final(expected)), formatType(this.final(actual))];
    this.#report(at, `expected type '${wanted}' but found '${found}'`);
  }

  /** Elements of a literal are of one type. */
  #joined(known: CelType | undefined, next: CelType, at: number): CelType {
    if (!known) return next;
    if (!this.#substitution.assign([known], [next])) {
      if (this.#isMixed) return dynType;
      this.#mismatch(at, known, next);
      return errorType;
    }
    const resolved = this.#substitution.resolve(known);
    return this.#substitution.resolve(next).kind === "dyn" ? dynType : resolved;
  }

  #struct(expr: Expr & { readonly kind: "struct" }, scope: Scope | undefined): Typed {
    const type = this.#declarations.type(expr.type);
    const checked = expr.fields.map((field) => ({ field, value: this.check(field.value, scope) }));
    const made: Expr = {
      ...expr,
      fields: checked.map(({ field, value }) => ({ ...field, value: value.expr })),
    };
    if (!type) return this.#undeclared(made, expr.type);
    if (type.kind !== "object") {
      this.#report(expr.at, `'${expr.type}' is not a message type`);
      return { expr: made, type: errorType };
    }
    for (const { field, value } of checked) {
      const expected = type.field(field.name);
      if (!expected) {
        this.#report(field.at, `undefined field '${field.name}'`);
        continue;
      }
      const actual = this.#unwrapped(value, field.isOptional);
      if (this.#substitution.assign([expected], [actual])) continue;
      const [wanted, found] = [formatType(this.final(expected)), formatType(this.final(actual))];
      this.#report(field.at, `expected type of field '${field.name}' is '${wanted}' but provided type is '${found}'`);
    }
    return { expr: made, type };
  }

  #comprehension(expr: Expr & Comprehension, scope: Scope | undefined): Typed {
    const range = this.check(expr.range, scope);
    const init = this.check(expr.init, scope);
    const [first, second] = this.#loopTypes(range, expr.secondVariable !== undefined);
    const withResult: Scope = { names: new Map([[accumulator, init.type]]), outer: scope };
    const names = new Map([[expr.variable, first]]);
    if (expr.secondVariable !== undefined) names.set(expr.secondVariable, second);
    const inside: Scope = { names, outer: withResult };
    const condition = this.check(expr.condition, inside);
    this.#mustBe(condition, boolType, expr.condition.at);
    const step = this.check(expr.step, inside);
    this.#mustBe(step, init.type, expr.step.at);
    const result = this.check(expr.result, withResult);
    const made: Expr = {
      ...expr,
      range: range.expr,
      init: init.expr,
      condition: condition.expr,
      step: step.expr,
      result: result.expr,
    };
    return { expr: made, type: this.#substitution.resolve(result.type) };
  }

  #mustBe({ type }: Typed, expected: CelType, at: number): void {
    if (!this.#substitution.assign([expected], [type])) this.#mismatch(at, expected, type);
  }

  /** Types of a loop's variables. Of a single variable over a map, it is the key. */
  #loopTypes({ expr, type }: Typed, hasTwo: boolean): readonly [CelType, CelType] {
    const range = this.#substitution.resolve(type);
    switch (range.kind) {
      case "list":
        return hasTwo ? [intType, range.element] : [range.element, dynType];
      case "map":
        return [range.key, range.value];
      case "dyn":
      case "error":
      case "parameter":
        return [dynType, dynType];
      default:
        this.#report(
          expr.at,
          `expression of type '${formatType(this.final(range))}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [errorType, errorType];
    }
  }
}

/** Names of types that expressions may use as values. */
export const namedTypes: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ["bool", boolType],
  ["int", intType],
  ["uint", { kind: "uint" }],
  ["double", { kind: "double" }],
  ["string", stringType],
  ["bytes", { kind: "bytes" }],
  ["null_type", { kind: "null" }],
  ["list", listOf(dynType)],
  ["map", mapOf(dynType, dynType)],
  ["type", { kind: "type", of: dynType }],
  ["dyn", dynType],
  ["optional_type", optionalOf(dynType)],
  ["google.protobuf.Timestamp", { kind: "timestamp" }],
  ["google.protobuf.Duration", { kind: "duration" }],
]);
