import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Plugin } from "../framework/interface.ts";
import { defaultBinder } from "./default-binder.ts";
import { nodeName } from "./node-name.ts";
import { nodeResourcesFit } from "./node-resources-fit.ts";
import { nodeUnschedulable } from "./node-unschedulable.ts";
import { prioritySort } from "./priority-sort.ts";
import { schedulingGates } from "./scheduling-gates.ts";
import { taintToleration } from "./taint-toleration.ts";

export interface EnabledPlugin {
  readonly plugin: Plugin;
  /** Of its score in the sum. */
  readonly weight: number;
}

/** The default profile: the one list of plugins, in the order they run, with upstream's weights. */
export function defaultPlugins(client: ApiClient): readonly EnabledPlugin[] {
  return [
    { plugin: schedulingGates, weight: 0 },
    { plugin: prioritySort, weight: 0 },
    { plugin: nodeUnschedulable, weight: 0 },
    { plugin: nodeName, weight: 0 },
    { plugin: taintToleration, weight: 3 },
    { plugin: nodeResourcesFit, weight: 1 },
    { plugin: defaultBinder(client), weight: 0 },
  ];
}
