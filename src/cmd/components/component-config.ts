import type { KubeControllersOptions } from "../../kube-controller-manager/controllers.ts";
import type { FlagsOf } from "../flags.ts";

// The flags that components have wherever they run: alone, or within a cluster of `up`, `server` and `agent`.

/** The flags that say how controllers behave, apart from where everything is. */
export const controllerConfigFlags = {
  "horizontal-pod-autoscaler-sync-period": "duration",
  "node-monitor-grace-period": "duration",
  "node-startup-grace-period": "duration",
} as const;

/** What the flags say of how controllers behave. */
export function controllerOptionsOf(
  flags: FlagsOf<typeof controllerConfigFlags>,
): Pick<KubeControllersOptions, "nodeLifecycle" | "horizontalPodAutoscaler"> {
  const { "node-monitor-grace-period": graceMs, "node-startup-grace-period": startupGraceMs } = flags;
  const { "horizontal-pod-autoscaler-sync-period": syncPeriodMs } = flags;
  return {
    nodeLifecycle: {
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(startupGraceMs === undefined ? {} : { startupGraceMs }),
    },
    horizontalPodAutoscaler: syncPeriodMs === undefined ? {} : { syncPeriodMs },
  };
}
