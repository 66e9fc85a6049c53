import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import { NodeTable, type Snapshot } from "./node-table.ts";
import { podInfo, podKey, type PodInfo } from "./pod-info.ts";

/**
 * Nodes and assigned pods, ahead of the API server by the pods this scheduler has assumed.
 *
 *   assume ──▶ assumed ──(informer delivers the bound pod)──▶ added ──(deleted or finished)──▶ gone
 *                 └──(binding failed: forget)──▶ gone
 *
 * An assumed pod does not expire: binding ends in success, and then the informer delivers the pod or its deletion, or in
 * failure, and then it is forgotten.
 */
export class SchedulerCache {
  readonly #table = new NodeTable();
  /** Where each known pod is, by key. */
  readonly #pods = new Map<string, { readonly uid: string; readonly nodeName: string; readonly assumed: boolean }>();

  get snapshot(): Snapshot {
    return this.#table;
  }

  setNode(node: Node): void {
    this.#table.setNode(node);
  }

  removeNode(name: string): void {
    this.#table.removeNode(name);
  }

  /** Counts the pod on the node before the API server knows. */
  assume(pod: PodInfo, nodeName: string): void {
    this.#place(pod, nodeName, true);
  }

  /** Takes an assumption back; pods the API server has confirmed stay. */
  forget(pod: PodInfo): void {
    const known = this.#pods.get(pod.key);
    if (known?.assumed && known.uid === pod.pod.metadata.uid) this.#remove(pod.key);
  }

  isAssumed(pod: Pod): boolean {
    const known = this.#pods.get(podKey(pod));
    return known !== undefined && known.assumed && known.uid === pod.metadata.uid;
  }

  /** A pod the API server shows as assigned and not finished. */
  setAssignedPod(pod: Pod): void {
    const nodeName = pod.spec.nodeName;
    if (nodeName) this.#place(podInfo(pod), nodeName, false);
  }

  /** False when the pod was not there, e.g. because it had ended before. */
  removeAssignedPod(pod: Pod): boolean {
    return this.#remove(podKey(pod));
  }

  #place(pod: PodInfo, nodeName: string, assumed: boolean): void {
    const known = this.#pods.get(pod.key);
    if (known && known.nodeName !== nodeName) this.#table.removePod(known.nodeName, pod.key);
    this.#table.addPod(nodeName, pod);
    this.#pods.set(pod.key, { uid: pod.pod.metadata.uid, nodeName, assumed });
  }

  #remove(key: string): boolean {
    const known = this.#pods.get(key);
    if (!known) return false;
    this.#table.removePod(known.nodeName, key);
    return this.#pods.delete(key);
  }
}
