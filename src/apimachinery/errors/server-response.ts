import { goQuote } from "../go-format.ts";
import { formatGroupResource } from "../group-version.ts";
import type { GroupResource } from "../meta/v1/types.gen.ts";
import { unexpectedServerResponseCause } from "./new.ts";
import { StatusError, type StatusReason } from "./status-error.ts";

/** An HTTP failure that carried no Status object. */
export interface BareFailure {
  readonly code: number;
  /** The HTTP method. */
  readonly verb: string;
  readonly resource: GroupResource;
  readonly name: string;
  /** The body, as far as it is text. */
  readonly serverMessage: string;
  readonly retryAfterSeconds?: number;
  /** The body was expected to be a Status but was not. */
  readonly isUnexpected: boolean;
}

const byCode: Readonly<Record<number, readonly [StatusReason, string]>> = {
  400: ["BadRequest", "the server rejected our request for an unknown reason"],
  401: ["Unauthorized", "the server has asked for the client to provide credentials"],
  404: ["NotFound", "the server could not find the requested resource"],
  405: ["MethodNotAllowed", "the server does not allow this method on the requested resource"],
  409: ["Conflict", "the server reported a conflict"],
  422: ["Invalid", "the server rejected our request due to an error in our request"],
  429: ["TooManyRequests", "the server has received too many requests and has asked us to try again later"],
  503: ["ServiceUnavailable", "the server is currently unable to handle the request"],
  504: [
    "Timeout",
    "the server was unable to return a response in the time allotted, but may still be processing the request",
  ],
};

/** The error a client raises for an answer that is no Status: a proxy's page, a crashed server. */
export function bareServerError(failure: BareFailure): StatusError {
  const { code, verb, resource, name, serverMessage, retryAfterSeconds = 0 } = failure;
  const target = formatGroupResource(resource);
  const [reason, what] = describe(failure);
  let message = what;
  if (target !== "") message += ` (${[verb.toLowerCase(), target, ...(name === "" ? [] : [name])].join(" ")})`;
  const causes = failure.isUnexpected ? [{ reason: unexpectedServerResponseCause, message: serverMessage }] : [];
  const details = { name, group: resource.group, kind: resource.resource, causes, retryAfterSeconds };
  return new StatusError({ code, reason, message, details });
}

function describe({ code, verb, serverMessage }: BareFailure): readonly [StatusReason, string] {
  // These messages say more than we could: who may not do what, which media types there are.
  if (code === 403) return ["Forbidden", serverMessage];
  if (code === 415) return ["UnsupportedMediaType", serverMessage];
  if (code === 406) {
    const unspecific = "the server was unable to respond with a content type that the client supports";
    return ["NotAcceptable", serverMessage === "" || serverMessage === "unknown" ? unspecific : serverMessage];
  }
  if (code === 409 && verb.toUpperCase() === "POST") return ["AlreadyExists", "the server reported a conflict"];
  const known = byCode[code];
  if (known !== undefined) return known;
  if (code >= 500) {
    return [
      "InternalError",
      `an error on the server (${goQuote(serverMessage)}) has prevented the request from succeeding`,
    ];
  }
  return ["", `the server responded with the status code ${code} but did not return more information`];
}
