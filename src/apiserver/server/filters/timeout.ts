import type { Clock } from "../../../component-base/clock.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import { badRequest, timeout } from "../../../apimachinery/errors/new.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import type { RequestScope } from "../../endpoints/request-scope.ts";
import type { Filter } from "../handler-chain.ts";
import { isLongRunning } from "../long-running.ts";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

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
  return asked === null || asked === "" ? maxMs : Math.min(parseDuration(asked) || maxMs, maxMs);
}

/** A Go duration: `30s`, `1m30s`, `500ms`. Throws BadRequest with Go's text. */
function parseDuration(text: string): number {
  if (text === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) {
    const why = /^\d+(?:\.\d+)?$/.test(text) ? "missing unit in duration" : "invalid duration";
    throw badRequest(`invalid timeout specified in the request URL - time: ${why} ${goQuote(text)}`);
  }
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    ms += Number(amount) * (unitMs[unit ?? "s"] ?? 0);
  return ms;
}
