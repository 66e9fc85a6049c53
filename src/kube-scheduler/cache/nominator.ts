import type { PodInfo } from "./pod-info.ts";

/**
 * Pods that wait for room made for them on a node. Until they are assigned, less important pods must leave that room
 * alone, so filters count them as if they were there.
 */
export class Nominator {
  readonly #nodeOf = new Map<string, string>();
  readonly #byNode = new Map<string, Map<string, PodInfo>>();

  get size(): number {
    return this.#nodeOf.size;
  }

  /** Nominates, renominates, or with an empty name takes the nomination back. */
  set(pod: PodInfo, nodeName: string | undefined): void {
    this.delete(pod.key);
    if (!nodeName) return;
    this.#nodeOf.set(pod.key, nodeName);
    const onNode = this.#byNode.get(nodeName);
    if (onNode) onNode.set(pod.key, pod);
    else this.#byNode.set(nodeName, new Map([[pod.key, pod]]));
  }

  delete(key: string): void {
    const nodeName = this.#nodeOf.get(key);
    if (nodeName === undefined) return;
    this.#nodeOf.delete(key);
    const onNode = this.#byNode.get(nodeName);
    onNode?.delete(key);
    if (onNode?.size === 0) this.#byNode.delete(nodeName);
  }

  nodeOf(key: string): string | undefined {
    return this.#nodeOf.get(key);
  }

  onNode(nodeName: string): readonly PodInfo[] {
    const onNode = this.#byNode.get(nodeName);
    return onNode ? [...onNode.values()] : [];
  }
}
