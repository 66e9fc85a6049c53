import { AssertionError, assert } from "../assert.ts";

/** Platform-free assertions for suites that also run where there is no `node:assert`. */
export function checkEqual(actual: unknown, expected: unknown, what: string): void {
  assert(isEqual(actual, expected), `${what}: got ${show(actual)}, want ${show(expected)}`);
}

/** Awaits a rejection with an error of the given name and returns it. */
export async function checkRejects(promise: Promise<unknown>, errorName: string, what: string): Promise<Error> {
  let outcome: unknown;
  try {
    outcome = await promise;
  } catch (error) {
    if (error instanceof Error && error.name === errorName) return error;
    throw new AssertionError(`${what}: want ${errorName}, got ${String(error)}`, { cause: error });
  }
  throw new AssertionError(`${what}: want ${errorName}, resolved with ${show(outcome)}`);
}

function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b) || a instanceof Uint8Array !== b instanceof Uint8Array) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((k) => k in b && isEqual(Reflect.get(a, k), Reflect.get(b, k)));
}

function show(value: unknown): string {
  return (
    JSON.stringify(value, (_, v: unknown) => (v instanceof Uint8Array ? `bytes(${v.join(",")})` : v)) ?? "undefined"
  );
}
