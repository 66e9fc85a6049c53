import { rawJson } from "./platform.ts";

/** JSON text of a plain value, members in the order given, bigint as an exact integer. */
export function stringifyJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch (error) {
    // Only a bigint makes JSON.stringify of a plain value throw. A replacer for every value would cost five times as much.
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, bigintAsNumber, indent);
  }
}

function bigintAsNumber(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(value.toString()) : value;
}
