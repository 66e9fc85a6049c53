import { hostname } from "node:os";

import { defaultClusterConfig } from "../../cluster/config.ts";
import { runNodeNetwork } from "../../cluster/run-node.ts";
import { nftablesApplier } from "../../node/nftables.ts";
import { servePlainHttp } from "../../node/plain-http-server.ts";
import { bindAddress } from "../proxy-status-addresses.ts";
import { UsageError } from "../arguments.ts";
import { requiredFlag } from "../flags.ts";
import { commonFlags, environmentOf, readKubeconfigFile, runAlone } from "./run-alone.ts";

const proxyFlags = {
  ...commonFlags,
  "hostname-override": "string",
  "cluster-cidr": "string",
  "proxy-mode": "string",
  "bind-address": "ignored",
  "healthz-bind-address": "string",
  "metrics-bind-address": "string",
} as const;

/** `k8ts kube-proxy`. */
export function kubeProxy(args: readonly string[]): Promise<void> {
  return runAlone("kube-proxy", proxyFlags, args, async (flags, signal, logger) => {
    if ((flags["proxy-mode"] ?? "nftables") !== "nftables") {
      throw new UsageError(`--proxy-mode: only nftables is there: ${flags["proxy-mode"]}`);
    }
    await using stack = new AsyncDisposableStack();
    const environment = environmentOf(await readKubeconfigFile(requiredFlag(flags, "kubeconfig")), stack, logger);
    await runNodeNetwork(
      {
        ...environment,
        nodeName: flags["hostname-override"] ?? hostname().toLowerCase(),
        config: { ...defaultClusterConfig, podCidr: requiredFlag(flags, "cluster-cidr") },
        // Upstream's table, so that one takes over from the other.
        proxy: {
          applier: nftablesApplier(),
          table: "kube-proxy",
          serveHttp: servePlainHttp,
          statusAddresses: {
            ...bindAddress("healthz", flags["healthz-bind-address"]),
            ...bindAddress("metrics", flags["metrics-bind-address"]),
          },
        },
      },
      signal,
    );
  });
}
