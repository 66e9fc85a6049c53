import type { HttpHeaders, HttpResponse } from "../../component-base/http.ts";
import { isLongRunning } from "../server/long-running.ts";
import type { RequestInfo } from "./request-info.ts";

// Upstream's: below, compression costs more time than the network takes.
const thresholdBytes = 128 * 1024;

/** Marks an answer that may be sent compressed: the client takes gzip, and the body is one document of more than 128 KiB. */
export function compressible(response: HttpResponse, info: RequestInfo, request: HttpHeaders): HttpResponse {
  const { body, headers } = response;
  if (
    body === undefined ||
    response.mayCompress === false ||
    isLongRunning(info) ||
    headers["content-encoding"] !== undefined
  )
    return response;
  if (!takesGzip(request["accept-encoding"])) return response;
  // What a producer writes is a list too long to be sent in one piece.
  const isWorthIt = typeof body === "function" || sizeOf(body) > thresholdBytes;
  return isWorthIt ? { ...response, mayCompress: true } : response;
}

/** As upstream: a plain `gzip` among the encodings; one with a weight is not looked at. */
function takesGzip(accepted: string | undefined): boolean {
  return accepted?.split(",").some((token) => token.trim() === "gzip") ?? false;
}

function sizeOf(body: Uint8Array | readonly Uint8Array[]): number {
  return body instanceof Uint8Array ? body.length : body.reduce((sum, part) => sum + part.length, 0);
}
