import { tooManyRequests } from "../../../apimachinery/errors/new.ts";
import type { MetricRegistry } from "../../../component-base/metrics.ts";
import type { Filter } from "../handler-chain.ts";
import { isLongRunning } from "../long-running.ts";

const readOnlyVerbs: ReadonlySet<string> = new Set(["get", "list", "watch"]);
const retryAfterSeconds = 1;

/**
 * Bounds the requests worked on at once, reading and mutating ones apart; more are refused with 429. Long-running
 * requests are not counted: they hold no work, only a connection. Administrators get in nonetheless, to repair what
 * overloads the server.
 */
export function withMaxInFlight(readOnlyMax: number, mutatingMax: number, metrics: MetricRegistry): Filter {
  const gauge = metrics.gauge("apiserver_current_inflight_requests", "Requests in flight by kind.", ["request_kind"]);
  const inFlight = { readOnly: 0, mutating: 0 };
  return (next) => async (scope) => {
    if (isLongRunning(scope.info)) return next(scope);
    const kind = readOnlyVerbs.has(scope.info.verb) ? "readOnly" : "mutating";
    const max = kind === "readOnly" ? readOnlyMax : mutatingMax;
    if (inFlight[kind] >= max && !scope.user.groups.includes("system:masters"))
      throw tooManyRequests("Too many requests, please try again later.", retryAfterSeconds);
    gauge.set(++inFlight[kind], kind);
    try {
      return await next(scope);
    } finally {
      gauge.set(--inFlight[kind], kind);
    }
  };
}
