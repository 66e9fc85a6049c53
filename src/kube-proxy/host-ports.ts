import type { Pod } from "../api/core/v1/types.gen.ts";
import { isPodTerminal } from "../component-helpers/pod.ts";
import { addressesOf, type Family } from "./families.ts";
import { RulesBuilder, type Rules } from "./rule-table.ts";

// Any transport with ports; nft wants to be told before it accepts a port in dnat.
const anyPort = "meta l4proto { tcp, udp, sctp }";

/**
 * The table that sends a node's host ports to its pods. Its chains come just before those of Services, so that a host port
 * wins over a node port of the same number. From the node itself 127.0.0.1 works, too; the pod then sees the node.
 * For that, links to such pods route loopback addresses, so whoever comes by another link to those is turned away first.
 */
export function hostPortTableBase(family: Family, table: string): string {
  const { nft: ip, addressType: address, loopback } = family;
  return `table ${ip} ${table} {
 map everywhere { type inet_proto . inet_service : ${address} . inet_service; }
 map at { type ${address} . inet_proto . inet_service : ${address} . inet_service; }
 set hairpin { type ${address} . ${address}; }
 chain host-ports {
  ${anyPort} dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @at
  ${anyPort} dnat ${ip} to meta l4proto . th dport map @everywhere
 }
 chain from-outside { type filter hook prerouting priority -300; iifname != "lo" ${ip} daddr ${loopback} drop; }
 chain nat-prerouting { type nat hook prerouting priority -101; fib daddr type local jump host-ports; }
 chain nat-output { type nat hook output priority -101; fib daddr type local jump host-ports; }
 chain nat-postrouting {
  type nat hook postrouting priority 99
  ct status dnat ${ip} saddr . ${ip} daddr @hairpin masquerade
  ct status dnat ${ip} saddr ${loopback} masquerade
 }
}
`;
}

/** The host ports of one pod of the node; undefined when it has none or is not there to answer. */
export function hostPortRules(pod: Pod, family: Family): Rules | undefined {
  if (pod.spec.hostNetwork || isPodTerminal(pod)) return undefined;
  const [ip] = addressesOf(
    family,
    (pod.status.podIPs ?? []).map((p) => p.ip),
  );
  if (ip === undefined) return undefined;
  const rules = new RulesBuilder();
  for (const { ports } of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { hostPort, hostIP, containerPort, protocol } of ports ?? []) {
      if (!hostPort) continue;
      const port = `${(protocol ?? "TCP").toLowerCase()} . ${hostPort}`;
      const target = `${ip} . ${containerPort}`;
      if (hostIP === undefined || hostIP === "" || hostIP === "0.0.0.0" || hostIP === "::") {
        rules.put("everywhere", port, target);
      } else for (const host of addressesOf(family, [hostIP])) rules.put("at", `${host} . ${port}`, target);
    }
  }
  if (rules.elements.length === 0) return undefined;
  rules.put("hairpin", `${ip} . ${ip}`);
  return rules;
}
