import type { Expr } from "../syntax/ast.ts";
import { childrenOf } from "./literals.ts";

/** Whether a variable of that name is used anywhere. */
export function refersTo(expr: Expr, name: string): boolean {
  return (expr.kind === "ident" && expr.name === name) || childrenOf(expr).some((child) => refersTo(child, name));
}
