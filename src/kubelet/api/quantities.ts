import { Quantity } from "../../apimachinery/quantity.ts";

/** A quantity in units of 10⁻⁹, rounded up. Undefined when it is malformed. */
export function nanoValue(quantity: string): bigint | undefined {
  return Quantity.tryParse(quantity)?.scaledValue(-9);
}

function scaled(quantity: string | undefined, scale: number): number {
  const parsed = quantity === undefined ? undefined : Quantity.tryParse(quantity);
  return parsed === undefined ? 0 : Number(parsed.scaledValue(scale));
}

/** Thousandths, rounded up; 0 when absent or malformed (the API server lets nothing malformed in). */
export function milliValue(quantity: string | undefined): number {
  return scaled(quantity, -3);
}

/** Units, rounded up; 0 when absent or malformed. */
export function wholeValue(quantity: string | undefined): number {
  return scaled(quantity, 0);
}

export function ceilDivide(a: bigint, b: bigint): bigint {
  return a > 0n ? (a + b - 1n) / b : a / b;
}
