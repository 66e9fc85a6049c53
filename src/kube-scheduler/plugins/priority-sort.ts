import type { Plugin } from "../framework/interface.ts";

/** Queue order: higher priority first. The queue breaks ties by time of arrival. */
export const prioritySort: Plugin = {
  name: "PrioritySort",
  lessThan: (a, b) => (a.pod.spec.priority ?? 0) > (b.pod.spec.priority ?? 0),
};
