import { goQuote } from "./go-format.ts";

// Integers as Go's strconv reads them, for the texts that clients see of those it does not.

/** What is wrong with a signed integer of 64 bits; undefined when nothing is. */
export function intProblem(text: string): string | undefined {
  return problem("ParseInt", text, /^[+-]?[0-9]+$/, [-(2n ** 63n), 2n ** 63n - 1n]);
}

/** The same of an unsigned one, of so many bits. */
export function uintProblem(text: string, bits = 64): string | undefined {
  return problem("ParseUint", text, /^[0-9]+$/, [0n, 2n ** BigInt(bits) - 1n]);
}

function problem(
  parser: string,
  text: string,
  pattern: RegExp,
  [min, max]: readonly [bigint, bigint],
): string | undefined {
  const told = (why: string): string => `strconv.${parser}: parsing ${goQuote(text)}: ${why}`;
  if (!pattern.test(text)) return told("invalid syntax");
  // A text of a million digits is not worth its arithmetic.
  const digits = text.replace(/^[+-]?0*/, "");
  const size = BigInt(`0${digits.slice(0, 21)}`);
  const value = text.startsWith("-") ? -size : size;
  return value < min || value > max ? told("value out of range") : undefined;
}
