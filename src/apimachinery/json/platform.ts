// JSON.rawJSON (ES2026) is in every engine we run on; the compiler's library lacks it.

interface JsonWithRaw {
  rawJSON(text: string): object;
}

/** A value that JSON.stringify writes as exactly this text, e.g. an integer beyond 2^53. */
export function rawJson(text: string): object {
  return (JSON as unknown as JsonWithRaw).rawJSON(text);
}
