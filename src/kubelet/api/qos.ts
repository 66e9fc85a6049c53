import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import { allContainers, isSidecar } from "./pods.ts";
import { milliValue, wholeValue } from "./quantities.ts";

export interface ResourceSum {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Whether every container declares it, or the pod as a whole; only then does the sum bound the pod. */
  readonly cpuDeclared: boolean;
  readonly memoryDeclared: boolean;
}

/**
 * What the pod asks for (or may use): the containers and sidecars together, or the largest init container with the
 * sidecars started before it, whichever is more; what the pod as a whole declares in place of that; plus overhead.
 */
export function podResources(pod: Pod, which: "requests" | "limits"): ResourceSum {
  const cpu = (c: Container): number => milliValue(c.resources?.[which]?.["cpu"]);
  const memory = (c: Container): number => wholeValue(c.resources?.[which]?.["memory"]);
  const all = allContainers(pod);
  const { overhead, resources } = pod.spec;
  const own = resources?.[which];
  const ownCpu = milliValue(own?.["cpu"]);
  const ownMemory = wholeValue(own?.["memory"]);
  return {
    cpuMilli: (own?.["cpu"] === undefined ? effective(pod, cpu) : ownCpu) + milliValue(overhead?.["cpu"]),
    memoryBytes:
      (own?.["memory"] === undefined ? effective(pod, memory) : ownMemory) + wholeValue(overhead?.["memory"]),
    cpuDeclared: ownCpu > 0 || all.every((c) => cpu(c) > 0),
    memoryDeclared: ownMemory > 0 || all.every((c) => memory(c) > 0),
  };
}

function effective(pod: Pod, amount: (container: Container) => number): number {
  let sidecars = 0;
  let initPeak = 0;
  for (const c of pod.spec.initContainers ?? []) {
    if (isSidecar(c)) {
      sidecars += amount(c);
      initPeak = Math.max(initPeak, sidecars);
    } else initPeak = Math.max(initPeak, sidecars + amount(c));
  }
  const running = pod.spec.containers.reduce((sum, c) => sum + amount(c), sidecars);
  return Math.max(running, initPeak);
}
