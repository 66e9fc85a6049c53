import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from "../../api/core/v1/types.gen.ts";
import { isPodReady } from "../../component-helpers/pod.ts";
import { addressesOf, familiesOf, hostnameIn, isHeadless, mayServe, targetPortOf } from "../service-endpoints.ts";

interface Entry {
  readonly address: EndpointAddress;
  readonly isReady: boolean;
  readonly ports: EndpointPort[];
}

/** The subsets of the legacy Endpoints object: the addresses of one family, grouped by the ports they have, in a fixed order. */
export function endpointSubsets(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const publishNotReady = service.spec.publishNotReadyAddresses === true;
  const family = familiesOf(service)[0] ?? "IPv4";
  const groups = new Map<string, Entry[]>();
  for (const pod of pods) {
    const ip = addressesOf(pod, family)[0];
    if (!ip || !mayServe(pod, publishNotReady)) continue;
    const ports = portsOf(service, pod);
    // A headless Service may have no ports at all; any other is reached by its ports only.
    if (ports.length === 0 && !(isHeadless(service) && !service.spec.ports?.length)) continue;
    const entry = { address: addressOf(service, pod, ip), isReady: publishNotReady || isPodReady(pod), ports };
    const key = JSON.stringify(ports);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entries]) => subsetOf(entries));
}

function subsetOf(entries: readonly Entry[]): EndpointSubset {
  const sorted = [...entries].sort((a, b) => (a.address.ip < b.address.ip ? -1 : 1));
  const addresses = sorted.filter((e) => e.isReady).map((e) => e.address);
  const notReadyAddresses = sorted.filter((e) => !e.isReady).map((e) => e.address);
  const ports = entries[0]?.ports ?? [];
  return {
    ...(addresses.length > 0 ? { addresses } : {}),
    ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  };
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  const ports = (service.spec.ports ?? []).flatMap((p) => {
    const port = targetPortOf(pod, p);
    if (port === undefined) return [];
    return [
      {
        ...(p.name ? { name: p.name } : {}),
        port,
        protocol: p.protocol ?? ("TCP" as const),
        ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}),
      },
    ];
  });
  return ports.sort((a, b) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1));
}

function addressOf(service: Service, pod: Pod, ip: string): EndpointAddress {
  const hostname = hostnameIn(pod, service);
  const { namespace, name, uid } = pod.metadata;
  return {
    ip,
    ...(hostname ? { hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}
