import type { CelType } from "../types/cel-type.ts";
import type { Value } from "../values/value.ts";

/** One expression; `at` is the offset in the text that errors about it point to. */
export type Expr = { readonly at: number } & (
  | { readonly kind: "constant"; readonly value: Value; readonly type: CelType }
  | { readonly kind: "ident"; readonly name: string }
  | {
      readonly kind: "select";
      readonly operand: Expr;
      readonly field: string;
      /** `has(operand.field)`. */
      readonly isTest: boolean;
      /** `operand.?field`. */
      readonly isOptional: boolean;
    }
  | { readonly kind: "call"; readonly name: string; readonly target: Expr | undefined; readonly args: readonly Expr[] }
  | { readonly kind: "list"; readonly elements: readonly ListElement[] }
  | { readonly kind: "map"; readonly entries: readonly MapEntry[] }
  | { readonly kind: "struct"; readonly type: string; readonly fields: readonly StructField[] }
  | Comprehension
);

export interface ListElement {
  readonly value: Expr;
  readonly isOptional: boolean;
}

export interface MapEntry {
  readonly key: Expr;
  readonly value: Expr;
  readonly isOptional: boolean;
}

export interface StructField {
  readonly at: number;
  readonly name: string;
  readonly value: Expr;
  readonly isOptional: boolean;
}

/** What macros over lists and maps become: a loop that folds `step` into an accumulator while `condition` holds. */
export interface Comprehension {
  readonly kind: "comprehension";
  readonly range: Expr;
  readonly variable: string;
  /** Of macros with two: `variable` is then the index or key, and this the value. */
  readonly secondVariable: string | undefined;
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

/** The accumulator of comprehensions; no identifier of the language can be called so. */
export const accumulator = "@result";
