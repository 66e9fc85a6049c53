import type { TokenReview } from "../api/authentication/v1/types.gen.ts";
import type { SubjectAccessReview } from "../api/authorization/v1/types.gen.ts";
import { utf8Encode } from "../component-base/bytes.ts";
import type { Clock } from "../component-base/clock.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../component-base/http.ts";
import type { Logger } from "../component-base/logger.ts";
import type { ApiClient } from "../client/rest/api-client.ts";

// The kubelet's defaults for webhook authentication (cacheTTL) and authorization (authorizedTTL, unauthorizedTTL).
const authenticatedForMs = 120_000;
const allowedForMs = 300_000;
const deniedForMs = 30_000;
const cachedMax = 1_000;

interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

type TokenCache = Map<string, { readonly user: User; readonly untilMs: number }>;

export interface KubeletAuthorizationOptions {
  readonly nodeName: string;
  /** The node's own client. */
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Guards a kubelet's server: the API server is asked who a bearer token is, and whether the caller may reach one of this
 * node's subresources that stand for the path: the fine-grained one (`pods`, `healthz`, `configz`, `stats`, `metrics`,
 * `log`), or `proxy`, which stands for all that upstream lets it. Exec, attach, port-forward and run need `create`
 * whatever the HTTP method, because a WebSocket handshake is a GET.
 */
export function withKubeletAuthorization(handler: HttpHandler, options: KubeletAuthorizationOptions): HttpHandler {
  const decisions = new Map<string, { readonly allowed: boolean; readonly untilMs: number }>();
  const tokens: TokenCache = new Map();
  const isAllowed = async (user: User, verb: string, subresource: string): Promise<boolean> => {
    const key = JSON.stringify([user.name, user.groups, verb, subresource]);
    const now = options.clock.monotonic();
    const known = decisions.get(key);
    if (known && known.untilMs > now) return known.allowed;
    const allowed = await mayReach(user, verb, subresource, options);
    if (decisions.size >= cachedMax) decisions.clear();
    decisions.set(key, { allowed, untilMs: now + (allowed ? allowedForMs : deniedForMs) });
    return allowed;
  };
  return async (request) => {
    // Without an answer from the API server nobody is let in but whom it has let in a short while ago.
    const { logger } = options;
    let user: User | undefined;
    try {
      user = await authenticate(request, options, tokens);
    } catch (error) {
      logger.warn("Unable to authenticate the request due to an error", { error });
    }
    if (!user) return textResponse(401, "Unauthorized");
    const verb = verbOf(request);
    const subresources = subresourcesOf(request.path);
    const asked = `user=${user.name}, verb=${verb}, resource=nodes`;
    let allowed = false;
    for (const subresource of subresources) {
      try {
        allowed ||= await isAllowed(user, verb, subresource);
      } catch (error) {
        logger.warn("Authorization error", { user: user.name, verb, subresource, error });
        return textResponse(500, `Authorization error (${asked}, subresource=${subresource})`);
      }
    }
    if (!allowed) return textResponse(403, `Forbidden (${asked}, subresource(s)=[${subresources.join(" ")}])\n`);
    return handler(request);
  };
}

/** Undefined for nobody in particular: there are no anonymous users here. */
async function authenticate(
  request: HttpRequest,
  { client, clock }: KubeletAuthorizationOptions,
  tokens: TokenCache,
): Promise<User | undefined> {
  const certificate = request.peer.certificate;
  if (certificate)
    return { name: certificate.commonName, groups: [...certificate.organizations, "system:authenticated"] };
  const [scheme, token] = (request.headers["authorization"] ?? "").split(" ");
  if (scheme?.toLowerCase() !== "bearer" || !token) return undefined;
  const known = tokens.get(token);
  if (known && known.untilMs > clock.monotonic()) return known.user;
  const { status } = await client.request<TokenReview>("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token },
  });
  if (status.authenticated !== true) return undefined;
  const user = { name: status.user.username ?? "", groups: status.user.groups ?? [] };
  if (tokens.size >= cachedMax) tokens.clear();
  tokens.set(token, { user, untilMs: clock.monotonic() + authenticatedForMs });
  return user;
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

/** Any one of them is enough. */
function subresourcesOf(path: string): readonly string[] {
  switch (path.split("/")[1]) {
    case "pods":
    case "runningpods":
      return ["pods", "proxy"];
    case "healthz":
      return ["healthz", "proxy"];
    case "configz":
      return ["configz", "proxy"];
    case "stats":
      return ["stats"];
    case "metrics":
      return ["metrics"];
    case "logs":
      return ["log"];
    default:
      return ["proxy"];
  }
}

function textResponse(status: number, text: string): HttpResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: utf8Encode(text) };
}
