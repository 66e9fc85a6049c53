import type { ProxyEndpoint, ServicePort } from "./service-ports.ts";

/**
 * The whole of the rules as data: elements of the table's maps and sets, by key ("" as value for a set), and the few
 * static chains that pick an endpoint. A change of a Service changes elements only; there is no chain per Service.
 *
 * A packet to a service address finds `goto svc-pick-N` by destination, where N is the number of its endpoints. That chain
 * sets the mark to a random number below N, looks (destination, mark) up for the endpoint's id, and the id for its address:
 *
 *   svc:       address . protocol . port        → goto svc-pick-3
 *   svc-pick:  address . protocol . port . 0..2 → endpoint id
 *   ep:        endpoint id                      → pod address . port
 */
export interface Ruleset {
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Rules by chain name. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

export interface RulesetConfig {
  readonly table: string;
  /** Pods of the cluster; their traffic to service addresses keeps its source. */
  readonly podCidr: string;
}

// Random numbers get an offset that tells them from endpoint ids: one for all endpoints, one for local ones only.
const pickAll = 0x4b00_0000;
const pickLocal = 0x4c00_0000;

// The class of an endpoint id says who is masqueraded on the way to it: traffic from outside of the pods, all, or none.
const masqueradeNonPods = 0x2000_0000;
const masqueradeAll = 0x8000_0000;
const masqueradeNone = 0x6000_0000;
const classMask = 0xe000_0000;

/** Small numbers for endpoints, the same for the same endpoint as long as it lives, so that affinity survives other changes. */
export class EndpointIds {
  readonly #ids = new Map<string, number>();
  readonly #free: number[] = [];
  #next = 1;

  get(key: string): number {
    const found = this.#ids.get(key);
    if (found !== undefined) return found;
    const id = this.#free.pop() ?? this.#next++;
    this.#ids.set(key, id);
    return id;
  }

  /** Gives back the numbers of endpoints that are not in `live`. */
  retain(live: ReadonlySet<string>): void {
    for (const [key, id] of this.#ids) {
      if (live.has(key)) continue;
      this.#ids.delete(key);
      this.#free.push(id);
    }
  }
}

/** The text that makes the table from nothing; everything else is a difference to it. */
export function baseTable({ table, podCidr }: RulesetConfig): string {
  const t = `ip ${table}`;
  return `add table ${t}
delete table ${t}
table ${t} {
 map svc { type ipv4_addr . inet_proto . inet_service : verdict; }
 map svc-all { type ipv4_addr . inet_proto . inet_service : verdict; }
 map svc-pick { type ipv4_addr . inet_proto . inet_service . mark : mark; }
 map np { type inet_proto . inet_service : verdict; }
 map np-all { type inet_proto . inet_service : verdict; }
 map np-pick { type inet_proto . inet_service . mark : mark; }
 map ep { type mark : ipv4_addr . inet_service; }
 map svc-noep { type ipv4_addr . inet_proto . inet_service : verdict; }
 map np-noep { type inet_proto . inet_service : verdict; }
 map affinity { type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark; flags dynamic,timeout; size 65535; }
 set cluster-ips { type ipv4_addr; }
 set hairpin { type ipv4_addr . ipv4_addr; }
 set firewall { type ipv4_addr . inet_proto . inet_service; }
 set firewall-allow { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
 chain refuse { reject; }
 chain cluster-policy {
  ip daddr . meta l4proto . th dport vmap @svc-all
  meta l4proto . th dport vmap @np-all
 }
 chain services {
  ip daddr . meta l4proto . th dport vmap @svc
  fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @np
 }
 chain no-endpoints {
  ip daddr . meta l4proto . th dport vmap @svc-noep
  fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @np-noep
 }
 chain source-ranges {
  ip daddr . meta l4proto . th dport @firewall ip daddr . meta l4proto . th dport . ip saddr != @firewall-allow drop
 }
 chain filter-prerouting { type filter hook prerouting priority -110; ct state new jump source-ranges; }
 chain filter-input { type filter hook input priority -110; ct state new jump no-endpoints; }
 chain filter-forward {
  type filter hook forward priority -110
  ct state new jump no-endpoints
  ct state new ip daddr @cluster-ips reject
 }
 chain filter-output {
  type filter hook output priority -110
  ct state new jump no-endpoints
  ct state new jump source-ranges
 }
 chain filter-output-late { type filter hook output priority -90; ct state new ip daddr @cluster-ips reject; }
 chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
 chain nat-output { type nat hook output priority -100; jump services; }
 chain nat-postrouting {
  type nat hook postrouting priority 100
  ct status dnat jump masquerade-services
 }
 chain masquerade-services {
  ip saddr . ip daddr @hairpin masquerade fully-random
  meta mark and ${classMask} == ${masqueradeNonPods} ip saddr != ${podCidr} masquerade fully-random
  meta mark and ${classMask} == ${masqueradeAll} masquerade fully-random
 }
}
`;
}

/** The rules for these Services. Pure but for the numbers `ids` gives out. */
export function buildRuleset(ports: readonly ServicePort[], config: RulesetConfig, ids: EndpointIds): Ruleset {
  const builder = new RulesetBuilder(config, ids);
  for (const port of ports) builder.add(port);
  return builder.finish();
}

type Target = "svc" | "np";

interface Picked {
  /** Key of the address or port the traffic comes to. */
  readonly key: string;
  readonly endpoints: readonly ProxyEndpoint[];
  readonly offset: number;
  readonly masquerade: number;
}

class RulesetBuilder {
  readonly #config: RulesetConfig;
  readonly #ids: EndpointIds;
  readonly #elements = new Map<string, Map<string, string>>();
  readonly #chains = new Map<string, readonly string[]>();
  readonly #liveIds = new Set<string>();

  constructor(config: RulesetConfig, ids: EndpointIds) {
    this.#config = config;
    this.#ids = ids;
  }

  add(port: ServicePort): void {
    this.#put("cluster-ips", port.clusterIp);
    for (const endpoint of port.endpoints) {
      // A pod that reaches itself through a Service would see its own address as the peer's and drop the answer.
      if (endpoint.isLocal) this.#put("hairpin", `${endpoint.ip} . ${endpoint.ip}`);
    }
    this.#addInternal(port);
    for (const ip of [...port.externalIps, ...port.loadBalancerIps]) {
      this.#addExternal(port, "svc", `${ip} . ${port.protocol} . ${port.port}`);
    }
    if (port.nodePort !== undefined) this.#addExternal(port, "np", `${port.protocol} . ${port.nodePort}`);
    if (port.loadBalancerSourceRanges.length > 0) {
      for (const ip of port.loadBalancerIps) {
        const key = `${ip} . ${port.protocol} . ${port.port}`;
        this.#put("firewall", key);
        for (const range of port.loadBalancerSourceRanges) this.#put("firewall-allow", `${key} . ${range}`);
      }
    }
  }

  finish(): Ruleset {
    this.#ids.retain(this.#liveIds);
    return { elements: this.#elements, chains: this.#chains };
  }

  #addInternal(port: ServicePort): void {
    const key = `${port.clusterIp} . ${port.protocol} . ${port.port}`;
    const endpoints = port.internalLocal ? port.localEndpoints : port.endpoints;
    if (endpoints.length === 0) this.#put("svc-noep", key, port.endpoints.length > 0 ? "drop" : "goto refuse");
    else this.#pick(port, "svc", "svc", { key, endpoints, offset: pickAll, masquerade: masqueradeNonPods });
  }

  #addExternal(port: ServicePort, target: Target, key: string): void {
    if (!port.externalLocal) {
      if (port.endpoints.length === 0) this.#put(`${target}-noep`, key, "goto refuse");
      else {
        const picked = { key, endpoints: port.endpoints, offset: pickAll, masquerade: masqueradeAll };
        this.#pick(port, target, target, picked);
      }
      return;
    }
    // Local policy is for traffic from outside; pods and the node itself still reach every endpoint (`cluster-policy`).
    if (port.endpoints.length > 0) {
      const picked = { key, endpoints: port.endpoints, offset: pickAll, masquerade: masqueradeNonPods };
      this.#pick(port, target, `${target}-all`, picked);
    }
    if (port.localEndpoints.length === 0) {
      this.#put(`${target}-noep`, key, port.endpoints.length > 0 ? "drop" : "goto refuse");
    } else {
      const picked = { key, endpoints: port.localEndpoints, offset: pickLocal, masquerade: masqueradeNone };
      this.#pick(port, target, target, picked);
    }
  }

  #pick(port: ServicePort, target: Target, map: string, picked: Picked): void {
    const { key, endpoints, offset, masquerade } = picked;
    this.#put(map, key, `goto ${this.#chain(target, endpoints.length, port.affinitySeconds, offset)}`);
    for (const [i, endpoint] of endpoints.entries()) {
      const name = `${port.key}|${endpoint.ip}:${endpoint.port}`;
      this.#liveIds.add(name);
      const id = String(masquerade + this.#ids.get(name));
      this.#put("ep", id, `${endpoint.ip} . ${endpoint.port}`);
      this.#put(`${target}-pick`, `${key} . ${offset + i}`, id);
    }
  }

  /** The chain that picks among `count` endpoints; the same for all Services that are alike in that. */
  #chain(target: Target, count: number, affinitySeconds: number | undefined, offset: number): string {
    const local = offset === pickLocal ? "-local" : "";
    const name = `${target}${local}-pick-${count}${affinitySeconds === undefined ? "" : `-affinity-${affinitySeconds}`}`;
    if (this.#chains.has(name)) return name;
    const rules: string[] = [];
    if (offset === pickLocal) {
      rules.push(`ip saddr ${this.#config.podCidr} goto cluster-policy`, "fib saddr type local goto cluster-policy");
    }
    const key = target === "svc" ? "ip daddr . meta l4proto . th dport" : "meta l4proto . th dport";
    // nft wants to be told the protocol before it accepts a port in dnat.
    const head = "meta l4proto { tcp, udp, sctp }";
    const random =
      count === 1 ? `meta mark set ${offset}` : `meta mark set numgen random mod ${count} offset ${offset}`;
    const choose = `${random} meta mark set ${key} . meta mark map @${target}-pick`;
    const send = "dnat ip to meta mark map @ep";
    if (affinitySeconds === undefined) rules.push(`${head} ${choose} ${send}`);
    else {
      const client = "ip saddr . ip daddr . meta l4proto . th dport";
      const remember = `update @affinity { ${client} timeout ${affinitySeconds}s : meta mark }`;
      rules.push(`${head} meta mark set ${client} map @affinity ${remember} ${send}`);
      rules.push(`${head} ${choose} ${remember} ${send}`);
    }
    this.#chains.set(name, rules);
    return name;
  }

  #put(set: string, key: string, value = ""): void {
    let elements = this.#elements.get(set);
    if (!elements) this.#elements.set(set, (elements = new Map()));
    elements.set(key, value);
  }
}
