import { goQuote } from "./go-format.ts";

/** A number, or text: a port's name, or a percentage such as `25%`. */
export type IntOrString = number | string;

/**
 * The number, or the percentage of `total`, rounded to the side asked for.
 * Throws with upstream's message when the text is no percentage.
 */
export function scaleIntOrPercent(value: IntOrString, total: number, round: "up" | "down"): number {
  if (typeof value === "number") return value;
  const percent = parsePercent(value);
  if (typeof percent === "string") throw new Error(`invalid value for IntOrString: ${percent}`);
  const exact = (percent * total) / 100;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}

/** The number a percentage has; undefined for what is none. */
export function percentOf(value: IntOrString): number | undefined {
  const percent = typeof value === "string" ? parsePercent(value) : undefined;
  return typeof percent === "number" ? percent : undefined;
}

/** The number, or the message of why there is none. */
function parsePercent(text: string): number | string {
  if (!text.endsWith("%")) return "invalid type: string is not a percentage";
  const digits = text.slice(0, -1);
  if (/^[+-]?[0-9]{1,15}$/.test(digits)) return Number(digits);
  return `invalid value ${goQuote(text)}: strconv.Atoi: parsing ${goQuote(digits)}: invalid syntax`;
}
