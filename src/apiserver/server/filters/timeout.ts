import type { Clock } from "../../../component-base/clock.ts";
import { badRequest, timeout } from "../../../apimachinery/errors/new.ts";
import { parseDuration } from "../../../apimachinery/time.ts";
import { errorText } from "../../../component-base/logger.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import type { RequestScope } from "../../endpoints/request-scope.ts";
import type { Filter } from "../handler-chain.ts";
import { isLongRunning } from "../long-running.ts";

/** Answers 504 when a request is not done in time; `?timeout=` may shorten it. What was begun may still complete. */
export function withTimeout(clock: Clock, maxMs: number): Filter {
  return (next) => async (scope) => {
    if (isLongRunning(scope.info)) return next(scope);
    const limit = requestTimeLimit(scope, maxMs);
    return new Promise<HttpResponse>((resolve, reject) => {
      const timer = clock.setTimer(limit, () => {
        reject(timeout("request did not complete within the allotted timeout"));
      });
      void next(scope)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  };
}

/** What a request may take. Throws BadRequest when it asks for what is no duration. */
export function requestTimeLimit({ http }: RequestScope, maxMs: number): number {
  const asked = http.query.get("timeout");
  const askedMs = asked === null || asked === "" ? 0 : durationOf(asked);
  // None, and less, is what a client says that sets no limit of its own.
  return askedMs > 0 ? Math.min(askedMs, maxMs) : maxMs;
}

/** Throws BadRequest with Go's text. */
function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw badRequest(`invalid timeout specified in the request URL - ${errorText(error)}`);
  }
}
