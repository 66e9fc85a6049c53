import type { Endpoints, LoadBalancerStatus, Service } from "../../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import type {
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from "../../api/networking/v1/types.gen.ts";
import { formatLabelSelector } from "../../apimachinery/labels/selector.ts";
import { age } from "./age.ts";
import { formatLabels, formatSome, none } from "./format.ts";

export function serviceCells(service: Service, nowMs: number): readonly unknown[] {
  const { metadata, spec } = service;
  const ports = (spec.ports ?? []).map(
    (port) => `${port.port}${port.nodePort ? `:${port.nodePort}` : ""}/${port.protocol ?? "TCP"}`,
  );
  return [
    metadata.name,
    spec.type ?? "",
    spec.clusterIPs?.[0] || spec.clusterIP || none,
    externalIp(service),
    ports.join(",") || none,
    age(metadata.creationTimestamp, nowMs),
    formatLabels(spec.selector),
  ];
}

function externalIp({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case "ExternalName":
      return spec.externalName ?? "";
    case "LoadBalancer": {
      const addresses = [...loadBalancerAddresses(status.loadBalancer), ...external];
      return addresses.join(",") || "<pending>";
    }
    case "ClusterIP":
    case "NodePort":
      return external.join(",") || none;
    case undefined:
      return "<unknown>";
  }
}

function loadBalancerAddresses(status: Pick<LoadBalancerStatus, "ingress"> | undefined): readonly string[] {
  return [...new Set((status?.ingress ?? []).map((i) => i.ip || i.hostname || "").filter((a) => a !== ""))].sort();
}

export function endpointsCells({ metadata, subsets }: Endpoints, nowMs: number): readonly unknown[] {
  const addresses: string[] = [];
  for (const subset of subsets ?? []) {
    const ports = subset.ports ?? [];
    for (const { ip } of subset.addresses ?? []) {
      if (ports.length === 0) addresses.push(ip);
      for (const { port } of ports) addresses.push(ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`);
    }
  }
  return [metadata.name, formatSome(addresses, 3, none), age(metadata.creationTimestamp, nowMs)];
}

export function endpointSliceCells(slice: EndpointSlice, nowMs: number): readonly unknown[] {
  const ports = (slice.ports ?? []).map(({ port }) => (port === undefined ? "*" : String(port)));
  const addresses = (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
  return [
    slice.metadata.name,
    slice.addressType,
    formatSome(ports, 3, "<unset>"),
    formatSome(addresses, 3, "<unset>"),
    age(slice.metadata.creationTimestamp, nowMs),
  ];
}

export function ingressCells({ metadata, spec, status }: Ingress, nowMs: number): readonly unknown[] {
  const hosts = (spec.rules ?? []).map((rule) => rule.host ?? "").filter((host) => host !== "");
  return [
    metadata.name,
    spec.ingressClassName ?? none,
    formatSome(hosts, 3, "*"),
    loadBalancerAddresses(status.loadBalancer).join(","),
    (spec.tls?.length ?? 0) > 0 ? "80, 443" : "80",
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function ingressClassCells({ metadata, spec }: IngressClass, nowMs: number): readonly unknown[] {
  const parameters = spec.parameters;
  const group = parameters?.apiGroup ? `.${parameters.apiGroup}` : "";
  return [
    metadata.name,
    spec.controller ?? "",
    parameters ? `${parameters.kind}${group}/${parameters.name}` : none,
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function networkPolicyCells({ metadata, spec }: NetworkPolicy, nowMs: number): readonly unknown[] {
  return [metadata.name, formatLabelSelector(spec.podSelector), age(metadata.creationTimestamp, nowMs)];
}

export function serviceCidrCells({ metadata, spec }: ServiceCIDR, nowMs: number): readonly unknown[] {
  return [metadata.name, (spec.cidrs ?? []).join(","), age(metadata.creationTimestamp, nowMs)];
}

export function ipAddressCells({ metadata, spec }: IPAddress, nowMs: number): readonly unknown[] {
  const parent = spec.parentRef;
  const resource = parent?.group ? `${parent.resource}.${parent.group}` : (parent?.resource ?? "");
  const shown = parent ? [resource, parent.namespace, parent.name].filter((part) => part).join("/") : none;
  return [metadata.name, shown, age(metadata.creationTimestamp, nowMs)];
}
