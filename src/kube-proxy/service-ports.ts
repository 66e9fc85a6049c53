import type { Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import {
  endpointCandidates,
  usableEndpoints,
  type NodeTopology,
  type ServiceEndpoint,
} from "../component-helpers/network/usable-endpoints.ts";
import { coverOf } from "./address-range.ts";
import { addressesOf, type Family } from "./families.ts";

export type Protocol = "tcp" | "udp" | "sctp";

export type ProxyEndpoint = ServiceEndpoint;

/** One port of one Service in one address family, with the endpoints traffic may go to; all the rules need to know. */
export interface ServicePort {
  /** `namespace/name/port name/protocol`, stable over changes of everything else. */
  readonly key: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly clusterIp: string;
  readonly nodePort: number | undefined;
  readonly externalIps: readonly string[];
  readonly loadBalancerIps: readonly string[];
  /** CIDRs that may use the load balancer addresses, none within another; empty means all. */
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
  /** There is an endpoint somewhere, perhaps out of reach of this node's policies. */
  readonly hasEndpoints: boolean;
  /** `address port` of everybody that serves, whatever the policies: flows to them go on. */
  readonly serving: ReadonlySet<string>;
}

const protocols: Readonly<Record<string, Protocol>> = { TCP: "tcp", UDP: "udp", SCTP: "sctp" };
// On a Service: somebody else proxies it. On a slice: it is of a headless Service, which nobody proxies.
const foreignProxyLabel = "service.kubernetes.io/service-proxy-name";
const headlessLabel = "service.kubernetes.io/headless";
const affinitySecondsDefault = 10_800;

/** The ports of a Service as this node proxies them in that family; none for headless and ExternalName ones. */
export function servicePorts(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodeTopology,
  family: Family,
): readonly ServicePort[] {
  const { spec, metadata } = service;
  if (spec.type === "ExternalName" || spec.clusterIP === "None") return [];
  if (metadata.labels?.[foreignProxyLabel] !== undefined) return [];
  const ownSlices = slices.filter((slice) => slice.metadata.labels?.[headlessLabel] === undefined);
  const [clusterIp] = addressesOf(family, spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []));
  if (clusterIp === undefined) return [];
  const takesExternal = spec.type === "NodePort" || spec.type === "LoadBalancer";
  const loadBalancerIps = addressesOf(
    family,
    spec.type === "LoadBalancer"
      ? (service.status.loadBalancer.ingress ?? []).filter((i) => i.ipMode !== "Proxy").map((i) => i.ip ?? "")
      : [],
  );
  const ranges = addressesOf(family, spec.loadBalancerSourceRanges ?? []);
  const common = {
    clusterIp,
    externalIps: addressesOf(family, spec.externalIPs ?? []),
    loadBalancerIps,
    // The address itself is what a node has as source when it sends to its own.
    loadBalancerSourceRanges: ranges.length === 0 ? [] : coverOf([...ranges, ...loadBalancerIps]).map((r) => r.text),
    affinitySeconds:
      spec.sessionAffinity === "ClientIP"
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault)
        : undefined,
    externalLocal: spec.externalTrafficPolicy === "Local",
    internalLocal: spec.internalTrafficPolicy === "Local",
  };
  return (spec.ports ?? []).flatMap((port) => {
    const protocol = protocols[port.protocol ?? "TCP"];
    if (!protocol) return [];
    const candidates = endpointCandidates(ownSlices, {
      addressType: family.name,
      portName: port.name ?? "",
      protocol: port.protocol ?? "TCP",
      nodeName: node.name,
      addressOf: (address) => addressesOf(family, [address])[0],
    });
    return [
      {
        ...common,
        key: `${metadata.namespace}/${metadata.name}/${port.name ?? ""}/${protocol}`,
        protocol,
        port: port.port,
        nodePort: takesExternal && port.nodePort ? port.nodePort : undefined,
        ...usableEndpoints(candidates, node),
        serving: new Set(candidates.filter((c) => c.isServing).map((c) => `${c.ip} ${c.port}`)),
      },
    ];
  });
}
