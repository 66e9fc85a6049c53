import { goQuote } from "../../apimachinery/go-format.ts";
import { badRequest } from "../../apimachinery/errors/new.ts";

/** A resourceVersion as clients send it; "" and "0" are 0. Throws BadRequest for what is no number. */
export function parseResourceVersion(text: string): number {
  if (text === "" || text === "0") return 0;
  if (!/^[0-9]{1,16}$/.test(text)) {
    const why = `strconv.ParseUint: parsing ${goQuote(text)}: invalid syntax`;
    throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${goQuote(text)}: ${why}`);
  }
  return Number(text);
}
