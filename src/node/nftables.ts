import { spawn } from "node:child_process";

import type { RulesetApplier } from "../kube-proxy/ports.ts";

/** The `nft` and `conntrack` programs as a RulesetApplier, in the network namespace of this process. */
export function nftablesApplier(): RulesetApplier {
  return {
    apply: async (script) => {
      const { code, stderr } = await runWithInput("nft", ["-f", "-"], script);
      if (code !== 0) throw new Error(`nft: ${stderr.trim().split("\n").slice(0, 4).join("; ")}`);
    },
    forgetUdpFlows: async (flows) => {
      for (const { destinationIp, endpointIp } of flows) {
        const args = ["-D", "-p", "udp", "--orig-dst", destinationIp, "--dst-nat", endpointIp];
        const { code, stderr } = await runWithInput("conntrack", args, "");
        // conntrack exits with 1 when there was no such flow.
        if (code !== 0 && !stderr.includes("0 flow entries")) throw new Error(`conntrack: ${stderr.trim()}`);
      }
    },
  };
}

/** Removes the table; absent is fine. */
export async function removeNftTable(table: string): Promise<void> {
  await nftablesApplier().apply(`add table ip ${table}\ndelete table ip ${table}\n`);
}

function runWithInput(
  program: string,
  args: readonly string[],
  input: string,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stderr }));
    // The program may end before it has read everything; its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
