import type { TokenReview } from "../api/authentication/v1/types.gen.ts";
import type { SubjectAccessReview } from "../api/authorization/v1/types.gen.ts";
import { forbidden, internalError, unauthorized } from "../apimachinery/errors/new.ts";
import { StatusError } from "../apimachinery/errors/status-error.ts";
import { utf8Encode } from "../component-base/bytes.ts";
import type { Clock } from "../component-base/clock.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../component-base/http.ts";
import type { Logger } from "../component-base/logger.ts";
import type { ApiClient } from "../client/rest/api-client.ts";

// The kubelet's defaults for webhook authorization (authorizedTTL, unauthorizedTTL).
const allowedForMs = 300_000;
const deniedForMs = 30_000;
const cachedMax = 1_000;

interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface KubeletAuthorizationOptions {
  readonly nodeName: string;
  /** The node's own client. */
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Guards a kubelet's server: the API server is asked who a bearer token is, and whether the caller may reach this node's
 * subresource (`proxy`, `log`, `stats`, `metrics`, `pods`, `healthz`, `configz`). Exec, attach and port-forward need `create` whatever the
 * HTTP method, because a WebSocket handshake is a GET.
 */
export function withKubeletAuthorization(handler: HttpHandler, options: KubeletAuthorizationOptions): HttpHandler {
  const decisions = new Map<string, { readonly allowed: boolean; readonly untilMs: number }>();
  return async (request) => {
    try {
      const user = await authenticate(request, options.client);
      const verb = verbOf(request);
      const subresource = subresourceOf(request.path);
      const key = JSON.stringify([user.name, user.groups, verb, subresource]);
      const now = options.clock.monotonic();
      let decision = decisions.get(key);
      if (!decision || decision.untilMs <= now) {
        const allowed = await mayReach(user, verb, subresource, options);
        decision = { allowed, untilMs: now + (allowed ? allowedForMs : deniedForMs) };
        if (decisions.size >= cachedMax) decisions.clear();
        decisions.set(key, decision);
      }
      if (!decision.allowed) {
        return statusResponse(
          forbidden(
            { group: "", resource: "nodes" },
            options.nodeName,
            `user=${user.name}, verb=${verb}, resource=nodes, subresource=${subresource}`,
          ),
        );
      }
    } catch (error) {
      if (error instanceof StatusError) return statusResponse(error);
      // Without an answer from the API server nobody is let in.
      options.logger.warn("kubelet request could not be authorized", { error });
      return statusResponse(internalError("authorization failed"));
    }
    return handler(request);
  };
}

async function authenticate(request: HttpRequest, client: ApiClient): Promise<User> {
  const certificate = request.peer.certificate;
  if (certificate)
    return { name: certificate.commonName, groups: [...certificate.organizations, "system:authenticated"] };
  const [scheme, token] = (request.headers["authorization"] ?? "").split(" ");
  if (scheme?.toLowerCase() !== "bearer" || !token) throw unauthorized();
  const { status } = await client.request<TokenReview>("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token },
  });
  if (status.authenticated !== true) throw unauthorized();
  return { name: status.user.username ?? "", groups: status.user.groups ?? [] };
}

async function mayReach(
  user: User,
  verb: string,
  subresource: string,
  { client, nodeName }: KubeletAuthorizationOptions,
): Promise<boolean> {
  const review = await client.request<SubjectAccessReview>(
    "POST",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: user.name,
        groups: user.groups,
        resourceAttributes: { verb, version: "v1", resource: "nodes", subresource, name: nodeName },
      },
    },
  );
  return review.status.allowed;
}

function verbOf({ path, method }: HttpRequest): string {
  if (/^\/(exec|attach|portForward|run|cri)\b/.test(path)) return "create";
  switch (method) {
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return "delete";
    default:
      return "get";
  }
}

function subresourceOf(path: string): string {
  const first = path.split("/")[1] ?? "";
  switch (first) {
    case "stats":
    case "metrics":
    case "configz":
    case "healthz":
      return first;
    case "logs":
      return "log";
    case "pods":
    case "runningpods":
      return "pods";
    default:
      return "proxy";
  }
}

function statusResponse(error: StatusError): HttpResponse {
  return {
    status: error.code,
    headers: { "content-type": "application/json" },
    body: utf8Encode(JSON.stringify(error.toStatus())),
  };
}
