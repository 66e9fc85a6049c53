import type { Plugin } from "../framework/interface.ts";

/** Keeps a pod with scheduling gates out of the queue until they are removed. */
export const schedulingGates: Plugin = {
  name: "SchedulingGates",
  preEnqueue(pod) {
    const gates = pod.spec.schedulingGates ?? [];
    if (gates.length === 0) return undefined;
    return {
      code: "unresolvable",
      plugin: "SchedulingGates",
      reason: `waiting for scheduling gates: [${gates.map((g) => g.name).join(" ")}]`,
    };
  },
};
