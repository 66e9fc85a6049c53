import { badRequest, internalError, invalid } from "../../../../apimachinery/errors/new.ts";
import { bareServerError } from "../../../../apimachinery/errors/server-response.ts";
import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { pods } from "../../../../api/resources.gen.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";
import type { HttpResponse, TransportResponse } from "../../../../component-base/http.ts";
import { readBody } from "../../../../component-base/http.ts";
import { chooseContainer } from "./container-choice.ts";
import type { KubeletConnector } from "./kubelet-connector.ts";
import { kubeletUrl } from "./kubelet-connector.ts";

const passedOn = [
  "follow",
  "previous",
  "sinceSeconds",
  "sinceTime",
  "timestamps",
  "tailLines",
  "limitBytes",
  "stream",
] as const;
const errorBytesMax = 64 * 1024;

/** GET pods/log: the kubelet's answer, streamed. */
export async function podLog(request: SubresourceRequest, connector: KubeletConnector): Promise<HttpResponse> {
  const { namespace, name, query, http } = request;
  const errors = validateLogOptions(query);
  if (errors.length > 0) throw invalid({ group: "", kind: "PodLogOptions" }, name, errors);
  const pod = await request.registry.resource(pods).get(namespace, name);
  const container = chooseContainer(pod, query.get("container") ?? "");
  // What never ran anywhere has said nothing.
  if (!pod.spec.nodeName) return { status: 200, headers: { "content-type": "text/plain" }, body: [] };
  const url = new URL(`${await kubeletUrl(request, pod)}/containerLogs/${namespace}/${name}/${container}`);
  for (const option of passedOn) {
    const value = query.get(option);
    if (value !== null && value !== "") url.searchParams.set(option, value);
  }
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

function validateLogOptions(query: URLSearchParams): readonly FieldError[] {
  const errors: FieldError[] = [];
  const number = (name: string): number | undefined => (query.get(name) ? Number(query.get(name)) : undefined);
  const tailLines = number("tailLines");
  const limitBytes = number("limitBytes");
  const sinceSeconds = number("sinceSeconds");
  if (tailLines !== undefined && !(tailLines >= 0)) {
    errors.push(fieldInvalid(FieldPath.of("tailLines"), tailLines, "must be greater than or equal to 0"));
  }
  if (limitBytes !== undefined && !(limitBytes >= 1)) {
    errors.push(fieldInvalid(FieldPath.of("limitBytes"), limitBytes, "must be greater than 0"));
  }
  if (sinceSeconds !== undefined && query.get("sinceTime")) {
    errors.push(fieldForbidden(FieldPath.of(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  } else if (sinceSeconds !== undefined && !(sinceSeconds >= 1)) {
    errors.push(fieldInvalid(FieldPath.of("sinceSeconds"), sinceSeconds, "must be greater than 0"));
  }
  return errors;
}
