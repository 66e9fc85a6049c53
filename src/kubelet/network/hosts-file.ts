import type { HostAlias } from "../../api/core/v1/types.gen.ts";

const standard = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "fe00::0\tip6-mcastprefix",
  "fe00::1\tip6-allnodes",
  "fe00::2\tip6-allrouters",
];

export interface HostsFileInput {
  readonly podIps: readonly string[];
  readonly hostname: string;
  readonly domain: string;
  readonly aliases: readonly HostAlias[];
  /** The node's own file, for pods in the host's network. */
  readonly hostNetworkText?: string;
}

/** The text of the pod's /etc/hosts. */
export function hostsFile(input: HostsFileInput): string {
  const aliases = aliasLines(input.aliases);
  if (input.hostNetworkText !== undefined) {
    return `# Kubernetes-managed hosts file (host network).\n${input.hostNetworkText}${aliases}`;
  }
  const names = input.domain === "" ? input.hostname : `${input.hostname}.${input.domain}\t${input.hostname}`;
  const own = input.podIps.map((ip) => `${ip}\t${names}`);
  return `${["# Kubernetes-managed hosts file.", ...standard, ...own].join("\n")}\n${aliases}`;
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return "";
  const lines = aliases.map((alias) => [alias.ip, ...(alias.hostnames ?? [])].join("\t"));
  return `\n# Entries added by HostAliases.\n${lines.join("\n")}\n`;
}
