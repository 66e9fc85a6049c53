import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { DnsConfig } from "../../cri-api/runtime/v1/types.ts";
import { isHostNetwork } from "../api/pods.ts";

export interface DnsSettings {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** The node's own resolver configuration. */
  readonly host: DnsConfig;
}

// Limits of the resolver libraries, which upstream enforces.
const serversMax = 3;
const searchesMax = 32;
const searchCharactersMax = 2048;

/** What the pod's /etc/resolv.conf says. */
export function podDnsConfig(pod: Pod, settings: DnsSettings): DnsConfig {
  const base = policyConfig(pod, settings);
  const extra = pod.spec.dnsConfig;
  const servers = unique([...base.servers, ...(extra?.nameservers ?? [])]).slice(0, serversMax);
  const searches = fitSearches(unique([...base.searches, ...(extra?.searches ?? [])]));
  return { servers, searches, options: mergeOptions(base.options, extra?.options ?? []) };
}

/** True when the pod wants the cluster's DNS and the node does not know where it is: it gets the node's instead. */
export function lacksClusterDns(pod: Pod, settings: DnsSettings): boolean {
  return wantsClusterDns(pod) && settings.clusterDns.length === 0;
}

function wantsClusterDns(pod: Pod): boolean {
  const policy = pod.spec.dnsPolicy ?? "ClusterFirst";
  return policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && !isHostNetwork(pod));
}

function policyConfig(pod: Pod, settings: DnsSettings): DnsConfig {
  if (pod.spec.dnsPolicy === "None") return { servers: [], searches: [], options: [] };
  if (!wantsClusterDns(pod) || settings.clusterDns.length === 0) return settings.host;
  const domain = settings.clusterDomain;
  const searches = domain === "" ? [] : [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return {
    servers: settings.clusterDns,
    searches: [...searches, ...settings.host.searches],
    options: ["ndots:5"],
  };
}

function mergeOptions(
  base: readonly string[],
  extra: readonly { readonly name?: string; readonly value?: string }[],
): string[] {
  const options = new Map(base.map((text) => [text.split(":")[0] ?? "", text]));
  for (const { name = "", value } of extra) options.set(name, value ? `${name}:${value}` : name);
  return [...options.values()];
}

function fitSearches(searches: readonly string[]): string[] {
  const out: string[] = [];
  let characters = 0;
  for (const search of searches.slice(0, searchesMax)) {
    characters += search.length + (out.length > 0 ? 1 : 0);
    if (characters > searchCharactersMax) break;
    out.push(search);
  }
  return out;
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
