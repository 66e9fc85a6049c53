import type { PluginHandle } from "../framework/handle.ts";
import type { Plugin } from "../framework/interface.ts";
import { defaultBinder } from "./default-binder.ts";
import { defaultPreemption } from "./default-preemption.ts";
import { dynamicResources } from "./dynamic-resources.ts";
import { imageLocality } from "./image-locality.ts";
import { interPodAffinity } from "./inter-pod-affinity.ts";
import { nodeAffinity } from "./node-affinity.ts";
import { nodeName } from "./node-name.ts";
import { nodePorts } from "./node-ports.ts";
import { nodeResourcesBalancedAllocation } from "./node-resources-balanced-allocation.ts";
import { nodeResourcesFit } from "./node-resources-fit.ts";
import { nodeUnschedulable } from "./node-unschedulable.ts";
import { nodeVolumeLimits } from "./node-volume-limits.ts";
import { podTopologySpread } from "./pod-topology-spread.ts";
import { prioritySort } from "./priority-sort.ts";
import { schedulingGates } from "./scheduling-gates.ts";
import { taintToleration } from "./taint-toleration.ts";
import { volumeBinding } from "./volume-binding.ts";
import { volumeRestrictions } from "./volume-restrictions.ts";
import { volumeZone } from "./volume-zone.ts";

export interface EnabledPlugin {
  readonly plugin: Plugin;
  /** Of its score in the sum. */
  readonly weight: number;
}

/** The default profile: the one list of plugins, in the order they run, with upstream's weights. */
export function defaultPlugins(handle: PluginHandle): readonly EnabledPlugin[] {
  return [
    { plugin: schedulingGates, weight: 0 },
    { plugin: prioritySort, weight: 0 },
    { plugin: nodeUnschedulable, weight: 0 },
    { plugin: nodeName, weight: 0 },
    { plugin: taintToleration, weight: 3 },
    { plugin: nodeAffinity, weight: 2 },
    { plugin: nodePorts, weight: 0 },
    { plugin: nodeResourcesFit, weight: 1 },
    { plugin: volumeRestrictions(handle.listers), weight: 0 },
    { plugin: nodeVolumeLimits(handle.listers), weight: 0 },
    { plugin: volumeBinding(handle), weight: 0 },
    { plugin: volumeZone(handle.listers), weight: 0 },
    { plugin: podTopologySpread(handle.listers), weight: 2 },
    { plugin: interPodAffinity(handle.listers), weight: 2 },
    { plugin: dynamicResources, weight: 0 },
    { plugin: defaultPreemption(handle), weight: 0 },
    { plugin: nodeResourcesBalancedAllocation, weight: 1 },
    { plugin: imageLocality, weight: 1 },
    { plugin: defaultBinder(handle.client), weight: 0 },
  ];
}
