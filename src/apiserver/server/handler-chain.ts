import type { HttpResponse } from "../../component-base/http.ts";
import type { RequestScope } from "../endpoints/request-scope.ts";

/** Answers a request, or rejects with a StatusError that becomes the answer. */
export type ScopeHandler = (scope: RequestScope) => Promise<HttpResponse>;

/** One step all requests go through: may answer itself, else hands on. */
export type Filter = (next: ScopeHandler) => ScopeHandler;

/** The chain whose first filter is outermost. */
export function chain(filters: readonly Filter[], last: ScopeHandler): ScopeHandler {
  return filters.reduceRight<ScopeHandler>((next, filter) => filter(next), last);
}
