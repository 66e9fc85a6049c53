import { boolType, intType } from "../types/cel-type.ts";
import { accumulator, type Comprehension, type Expr } from "./ast.ts";

export interface MacroCall {
  readonly at: number;
  readonly target: Expr | undefined;
  readonly name: string;
  readonly args: readonly Expr[];
}

type Report = (at: number, message: string) => void;
type Expand = (call: MacroCall & { readonly target: Expr }, report: Report) => Expr;

/** The expression a macro stands for; undefined when the call is that of a function. */
export function expandMacro(call: MacroCall, report: Report): Expr | undefined {
  const { target, name, args } = call;
  if (!target) return name === "has" && args.length === 1 ? hasField(call, report) : undefined;
  const expand = macros[`${name}/${args.length}`];
  return expand?.({ ...call, target }, report);
}

function hasField({ at, args: [arg] }: MacroCall, report: Report): Expr {
  if (arg?.kind === "select" && !arg.isTest) return { ...arg, at, isTest: true };
  report(arg?.at ?? at, "invalid argument to has() macro");
  return yes(at);
}

const yes = (at: number): Expr => ({ kind: "constant", at, value: true, type: boolType });
const no = (at: number): Expr => ({ kind: "constant", at, value: false, type: boolType });
const int = (at: number, value: bigint): Expr => ({ kind: "constant", at, value, type: intType });
const result = (at: number): Expr => ({ kind: "ident", at, name: accumulator });
const list = (at: number, ...values: Expr[]): Expr => ({
  kind: "list",
  at,
  elements: values.map((value) => ({ value, isOptional: false })),
});
const call = (at: number, name: string, ...args: Expr[]): Expr => ({ kind: "call", at, name, target: undefined, args });
const orKeep = (at: number, condition: Expr | undefined, step: Expr): Expr =>
  condition ? call(at, "_?_:_", condition, step, result(at)) : step;

/** How a loop goes on; the rest is the same for all macros. */
interface Loop {
  readonly init: Expr;
  readonly condition?: Expr;
  readonly step: Expr;
  readonly result?: Expr;
}

/** A macro over `target` with one or two variables first, and what it makes of the arguments behind them. */
function loop(variables: 1 | 2, make: (at: number, args: readonly Expr[]) => Loop): Expand {
  return ({ at, target, args }, report) => {
    const names = args.slice(0, variables).map((arg) => {
      if (arg.kind === "ident" && arg.name !== accumulator) return arg.name;
      report(arg.at, "argument must be a simple name");
      return "_";
    });
    if (names.length === 2 && names[0] === names[1] && names[0] !== "_")
      report(at, `duplicate variable name: ${names[0]}`);
    const made = make(at, args.slice(variables));
    const comprehension: Comprehension = {
      kind: "comprehension",
      range: target,
      variable: names[0] ?? "_",
      secondVariable: names[1],
      init: made.init,
      condition: made.condition ?? yes(at),
      step: made.step,
      result: made.result ?? result(at),
    };
    return { at, ...comprehension };
  };
}

const all = (at: number, [predicate = yes(at)]: readonly Expr[]): Loop => ({
  init: yes(at),
  condition: call(at, "@not_strictly_false", result(at)),
  step: call(at, "_&&_", result(at), predicate),
});

const exists = (at: number, [predicate = yes(at)]: readonly Expr[]): Loop => ({
  init: no(at),
  condition: call(at, "@not_strictly_false", call(at, "!_", result(at))),
  step: call(at, "_||_", result(at), predicate),
});

const existsOne = (at: number, [predicate = yes(at)]: readonly Expr[]): Loop => ({
  init: int(at, 0n),
  step: orKeep(at, predicate, call(at, "_+_", result(at), int(at, 1n))),
  result: call(at, "_==_", result(at), int(at, 1n)),
});

/** A list of what each element becomes, of those the condition holds for. */
function appending(at: number, condition: Expr | undefined, element: Expr): Loop {
  return { init: list(at), step: orKeep(at, condition, call(at, "_+_", result(at), list(at, element))) };
}

/** A map of what each value becomes, under its key or under keys the transformation gives. */
function inserting(at: number, condition: Expr | undefined, ...added: Expr[]): Loop {
  const step = call(at, "cel.@mapInsert", result(at), ...added);
  return { init: { kind: "map", at, entries: [] }, step: orKeep(at, condition, step) };
}

/** The optional's value under a name, if there is one: a loop of a single turn binds it. */
function optional(isFlat: boolean): Expand {
  return ({ at, target, args: [name, body = yes(at)] }, report) => {
    const macro = isFlat ? "optFlatMap" : "optMap";
    if (name?.kind !== "ident") report(name?.at ?? at, `${macro}() variable name must be a simple identifier`);
    const bound: Expr = {
      kind: "comprehension",
      at,
      range: list(at, { kind: "call", at, name: "value", target, args: [] }),
      variable: name?.kind === "ident" ? name.name : "_",
      secondVariable: undefined,
      init: list(at),
      condition: yes(at),
      step: list(at, body),
      result: call(at, "_[_]", result(at), int(at, 0n)),
    };
    const present: Expr = { kind: "call", at, name: "hasValue", target, args: [] };
    return call(at, "_?_:_", present, isFlat ? bound : call(at, "optional.of", bound), call(at, "optional.none"));
  };
}

const macros: Readonly<Record<string, Expand>> = {
  "all/2": loop(1, all),
  "exists/2": loop(1, exists),
  "exists_one/2": loop(1, existsOne),
  "existsOne/2": loop(1, existsOne),
  "map/2": loop(1, (at, [element = yes(at)]) => appending(at, undefined, element)),
  "map/3": loop(1, (at, [condition, element = yes(at)]) => appending(at, condition, element)),
  "filter/2": (macro, report) => {
    const [variable] = macro.args;
    return loop(1, (at, [condition]) => appending(at, condition, variable ?? yes(at)))(macro, report);
  },
  "all/3": loop(2, all),
  "exists/3": loop(2, exists),
  "exists_one/3": loop(2, existsOne),
  "existsOne/3": loop(2, existsOne),
  "transformList/3": loop(2, (at, [element = yes(at)]) => appending(at, undefined, element)),
  "transformList/4": loop(2, (at, [condition, element = yes(at)]) => appending(at, condition, element)),
  "transformMap/3": withKey((at, key, [value = yes(at)]) => inserting(at, undefined, key, value)),
  "transformMap/4": withKey((at, key, [condition, value = yes(at)]) => inserting(at, condition, key, value)),
  "transformMapEntry/3": loop(2, (at, [entry = yes(at)]) => inserting(at, undefined, entry)),
  "transformMapEntry/4": loop(2, (at, [condition, entry = yes(at)]) => inserting(at, condition, entry)),
  "sortBy/2": sortBy,
  "optMap/2": optional(false),
  "optFlatMap/2": optional(true),
};

function withKey(make: (at: number, key: Expr, args: readonly Expr[]) => Loop): Expand {
  return (macro, report) => {
    const [key] = macro.args;
    return loop(2, (at, args) => make(at, key ?? yes(at), args))(macro, report);
  };
}

/** The list in the order of what the expression makes of each element. */
function sortBy({ at, target, args }: MacroCall & { readonly target: Expr }, report: Report): Expr {
  const keys = macros["map/2"]?.({ at, target, name: "map", args }, report) ?? list(at);
  return { kind: "call", at, name: "@sortByAssociatedKeys", target, args: [keys] };
}
