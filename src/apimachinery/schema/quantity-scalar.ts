import { ScalarMismatch } from "./scalars.ts";

/** A quantity in canonical form. Numbers are accepted and become strings. */
export function decodeQuantity(value: unknown): unknown {
  if (typeof value === "number") return String(value);
  if (typeof value !== "string") throw new ScalarMismatch();
  return value;
}
