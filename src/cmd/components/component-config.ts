import type { Taint } from "../../api/core/v1/types.gen.ts";
import type { KubeControllersOptions } from "../../kube-controller-manager/controllers.ts";
import type { KubeletConfig } from "../../kubelet/config.ts";
import { UsageError } from "../arguments.ts";
import type { FlagsOf } from "../flags.ts";

// The flags that components have wherever they run: alone, or within a cluster of `up`, `server` and `agent`.

/** The flags that say how pods are run, apart from where everything is. */
export const kubeletConfigFlags = {
  "cluster-dns": "list",
  "cluster-domain": "string",
  "max-pods": "int",
  "node-labels": "map",
  "node-status-update-frequency": "duration",
  "provider-id": "string",
  "register-with-taints": "list",
} as const;

/** The flags that say how controllers behave, apart from where everything is. */
export const controllerConfigFlags = {
  "node-monitor-grace-period": "duration",
  "node-startup-grace-period": "duration",
} as const;

/** What the flags say of how pods are run. */
export function kubeletConfigOf(flags: FlagsOf<typeof kubeletConfigFlags>): KubeletConfig {
  const {
    "cluster-dns": clusterDns,
    "cluster-domain": clusterDomain,
    "max-pods": maxPods,
    "node-labels": nodeLabels,
    "node-status-update-frequency": nodeStatusUpdateMs,
    "provider-id": providerId,
    "register-with-taints": taints,
  } = flags;
  return {
    ...(clusterDns ? { clusterDns } : {}),
    ...(clusterDomain === undefined ? {} : { clusterDomain }),
    ...(maxPods === undefined ? {} : { maxPods }),
    ...(nodeLabels ? { nodeLabels } : {}),
    ...(nodeStatusUpdateMs === undefined ? {} : { nodeStatusUpdateMs }),
    ...(providerId === undefined ? {} : { providerId }),
    ...(taints ? { registerWithTaints: taints.map(parseTaint) } : {}),
  };
}

/** `key=value:effect` or `key:effect`. */
export function parseTaint(text: string): Taint {
  const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? [];
  if (key === undefined || effect === undefined) throw new UsageError(`invalid taint spec: ${text}`);
  return { key, effect: effect as Taint["effect"], ...(value === undefined ? {} : { value }) };
}

/** What the flags say of when a node counts as gone. */
export function nodeLifecycleOf(
  flags: FlagsOf<typeof controllerConfigFlags>,
): Pick<KubeControllersOptions, "nodeLifecycle"> {
  const { "node-monitor-grace-period": graceMs, "node-startup-grace-period": startupGraceMs } = flags;
  return {
    nodeLifecycle: {
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(startupGraceMs === undefined ? {} : { startupGraceMs }),
    },
  };
}
