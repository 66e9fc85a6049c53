import type { Service } from "../api/core/v1/types.gen.ts";
import type { Endpoint, EndpointSlice } from "../api/discovery/v1/types.gen.ts";

export type Protocol = "tcp" | "udp" | "sctp";

export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  /** On the proxy's own node. */
  readonly isLocal: boolean;
}

/** One port of one Service with the endpoints traffic may go to; all the rules need to know. */
export interface ServicePort {
  /** `namespace/name/port name/protocol`, stable over changes of everything else. */
  readonly key: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly clusterIp: string;
  readonly nodePort: number | undefined;
  readonly externalIps: readonly string[];
  readonly loadBalancerIps: readonly string[];
  /** CIDRs that may use the load balancer addresses; empty means all. */
  readonly loadBalancerSourceRanges: readonly string[];
  /** Session affinity by client address, for so long. */
  readonly affinitySeconds: number | undefined;
  /** Only local endpoints for traffic from outside (`externalTrafficPolicy: Local`). */
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  /** In use for `Cluster` policies. */
  readonly endpoints: readonly ProxyEndpoint[];
  /** In use for `Local` policies. */
  readonly localEndpoints: readonly ProxyEndpoint[];
}

const protocols: Readonly<Record<string, Protocol>> = { TCP: "tcp", UDP: "udp", SCTP: "sctp" };

/** The ports of a Service as this node proxies them; none for headless and ExternalName ones. IPv4 only. */
export function servicePorts(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): readonly ServicePort[] {
  const { spec, metadata } = service;
  const clusterIp = spec.clusterIP;
  if (!clusterIp || clusterIp === "None" || spec.type === "ExternalName" || !isIpv4(clusterIp)) return [];
  const out: ServicePort[] = [];
  for (const port of spec.ports ?? []) {
    const protocol = protocols[port.protocol ?? "TCP"];
    if (!protocol) continue;
    const candidates = endpointsOf(slices, port.name ?? "", port.protocol ?? "TCP", nodeName);
    const takesExternal = spec.type === "NodePort" || spec.type === "LoadBalancer";
    out.push({
      key: `${metadata.namespace}/${metadata.name}/${port.name ?? ""}/${protocol}`,
      protocol,
      port: port.port,
      clusterIp,
      nodePort: takesExternal && port.nodePort ? port.nodePort : undefined,
      externalIps: (spec.externalIPs ?? []).filter(isIpv4),
      loadBalancerIps: (service.status.loadBalancer.ingress ?? [])
        .filter((i) => i.ipMode !== "Proxy")
        .map((i) => i.ip ?? "")
        .filter(isIpv4),
      loadBalancerSourceRanges: (spec.loadBalancerSourceRanges ?? [])
        .map((r) => r.trim())
        .filter((r) => !r.includes(":")),
      affinitySeconds:
        spec.sessionAffinity === "ClientIP"
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800)
          : undefined,
      externalLocal: spec.externalTrafficPolicy === "Local",
      internalLocal: spec.internalTrafficPolicy === "Local",
      endpoints: usable(candidates),
      localEndpoints: usable(candidates.filter((c) => c.isLocal)),
    });
  }
  return out;
}

interface Candidate extends ProxyEndpoint {
  readonly isReady: boolean;
  readonly isServing: boolean;
  readonly isTerminating: boolean;
}

/** Ready ones; when there is none, those that still serve while they terminate (KEP-1669). */
function usable(candidates: readonly Candidate[]): readonly ProxyEndpoint[] {
  const ready = candidates.filter((c) => c.isReady);
  const chosen = ready.length > 0 ? ready : candidates.filter((c) => c.isServing && c.isTerminating);
  return chosen.map(({ ip, port, isLocal }) => ({ ip, port, isLocal }));
}

function endpointsOf(
  slices: readonly EndpointSlice[],
  portName: string,
  protocol: string,
  nodeName: string,
): readonly Candidate[] {
  // The same endpoint may stand in two slices while it moves between them; the ready one counts.
  const byAddress = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== "IPv4") continue;
    const port = slice.ports?.find((p) => (p.name ?? "") === portName && (p.protocol ?? "TCP") === protocol);
    if (!port?.port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const candidate = candidateOf(endpoint, port.port, nodeName);
      if (!candidate) continue;
      const address = `${candidate.ip}:${candidate.port}`;
      if (candidate.isReady || !byAddress.has(address)) byAddress.set(address, candidate);
    }
  }
  return [...byAddress.values()].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port));
}

function candidateOf(endpoint: Endpoint, port: number, nodeName: string): Candidate | undefined {
  const ip = endpoint.addresses[0];
  if (ip === undefined) return undefined;
  const { ready, serving, terminating } = endpoint.conditions;
  const isReady = ready ?? true;
  return {
    ip,
    port,
    isLocal: endpoint.nodeName === nodeName,
    isReady,
    isServing: serving ?? isReady,
    isTerminating: terminating ?? false,
  };
}

function isIpv4(address: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(address);
}
