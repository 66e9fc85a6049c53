import type { RulesetApplier, UdpFlows } from "../kube-proxy/ports.ts";
import { exec, execChecked } from "./exec.ts";

/** The `nft` and `conntrack` programs as a RulesetApplier, in the network namespace of this process. */
export function nftablesApplier(): RulesetApplier {
  return {
    apply: async (script) => void (await execChecked("nft", ["-f", "-"], { input: script })),
    udpFlows: async (family) =>
      parseFlows(await execChecked("conntrack", ["-L", "-f", family, "-p", "udp", "-o", "extended"])),
    forgetUdpFlows: async (flows) => {
      for (const { destinationIp, destinationPort, endpointIp } of distinct(flows)) {
        const family = destinationIp.includes(":") ? "ipv6" : "ipv4";
        const to = ["--orig-dst", destinationIp, "--orig-port-dst", String(destinationPort)];
        const args = ["-D", "-f", family, "-p", "udp", ...to, "--reply-src", endpointIp];
        const { exitCode, stderr } = await exec("conntrack", args);
        // conntrack exits with 1 when there was no such flow.
        if (exitCode !== 0 && !stderr.includes("0 flow entries")) throw new Error(`conntrack: ${stderr.trim()}`);
      }
    },
  };
}

// A line names the flow's original direction first, then the direction of the answers.
const flowPattern = /\ssrc=\S+ dst=(\S+) sport=\d+ dport=(\d+) .*?\bsrc=(\S+) dst=/;

function parseFlows(text: string): readonly UdpFlows[] {
  return text.split("\n").flatMap((line) => {
    const [, destinationIp, port, endpointIp] = flowPattern.exec(line) ?? [];
    if (destinationIp === undefined || port === undefined || endpointIp === undefined) return [];
    return [{ destinationIp, destinationPort: Number(port), endpointIp }];
  });
}

function distinct(flows: readonly UdpFlows[]): Iterable<UdpFlows> {
  return new Map(flows.map((f) => [`${f.destinationIp} ${f.destinationPort} ${f.endpointIp}`, f])).values();
}
