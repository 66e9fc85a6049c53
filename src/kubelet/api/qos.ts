import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import { allContainers, isSidecar } from "./pods.ts";
import { milliValue, wholeValue } from "./quantities.ts";

export interface ResourceSum {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Whether every container declares it; only then does the sum bound the pod. */
  readonly cpuDeclared: boolean;
  readonly memoryDeclared: boolean;
}

/**
 * What the pod asks for (or may use): the containers and sidecars together, or the largest init container with the
 * sidecars started before it, whichever is more; plus overhead.
 */
export function podResources(pod: Pod, which: "requests" | "limits"): ResourceSum {
  const cpu = (c: Container): number => milliValue(c.resources?.[which]?.["cpu"]);
  const memory = (c: Container): number => wholeValue(c.resources?.[which]?.["memory"]);
  const all = allContainers(pod);
  const overhead = pod.spec.overhead;
  return {
    cpuMilli: effective(pod, cpu) + milliValue(overhead?.["cpu"]),
    memoryBytes: effective(pod, memory) + wholeValue(overhead?.["memory"]),
    cpuDeclared: all.every((c) => cpu(c) > 0),
    memoryDeclared: all.every((c) => memory(c) > 0),
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
