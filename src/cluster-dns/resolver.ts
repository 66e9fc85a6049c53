import type { Service } from "../api/core/v1/types.gen.ts";
import type { Endpoint, EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import { endpointSlices, namespaces, services } from "../api/resources.gen.ts";
import type { InformerFactory, Lister } from "../client/cache/shared-informer.ts";
import { recordTypes, responseCodes, type Answer, type Question, type ResourceRecord } from "./message.ts";

// CoreDNS' kubernetes plugin: records and negative answers live five seconds.
const ttl = 5;
const chainMax = 8;
const serviceNameLabel = "kubernetes.io/service-name";

export interface ResolverOptions {
  readonly clusterDomain: string;
  readonly informers: InformerFactory;
}

interface NamedPort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

interface Target {
  /** First label of the target's own name: the pod's hostname or its dashed address. */
  readonly label: string;
  readonly ip: string;
  readonly ports: readonly NamedPort[];
}

/**
 * Answers for the cluster's domain by the Kubernetes DNS specification 1.1, straight from informer caches:
 * `svc.ns.svc.DOMAIN`, `_port._proto.svc…` (SRV), `host.svc…` for headless services, `1-2-3-4.ns.pod.DOMAIN`, and
 * addresses in reverse.
 */
export class ClusterResolver {
  readonly #domain: string;
  readonly #services: Lister<Service>;
  readonly #slices: Lister<EndpointSlice>;
  readonly #hasNamespace: (name: string) => boolean;

  constructor({ clusterDomain, informers }: ResolverOptions) {
    this.#domain = clusterDomain;
    const serviceInformer = informers.for(services);
    serviceInformer.addIndex("clusterIp", (s) => (isIp(s.spec.clusterIP) ? [s.spec.clusterIP] : []));
    this.#services = serviceInformer.lister;
    const sliceInformer = informers.for(endpointSlices);
    sliceInformer.addIndex("service", (s) => [
      `${s.metadata.namespace}/${s.metadata.labels?.[serviceNameLabel] ?? ""}`,
    ]);
    sliceInformer.addIndex("address", (s) => (s.endpoints ?? []).flatMap((e) => e.addresses));
    this.#slices = sliceInformer.lister;
    const namespaceLister = informers.for(namespaces).lister;
    this.#hasNamespace = (name) => namespaceLister.get(undefined, name) !== undefined;
  }

  /** The answer, or undefined when the name is not the cluster's to answer. */
  resolve(question: Question): Answer | undefined {
    const { name, type } = question;
    if (question.opcode !== 0) return refusal(responseCodes.notImplemented);
    if (name.endsWith(".in-addr.arpa")) return type === recordTypes.PTR ? this.#reverse(name) : undefined;
    if (name !== this.#domain && !name.endsWith(`.${this.#domain}`)) return undefined;
    const found = this.#lookup(name.slice(0, -this.#domain.length - 1), name, type, 0);
    if (found === undefined) return this.#negative(responseCodes.nameError);
    if (found.answers.length === 0) return this.#negative(responseCodes.noError);
    return { code: responseCodes.noError, answers: found.answers, authority: [], additional: found.additional };
  }

  /** Undefined: no such name. No answers: the name exists, but has no record of that type. */
  #lookup(
    relative: string,
    name: string,
    type: number,
    depth: number,
  ): { readonly answers: readonly ResourceRecord[]; readonly additional: readonly ResourceRecord[] } | undefined {
    const labels = relative === "" ? [] : relative.split(".");
    const kind = labels.at(-1);
    if (kind === undefined) return type === recordTypes.SOA ? { answers: [this.#soa()], additional: [] } : empty;
    if (relative === "dns-version") {
      return type === recordTypes.TXT ? only({ name, ttl, type: "TXT", text: "1.1.0" }) : empty;
    }
    const namespace = labels.at(-2);
    if (kind === "pod") return this.#pod(labels, name, type);
    if (kind !== "svc") return undefined;
    if (namespace === undefined) return empty;
    const serviceName = labels.at(-3);
    if (serviceName === undefined) return this.#hasNamespace(namespace) ? empty : undefined;
    const service = this.#services.get(namespace, serviceName);
    if (!service) return undefined;
    if (service.spec.type === "ExternalName") {
      return labels.length === 3 ? this.#externalName(service, name, type, depth) : undefined;
    }
    const own = `${serviceName}.${namespace}.svc.${this.#domain}`;
    const targets = service.spec.clusterIP === "None" ? this.#headless(service) : clusterIpTarget(service);
    const isHeadless = service.spec.clusterIP === "None";
    if (labels.length === 3)
      return targets.length === 0 && isHeadless ? undefined : this.#addressesOf(targets, name, type, own, isHeadless);
    if (labels.length === 4 && isHeadless) {
      const named = targets.filter((t) => t.label === labels[0]);
      return named.length === 0 ? undefined : this.#addressesOf(named, name, type, own, isHeadless);
    }
    if (labels.length === 5) return this.#srv(targets, labels[0] ?? "", labels[1] ?? "", name, type, own, isHeadless);
    return undefined;
  }

  #addressesOf(targets: readonly Target[], name: string, type: number, own: string, isHeadless: boolean) {
    if (type === recordTypes.A || type === recordTypes.ANY) {
      return { answers: distinct(targets.map((t) => t.ip)).map((ip) => address(name, ip)), additional: [] };
    }
    // As CoreDNS: SRV of a service's bare name lists all of its ports.
    if (type === recordTypes.SRV) {
      return this.#srvRecords(
        targets.flatMap((t) => t.ports.map((p) => [t, p] as const)),
        name,
        own,
        isHeadless,
      );
    }
    return empty;
  }

  #srv(
    targets: readonly Target[],
    portLabel: string,
    protocolLabel: string,
    name: string,
    type: number,
    own: string,
    isHeadless: boolean,
  ) {
    if (!portLabel.startsWith("_") || !protocolLabel.startsWith("_")) return undefined;
    const pairs = targets.flatMap((target) =>
      target.ports
        .filter((p) => p.name === portLabel.slice(1) && p.protocol.toLowerCase() === protocolLabel.slice(1))
        .map((p) => [target, p] as const),
    );
    if (pairs.length === 0) return undefined;
    return type === recordTypes.SRV || type === recordTypes.ANY
      ? this.#srvRecords(pairs, name, own, isHeadless)
      : empty;
  }

  #srvRecords(pairs: readonly (readonly [Target, NamedPort])[], name: string, own: string, isHeadless: boolean) {
    const answers: ResourceRecord[] = [];
    const additional: ResourceRecord[] = [];
    const weight = Math.floor(100 / Math.max(pairs.length, 1));
    for (const [target, { port }] of pairs) {
      const host = isHeadless ? `${target.label}.${own}` : own;
      answers.push({ name, ttl, type: "SRV", priority: 0, weight, port, target: host });
      if (!additional.some((r) => r.name === host)) additional.push(address(host, target.ip));
    }
    return { answers, additional };
  }

  #externalName(service: Service, name: string, type: number, depth: number) {
    const target = (service.spec.externalName ?? "").replace(/\.$/, "").toLowerCase();
    const cname: ResourceRecord = { name, ttl, type: "CNAME", target };
    if (type === recordTypes.CNAME || !target.endsWith(`.${this.#domain}`) || depth >= chainMax) return only(cname);
    const next = this.#lookup(target.slice(0, -this.#domain.length - 1), target, type, depth + 1);
    return { answers: [cname, ...(next?.answers ?? [])], additional: next?.additional ?? [] };
  }

  /** `10-244-0-7.ns.pod.DOMAIN` names any address in an existing namespace (CoreDNS' `pods insecure`, kubeadm's default). */
  #pod(labels: readonly string[], name: string, type: number) {
    const namespace = labels.at(-2);
    if (namespace === undefined) return empty;
    if (!this.#hasNamespace(namespace)) return undefined;
    if (labels.length === 2) return empty;
    const ip = (labels.at(-3) ?? "").replaceAll("-", ".");
    if (labels.length !== 3 || !isIp(ip)) return undefined;
    return type === recordTypes.A || type === recordTypes.ANY ? only(address(name, ip)) : empty;
  }

  #headless(service: Service): readonly Target[] {
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    const publishAll = service.spec.publishNotReadyAddresses === true;
    const out: Target[] = [];
    for (const slice of this.#slices.byIndex("service", key)) {
      if (slice.addressType !== "IPv4") continue;
      const ports = (slice.ports ?? []).map((p) => ({
        name: p.name ?? "",
        protocol: p.protocol ?? "TCP",
        port: p.port ?? 0,
      }));
      for (const endpoint of slice.endpoints ?? []) {
        if (!publishAll && endpoint.conditions.ready === false) continue;
        for (const ip of endpoint.addresses) out.push({ label: endpointLabel(endpoint, ip), ip, ports });
      }
    }
    return out;
  }

  #reverse(name: string): Answer | undefined {
    const ip = name.slice(0, -".in-addr.arpa".length).split(".").toReversed().join(".");
    if (!isIp(ip)) return undefined;
    const targets: string[] = [];
    for (const service of this.#services.byIndex("clusterIp", ip)) {
      targets.push(`${service.metadata.name}.${service.metadata.namespace}.svc.${this.#domain}`);
    }
    for (const slice of this.#slices.byIndex("address", ip)) {
      const service = slice.metadata.labels?.[serviceNameLabel];
      for (const endpoint of slice.endpoints ?? []) {
        if (!endpoint.addresses.includes(ip) || service === undefined) continue;
        targets.push(`${endpointLabel(endpoint, ip)}.${service}.${slice.metadata.namespace}.svc.${this.#domain}`);
      }
    }
    if (targets.length === 0) return undefined;
    const answers = distinct(targets).map((target): ResourceRecord => ({ name, ttl, type: "PTR", target }));
    return { code: responseCodes.noError, answers, authority: [], additional: [] };
  }

  /** Without the SOA record, resolvers neither cache the answer nor believe it: glibc asks again. */
  #negative(code: number): Answer {
    return { code, answers: [], authority: [this.#soa()], additional: [] };
  }

  #soa(): ResourceRecord {
    return {
      name: this.#domain,
      ttl,
      type: "SOA",
      primary: `ns.dns.${this.#domain}`,
      mailbox: `hostmaster.${this.#domain}`,
      serial: 1,
      minimumTtl: ttl,
    };
  }
}

const empty = { answers: [], additional: [] } as const;

function only(record: ResourceRecord) {
  return { answers: [record], additional: [] };
}

function refusal(code: number): Answer {
  return { code, answers: [], authority: [], additional: [] };
}

function clusterIpTarget(service: Service): readonly Target[] {
  const ip = service.spec.clusterIP;
  if (!isIp(ip)) return [];
  const ports = (service.spec.ports ?? []).map((p) => ({
    name: p.name ?? "",
    protocol: p.protocol ?? "TCP",
    port: p.port,
  }));
  return [{ label: "", ip, ports }];
}

function endpointLabel(endpoint: Endpoint, ip: string): string {
  return endpoint.hostname ?? ip.replaceAll(".", "-");
}

function address(name: string, ip: string): ResourceRecord {
  return { name, ttl, type: "A", address: ip };
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

function isIp(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split(".").every((p) => Number(p) <= 255);
}
