import type { Clock } from "../../../component-base/clock.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import type { AuditEvent, AuditSink } from "../../audit/audit-sink.ts";
import type { RequestScope } from "../../endpoints/request-scope.ts";
import type { Filter } from "../handler-chain.ts";

/** Tells the sink of each request when it comes and when it is answered. */
export function withAudit(sink: AuditSink, clock: Clock): Filter {
  return (next) => async (scope) => {
    const { user } = scope;
    const record = (stage: AuditEvent["stage"], responseCode: number): void =>
      sink.record(eventOf(scope, user, stage, responseCode, clock.now()));
    record("RequestReceived", 0);
    try {
      const response = await next(scope);
      record(typeof response.body === "function" ? "ResponseStarted" : "ResponseComplete", response.status);
      return response;
    } catch (error) {
      if (error instanceof StatusError) record("ResponseComplete", error.code);
      else record("Panic", 500);
      throw error;
    }
  };
}

function eventOf(
  scope: RequestScope,
  user: RequestScope["user"],
  stage: AuditEvent["stage"],
  responseCode: number,
  timestampMs: number,
): AuditEvent {
  const { http, info, auditId } = scope;
  const query = http.query.toString();
  return {
    auditId,
    stage,
    requestUri: query === "" ? http.path : `${http.path}?${query}`,
    verb: info.verb,
    user,
    // Set further down the chain; the same user when nobody is impersonated.
    impersonatedUser: scope.user === user ? undefined : scope.user,
    sourceAddress: http.peer.address,
    userAgent: http.headers["user-agent"] ?? "",
    objectRef: info.isResourceRequest
      ? {
          group: info.apiGroup,
          version: info.apiVersion,
          resource: info.resource,
          namespace: info.namespace,
          name: info.name,
          subresource: info.subresource,
        }
      : undefined,
    responseCode,
    timestampMs,
    annotations: Object.fromEntries(scope.auditAnnotations),
  };
}
