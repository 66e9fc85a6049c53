import { Quantity, QuantityError } from "../quantity.ts";
import { ScalarMismatch } from "./scalars.ts";

/** The texts nearly every quantity is written as; they are canonical as they stand, so nothing needs to be computed. */
const plainQuantity = /^(?:(?!\d*000)[1-9]\d{0,4}[mkMG]?|[1-9]\d{0,2}[KMG]i)$/;

/** A quantity in canonical form. Numbers are accepted and become strings. */
export function decodeQuantity(value: unknown): unknown {
  const text = textOf(value);
  if (plainQuantity.test(text)) return text;
  try {
    return Quantity.parse(text).toString();
  } catch (error) {
    if (error instanceof QuantityError) throw new ScalarMismatch(error.message);
    throw error;
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}
