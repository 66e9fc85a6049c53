import { compileRegexp } from "../../apimachinery/regexp/regexp.ts";
import { CelError, type Issue } from "../errors.ts";
import { formatIssue } from "../library/format-string.ts";
import { parseDurationNanos, parseTimestamp } from "../library/temporal.ts";
import type { Expr } from "../syntax/ast.ts";

/** What is wrong with literals that functions will read: patterns, times, durations, formats. */
export function literalIssues(expr: Expr): readonly Issue[] {
  const issues: Issue[] = [];
  const visit = (each: Expr): void => {
    if (each.kind === "call") issues.push(...callIssues(each));
    for (const child of childrenOf(each)) visit(child);
  };
  visit(expr);
  return issues;
}

function callIssues({ at, name, target, args }: Expr & { readonly kind: "call" }): readonly Issue[] {
  const [first, second] = target ? [target, ...args] : args;
  if (name === "format" && target) return formatIssue({ at, format: first, args: second });
  const literal = name === "matches" ? second : first;
  const isFine = literalChecks[name];
  if (!isFine || literal?.kind !== "constant" || typeof literal.value !== "string") return [];
  try {
    if (isFine(literal.value)) return [];
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
  }
  return [{ at: literal.at, message: `invalid ${name} argument` }];
}

const literalChecks: Readonly<Record<string, (text: string) => boolean>> = {
  matches: (text) => compileRegexp(text).regexp !== undefined,
  timestamp: (text) => parseTimestamp(text) !== undefined,
  duration: (text) => parseDurationNanos(text) !== undefined,
};

/** The parts of an expression that are expressions. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "constant":
    case "ident":
      return [];
    case "select":
      return [expr.operand];
    case "call":
      return expr.target ? [expr.target, ...expr.args] : expr.args;
    case "list":
      return expr.elements.map(({ value }) => value);
    case "map":
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case "struct":
      return expr.fields.map(({ value }) => value);
    case "comprehension":
      return [expr.range, expr.init, expr.condition, expr.step, expr.result];
  }
}
