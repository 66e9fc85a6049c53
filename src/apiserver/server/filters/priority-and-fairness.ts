import type { HttpResponse } from "../../../component-base/http.ts";
import type { RequestScope } from "../../endpoints/request-scope.ts";
import type { FlowControl, FlowStart } from "../../flowcontrol/flow-control.ts";
import type { FlowTicket } from "../../flowcontrol/queue-set.ts";
import type { Filter, ScopeHandler } from "../handler-chain.ts";
import { isLongRunning } from "../long-running.ts";
import type { InFlightGauges, RequestKind } from "./in-flight-gauges.ts";
import { refusal, requestKindOf } from "./in-flight-gauges.ts";
import { requestTimeLimit } from "./timeout.ts";

const waitMaxMs = 60_000;

/**
 * Lets a request wait until its priority level has seats for it, or refuses it with 429 when its queue is full or a quarter of
 * its time is over. Watches have seats until their initial state is sent; other long-running requests take none.
 */
export function withPriorityAndFairness(
  flowControl: FlowControl,
  requestTimeoutMs: number,
  gauges: InFlightGauges,
): Filter {
  return (next) => async (scope) => {
    const { info, user, http } = scope;
    const isWatch = info.verb === "watch";
    if (!isWatch && isLongRunning(info)) return next(scope);
    const kind = requestKindOf(info.verb);
    const start = flowControl.start({ info, user, query: http.query });
    const { schemaUid, levelUid, level } = start.classification;
    scope.answerHeaders["x-kubernetes-pf-flowschema-uid"] = schemaUid;
    scope.answerHeaders["x-kubernetes-pf-prioritylevel-uid"] = levelUid;
    const { ticket } = start;
    if (!ticket) return refusal(flowControl.retryAfter.refuse(level));
    if (ticket.startMs === undefined) {
      const waitMs = Math.min(requestTimeLimit(scope, requestTimeoutMs) / 4, waitMaxMs);
      gauges.waiting[kind].value++;
      const isExecuted = await flowControl.wait(start, waitMs, scope.signal);
      gauges.waiting[kind].value--;
      if (!isExecuted) return refusal(flowControl.retryAfter.refuse(level));
    }
    gauges.executing[kind].value++;
    if (isWatch) return watch(flowControl, gauges, kind, start, ticket, scope, next);
    try {
      return await next(scope);
    } finally {
      gauges.executing[kind].value--;
      flowControl.finish(start, ticket, "regular");
    }
  };
}

/** The seats go back once, when the initial state is sent or the watch is over; then it is only one of those that are told. */
async function watch(
  flowControl: FlowControl,
  gauges: InFlightGauges,
  kind: RequestKind,
  start: FlowStart,
  ticket: FlowTicket,
  scope: RequestScope,
  next: ScopeHandler,
): Promise<HttpResponse> {
  const forget = flowControl.watches.register(scope.info, scope.http.query);
  let hasSeats = true;
  let isOver = false;
  const initialized = (): void => {
    if (!hasSeats) return;
    hasSeats = false;
    gauges.executing[kind].value--;
    flowControl.finish(start, ticket, "watch");
  };
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    initialized();
    forget();
  };
  scope.watchInitialized = initialized;
  let response: HttpResponse;
  try {
    response = await next(scope);
  } catch (error) {
    end();
    throw error;
  }
  const { body } = response;
  if (typeof body !== "function" || scope.signal.aborted) {
    end();
    return response;
  }
  // A client that is gone before the body has begun never reads it.
  scope.signal.addEventListener("abort", end, { once: true });
  return {
    ...response,
    body: async (sink) => {
      try {
        await body(sink);
      } finally {
        end();
      }
    },
  };
}
