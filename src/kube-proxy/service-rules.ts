import { affinityMap, affinityMapType } from "./affinity.ts";
import type { Family } from "./families.ts";
import { RulesBuilder, type Rules } from "./rule-table.ts";
import type { ProxyEndpoint, ServicePort } from "./service-ports.ts";

/**
 * The rules are data: elements of the table's maps and sets, and the few chains that pick an endpoint. A change of a
 * Service changes elements only; but for those with session affinity there is no chain per Service.
 *
 * A packet to a service address finds `goto svc-pick-N` by destination, where N is the number of its endpoints. That chain
 * sets the mark to a random number below N, looks (destination, mark) up for the endpoint's id, and the id for its address:
 *
 *   svc:       address . protocol . port        → goto svc-pick-3
 *   svc-pick:  address . protocol . port . 0..2 → endpoint id
 *   ep:        endpoint id                      → pod address . port
 *
 * With session affinity the chain is the Service port's own, because it remembers clients in a map of its own, shared by
 * all ways to the port. The map goes with the affinity, so switching it off and on forgets everybody.
 */
export interface RulesConfig {
  readonly family: Family;
  readonly table: string;
  /** Pods of the cluster; their traffic to service addresses keeps its source. */
  readonly podCidr: string;
  /** Where node ports are served: addresses or CIDRs of the node. Empty means all its addresses but loopback. */
  readonly nodePortAddresses: readonly string[];
}

// Random numbers get an offset that tells them from endpoint ids: one for all endpoints, one for local ones only.
const pickAll = 0x4b00_0000;
const pickLocal = 0x4c00_0000;

/** Says who is masqueraded on the way to an endpoint: traffic from outside of the pods, all, or none. A part of the mark. */
const masquerade = { nonPods: 0x2000_0000, all: 0x8000_0000, none: 0x6000_0000 } as const;
const classMask = 0xe000_0000;
/** Ids are below the class bits. */
export const idMax = 0x1fff_ffff;

/**
 * Numbers for endpoints, the same for the same one as long as it lives, so that affinity survives other
 * changes. A number is never used twice: a client remembered for an endpoint that is gone must not be sent to another's.
 */
export class EndpointIds {
  readonly #ids = new Map<string, ReadonlyMap<string, number>>();
  #next = 1;

  /** Numbers for exactly these names of one owner; those it had and are not among them are given up. */
  assign(owner: string, names: Iterable<string>): ReadonlyMap<string, number> {
    const before = this.#ids.get(owner);
    const after = new Map<string, number>();
    for (const name of names) after.set(name, before?.get(name) ?? this.#next++);
    if (after.size === 0) this.#ids.delete(owner);
    else this.#ids.set(owner, after);
    return after;
  }

  /** The number of an endpoint of one port of the owner, when it has one. */
  get(owner: string, port: ServicePort, endpoint: ProxyEndpoint): number | undefined {
    return this.#ids.get(owner)?.get(endpointName(port, endpoint));
  }

  /** No number is left; everything must be numbered and loaded anew. At 100 new endpoints a second that is after 60 days. */
  get isExhausted(): boolean {
    return this.#next > idMax - 1_000_000;
  }
}

/**
 * The commands that make the table; all else are elements and chains in it.
 *
 * Differs from upstream: TCP is refused by a reset. The kernel limits how many ICMP errors it sends, and a local client that
 * is just sending its first packet does not see one.
 */
export function serviceTableBase({ table, podCidr, family, nodePortAddresses }: RulesConfig): string {
  const { nft: ip, addressType: address, loopback } = family;
  const isNodeAddress =
    nodePortAddresses.length === 0
      ? `fib daddr type local ${ip} daddr != ${loopback}`
      : `fib daddr type local ${ip} daddr { ${nodePortAddresses.join(", ")} }`;
  return `table ${ip} ${table} {
 map svc { type ${address} . inet_proto . inet_service : verdict; }
 map svc-all { type ${address} . inet_proto . inet_service : verdict; }
 map svc-pick { type ${address} . inet_proto . inet_service . mark : mark; }
 map np { type inet_proto . inet_service : verdict; }
 map np-all { type inet_proto . inet_service : verdict; }
 map np-pick { type inet_proto . inet_service . mark : mark; }
 map ep { type mark : ${address} . inet_service; }
 map svc-noep { type ${address} . inet_proto . inet_service : verdict; }
 map np-noep { type inet_proto . inet_service : verdict; }
 set cluster-ips { type ${address}; }
 set hairpin { type ${address} . ${address}; }
 set firewall { type ${address} . inet_proto . inet_service; }
 set firewall-allow { type ${address} . inet_proto . inet_service . ${address}; flags interval; }
 chain refuse {
  meta l4proto tcp reject with tcp reset
  reject
 }
 chain cluster-policy {
  ${ip} daddr . meta l4proto . th dport vmap @svc-all
  meta l4proto . th dport vmap @np-all
 }
 chain services {
  ${ip} daddr . meta l4proto . th dport vmap @svc
  ${isNodeAddress} meta l4proto . th dport vmap @np
 }
 chain no-endpoints {
  ${ip} daddr . meta l4proto . th dport vmap @svc-noep
  ${isNodeAddress} meta l4proto . th dport vmap @np-noep
 }
 chain no-local-endpoints {
  ${ip} saddr ${podCidr} goto cluster-policy
  fib saddr type local goto cluster-policy
  drop
 }
 chain source-ranges {
  ${ip} daddr . meta l4proto . th dport @firewall ${ip} daddr . meta l4proto . th dport . ${ip} saddr != @firewall-allow drop
 }
 chain filter-prerouting { type filter hook prerouting priority -110; ct state new jump source-ranges; }
 chain filter-input { type filter hook input priority -110; ct state new jump no-endpoints; }
 chain filter-forward {
  type filter hook forward priority -110
  ct state new jump no-endpoints
  ct state new ${ip} daddr @cluster-ips goto refuse
 }
 chain filter-output {
  type filter hook output priority -110
  ct state new jump no-endpoints
  ct state new jump source-ranges
 }
 chain filter-output-late { type filter hook output priority -90; ct state new ${ip} daddr @cluster-ips goto refuse; }
 chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
 chain nat-output { type nat hook output priority -100; jump services; }
 chain nat-postrouting {
  type nat hook postrouting priority 100
  ct status dnat jump masquerade-services
 }
 chain masquerade-services {
  ${ip} saddr . ${ip} daddr @hairpin masquerade fully-random
  meta mark and ${classMask} == ${masquerade.nonPods} ${ip} saddr != ${podCidr} masquerade fully-random
  meta mark and ${classMask} == ${masquerade.all} masquerade fully-random
 }
}
`;
}

/** The rules of one Service's ports, in that family. Pure but for the numbers `ids` gives out. */
export function serviceRules(
  service: string,
  ports: readonly ServicePort[],
  config: RulesConfig,
  ids: EndpointIds,
): Rules {
  const names = new Set<string>();
  for (const port of ports) {
    for (const endpoint of [...port.endpoints, ...port.localEndpoints]) names.add(endpointName(port, endpoint));
  }
  const builder = new ServiceRulesBuilder(config, ids.assign(service, names));
  for (const port of ports) builder.add(port);
  return builder.rules;
}

function endpointName(port: ServicePort, { ip, port: number }: ProxyEndpoint): string {
  return `${port.key}|${ip} ${number}`;
}

type Target = "svc" | "np";

interface Picked {
  /** Key of the address or port the traffic comes to. */
  readonly key: string;
  readonly endpoints: readonly ProxyEndpoint[];
  readonly isLocal: boolean;
  readonly class: keyof typeof masquerade;
}

class ServiceRulesBuilder {
  readonly rules = new RulesBuilder();
  readonly #config: RulesConfig;
  readonly #ids: ReadonlyMap<string, number>;

  constructor(config: RulesConfig, ids: ReadonlyMap<string, number>) {
    this.#config = config;
    this.#ids = ids;
  }

  add(port: ServicePort): void {
    const { rules } = this;
    rules.put("cluster-ips", port.clusterIp);
    for (const { ip, isLocal } of [...port.endpoints, ...port.localEndpoints]) {
      // A pod that reaches itself through a Service would see its own address as the peer's and drop the answer.
      if (isLocal) rules.put("hairpin", `${ip} . ${ip}`);
    }
    this.#addInternal(port);
    for (const ip of new Set([...port.externalIps, ...port.loadBalancerIps])) {
      this.#addExternal(port, "svc", `${ip} . ${port.protocol} . ${port.port}`);
    }
    if (port.nodePort !== undefined) this.#addExternal(port, "np", `${port.protocol} . ${port.nodePort}`);
    if (port.loadBalancerSourceRanges.length === 0) return;
    for (const ip of port.loadBalancerIps) {
      const key = `${ip} . ${port.protocol} . ${port.port}`;
      rules.put("firewall", key);
      for (const range of port.loadBalancerSourceRanges) rules.put("firewall-allow", `${key} . ${range}`);
    }
  }

  #addInternal(port: ServicePort): void {
    const key = `${port.clusterIp} . ${port.protocol} . ${port.port}`;
    const endpoints = port.internalLocal ? port.localEndpoints : port.endpoints;
    if (endpoints.length === 0) this.#none("svc", key, port.hasEndpoints);
    else this.#pick(port, "svc", "svc", { key, endpoints, isLocal: port.internalLocal, class: "nonPods" });
  }

  #addExternal(port: ServicePort, target: Target, key: string): void {
    const { endpoints } = port;
    if (!port.externalLocal) {
      if (endpoints.length === 0) this.#none(target, key, false);
      else this.#pick(port, target, target, { key, endpoints, isLocal: false, class: "all" });
      return;
    }
    if (!port.hasEndpoints) return this.#none(target, key, false);
    // Local policy is for traffic from outside; pods and the node itself still reach every endpoint (`cluster-policy`).
    if (endpoints.length > 0) {
      this.#pick(port, target, `${target}-all`, { key, endpoints, isLocal: false, class: "nonPods" });
    }
    if (port.localEndpoints.length === 0) this.rules.put(target, key, "goto no-local-endpoints");
    else {
      this.#pick(port, target, target, { key, endpoints: port.localEndpoints, isLocal: true, class: "none" }, true);
    }
  }

  /** Nobody to send to: when there is somebody elsewhere the packet is dropped, for a client that may try another node. */
  #none(target: Target, key: string, hasOthers: boolean): void {
    this.rules.put(`${target}-noep`, key, hasOthers ? "drop" : "goto refuse");
  }

  #pick(port: ServicePort, target: Target, map: string, picked: Picked, isExternalLocal = false): void {
    const { key, endpoints } = picked;
    // Affinity remembers bare ids, which all ways to the port share; each way adds its own class.
    const hasAffinity = port.affinitySeconds !== undefined;
    const offset = isExternalLocal ? pickLocal : pickAll;
    const chain = hasAffinity
      ? this.#affinityChain(port, target, picked, offset)
      : this.#chain(target, endpoints.length, offset);
    this.rules.put(map, key, `goto ${chain}`);
    for (const [i, endpoint] of endpoints.entries()) {
      const id = this.#ids.get(endpointName(port, endpoint)) ?? 0;
      const classed = masquerade[picked.class] + id;
      this.rules.put("ep", String(classed), `${endpoint.ip} . ${endpoint.port}`);
      this.rules.put(`${target}-pick`, `${key} . ${offset + i}`, String(hasAffinity ? id : classed));
    }
  }

  /** The chain that picks among `count` endpoints; the same for all Services that are alike in that. */
  #chain(target: Target, count: number, offset: number): string {
    const name = `${target}${offset === pickLocal ? "-local" : ""}-pick-${count}`;
    if (!this.rules.chains.has(name)) {
      const rule = `${anyPort} ${this.#choose(target, count, offset)} ${this.#send}`;
      this.rules.chains.set(name, [...this.#head(offset), rule]);
    }
    return name;
  }

  #affinityChain(port: ServicePort, target: Target, picked: Picked, offset: number): string {
    const count = picked.endpoints.length;
    const ip = this.#config.family.nft;
    // Local policies may not follow what was remembered for an endpoint elsewhere.
    const map = affinityMap(port, picked.isLocal);
    const name = `${target}-${map}-${picked.class}-${count}${offset === pickLocal ? "-external" : ""}`;
    if (this.rules.chains.has(name)) return name;
    this.rules.sets.set(map, affinityMapType(this.#config.family));
    const remember = `update @${map} { ${ip} saddr timeout ${port.affinitySeconds}s : meta mark }`;
    // An update leaves what is remembered as it is, and prolongs it.
    const forget = `delete @${map} { ${ip} saddr : meta mark }`;
    const classify = `meta mark set meta mark or ${masquerade[picked.class]}`;
    this.rules.chains.set(name, [
      ...this.#head(offset),
      // When the endpoint is gone the last lookup fails, and the next rule chooses anew.
      `${anyPort} meta mark set ${ip} saddr map @${map} ${remember} ${classify} ${this.#send}`,
      `${anyPort} ${this.#choose(target, count, offset)} ${forget} ${remember} ${classify} ${this.#send}`,
    ]);
    return name;
  }

  /** Where the Local policy does not hold. */
  #head(offset: number): readonly string[] {
    if (offset === pickAll) return [];
    const { podCidr, family } = this.#config;
    return [`${family.nft} saddr ${podCidr} goto cluster-policy`, "fib saddr type local goto cluster-policy"];
  }

  #choose(target: Target, count: number, offset: number): string {
    const key =
      target === "svc" ? `${this.#config.family.nft} daddr . meta l4proto . th dport` : "meta l4proto . th dport";
    const random =
      count === 1 ? `meta mark set ${offset}` : `meta mark set numgen random mod ${count} offset ${offset}`;
    return `${random} meta mark set ${key} . meta mark map @${target}-pick`;
  }

  get #send(): string {
    return `dnat ${this.#config.family.nft} to meta mark map @ep`;
  }
}

// nft wants to be told the protocol before it accepts a port in dnat.
const anyPort = "meta l4proto { tcp, udp, sctp }";
