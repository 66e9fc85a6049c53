import { badRequest } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { uintProblem } from "../../apimachinery/go-integer.ts";

/** A resourceVersion as clients send it; "" and "0" are 0. Throws a Status without a reason for what is no number. */
export function parseResourceVersion(text: string): number {
  const message = problem(text);
  if (message !== undefined) throw new StatusError({ code: 500, reason: "", message });
  return Number(text);
}

/** That of a list, where what is no number is a BadRequest. */
export function parseListVersion(text: string): number {
  const why = problem(text);
  if (why !== undefined) throw badRequest(`invalid resource version: ${why}`);
  return Number(text);
}

function problem(text: string): string | undefined {
  const why = text === "" ? undefined : uintProblem(text);
  return why === undefined ? undefined : `resourceVersion: Invalid value: ${goQuote(text)}: ${why}`;
}
