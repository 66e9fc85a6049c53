import type { Filter } from "../handler-chain.ts";
import { isLongRunning } from "../long-running.ts";
import type { InFlightGauges } from "./in-flight-gauges.ts";
import { refusal, requestKindOf } from "./in-flight-gauges.ts";

const retryAfterSeconds = 1;

/**
 * Without priority and fairness: bounds the requests worked on at once, reading and mutating ones apart; more are refused with
 * 429. Zero is no bound. Long-running requests are not counted: they hold no work, only a connection. Administrators get in
 * nonetheless, to repair what overloads the server.
 */
export function withMaxInFlight(readOnlyMax: number, mutatingMax: number, { executing }: InFlightGauges): Filter {
  return (next) => async (scope) => {
    if (isLongRunning(scope.info)) return next(scope);
    const kind = requestKindOf(scope.info.verb);
    const max = kind === "readOnly" ? readOnlyMax : mutatingMax;
    if (max > 0 && executing[kind].value >= max && !scope.user.groups.includes("system:masters"))
      return refusal(retryAfterSeconds);
    executing[kind].value++;
    try {
      return await next(scope);
    } finally {
      executing[kind].value--;
    }
  };
}
