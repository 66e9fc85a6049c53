import type { MapElement, RulesetApplier, UdpFlows } from "../kube-proxy/ports.ts";
import { exec, execChecked } from "./exec.ts";

/** The `nft` and `conntrack` programs as a RulesetApplier, in the network namespace of this process. */
export function nftablesApplier(): RulesetApplier {
  return {
    apply: async (script) => void (await execChecked("nft", ["-f", "-"], { input: script })),
    maps: async (family, table) => {
      const { exitCode, stdout, stderr } = await exec("nft", ["-j", "list", "table", family, table]);
      if (exitCode === 0) return parseMaps(stdout);
      if (stderr.includes("No such file or directory")) return new Map();
      throw new Error(`nft list table ${family} ${table}: ${stderr.trim()}`);
    },
    udpFlows: async (family) =>
      parseFlows(await execChecked("conntrack", ["-L", "-f", family, "-p", "udp", "-o", "extended"])),
    forgetUdpFlows: async (flows) => {
      for (const { destinationIp, destinationPort, endpointIp, endpointPort } of distinct(flows)) {
        const family = destinationIp.includes(":") ? "ipv6" : "ipv4";
        const to = ["--orig-dst", destinationIp, "--orig-port-dst", String(destinationPort)];
        const from = ["--reply-src", endpointIp, "--reply-port-src", String(endpointPort)];
        const args = ["-D", "-f", family, "-p", "udp", ...to, ...from];
        const { exitCode, stderr } = await exec("conntrack", args);
        // conntrack exits with 1 when there was no such flow.
        if (exitCode !== 0 && !stderr.includes("0 flow entries")) throw new Error(`conntrack: ${stderr.trim()}`);
      }
    },
  };
}

type JsonValue = string | number | { readonly concat?: readonly (string | number)[] };
type JsonKey =
  | JsonValue
  | { readonly elem: { readonly val: JsonValue; readonly timeout?: number; readonly expires?: number } };

interface JsonObject {
  readonly map?: { readonly name: string; readonly elem?: readonly (readonly [JsonKey, JsonValue])[] };
}

function parseMaps(text: string): ReadonlyMap<string, readonly MapElement[]> {
  const { nftables } = JSON.parse(text) as { readonly nftables: readonly JsonObject[] };
  const maps = new Map<string, readonly MapElement[]>();
  for (const { map } of nftables) {
    if (!map) continue;
    const elements = (map.elem ?? []).flatMap(([timed, plain]): readonly MapElement[] => {
      const { val, timeout, expires } = typeof timed === "object" && "elem" in timed ? timed.elem : { val: timed };
      const [key, value] = [textOf(val), textOf(plain)];
      if (key === undefined || value === undefined) return [];
      const times = timeout === undefined ? {} : { timeoutSeconds: timeout, expiresSeconds: expires ?? 0 };
      return [{ key, value, ...times }];
    });
    maps.set(map.name, elements);
  }
  return maps;
}

/** Undefined for what is no plain value, such as a verdict. */
function textOf(value: JsonValue): string | undefined {
  return typeof value === "object" ? value.concat?.join(" . ") : String(value);
}

// A line names the flow's original direction first, then the direction of the answers.
const flowPattern = /\ssrc=\S+ dst=(\S+) sport=\d+ dport=(\d+) .*?\bsrc=(\S+) dst=\S+ sport=(\d+) /;

function parseFlows(text: string): readonly UdpFlows[] {
  return text.split("\n").flatMap((line) => {
    const [, destinationIp, port, endpointIp, endpointPort] = flowPattern.exec(line) ?? [];
    if (destinationIp === undefined || endpointIp === undefined) return [];
    return [{ destinationIp, destinationPort: Number(port), endpointIp, endpointPort: Number(endpointPort) }];
  });
}

function distinct(flows: readonly UdpFlows[]): Iterable<UdpFlows> {
  const key = ({ destinationIp, destinationPort, endpointIp, endpointPort }: UdpFlows): string =>
    `${destinationIp} ${destinationPort} ${endpointIp} ${endpointPort}`;
  return new Map(flows.map((f) => [key(f), f])).values();
}
