import type { CounterSeries, MetricRegistry } from "../../../component-base/metrics.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import { respondText } from "../../endpoints/response.ts";

const readOnlyVerbs: ReadonlySet<string> = new Set(["get", "list", "watch"]);

/** Requests are counted and limited by whether they may change something. */
export type RequestKind = "readOnly" | "mutating";

export function requestKindOf(verb: string): RequestKind {
  return readOnlyVerbs.has(verb) ? "readOnly" : "mutating";
}

/** How many requests of each kind are in the works, and how many wait. */
export class InFlightGauges {
  readonly executing: Readonly<Record<RequestKind, CounterSeries>>;
  readonly waiting: Readonly<Record<RequestKind, CounterSeries>>;

  constructor(metrics: MetricRegistry) {
    const kinds = ["request_kind"];
    const executing = metrics.gauge("apiserver_current_inflight_requests", "Requests in flight by kind.", kinds);
    const waiting = metrics.gauge("apiserver_current_inqueue_requests", "Requests in queues by kind.", kinds);
    this.executing = { readOnly: executing.series("readOnly"), mutating: executing.series("mutating") };
    this.waiting = { readOnly: waiting.series("readOnly"), mutating: waiting.series("mutating") };
  }
}

/** As upstream, text and no Status. */
export function refusal(retryAfterSeconds: number): HttpResponse {
  return respondText(429, "Too many requests, please try again later.\n", { "retry-after": String(retryAfterSeconds) });
}
