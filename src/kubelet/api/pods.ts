import type { Container, Pod } from "../../api/core/v1/types.gen.ts";

/** The pod as upstream prints it in messages: `name_namespace(uid)`. */
export function formatPod(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

export function isHostNetwork(pod: Pod): boolean {
  return pod.spec.hostNetwork === true;
}

/** Where a pod that does not come from the API was read: `file` or `http`. */
export const configSourceAnnotation = "kubernetes.io/config.source";
export const configSeenAnnotation = "kubernetes.io/config.seen";
/** The hash of the manifest; with the next it tells whether a mirror pod is of the pod that runs. */
export const configHashAnnotation = "kubernetes.io/config.hash";
export const configMirrorAnnotation = "kubernetes.io/config.mirror";

export function podKey({ metadata: { namespace, name } }: Pod): string {
  return `${namespace}/${name}`;
}

/** The API's image of a static pod. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[configMirrorAnnotation] !== undefined;
}

/** One that the node runs from a file or an address of its own; the API has a mirror of it at most. */
export function isStaticPod(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[configSourceAnnotation];
  return source !== undefined && source !== "api" && !isMirrorPod(pod);
}

// From here up a priority is the system's own (`system-cluster-critical`).
const systemCriticalPriority = 2_000_000_000;

/** One the cluster or the node cannot do without. */
export function isCriticalPod(pod: Pod): boolean {
  return isStaticPod(pod) || isMirrorPod(pod) || (pod.spec.priority ?? 0) >= systemCriticalPriority;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** The containers the pod was made with, init containers first, in the order they start. */
export function allContainers(pod: Pod): readonly Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

/** Those and the ones added for debugging. */
export function containersWithEphemeral(pod: Pod): readonly Container[] {
  return [...allContainers(pod), ...(pod.spec.ephemeralContainers ?? [])];
}

export function findContainer(pod: Pod, name: string): Container | undefined {
  return containersWithEphemeral(pod).find((c) => c.name === name);
}

/** Where events about a container point. */
export function containerFieldPath(pod: Pod, name: string): string {
  const { initContainers = [], ephemeralContainers = [] } = pod.spec;
  const has = (list: readonly { readonly name: string }[]): boolean => list.some((c) => c.name === name);
  const field = has(initContainers)
    ? "initContainers"
    : has(ephemeralContainers)
      ? "ephemeralContainers"
      : "containers";
  return `spec.${field}{${name}}`;
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
