// JSON.rawJSON and the reviver's source text (ES2026) are in every engine we run on; the compiler's library lacks them.

interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
}

/** A value that JSON.stringify writes as exactly this text, e.g. an integer beyond 2^53. */
export function rawJson(text: string): object {
  return (JSON as unknown as JsonWithSource).rawJSON(text);
}

/** JSON.parse with a reviver that sees the source text of primitive values. */
export function jsonParseWithSource(
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
): unknown {
  return (JSON as unknown as JsonWithSource).parse(text, reviver);
}
