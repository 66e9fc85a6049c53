import { CelError } from "../errors.ts";
import type { Overload } from "../library/signature.ts";
import type { Comprehension, Expr } from "../syntax/ast.ts";
import { accumulator } from "../syntax/ast.ts";
import type { CelType } from "../types/cel-type.ts";
import { EntriesMap } from "../values/map-values.ts";
import { isMap, isStruct, kindOf, ListValue, OptionalValue, Uint, type Value } from "../values/value.ts";
import type { Budget } from "./budget.ts";

/** What an evaluation runs in. */
export interface Run {
  readonly budget: Budget;
  /** Undefined for what has no value. */
  variable(name: string): Value | undefined;
  /** Variables of comprehensions, by their depth. */
  readonly slots: (Value | CelError)[];
}

export type Code = (run: Run) => Value;

export interface CodeOptions {
  functions(name: string): readonly Overload[];
  /** Makes a value of a named type from its fields. Throws CelError. */
  makeStruct(type: string, fields: ReadonlyMap<string, Value>): Value;
}

/** Turns a checked expression into a function. */
export function compileExpression(expr: Expr, options: CodeOptions): Code {
  return new Compiler(options).code(expr);
}

class Compiler {
  readonly #options: CodeOptions;
  /** The names of variables of comprehensions around, by slot. */
  readonly #names: string[] = [];

  constructor(options: CodeOptions) {
    this.#options = options;
  }

  code(expr: Expr): Code {
    switch (expr.kind) {
      case "constant": {
        const { value } = expr;
        return () => value;
      }
      case "ident":
        return this.#ident(expr.name);
      case "select":
        return this.#select(expr);
      case "call":
        return this.#call(expr);
      case "list":
        return this.#list(expr);
      case "map":
        return this.#map(expr);
      case "struct":
        return this.#struct(expr);
      case "comprehension":
        return this.#comprehension(expr);
    }
  }

  #ident(name: string): Code {
    const slot = this.#names.lastIndexOf(name);
    if (slot >= 0)
      return ({ slots, budget }) => {
        budget.charge(1);
        const value = slots[slot];
        if (value instanceof CelError) throw value;
        return value ?? null;
      };
    return (run) => {
      run.budget.charge(1);
      const value = run.variable(name);
      if (value === undefined) throw new CelError(`no such attribute(s): ${name}`);
      return value;
    };
  }

  #select({ operand, field, isTest, isOptional }: Expr & { readonly kind: "select" }): Code {
    const code = this.code(operand);
    return (run) => {
      const value = code(run);
      if (!isTest) run.budget.charge(1);
      if (value instanceof OptionalValue) {
        const found = value.value === undefined ? undefined : fieldOf(value.value, field);
        return isTest ? found !== undefined : new OptionalValue(found);
      }
      const found = fieldOf(value, field);
      if (isTest) return found !== undefined;
      if (isOptional) return new OptionalValue(found);
      if (found === undefined) throw new CelError(`no such key: ${field}`);
      return found;
    };
  }

  #call(expr: Expr & { readonly kind: "call" }): Code {
    const { name, target, args } = expr;
    const codes = (target ? [target, ...args] : args).map((arg) => this.code(arg));
    const special = specialForms[name];
    if (special && !target) return special(codes);
    const isMember = target !== undefined;
    const overloads = this.#options
      .functions(name)
      .filter((each) => each.isMember === isMember && each.parameters.length === codes.length);
    return (run) => {
      const values = codes.map((code) => code(run));
      run.budget.charge(1);
      const overload = overloads.find(({ parameters }) =>
        parameters.every((type, i) => accepts(type, values[i] ?? null)),
      );
      if (!overload) throw new CelError(/^\w*[a-zA-Z]/.test(name) ? `no such overload: ${name}` : "no such overload");
      return overload.call(values, run.budget);
    };
  }

  #list({ elements }: Expr & { readonly kind: "list" }): Code {
    const codes = elements.map(({ value, isOptional }) => ({ code: this.code(value), isOptional }));
    return (run) => {
      run.budget.charge(listCost);
      const values: Value[] = [];
      for (const { code, isOptional } of codes) {
        const value = isOptional ? held(code(run)) : code(run);
        if (value !== undefined) values.push(value);
      }
      return ListValue.of(values);
    };
  }

  #map({ entries }: Expr & { readonly kind: "map" }): Code {
    const codes = entries.map(({ key, value, isOptional }) => ({
      key: this.code(key),
      value: this.code(value),
      isOptional,
    }));
    return (run) => {
      run.budget.charge(mapCost);
      const made: [Value, Value][] = [];
      for (const { key, value, isOptional } of codes) {
        const name = key(run);
        const found = isOptional ? held(value(run)) : value(run);
        if (found !== undefined) made.push([name, found]);
      }
      return EntriesMap.of(made);
    };
  }

  #struct({ type, fields }: Expr & { readonly kind: "struct" }): Code {
    const codes = fields.map(({ name, value, isOptional }) => ({ name, code: this.code(value), isOptional }));
    return (run) => {
      run.budget.charge(structCost);
      const values = new Map<string, Value>();
      for (const { name, code, isOptional } of codes) {
        const value = isOptional ? held(code(run)) : code(run);
        if (value !== undefined) values.set(name, value);
      }
      return this.#options.makeStruct(type, values);
    };
  }

  #comprehension(expr: Expr & Comprehension): Code {
    const range = this.code(expr.range);
    const init = this.code(expr.init);
    const accumulatorSlot = this.#names.push(accumulator) - 1;
    const slot = this.#names.push(expr.variable) - 1;
    if (expr.secondVariable !== undefined) this.#names.push(expr.secondVariable);
    const turn = this.#turn(expr, accumulatorSlot);
    this.#names.length = slot;
    const result = this.code(expr.result);
    this.#names.length = accumulatorSlot;
    const hasTwo = expr.secondVariable !== undefined;
    return (run) => {
      const turns = loopOver(range(run), hasTwo);
      run.slots[accumulatorSlot] = init(run);
      const step = turn(run);
      for (const [first, second] of turns) {
        run.budget.charge(1);
        run.slots[slot] = first;
        if (hasTwo) run.slots[slot + 1] = second ?? null;
        if (!step.next()) break;
      }
      step.end();
      return result(run);
    };
  }

  /** One turn of a loop. Lists and maps that grow by a piece each turn are not copied each turn. */
  #turn({ condition, step }: Comprehension, slot: number): (run: Run) => Turn {
    const growth = growthOf(step);
    if (growth) {
      const isWanted = growth.condition && this.code(growth.condition);
      const pieces = growth.pieces.map((piece) => this.code(piece));
      return (run) => growing(run, slot, growth.isList, isWanted, pieces);
    }
    const mayGoOn = condition.kind === "constant" ? undefined : this.code(condition);
    const code = this.code(step);
    return (run) => ({
      next: () => {
        if (mayGoOn && mayGoOn(run) === false) return false;
        try {
          run.slots[slot] = code(run);
        } catch (error) {
          // What `all` and `exists` have no result for may be outweighed by what comes.
          if (!mayGoOn || !(error instanceof CelError)) throw error;
          run.slots[slot] = error;
        }
        return true;
      },
      end: () => {},
    });
  }
}

/** What making a list, a map or an object costs; upstream's numbers. */
const listCost = 10;
const mapCost = 30;
const structCost = 40;

interface Turn {
  /** False when the loop is over. */
  next(): boolean;
  end(): void;
}

interface Growth {
  readonly condition: Expr | undefined;
  readonly isList: boolean;
  readonly pieces: readonly Expr[];
}

/** Recognizes `@result + [element]` and `cel.@mapInsert(@result, …)`, each perhaps under a condition. */
function growthOf(step: Expr): Growth | undefined {
  if (step.kind !== "call") return undefined;
  if (step.name === "_?_:_") {
    const [condition, yes, no] = step.args;
    const growth = yes && no && isAccumulator(no) ? growthOf(yes) : undefined;
    return growth && !growth.condition ? { ...growth, condition } : undefined;
  }
  const [first, ...pieces] = step.args;
  if (!first || !isAccumulator(first)) return undefined;
  if (step.name === "cel.@mapInsert") return { condition: undefined, isList: false, pieces };
  const [added] = pieces;
  const [element, ...more] = added?.kind === "list" ? added.elements : [];
  if (step.name !== "_+_" || !element || element.isOptional || more.length > 0) return undefined;
  return { condition: undefined, isList: true, pieces: [element.value] };
}

function isAccumulator(expr: Expr): boolean {
  return expr.kind === "ident" && expr.name === accumulator;
}

function growing(run: Run, slot: number, isList: boolean, isWanted: Code | undefined, pieces: readonly Code[]): Turn {
  const elements: Value[] = [];
  const entries: (readonly [Value, Value])[] = [];
  return {
    next: () => {
      if (isWanted && !truth(isWanted(run))) return true;
      const [first, second] = pieces.map((piece) => piece(run));
      if (isList) elements.push(first ?? null);
      else if (second !== undefined) entries.push([first ?? null, second]);
      else entries.push(...entriesOf(first ?? null));
      return true;
    },
    end: () => {
      run.slots[slot] = isList ? ListValue.of(elements) : EntriesMap.ofDistinct(entries);
    },
  };
}

function entriesOf(value: Value): readonly (readonly [Value, Value])[] {
  if (!isMap(value)) throw new CelError("no such overload");
  return value.keys().map((key) => [key, value.get(key) ?? null]);
}

/** What a loop turns over: elements, or with two variables indices and elements; keys, or keys and values. */
function* loopOver(range: Value, hasTwo: boolean): Generator<readonly [Value, Value?]> {
  if (range instanceof ListValue) {
    for (let i = 0; i < range.size; i++) yield hasTwo ? [BigInt(i), range.at(i)] : [range.at(i)];
    return;
  }
  if (!isMap(range)) throw new CelError("got '" + kindOf(range) + "', expected iterable type");
  for (const key of range.keys()) yield hasTwo ? [key, range.get(key) ?? null] : [key];
}

/** A field or key of that name; undefined when there is none, as of values that have neither. */
function fieldOf(value: Value, field: string): Value | undefined {
  return isMap(value) || isStruct(value) ? value.get(field) : undefined;
}

function held(value: Value): Value | undefined {
  if (!(value instanceof OptionalValue)) throw new CelError(`cannot initialize optional entry from non-optional value`);
  return value.value;
}

function truth(value: Value): boolean {
  if (typeof value !== "boolean") throw new CelError("no such overload");
  return value;
}

/** Whether a value can stand where a type is asked for, as far as it shows without looking inside. */
function accepts(type: CelType, value: Value): boolean {
  switch (type.kind) {
    case "dyn":
    case "error":
    case "parameter":
      return true;
    case "object":
    case "opaque":
      return kindOf(value) === type.name;
    case "list":
      // Some functions are told apart by what their list holds.
      return value instanceof ListValue && (value.size === 0 || accepts(type.element, value.at(0)));
    default:
      return kindOf(value) === type.kind;
  }
}

/** Calls that do not evaluate all their arguments, or pass over failures. */
const specialForms: Readonly<Record<string, (args: readonly Code[]) => Code>> = {
  "_&&_": (args) => decided(args, false),
  "_||_": (args) => decided(args, true),
  "_?_:_":
    ([condition = never, yes = never, no = never]) =>
    (run) =>
      truth(condition(run)) ? yes(run) : no(run),
  "@not_strictly_false":
    ([arg = never]) =>
    (run) => {
      try {
        return arg(run) !== false;
      } catch (error) {
        if (error instanceof CelError) return true;
        throw error;
      }
    },
  "_[_]":
    ([list = never, index = never]) =>
    (run) => {
      const [from, at] = [list(run), index(run)];
      run.budget.charge(1);
      if (from instanceof OptionalValue)
        return new OptionalValue(from.value === undefined ? undefined : elementOf(from.value, at));
      const found = elementOf(from, at);
      if (found !== undefined) return found;
      throw new CelError(from instanceof ListValue ? `index out of bounds: ${plain(at)}` : `no such key: ${plain(at)}`);
    },
  "_[?_]":
    ([list = never, index = never]) =>
    (run) => {
      const from = list(run);
      const value = from instanceof OptionalValue ? from.value : from;
      run.budget.charge(1);
      return new OptionalValue(value === undefined ? undefined : elementOf(value, index(run)));
    },
};

const never: Code = () => {
  throw new CelError("no such overload");
};

/** `&&` and `||`: the deciding value on either side counts, whatever the other side fails with. */
function decided([left = never, right = never]: readonly Code[], decision: boolean): Code {
  return (run) => {
    let failure: CelError;
    try {
      const value = left(run);
      if (value === decision) return decision;
      if (typeof value === "boolean") return truth(right(run));
      failure = new CelError("no such overload");
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      failure = error;
    }
    try {
      if (right(run) === decision) return decision;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
    }
    throw failure;
  };
}

function elementOf(from: Value, at: Value): Value | undefined {
  if (from instanceof ListValue) {
    const index = indexOf(at);
    return index >= 0 && index < from.size ? from.at(index) : undefined;
  }
  if (isMap(from)) return from.get(at);
  if (isStruct(from) && typeof at === "string") return from.get(at);
  throw new CelError("no such overload");
}

/** An index of a list; numbers of other types will do when they are whole. */
function indexOf(value: Value): number {
  const number = value instanceof Uint ? value.value : value;
  if (typeof number === "bigint") return Number(number);
  if (typeof number === "number" && Number.isInteger(number)) return number;
  throw new CelError(`unsupported index type '${kindOf(value)}' in list`);
}

function plain(value: Value): string {
  if (value instanceof Uint) return String(value.value);
  return typeof value === "object" && value !== null ? kindOf(value) : String(value);
}
