import type { Node } from "../../api/core/v1/types.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";

/** The nodes' own addresses, by which clients outside of the cluster reach what every node serves. */
export class NodeAddresses {
  readonly #nodes: SharedInformer<Node>;
  /** All that were a node's since this was made. */
  readonly #known = new Set<string>();

  constructor(nodes: SharedInformer<Node>) {
    this.#nodes = nodes;
    const note = (node: Node): void => {
      for (const address of addressOf(node)) this.#known.add(address);
    };
    nodes.addEventHandler({ onAdd: note, onUpdate: (_, node) => note(node) });
  }

  /** Of nodes that are Ready and that the filter lets pass, sorted. */
  ready(filter: (node: Node) => boolean = () => true): readonly string[] {
    return this.#nodes.lister
      .list()
      .filter((node) => isReady(node) && filter(node))
      .flatMap(addressOf)
      .sort();
  }

  /**
   * Whether addresses in a status are what was put there for nodes: one that is a node's, or was, tells. A process that did not see
   * the last of them go takes them for somebody else's.
   */
  areOurs(addresses: readonly string[]): boolean {
    return addresses.some((address) => this.#known.has(address));
  }
}

/** Whether a change of a node may change what is told of it. */
export function changesAddresses(before: Node, after: Node): boolean {
  return isReady(before) !== isReady(after) || addressOf(before).join() !== addressOf(after).join();
}

function isReady(node: Node): boolean {
  return node.status.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
}

function addressOf(node: Node): readonly string[] {
  const address = node.status.addresses?.find((a) => a.type === "InternalIP")?.address;
  return address === undefined ? [] : [address];
}
