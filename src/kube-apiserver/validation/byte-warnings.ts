import { goQuote } from "../../apimachinery/go-format.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";

/** What is told of amounts that are counted in bytes and are no whole number of them. */
export function byteWarnings(
  amounts: Readonly<Record<string, string>> | undefined,
  names: readonly string[],
  path: FieldPath,
): readonly string[] {
  return names.flatMap((name) => {
    const amount = Quantity.tryParse(amounts?.[name] ?? "");
    if (!amount || amount.milliValue() % 1000n === 0n) return [];
    return [
      `${path.key(name).toString()}: fractional byte value ${goQuote(String(amount))} is invalid, must be an integer`,
    ];
  });
}

/** Of what a claim of storage asks for. */
export function claimWarnings({ resources }: { readonly resources?: Amounts }, path: FieldPath): readonly string[] {
  const at = path.child("resources");
  return [
    ...byteWarnings(resources?.requests, ["storage"], at.child("requests")),
    ...byteWarnings(resources?.limits, ["storage"], at.child("limits")),
  ];
}

interface Amounts {
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
}
