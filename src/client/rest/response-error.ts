import { bareServerError } from "../../apimachinery/errors/server-response.ts";
import { statusErrorFromStatus, type StatusError } from "../../apimachinery/errors/status-error.ts";
import { utf8Decode } from "../../component-base/bytes.ts";
import { BodyTooLargeError, readBody, TransportError, type TransportResponse } from "../../component-base/http.ts";

// A Status that lists every invalid field of a large object is far below this.
const errorBodyMaxBytes = 4 * 1024 * 1024;

/** What the request was about, for the message where the answer does not say. */
export interface RequestSubject {
  readonly method: string;
  readonly group: string;
  readonly resource: string;
  readonly name: string;
}

/** The refusal as an error: the server's Status, or one made from the code when something on the way answered instead. */
export async function responseError(
  response: TransportResponse,
  subject: RequestSubject | undefined,
): Promise<StatusError | TransportError> {
  let text: string;
  try {
    text = utf8Decode(await readBody(response.body, errorBodyMaxBytes));
  } catch (cause) {
    if (!(cause instanceof TransportError || cause instanceof BodyTooLargeError)) throw cause;
    return new TransportError(`answer ${response.status} without a readable body`, { cause, notSent: false });
  }
  const status = parseStatus(text);
  if (status) return statusErrorFromStatus(status, response.status);
  const retryAfterSeconds = Number(response.headers["retry-after"]);
  return bareServerError({
    code: response.status,
    verb: subject?.method ?? "",
    resource: { group: subject?.group ?? "", resource: subject?.resource ?? "" },
    name: subject?.name ?? "",
    serverMessage: text.slice(0, 2048),
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
    isUnexpected: true,
  });
}

function parseStatus(text: string): Parameters<typeof statusErrorFromStatus>[0] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "kind" in parsed && parsed.kind === "Status"
      ? (parsed as Parameters<typeof statusErrorFromStatus>[0]) // The kind says so.
      : undefined;
  } catch {
    return undefined; // Plain text or HTML: told by its code alone.
  }
}
