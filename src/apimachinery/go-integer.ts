import { goQuote } from "./go-format.ts";

// Integers of 64 bits as Go's strconv reads them, for the texts that clients see of those it does not.

/** What is wrong with a signed integer; undefined when nothing is. */
export function intProblem(text: string): string | undefined {
  return problem("ParseInt", text, /^[+-]?[0-9]+$/, [-(2n ** 63n), 2n ** 63n - 1n]);
}

/** The same of an unsigned one. */
export function uintProblem(text: string): string | undefined {
  return problem("ParseUint", text, /^[0-9]+$/, [0n, 2n ** 64n - 1n]);
}

function problem(
  parser: string,
  text: string,
  pattern: RegExp,
  [min, max]: readonly [bigint, bigint],
): string | undefined {
  const told = (why: string): string => `strconv.${parser}: parsing ${goQuote(text)}: ${why}`;
  if (!pattern.test(text)) return told("invalid syntax");
  // Shorter ones are in range, and a text of a million digits is not worth its arithmetic.
  if (text.length < 18) return undefined;
  const digits = text.replace(/^[+-]?0*/, "");
  const size = BigInt(`0${digits.slice(0, 21)}`);
  const value = text.startsWith("-") ? -size : size;
  return value < min || value > max ? told("value out of range") : undefined;
}
