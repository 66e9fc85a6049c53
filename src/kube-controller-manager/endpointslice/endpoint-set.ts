import type { Node, Pod, Service } from "../../api/core/v1/types.gen.ts";
import type { Endpoint, EndpointHints, EndpointPort } from "../../api/discovery/v1/types.gen.ts";
import { isPodReady } from "../../component-helpers/pod.ts";
import { addressesOf, hostnameIn, mayServe, targetPortOf } from "../service-endpoints.ts";

const zoneLabel = "topology.kubernetes.io/zone";
const closeDistributions: ReadonlySet<string> = new Set(["PreferClose", "PreferSameZone", "PreferSameNode"]);

/** The endpoints of one address family that share their ports, and so may share a slice. */
export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  /** By `identityOf`. */
  readonly endpoints: Map<string, Endpoint>;
}

/** What an endpoint is, whatever state it is in: the object behind it, or its addresses. */
export function identityOf(endpoint: Endpoint): string {
  return endpoint.targetRef?.uid ?? endpoint.addresses.join(",");
}

/** Groups are told apart by their ports in any order. */
export function portsKey(ports: readonly EndpointPort[] | null): string {
  return (ports ?? [])
    .map((p) => `${p.name ?? ""}/${p.protocol ?? "TCP"}/${p.port ?? ""}/${p.appProtocol ?? ""}`)
    .sort()
    .join(",");
}

/** The endpoints the pods make for the Service in one family, by ports. */
export function desiredEndpoints(
  service: Service,
  pods: readonly Pod[],
  family: "IPv4" | "IPv6",
  nodeOf: (name: string) => Node | undefined,
): Map<string, EndpointGroup> {
  const groups = new Map<string, EndpointGroup>();
  const publishNotReady = service.spec.publishNotReadyAddresses === true;
  for (const pod of pods) {
    const addresses = addressesOf(pod, family);
    if (!mayServe(pod, true) || addresses.length === 0) continue;
    const node = nodeOf(pod.spec.nodeName ?? "");
    // The node of a pod that is still shown but lost its node is not to be sent traffic; the node's return is an event.
    if (!node && !publishNotReady) continue;
    const ports = endpointPorts(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map<string, Endpoint>() };
    groups.set(key, group);
    const endpoint = endpointOf(service, pod, addresses, node, publishNotReady);
    group.endpoints.set(identityOf(endpoint), endpoint);
  }
  return groups;
}

function endpointPorts(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((p) => {
    const port = targetPortOf(pod, p);
    if (port === undefined) return [];
    return [
      {
        name: p.name ?? "",
        protocol: p.protocol ?? "TCP",
        port,
        ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}),
      },
    ];
  });
}

function endpointOf(
  service: Service,
  pod: Pod,
  addresses: readonly string[],
  node: Node | undefined,
  publishNotReady: boolean,
): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const hostname = hostnameIn(pod, service);
  const zone = node?.metadata.labels?.[zoneLabel];
  const ready = publishNotReady || (serving && !terminating);
  const hints = ready ? hintsFor(service.spec.trafficDistribution, zone, pod.spec.nodeName) : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hints ? { hints } : {}),
    ...(hostname ? { hostname } : {}),
    targetRef: { kind: "Pod", namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
  };
}

/** Whom the endpoint is meant for: those near it, when the Service asks for that. Proxies decide by it. */
function hintsFor(
  distribution: string | undefined,
  zone: string | undefined,
  nodeName: string | undefined,
): EndpointHints | undefined {
  if (!closeDistributions.has(distribution ?? "")) return undefined;
  const forNode = distribution === "PreferSameNode" && nodeName ? [{ name: nodeName }] : undefined;
  if (!zone && !forNode) return undefined;
  return { ...(zone ? { forZones: [{ name: zone }] } : {}), ...(forNode ? { forNodes: forNode } : {}) };
}
