import { writeFile } from "node:fs/promises";

import type { LoopbackRouting } from "../kube-proxy/ports.ts";
import { exec } from "./exec.ts";

/** Switches the kernel's refusal of loopback addresses off for the link that leads to a pod, and for no other. */
export const linkLoopbackRouting: LoopbackRouting = {
  async allowTo(podIp) {
    const { exitCode, stdout } = await exec("ip", ["-json", "route", "get", podIp]);
    if (exitCode !== 0) return;
    const [route] = JSON.parse(stdout || "[]") as readonly { readonly dev?: string }[];
    if (route?.dev === undefined || route.dev === "lo") return;
    try {
      await writeFile(`/proc/sys/net/ipv4/conf/${route.dev}/route_localnet`, "1");
    } catch (error) {
      // The pod went, and its link with it.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  },
};
