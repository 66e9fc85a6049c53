import type { Pod } from "../api/core/v1/types.gen.ts";
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "../api/networking/v1/types.gen.ts";
import { labelMatcher, type Labels } from "../component-helpers/label-selector.ts";
import { isPodTerminal } from "../component-helpers/pod.ts";
import { coverOf, parseRange, rangeContains } from "./address-range.ts";
import { addressesOf, type Family } from "./families.ts";
import { RulesBuilder, type Rules } from "./rule-table.ts";

/** What policies see of a pod that is on the pod network. Pods on a node's own network are the node to them. */
export interface PolicyPod {
  readonly namespace: string;
  readonly labels: Labels;
  readonly ip: string;
  readonly namedPorts: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  /** On this node, which enforces what is said about it. */
  readonly isLocal: boolean;
}

export interface PolicyConfig {
  readonly family: Family;
  readonly table: string;
  /** Cluster DNS, which nodes serve, counts as a pod with this address and port 53. */
  readonly dns: PolicyPod;
}

/** Undefined when policies have nothing to do with the pod: no address, an end, or the node's network. */
export function policyPod(pod: Pod, nodeName: string, family: Family): PolicyPod | undefined {
  if (pod.spec.hostNetwork || isPodTerminal(pod)) return undefined;
  const [ip] = addressesOf(
    family,
    (pod.status.podIPs ?? []).map((p) => p.ip),
  );
  if (ip === undefined) return undefined;
  const namedPorts = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ name, protocol, containerPort: port }) =>
      name ? [{ name, protocol: (protocol ?? "TCP").toLowerCase(), port }] : [],
    ),
  );
  const { namespace, labels = {} } = pod.metadata;
  return { namespace, labels, ip, namedPorts, isLocal: pod.spec.nodeName === nodeName };
}

/**
 * The table that enforces policies. A packet that belongs to no known flow goes through the chain of its source, when
 * that is isolated for egress, then through the chain of its destination; a chain returns what it allows and drops the rest.
 * Translation has been done by then, so a Service is judged by the pods behind it. What the node sends itself (probes, its
 * Ingress) meets no hook here.
 */
export function policyTableBase({ family, table }: PolicyConfig): string {
  const { nft: ip, addressType: address } = family;
  return `table ${ip} ${table} {
 map ingress { type ${address} : verdict; }
 map egress { type ${address} : verdict; }
 set self { type ${address} . ${address}; }
 chain forward {
  type filter hook forward priority 0
  ct state established,related accept
  ${ip} saddr . ${ip} daddr @self accept
  ${ip} saddr vmap @egress
  ${ip} daddr vmap @ingress
 }
 chain input {
  type filter hook input priority 0
  ct state established,related accept
  ${ip} saddr vmap @egress
 }
}
`;
}

/** Numbers for texts, the same as long as the process lives: a set's or chain's name says what is in it. */
export class PolicyNames {
  readonly #numbers = new Map<string, number>();

  get(kind: string, text: string): string {
    const key = `${kind} ${text}`;
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, (number = this.#numbers.size + 1));
    return `${kind}-${number}`;
  }
}

type Direction = "ingress" | "egress";

/** Pods meant by a peer, as the set of their addresses. */
interface PeerSet {
  readonly name: string;
  matches(pod: PolicyPod, namespaceLabels: Labels): boolean;
}

interface CompiledPolicy {
  readonly namespace: string;
  selects(labels: Labels): boolean;
  /** Rules that return what is allowed; undefined when the policy does not isolate in that direction. */
  readonly ingress: readonly string[] | undefined;
  readonly egress: readonly string[] | undefined;
}

/** All policies, ready to be asked about pods. To be made anew when a policy changes. */
export class CompiledPolicies {
  readonly #config: PolicyConfig;
  readonly #names: PolicyNames;
  readonly #peers = new Map<string, PeerSet>();
  /** Ports that some policy names: the set of pods' addresses and numbers, by name and protocol. */
  readonly #namedPorts = new Map<string, string>();
  readonly #byNamespace = new Map<string, CompiledPolicy[]>();

  /** `namespaceLabels`: of the namespace that cluster DNS counts to. */
  constructor(policies: readonly NetworkPolicy[], config: PolicyConfig, names: PolicyNames, namespaceLabels: Labels) {
    this.#config = config;
    this.#names = names;
    for (const policy of [...policies].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
      const { namespace } = policy.metadata;
      const compiled = this.#compile(policy, namespaceLabels);
      const list = this.#byNamespace.get(namespace);
      if (list) list.push(compiled);
      else this.#byNamespace.set(namespace, [compiled]);
    }
  }

  /** The sets that chains look into must be there even when no pod is in them. */
  get setRules(): Rules {
    const rules = new RulesBuilder();
    const { addressType } = this.#config.family;
    for (const { name } of this.#peers.values()) rules.sets.set(name, `set { type ${addressType}; }`);
    for (const name of this.#namedPorts.values()) {
      rules.sets.set(name, `set { type ${addressType} . inet_proto . inet_service; }`);
    }
    return rules;
  }

  /** A pod's part of the rules: its place in peers' sets, and its own isolation. */
  podRules(pod: PolicyPod, namespaceLabels: Labels): Rules {
    const rules = new RulesBuilder();
    for (const peer of this.#peers.values()) if (peer.matches(pod, namespaceLabels)) rules.put(peer.name, pod.ip);
    for (const { name, protocol, port } of pod.namedPorts) {
      const set = this.#namedPorts.get(`${protocol} ${name}`);
      if (set !== undefined) rules.put(set, `${pod.ip} . ${protocol} . ${port}`);
    }
    if (!pod.isLocal) return rules;
    const own = (this.#byNamespace.get(pod.namespace) ?? []).filter((policy) => policy.selects(pod.labels));
    for (const direction of ["ingress", "egress"] as const) {
      const isolating = own.flatMap((policy) => (policy[direction] ? [policy[direction]] : []));
      if (isolating.length === 0) continue;
      const lines = [...new Set(isolating.flat()), "drop"];
      const chain = this.#names.get(direction, lines.join("\n"));
      rules.chains.set(chain, lines);
      rules.put(direction, pod.ip, `jump ${chain}`);
      rules.put("self", `${pod.ip} . ${pod.ip}`);
    }
    return rules;
  }

  #compile({ metadata: { namespace }, spec }: NetworkPolicy, dnsNamespaceLabels: Labels): CompiledPolicy {
    const types = spec.policyTypes ?? (spec.egress?.length ? ["Ingress", "Egress"] : ["Ingress"]);
    const lines = (direction: Direction): readonly string[] => {
      const rules =
        direction === "ingress"
          ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
          : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
      return rules.flatMap(({ peers, ports }) => this.#lines(direction, namespace, peers, ports, dnsNamespaceLabels));
    };
    return {
      namespace,
      selects: labelMatcher(spec.podSelector),
      ingress: types.includes("Ingress") ? lines("ingress") : undefined,
      egress: types.includes("Egress") ? lines("egress") : undefined,
    };
  }

  #lines(
    direction: Direction,
    namespace: string,
    peers: readonly NetworkPolicyPeer[] | undefined,
    ports: readonly NetworkPolicyPort[] | undefined,
    dnsNamespaceLabels: Labels,
  ): readonly string[] {
    const peerTexts = peers?.length ? peers.flatMap((peer) => this.#peerText(direction, namespace, peer)) : [""];
    const portTexts = ports?.length ? ports.map((port) => this.#portText(port)) : [""];
    const lines = peerTexts.flatMap((peer) => portTexts.map((port) => `${peer} ${port} return`.trim()));
    if (direction === "egress" && this.#meansDns(namespace, peers, dnsNamespaceLabels)) {
      const dns = `ct original ${this.#config.family.nft} daddr ${this.#config.dns.ip}`;
      for (const protocol of ["udp", "tcp"] as const) {
        if (!ports?.length || ports.some((port) => portMatches(port, protocol, 53, this.#config.dns))) {
          lines.push(`${dns} meta l4proto ${protocol} return`);
        }
      }
    }
    return lines;
  }

  /** None for a block of the other family. */
  #peerText(direction: Direction, namespace: string, peer: NetworkPolicyPeer): readonly string[] {
    const { nft, version } = this.#config.family;
    const address = `${nft} ${direction === "ingress" ? "saddr" : "daddr"}`;
    if (!peer.ipBlock) return [`${address} @${this.#peerSet(namespace, peer).name}`];
    const range = parseRange(peer.ipBlock.cidr);
    if (range?.family !== version) return [];
    const except = coverOf(peer.ipBlock.except ?? []).map(({ text }) => text);
    return [`${address} ${range.text}${except.length === 0 ? "" : ` ${address} != { ${except.join(", ")} }`}`];
  }

  #peerSet(namespace: string, peer: NetworkPolicyPeer): PeerSet {
    // Without a namespace selector the policy's own namespace is meant.
    const scope = peer.namespaceSelector ? JSON.stringify(peer.namespaceSelector) : namespace;
    const key = `${scope} ${JSON.stringify(peer.podSelector ?? {})}`;
    let set = this.#peers.get(key);
    if (!set) {
      const name = this.#names.get("peers", key);
      this.#peers.set(key, (set = { name, matches: peerMatcher(namespace, peer) }));
    }
    return set;
  }

  #portText({ protocol = "TCP", port, endPort }: NetworkPolicyPort): string {
    const lower = protocol.toLowerCase();
    if (port === undefined) return `meta l4proto ${lower}`;
    // The lookup says the protocol before the port, which nft wants for `th`.
    if (typeof port === "string") {
      const key = `${lower} ${port}`;
      const name = this.#names.get("ports", key);
      this.#namedPorts.set(key, name);
      return `${this.#config.family.nft} daddr . meta l4proto . th dport @${name}`;
    }
    return `meta l4proto ${lower} th dport ${port}${endPort === undefined ? "" : `-${endPort}`}`;
  }

  #meansDns(namespace: string, peers: readonly NetworkPolicyPeer[] | undefined, namespaceLabels: Labels): boolean {
    if (!peers?.length) return true;
    const { dns } = this.#config;
    return peers.some((peer) => {
      if (!peer.ipBlock) return peerMatcher(namespace, peer)(dns, namespaceLabels);
      const holds = (cidr: string): boolean => {
        const [range, one] = [parseRange(cidr), parseRange(dns.ip)];
        return range !== undefined && one !== undefined && rangeContains(range, one);
      };
      return holds(peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some(holds);
    });
  }
}

function peerMatcher(namespace: string, peer: NetworkPolicyPeer): PeerSet["matches"] {
  const podMatches = labelMatcher(peer.podSelector ?? {});
  const namespaceMatches = peer.namespaceSelector ? labelMatcher(peer.namespaceSelector) : undefined;
  return (pod, namespaceLabels) =>
    (namespaceMatches ? namespaceMatches(namespaceLabels) : pod.namespace === namespace) && podMatches(pod.labels);
}

function portMatches(
  { protocol = "TCP", port, endPort }: NetworkPolicyPort,
  wanted: string,
  number: number,
  pod: PolicyPod,
): boolean {
  if (protocol.toLowerCase() !== wanted) return false;
  if (port === undefined) return true;
  if (typeof port === "string") return pod.namedPorts.some((p) => p.name === port && p.protocol === wanted);
  return port <= number && number <= (endPort ?? port);
}

function keyOf({ metadata }: NetworkPolicy): string {
  return `${metadata.namespace}/${metadata.name}`;
}
