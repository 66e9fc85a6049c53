import type { Status, StatusCause, StatusDetails } from "../meta/v1/types.gen.ts";

/** Why a request failed; the empty string when unknown. */
export type StatusReason = (typeof knownReasons)[number] | "";

const knownReasons = [
  "Unauthorized",
  "Forbidden",
  "NotFound",
  "AlreadyExists",
  "Conflict",
  "Gone",
  "Invalid",
  "ServerTimeout",
  "StoreReadError",
  "Timeout",
  "TooManyRequests",
  "BadRequest",
  "MethodNotAllowed",
  "NotAcceptable",
  "RequestEntityTooLarge",
  "UnsupportedMediaType",
  "InternalError",
  "Expired",
  "ServiceUnavailable",
] as const;

const knownReasonSet: ReadonlySet<string> = new Set(knownReasons);

/** A failure visible in the API. Made by the constructors of `errors/new.ts`, told apart by the predicates below. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  /** The HTTP status code. */
  readonly code: number;
  /** The empty string when unknown; a server may send a reason that is not in the type. */
  readonly reason: StatusReason;
  readonly details: StatusDetails | undefined;

  constructor(
    failure: {
      readonly code: number;
      readonly reason: StatusReason;
      readonly message: string;
      readonly details?: StatusDetails | undefined;
    },
    options?: ErrorOptions,
  ) {
    super(failure.message, options);
    this.code = failure.code;
    this.reason = failure.reason;
    this.details = failure.details;
  }

  /** The object sent to the client, its fields in upstream's order, empty ones left out. */
  toStatus(): Status {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      ...(this.message === "" ? {} : { message: this.message }),
      ...(this.reason === "" ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: compactDetails(this.details) }),
      ...(this.code === 0 ? {} : { code: this.code }),
    };
  }
}

function compactDetails(details: StatusDetails): StatusDetails {
  const { name, group, kind, uid, causes, retryAfterSeconds } = details;
  return {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    ...(kind ? { kind } : {}),
    ...(uid ? { uid } : {}),
    ...(causes && causes.length > 0 ? { causes } : {}),
    ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
  };
}

/** The error a client raises for a Status it received. `httpCode` fills in where the Status has no code. */
export function statusErrorFromStatus(status: Omit<Partial<Status>, "metadata">, httpCode: number): StatusError {
  return new StatusError({
    code: status.code ?? httpCode,
    reason: (status.reason ?? "") as StatusReason, // Servers may send more reasons than the type lists.
    message: status.message ?? "",
    details: status.details,
  });
}

/** The reason of a StatusError, the empty string for anything else. */
export function reasonOf(error: unknown): StatusReason {
  return error instanceof StatusError ? error.reason : "";
}

/** By reason; by code only when the reason says nothing we know. */
function is(error: unknown, reason: StatusReason, code: number): boolean {
  if (!(error instanceof StatusError)) return false;
  return error.reason === reason || (error.code === code && !knownReasonSet.has(error.reason));
}

export function isNotFound(error: unknown): boolean {
  return is(error, "NotFound", 404);
}

export function isAlreadyExists(error: unknown): boolean {
  return reasonOf(error) === "AlreadyExists";
}

export function isConflict(error: unknown): boolean {
  return is(error, "Conflict", 409);
}

export function isInvalid(error: unknown): boolean {
  return is(error, "Invalid", 422);
}

export function isGone(error: unknown): boolean {
  return is(error, "Gone", 410);
}

/** The resourceVersion or continue token is too old: list again. */
export function isExpired(error: unknown): boolean {
  return reasonOf(error) === "Expired";
}

export function isNotAcceptable(error: unknown): boolean {
  return is(error, "NotAcceptable", 406);
}

export function isUnsupportedMediaType(error: unknown): boolean {
  return is(error, "UnsupportedMediaType", 415);
}

export function isMethodNotSupported(error: unknown): boolean {
  return is(error, "MethodNotAllowed", 405);
}

export function isServiceUnavailable(error: unknown): boolean {
  return is(error, "ServiceUnavailable", 503);
}

export function isBadRequest(error: unknown): boolean {
  return is(error, "BadRequest", 400);
}

export function isUnauthorized(error: unknown): boolean {
  return is(error, "Unauthorized", 401);
}

export function isForbidden(error: unknown): boolean {
  return is(error, "Forbidden", 403);
}

/** The server gave up waiting; the operation may have happened. */
export function isTimeout(error: unknown): boolean {
  return is(error, "Timeout", 504);
}

/** The server asks the client to try again. */
export function isServerTimeout(error: unknown): boolean {
  return reasonOf(error) === "ServerTimeout";
}

export function isInternalError(error: unknown): boolean {
  return is(error, "InternalError", 500);
}

export function isTooManyRequests(error: unknown): boolean {
  return error instanceof StatusError && (error.reason === "TooManyRequests" || error.code === 429);
}

export function isRequestEntityTooLarge(error: unknown): boolean {
  return error instanceof StatusError && (error.reason === "RequestEntityTooLarge" || error.code === 413);
}

/** The cause of that type, e.g. `NamespaceTerminating`. */
export function statusCause(error: unknown, type: string): StatusCause | undefined {
  if (!(error instanceof StatusError)) return undefined;
  return error.details?.causes?.find((cause) => cause.reason === type);
}

export function hasStatusCause(error: unknown, type: string): boolean {
  return statusCause(error, type) !== undefined;
}

/** How long the server asks the client to wait, undefined when it does not ask. */
export function suggestedRetrySeconds(error: unknown): number | undefined {
  if (!(error instanceof StatusError)) return undefined;
  const { reason, details } = error;
  if (reason !== "ServerTimeout" && reason !== "Timeout" && reason !== "TooManyRequests") return undefined;
  return details?.retryAfterSeconds ? details.retryAfterSeconds : undefined;
}
