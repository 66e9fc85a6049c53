import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { Selector } from "../../apimachinery/labels/selector.ts";
import type { NodeInfo } from "./node-table.ts";

interface Entry {
  readonly namespace: string;
  readonly selector: Selector;
  readonly bySlot: Uint32Array;
}

// Every pod that comes or goes is matched against all of them. One displaced is counted again when it is needed.
const entriesMax = 64;

/**
 * How many pods of a namespace each node has that a selector means, for the selectors that spreading asks for: replicas ask
 * the same again and again. Pods on their way out do not count.
 */
export class MatchIndex {
  readonly #entries = new Map<string, Entry>();

  get(namespace: string, selector: Selector, nodes: Iterable<NodeInfo>, capacity: number): Uint32Array {
    const key = `${namespace}/${selector.isNothing ? "<nothing>" : selector.toString()}`;
    const found = this.#entries.get(key);
    if (found) return found.bySlot;
    if (this.#entries.size >= entriesMax) this.#entries.clear();
    const entry: Entry = { namespace, selector, bySlot: new Uint32Array(capacity) };
    for (const { slot, pods } of nodes) for (const { pod } of pods.values()) change(entry, slot, pod, 1);
    this.#entries.set(key, entry);
    return entry.bySlot;
  }

  count(slot: number, pod: Pod, sign: 1 | -1): void {
    for (const entry of this.#entries.values()) change(entry, slot, pod, sign);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** Whether the pod is one of those meant. */
export function isCounted({ metadata }: Pod, selector: Selector, namespace: string): boolean {
  return (
    metadata.namespace === namespace && metadata.deletionTimestamp === undefined && selector.matches(metadata.labels)
  );
}

function change({ namespace, selector, bySlot }: Entry, slot: number, pod: Pod, sign: 1 | -1): void {
  if (isCounted(pod, selector, namespace)) bySlot[slot] = (bySlot[slot] ?? 0) + sign;
}
