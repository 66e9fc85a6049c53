import { readFile } from "node:fs/promises";

/** Linux capabilities the node cares about, by bit. */
export const capabilities = { netAdmin: 12, sysAdmin: 21, sysResource: 24 } as const;

export type Capability = keyof typeof capabilities;

/** Which of them the text of a `/proc/<pid>/status` lists as effective. */
export function effectiveCapabilities(procStatus: string): ReadonlySet<Capability> {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(procStatus)?.[1] ?? "0"}`);
  const has = (bit: number): boolean => ((mask >> BigInt(bit)) & 1n) === 1n;
  return new Set((Object.keys(capabilities) as Capability[]).filter((name) => has(capabilities[name])));
}

/** Those of this process; none where there is no `/proc`. */
export async function ownCapabilities(): Promise<ReadonlySet<Capability>> {
  try {
    return effectiveCapabilities(await readFile("/proc/self/status", "utf8"));
  } catch {
    // No such file on other systems, which have no such capabilities either.
    return new Set();
  }
}
