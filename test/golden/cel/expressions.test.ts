import { test } from "node:test";

import { Environment } from "../../../src/cel/environment.ts";
import { CelError, CompileError } from "../../../src/cel/errors.ts";
import { Budget } from "../../../src/cel/eval/budget.ts";
import { dynType, formatType, intType, listOf } from "../../../src/cel/types/cel-type.ts";
import { fromJson } from "../../../src/cel/values/json-value.ts";
import { typeOfValue } from "../../../src/cel/values/type-of.ts";
import { isMap, kindOf, ListValue, OptionalValue, TypeValue, Uint, type Value } from "../../../src/cel/values/value.ts";
import { Differences, readGolden } from "../read.ts";

// What upstream's CEL environment made of each expression, with `object` as a variable of any type and `numbers` as a list of int.

/** `[expression, its type or "compile", the value, what failed, or the compiler's message]`. */
type Row = readonly [expression: string, type: string, result: string];

const { object, rows } = readGolden<{ readonly object: unknown; readonly rows: readonly Row[] }>(
  import.meta.url,
  "expressions.json",
);
const base = Environment.create();
const environment = base.extend({ object: dynType, numbers: listOf(intType) });
const asString = base.extend({ value: dynType }).compile("string(value)");

/** Differs from upstream: what follows a first mistake of a kind, told in other words. */
const toldOtherwise = new Set(["[[1, [2]], [[3]]].flatten(2)", "a..b"]);

test("expressions have upstream's types, values and errors", () => {
  const differences = new Differences();
  for (const [expression, ...expected] of rows) {
    const actual = outcome(expression);
    if (toldOtherwise.has(expression)) differences.equal(expression, actual[0], expected[0]);
    else differences.equal(expression, actual, expected);
  }
  differences.assertNone(400);
});

function outcome(expression: string): readonly [string, string] {
  try {
    const program = environment.compile(expression);
    return [formatType(program.type), resultOf(() => program.run(variable, new Budget()))];
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return ["compile", error.message];
  }
}

function variable(name: string): Value {
  return fromJson(name === "object" ? object : [3, 1, 2]);
}

function resultOf(run: () => Value): string {
  try {
    const value = run();
    return `${new TypeValue(typeOfValue(value)).name}:${shown(value)}`;
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return `error: ${error.message}`;
  }
}

function shown(value: Value): string {
  if (value instanceof TypeValue) return value.name;
  if (value === null) return "null";
  return text(value) ?? JSON.stringify(plain(value));
}

/** As the language itself turns it into a string; undefined when it does not. */
function text(value: Value): string | undefined {
  try {
    const made = asString.run(() => value, new Budget());
    return typeof made === "string" ? made : undefined;
  } catch (error) {
    if (error instanceof CelError) return undefined;
    throw error;
  }
}

function plain(value: Value): unknown {
  if (value instanceof OptionalValue) return value.value === undefined ? "none" : { some: plain(value.value) };
  if (value instanceof ListValue) return [...value].map(plain);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  if (!isMap(value)) return text(value) ?? kindOf(value);
  const entries = value.keys().map((key) => [String(plain(key)), plain(value.get(key) ?? null)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
