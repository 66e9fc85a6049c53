import type { RulesetApplier } from "../kube-proxy/ports.ts";
import { exec, execChecked } from "./exec.ts";

/** The `nft` and `conntrack` programs as a RulesetApplier, in the network namespace of this process. */
export function nftablesApplier(): RulesetApplier {
  return {
    apply: async (script) => void (await execChecked("nft", ["-f", "-"], { input: script })),
    forgetUdpFlows: async (flows) => {
      for (const { destinationIp, endpointIp } of flows) {
        const args = ["-D", "-p", "udp", "--orig-dst", destinationIp, "--dst-nat", endpointIp];
        const { exitCode, stderr } = await exec("conntrack", args);
        // conntrack exits with 1 when there was no such flow.
        if (exitCode !== 0 && !stderr.includes("0 flow entries")) throw new Error(`conntrack: ${stderr.trim()}`);
      }
    },
  };
}
