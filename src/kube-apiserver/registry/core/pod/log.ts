import { badRequest, internalError, invalid } from "../../../../apimachinery/errors/new.ts";
import { bareServerError } from "../../../../apimachinery/errors/server-response.ts";
import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { instantOf } from "../../../../apimachinery/schema/time-scalars.ts";
import { formatTime } from "../../../../apimachinery/time.ts";
import { pods } from "../../../../api/resources.gen.ts";
import { integerOf } from "../../../../apiserver/endpoints/query-options.ts";
import { queryFlag } from "../../../../apiserver/endpoints/request-info.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";
import type { HttpResponse, TransportResponse } from "../../../../component-base/http.ts";
import { errorText } from "../../../../component-base/logger.ts";
import { readBody } from "../../../../component-base/http.ts";
import { chooseContainer } from "./container-choice.ts";
import type { KubeletConnector } from "./kubelet-connector.ts";
import { kubeletUrl } from "./kubelet-connector.ts";

const errorBytesMax = 64 * 1024;

/** GET pods/log: the kubelet's answer, streamed. */
export async function podLog(request: SubresourceRequest, connector: KubeletConnector): Promise<HttpResponse> {
  const { namespace, name, query, http } = request;
  const options = logOptionsOf(query);
  const errors = validateLogOptions(options, query.has("stream"));
  if (errors.length > 0) throw invalid({ group: "", kind: "PodLogOptions" }, name, errors);
  const pod = await request.registry.resource(pods).get(namespace, name);
  const container = chooseContainer(pod, query.get("container") ?? "");
  // What never ran anywhere has said nothing.
  if (!pod.spec.nodeName) return { status: 204, headers: {}, body: [] };
  const url = new URL(`${kubeletUrl(request, pod)}/containerLogs/${namespace}/${name}/${container}`);
  for (const [option, value] of Object.entries(options)) url.searchParams.set(option, String(value));
  const response = await connector.send({ method: "GET", url: url.href, headers: {}, signal: http.signal });
  if (response.status < 200 || response.status > 206) throw await kubeletError(response, name);
  return {
    status: 200,
    headers: { "content-type": response.headers["content-type"] ?? "text/plain", "cache-control": "no-cache, private" },
    body: async (sink) => {
      for await (const chunk of response.body) {
        if (sink.signal.aborted) return;
        if (!sink.write([chunk])) await sink.drained();
      }
    },
  };
}

async function kubeletError(response: TransportResponse, name: string): Promise<Error> {
  const text = new TextDecoder().decode(await readBody(response.body, errorBytesMax)).trim();
  if (response.status === 400) return badRequest(text);
  if (response.status === 500) return internalError(new Error(text));
  return bareServerError({
    code: response.status,
    verb: "",
    resource: { group: "", resource: "pods/log" },
    name,
    serverMessage: text,
    isUnexpected: false,
  });
}

/** What is passed on to the kubelet. */
interface LogOptions {
  readonly follow?: true;
  readonly previous?: true;
  readonly timestamps?: true;
  readonly sinceSeconds?: number;
  readonly sinceTime?: string;
  readonly tailLines?: number;
  readonly limitBytes?: number;
}

/** Throws BadRequest for what is no number, or no time. */
function logOptionsOf(query: URLSearchParams): LogOptions {
  const flag = (name: string): object => (queryFlag(query, name) ? { [name]: true } : {});
  return {
    ...flag("follow"),
    ...flag("previous"),
    ...flag("timestamps"),
    ...integerOf(query, "sinceSeconds"),
    ...sinceTimeOf(query),
    ...integerOf(query, "tailLines"),
    ...integerOf(query, "limitBytes"),
  };
}

function sinceTimeOf(query: URLSearchParams): Pick<LogOptions, "sinceTime"> {
  const text = query.get("sinceTime");
  if (text === null) return {};
  // As older clients write a time that is none: since ever.
  if (text === "" || text === "null") return { sinceTime: "0001-01-01T00:00:00Z" };
  try {
    return { sinceTime: formatTime(instantOf(text)) };
  } catch (error) {
    throw badRequest(errorText(error));
  }
}

/** `hasStream`: the client says which of the two streams it wants, which cannot be told apart yet. */
function validateLogOptions(options: LogOptions, hasStream: boolean): readonly FieldError[] {
  const { tailLines, limitBytes, sinceSeconds, sinceTime } = options;
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0)
    errors.push(fieldInvalid(FieldPath.of("tailLines"), tailLines, "must be greater than or equal to 0"));
  if (limitBytes !== undefined && limitBytes < 1)
    errors.push(fieldInvalid(FieldPath.of("limitBytes"), limitBytes, "must be greater than 0"));
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    errors.push(fieldForbidden(FieldPath.of(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    errors.push(fieldInvalid(FieldPath.of("sinceSeconds"), sinceSeconds, "must be greater than 0"));
  if (hasStream) errors.push(fieldForbidden(FieldPath.of("stream"), "may not be specified"));
  return errors;
}
