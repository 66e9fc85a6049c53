import { offThread } from "../../component-base/off-thread.ts";
import type { HttpHeaders, HttpResponse } from "../../component-base/http.ts";

/** Upper-case hexadecimal SHA-256: what documents are named by in ETags and `?hash=`. */
export async function hashOf(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await offThread(crypto.subtle.digest("SHA-256", bytes.slice())));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
}

/** The document, or 304 when the client's copy is the same. */
export function respondCacheable(
  bytes: Uint8Array,
  hash: string,
  request: HttpHeaders,
  headers: HttpHeaders,
): HttpResponse {
  const etag = `"${hash}"`;
  const all = { vary: "Accept", ...headers, etag };
  const known = request["if-none-match"];
  if (known === "*" || known?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag))
    return { status: 304, headers: all };
  return { status: 200, headers: all, body: bytes };
}
