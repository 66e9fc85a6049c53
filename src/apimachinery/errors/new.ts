import { goQuote } from "../go-format.ts";
import { formatGroupKind, formatGroupResource } from "../group-version.ts";
import type { GroupKind, GroupResource, StatusCause } from "../meta/v1/types.gen.ts";
import { type FieldError, aggregateMessages, errorsToldMax, formatFieldErrorBody } from "../validation/field-error.ts";
import { StatusError } from "./status-error.ts";

// One constructor per failure of the API, with upstream's codes and texts.

/** Why a write with an outdated resourceVersion fails. */
export const optimisticLockMessage =
  "the object has been modified; please apply your changes to the latest version and try again";

/** The cause type of a create in a namespace that is going away. */
export const namespaceTerminatingCause = "NamespaceTerminating";
/** The cause type of a read that is not older than a revision the server has not reached. */
export const resourceVersionTooLargeCause = "ResourceVersionTooLarge";
/** The cause type of an answer that was no API object. */
export const unexpectedServerResponseCause = "UnexpectedServerResponse";
/** The cause type of a server-side apply conflict. */
export const fieldManagerConflictCause = "FieldManagerConflict";

/** `pods "web" not found` */
export function notFound(gr: GroupResource, name: string): StatusError {
  const message = `${formatGroupResource(gr)} ${goQuote(name)} not found`;
  return new StatusError({ code: 404, reason: "NotFound", message, details: resourceDetails(gr, name) });
}

/** The path names nothing the server serves. */
export function noSuchResource(): StatusError {
  const message = "the server could not find the requested resource";
  return new StatusError({ code: 404, reason: "NotFound", message, details: {} });
}

/** `pods "web" already exists` */
export function alreadyExists(gr: GroupResource, name: string): StatusError {
  const message = `${formatGroupResource(gr)} ${goQuote(name)} already exists`;
  return new StatusError({ code: 409, reason: "AlreadyExists", message, details: resourceDetails(gr, name) });
}

/** Every name generated from `generateName` was taken. */
export function generateNameConflict(gr: GroupResource, name: string, retryAfterSeconds: number): StatusError {
  const message =
    `${formatGroupResource(gr)} ${goQuote(name)} already exists, ` +
    "the server was not able to generate a unique name for the object";
  const details = { ...resourceDetails(gr, name), retryAfterSeconds };
  return new StatusError({ code: 409, reason: "AlreadyExists", message, details });
}

/** `Operation cannot be fulfilled on pods "web": …` */
export function conflict(gr: GroupResource, name: string, why = optimisticLockMessage): StatusError {
  const message = `Operation cannot be fulfilled on ${formatGroupResource(gr)} ${goQuote(name)}: ${why}`;
  return new StatusError({ code: 409, reason: "Conflict", message, details: resourceDetails(gr, name) });
}

/** A server-side apply that touches fields of other managers. */
export function applyConflict(causes: readonly StatusCause[], message: string): StatusError {
  return new StatusError({ code: 409, reason: "Conflict", message, details: { causes } });
}

/** `Deployment.apps "web" is invalid: spec.replicas: Invalid value: …` */
export function invalid(gk: GroupKind, name: string, errors: readonly FieldError[]): StatusError {
  const causes = errors
    .slice(0, errorsToldMax)
    .map((e) => ({ reason: e.type, message: formatFieldErrorBody(e), field: e.field }));
  const what = `${formatGroupKind(gk)} ${goQuote(name)} is invalid`;
  const told = aggregateMessages(causes.map(({ field, message }) => `${field}: ${message}`));
  const message = errors.length === 0 ? what : `${what}: ${told}`;
  const details = { name, group: gk.group, kind: gk.kind, causes };
  return new StatusError({ code: 422, reason: "Invalid", message, details });
}

export function badRequest(message: string): StatusError {
  return new StatusError({ code: 400, reason: "BadRequest", message });
}

export function unauthorized(message = "Unauthorized"): StatusError {
  return new StatusError({ code: 401, reason: "Unauthorized", message });
}

/** `pods "web" is forbidden: why`; with an empty resource `forbidden: why`. */
export function forbidden(gr: GroupResource, name: string, why: string): StatusError {
  const resource = formatGroupResource(gr);
  let message = `forbidden: ${why}`;
  if (resource !== "")
    message = name === "" ? `${resource} is ${message}` : `${resource} ${goQuote(name)} is ${message}`;
  return new StatusError({ code: 403, reason: "Forbidden", message, details: resourceDetails(gr, name) });
}

/** What an authorizer was asked. `path` is set for requests that name no resource. */
export interface DeniedRequest {
  readonly user: string;
  readonly verb: string;
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** `pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"` */
export function forbiddenRequest(denied: DeniedRequest, why = ""): StatusError {
  const { user, verb, path, group = "", resource = "", subresource = "", namespace = "", name = "" } = denied;
  let text: string;
  if (path !== undefined) {
    text = `User ${goQuote(user)} cannot ${verb} path ${goQuote(path)}`;
  } else {
    const target = subresource === "" ? resource : `${resource}/${subresource}`;
    const scope = namespace === "" ? "at the cluster scope" : `in the namespace ${goQuote(namespace)}`;
    text = `User ${goQuote(user)} cannot ${verb} resource ${goQuote(target)} in API group ${goQuote(group)} ${scope}`;
  }
  return forbidden({ group, resource }, name, why === "" ? text : `${text}: ${why}`);
}

/** A built-in path that is there, but not for this method. */
export function methodNotAllowed(): StatusError {
  const message = "the server does not allow this method on the requested resource";
  return new StatusError({ code: 405, reason: "MethodNotAllowed", message, details: {} });
}

/** `create is not supported on resources of kind "pods"` */
export function methodNotSupported(gr: GroupResource, action: string): StatusError {
  const message = `${action} is not supported on resources of kind ${goQuote(formatGroupResource(gr))}`;
  const details = { group: gr.group, kind: gr.resource };
  return new StatusError({ code: 405, reason: "MethodNotAllowed", message, details });
}

/** None of the media types the client accepts can be produced. */
export function notAcceptable(offered: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${offered.join(", ")}`;
  return new StatusError({ code: 406, reason: "NotAcceptable", message });
}

/** The body is in a media type the server does not read. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`;
  return new StatusError({ code: 415, reason: "UnsupportedMediaType", message });
}

/** The body is over the limit. */
export function requestEntityTooLarge(why: string): StatusError {
  return new StatusError({ code: 413, reason: "RequestEntityTooLarge", message: `Request entity too large: ${why}` });
}

export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError({ code: 429, reason: "TooManyRequests", message, details: { retryAfterSeconds } });
}

/** The server gave up; the operation may still complete. */
export function timeout(message: string, retryAfterSeconds = 0): StatusError {
  const details = { retryAfterSeconds };
  return new StatusError({ code: 504, reason: "Timeout", message: `Timeout: ${message}`, details });
}

/** A passing failure: the client should try again. */
export function serverTimeout(gr: GroupResource, operation: string, retryAfterSeconds: number): StatusError {
  const message = `The ${operation} operation against ${formatGroupResource(gr)} could not be completed at this time, please try again.`;
  const details = { ...resourceDetails(gr, operation), retryAfterSeconds };
  return new StatusError({ code: 500, reason: "ServerTimeout", message, details });
}

export function serviceUnavailable(message: string): StatusError {
  return new StatusError({ code: 503, reason: "ServiceUnavailable", message });
}

/** The server's own fault. The cause is kept for the log; its message goes to the client as upstream's does. */
export function internalError(cause: unknown): StatusError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StatusError(
    {
      code: 500,
      reason: "InternalError",
      message: `Internal error occurred: ${why}`,
      details: { causes: [{ message: why }] },
    },
    { cause },
  );
}

export function gone(message: string): StatusError {
  return new StatusError({ code: 410, reason: "Gone", message });
}

/** A resourceVersion or continue token that history no longer covers. */
export function expired(message: string): StatusError {
  return new StatusError({ code: 410, reason: "Expired", message });
}

/** A watch from a revision that is compacted. */
export function watchTooOld(): StatusError {
  return expired("The resourceVersion for the provided watch is too old.");
}

/** `too old resource version: 5 (17)` */
export function tooOldResourceVersion(asked: number | bigint | string, oldest: number | bigint | string): StatusError {
  return expired(`too old resource version: ${asked} (${oldest})`);
}

/** A read not older than a revision that the server has not reached. */
export function tooLargeResourceVersion(
  asked: number | bigint | string,
  current: number | bigint | string,
  retryAfterSeconds = 1,
): StatusError {
  return new StatusError({
    code: 504,
    reason: "Timeout",
    message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: resourceVersionTooLargeCause, message: "Too large resource version" }],
      retryAfterSeconds,
    },
  });
}

function resourceDetails(gr: GroupResource, name: string) {
  return { name, group: gr.group, kind: gr.resource };
}
