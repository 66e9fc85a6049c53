import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Counter, Histogram, MetricRegistry } from "../component-base/metrics.ts";
import type { Backends } from "./backends.ts";
import { requestHeaders, singleHeader } from "./forwarded-headers.ts";
import { ForwardError, type Endpoint, type ForwardedHead, type ForwardFailure, type InboundRequest } from "./ports.ts";
import { parseRequestTarget } from "./request-target.ts";
import type { Route, RoutingTable } from "./routing-table.ts";

// The first try and two more; endpoints that end all at once are noticed before.
const attemptsMax = 3;
// May be done twice (RFC 9110, 9.2.2).
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
// nginx's, as logs and dashboards know it: the client closed the connection.
const clientClosed = 499;

type Answer = readonly [status: number, text: string];

const answers: Readonly<Record<Exclude<ForwardFailure, "broken" | "client">, Answer>> = {
  refused: [502, "no endpoint of the service accepts connections"],
  reset: [502, "the service closed the connection without an answer"],
  invalid: [502, "the service's answer is not valid HTTP"],
  timeout: [504, "the service did not answer in time"],
};

export interface GatewayOptions {
  readonly backends: Backends;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** What happens with one request: which endpoint it goes to, what is tried when that fails, and what the client is told. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #requests: Counter;
  readonly #retries: Counter;
  readonly #durations: Histogram;
  #routes: RoutingTable = { match: () => undefined };

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#requests = metrics.counter("ingress_requests_total", "Requests by Ingress and status code", [
      "ingress",
      "service",
      "code",
    ]);
    this.#retries = metrics.counter("ingress_retries_total", "Requests sent again to another endpoint", ["reason"]);
    this.#durations = metrics.histogram(
      "ingress_request_duration_seconds",
      "Time from a request's head to the end of its answer",
      durationBuckets,
      ["ingress"],
    );
  }

  /** From now on; requests under way go on. */
  set routes(routes: RoutingTable) {
    this.#routes = routes;
  }

  async handle(request: InboundRequest): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonic();
    const host = singleHeader(request.headers, "host");
    const target = host === null ? undefined : parseRequestTarget(request.target, host);
    if (!target) {
      request.answer(400, "the request's target or host is malformed");
      this.#requests.inc("", "", "400");
      return;
    }
    const route = this.#routes.match(target.host, target.path);
    const head = { method: request.method, target: target.passed, headers: requestHeaders(request, target) };
    const status = await this.#serve(request, route, head);
    this.#requests.inc(route?.ingress ?? "", route?.service?.name ?? "", String(status));
    if (!request.isUpgrade) this.#durations.observe((clock.monotonic() - startedMs) / 1000, route?.ingress ?? "");
  }

  async #serve(request: InboundRequest, route: Route | undefined, head: ForwardedHead): Promise<number> {
    const { backends, logger } = this.#options;
    const answer = ([status, text]: Answer): number => {
      request.answer(status, text);
      return status;
    };
    if (!route) return answer([404, "no Ingress has a rule for this host and path"]);
    const { service, ingress } = route;
    if (!service) return answer([503, `the backend of Ingress ${ingress} is not a Service`]);
    let failed: Answer = [503, `Service ${service.name} has no endpoint that is ready`];
    const tried: Endpoint[] = [];
    let wasReset = false;
    while (tried.length < attemptsMax) {
      // After a reset, when there is no other endpoint, the same one: most often it only closed an idle connection.
      const endpoint = backends.pick(service, tried) ?? (wasReset ? backends.pick(service) : undefined);
      if (!endpoint) break;
      if (tried.length > 0) this.#retries.inc(wasReset ? "reset" : "refused");
      tried.push(endpoint);
      try {
        return await request.forward(endpoint, head);
      } catch (error) {
        if (!(error instanceof ForwardError)) throw error;
        const { failure } = error;
        logger.debug("request not forwarded", { ...endpoint, ingress, error });
        if (failure === "client") return clientClosed;
        if (failure === "broken") return 502;
        failed = answers[failure];
        wasReset = failure === "reset";
        if (failure === "refused") backends.refused(endpoint);
        else if (!wasReset || !isRepeatable(request)) break;
      }
    }
    return answer(failed);
  }
}

/** Without a body, because what has been read of one is gone. */
function isRepeatable({ method, hasBody, isUpgrade }: InboundRequest): boolean {
  return !hasBody && !isUpgrade && idempotent.has(method);
}
