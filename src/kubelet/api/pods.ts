import type { Container, Pod } from "../../api/core/v1/types.gen.ts";

/** The pod as upstream prints it in messages: `name_namespace(uid)`. */
export function formatPod(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

export function isHostNetwork(pod: Pod): boolean {
  return pod.spec.hostNetwork === true;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** Init containers first, in the order they start. */
export function allContainers(pod: Pod): readonly Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

export function findContainer(pod: Pod, name: string): Container | undefined {
  return allContainers(pod).find((c) => c.name === name);
}

/** Where events about a container point. */
export function containerFieldPath(pod: Pod, name: string): string {
  const isInit = (pod.spec.initContainers ?? []).some((c) => c.name === name);
  return `spec.${isInit ? "initContainers" : "containers"}{${name}}`;
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

/** A duration as Go prints it, in seconds and minutes: `10s`, `1m20s`, `1.248s`, `35ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1) return ms <= 0 ? "0s" : `${Math.round(ms * 1000)}µs`;
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${Number(((ms - minutes * 60_000) / 1000).toFixed(3))}s`;
  if (minutes < 60) return minutes === 0 ? seconds : `${minutes}m${seconds}`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}
