import { HealthEndpoint, HealthMetrics } from "../apiserver/endpoints/health.ts";
import { notFoundPage } from "../apiserver/endpoints/resource-router.ts";
import type { Logger } from "../component-base/logger.ts";
import type { ComponentProbe } from "../kube-apiserver/registry/core/component-status.ts";
import { startHttpServer } from "../node/http-server.ts";
import { createCertificateAuthority, type KeyPair } from "../node/pki/certificates.ts";
import type { ControlPorts } from "./control-ports.ts";

const ownCertificateDays = 365;
// Upstream's.
const probeTimeoutMs = 20_000;

export interface ComponentHealthOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Without it, one of its own making, which nobody can verify. */
  readonly certificate?: KeyPair;
  readonly nowMs: number;
  readonly logger: Logger;
}

/**
 * Tells whoever asks, over TLS, that a component's process is alive: `/healthz`, `/livez` and `/readyz`. Rejects when the port is
 * taken.
 *
 * Differs from upstream: metrics and other paths are not served there.
 */
export async function serveComponentHealth(options: ComponentHealthOptions): Promise<AsyncDisposable> {
  const { name, host, port, nowMs, logger } = options;
  const certificate = options.certificate ?? (await createCertificateAuthority(name, ownCertificateDays, nowMs));
  const checks = [{ name: "ping", check: () => {} }];
  const metrics = new HealthMetrics();
  const endpoints = ["/healthz", "/livez", "/readyz"].map((path) => new HealthEndpoint(path, checks, logger, metrics));
  return startHttpServer({
    handler: async (request) => {
      for (const endpoint of endpoints) {
        const answer = await endpoint.handle(request);
        if (answer) return answer;
      }
      return notFoundPage();
    },
    tls: { cert: certificate.cert, key: certificate.key },
    host,
    port,
    logger,
  });
}

/** Asks the components of this machine that serve their health on these ports, without looking at their certificates. */
export function componentProbes(ports: ControlPorts): Readonly<Record<string, ComponentProbe>> {
  const probe = (port: number): ComponentProbe => {
    return async () => {
      // Hardly ever needed, and not small.
      const { SocketNetworkProber } = await import("../node/network-prober.ts");
      const address = { scheme: "HTTPS", host: "127.0.0.1", port, path: "/healthz", headers: [] } as const;
      const { result, output } = await new SocketNetworkProber().http({ ...address, timeoutMs: probeTimeoutMs });
      return { isHealthy: result === "success", message: output };
    };
  };
  return { "controller-manager": probe(ports.controllerManager), scheduler: probe(ports.scheduler) };
}
