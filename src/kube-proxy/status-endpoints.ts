import type { Clock } from "../component-base/clock.ts";
import { errorText, type Logger } from "../component-base/logger.ts";
import type { MetricRegistry } from "../component-base/metrics.ts";
import type { PlainAnswer, ServePlainHttp } from "./ports.ts";

/** Where a port is opened. */
export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

export interface StatusAddresses {
  /** `/healthz` and `/livez`, which load balancers outside ask. */
  readonly healthz?: BindAddress;
  /** `/metrics`, `/proxyMode` and `/healthz`, for the node itself. */
  readonly metrics?: BindAddress;
}

/** How the proxy does. */
export interface ProxyHealth {
  readonly isHealthy: boolean;
  /** Wall-clock time at which the rules last came into force. */
  readonly lastUpdatedMs: number;
  /** The node is there and not about to go: new connections may be sent to it. */
  readonly isNodeEligible: boolean;
  /** `IPv4`, `IPv6`. */
  readonly families: readonly string[];
}

export interface StatusEndpointsOptions {
  readonly addresses: StatusAddresses;
  readonly serve: ServePlainHttp;
  readonly health: () => ProxyHealth;
  readonly metrics: MetricRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Opens the proxy's own ports. One that cannot be had is logged: the proxy works without. */
export async function serveStatus(options: StatusEndpointsOptions): Promise<AsyncDisposable> {
  const { addresses, serve, logger } = options;
  const stack = new AsyncDisposableStack();
  const open = async (address: BindAddress | undefined, answer: (path: string) => PlainAnswer): Promise<void> => {
    if (!address) return;
    try {
      stack.use(await serve(address.port, answer, address.host));
    } catch (error) {
      logger.error("cannot serve the proxy's status", { ...address, error: errorText(error) });
    }
  };
  await open(addresses.healthz, (path) => healthAnswer(options, path));
  await open(addresses.metrics, (path) => statusAnswer(options, path));
  return stack;
}

function healthAnswer({ health, clock }: StatusEndpointsOptions, path: string): PlainAnswer {
  if (path !== "/healthz" && path !== "/livez") return notFound;
  const { isHealthy, lastUpdatedMs, isNodeEligible, families } = health();
  const currentTime = new Date(clock.now()).toISOString();
  const isReady = path === "/healthz";
  const isFine = isHealthy && (!isReady || isNodeEligible);
  // As upstream: who is well says that it was a moment ago, even when nothing has changed for long.
  const lastUpdated = isFine ? currentTime : new Date(lastUpdatedMs).toISOString();
  const status = Object.fromEntries(families.map((family) => [family, { lastUpdated, healthy: isHealthy }]));
  return {
    status: isFine ? 200 : 503,
    headers: { "content-type": "application/json", "x-content-type-options": "nosniff" },
    body: JSON.stringify({
      lastUpdated,
      currentTime,
      ...(isReady ? { nodeEligible: isNodeEligible } : {}),
      healthy: isHealthy,
      status,
    }),
  };
}

function statusAnswer({ metrics }: StatusEndpointsOptions, path: string): PlainAnswer {
  switch (path) {
    case "/healthz":
      return text("ok");
    case "/proxyMode":
      return text("nftables");
    case "/metrics":
      return { ...text(metrics.render()), headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } };
    default:
      return notFound;
  }
}

function text(body: string): PlainAnswer {
  const headers = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return { status: 200, headers, body };
}

const notFound: PlainAnswer = { ...text("404 page not found\n"), status: 404 };
