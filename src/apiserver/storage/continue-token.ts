import { base64UrlDecode, base64UrlEncode, utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { badRequest } from "../../apimachinery/errors/new.ts";

/** Where a paged list goes on: after the object `after` (`namespace/name` or `name`) at `revision`; -1 reads the newest. */
export interface ContinueToken {
  readonly revision: number;
  readonly after: string;
  /** When the list began, in ms since the epoch; 0 for tokens that do not say. */
  readonly begunMs: number;
}

const tokenVersion = "meta.k8s.io/v1";

export function encodeContinueToken(token: ContinueToken): string {
  // Upstream's format: the next page begins at the key right after the last one.
  return base64UrlEncode(
    utf8Encode(
      JSON.stringify({
        v: tokenVersion,
        rv: token.revision,
        start: `${token.after}\u0000`,
        ...(token.begunMs > 0 ? { begun: token.begunMs } : {}),
      }),
    ),
  );
}

/** Throws BadRequest with upstream's texts. */
export function decodeContinueToken(text: string): ContinueToken {
  const { v, rv, start, begun } = parse(text);
  if (v !== tokenVersion)
    throw badRequest(
      `invalid continue token: continue key is not valid: server does not recognize this encoded version ${typeof v === "string" ? v : ""}`,
    );
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || rv === 0)
    throw badRequest(
      `invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)`,
    );
  if (typeof start !== "string" || start === "")
    throw badRequest(
      "invalid continue token: continue key is not valid: encoded start key empty (version meta.k8s.io/v1)",
    );
  if (start.startsWith("/") || start.includes(".."))
    throw badRequest(`invalid continue token: continue key is not valid: ${start}`);
  const begunMs = typeof begun === "number" ? begun : 0;
  return { revision: rv, after: start.endsWith("\u0000") ? start.slice(0, -1) : start, begunMs };
}

function parse(text: string): {
  readonly v?: unknown;
  readonly rv?: unknown;
  readonly start?: unknown;
  readonly begun?: unknown;
} {
  try {
    const value: unknown = JSON.parse(utf8Decode(base64UrlDecode(text)));
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    const bad = text.search(/[^A-Za-z0-9_-]/);
    const isBase64 = bad < 0 && text.length % 4 !== 1;
    const at = bad < 0 ? text.length - 1 : bad;
    const why = isBase64 && cause instanceof Error ? cause.message : `illegal base64 data at input byte ${at}`;
    throw badRequest(`invalid continue token: continue key is not valid: ${why}`);
  }
  throw badRequest("invalid continue token: continue key is not valid: not an object");
}
