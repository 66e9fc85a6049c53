/** Runs `body`; its failure gets a prefix that says what was tried, as Go's errors do. The cause stays for the log. */
export async function prefixed<T>(prefix: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw new Error(`${prefix}: ${messageOf(error)}`, { cause: error });
  }
}

/** The message alone, as conditions and events tell it: it names the causes already. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
