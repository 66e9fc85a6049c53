import type { Node } from "../../api/core/v1/types.gen.ts";
import { nodes } from "../../api/resources.gen.ts";
import type { InformerFactory, SharedInformer } from "../../client/cache/shared-informer.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import { isAborted, sleep, type Clock } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";

/** Pods of this range are on the node with this address. */
export interface NodeRoute {
  readonly podCidr: string;
  readonly nodeIp: string;
}

/** The machine's part of the pod network. */
export interface PodNetworkPort {
  /** Pods of this node get their addresses from this range. Idempotent. */
  usePodCidr(podCidr: string): Promise<void>;
  /** The ways to all other nodes' pods; those that are not in the list go. Idempotent, and cheap when nothing is to be done. */
  syncRoutes(routes: readonly NodeRoute[]): Promise<void>;
}

export interface PodNetworkOptions {
  readonly nodeName: string;
  readonly informers: InformerFactory;
  readonly port: PodNetworkPort;
  readonly clock: Clock;
  readonly logger: Logger;
}

const retryBackoff = { initialMs: 100, maxMs: 30_000 };
// The kernel drops routes over a link that goes down and does not bring them back; flannel looks as often.
const checkPeriodMs = 10_000;

/**
 * Keeps one node's pod network as the Nodes have it: its own range from `spec.podCIDR`, and a route to each other node's.
 * What flannel is to other clusters. Without the API server the network stays as it is.
 */
export class PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #nodes: SharedInformer<Node>;
  readonly #changed = new EventSignal();
  #podCidr = "";

  constructor(options: PodNetworkOptions) {
    this.#options = options;
    this.#nodes = options.informers.for(nodes);
    this.#nodes.addEventHandler({
      onAdd: () => this.#changed.set(),
      onUpdate: (before, after) => {
        if (before.spec.podCIDR !== after.spec.podCIDR || addressOf(before) !== addressOf(after)) this.#changed.set();
      },
      onDelete: () => this.#changed.set(),
    });
  }

  /** Syncs on every change until the signal aborts. Needs the informers synced. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    this.#changed.set();
    let failures = 0;
    for (;;) {
      await this.#changeOrPeriod(signal);
      if (signal.aborted) return;
      try {
        await this.#sync();
        failures = 0;
      } catch (error) {
        failures++;
        logger.error("cannot set up the pod network; trying again", { error, failures });
        this.#changed.set();
        await sleep(clock, backoffDelay(retryBackoff, failures), signal).catch((failure: unknown) => {
          if (!isAborted(failure)) throw failure;
        });
      }
    }
  }

  async #changeOrPeriod(signal: AbortSignal): Promise<void> {
    const timer = this.#options.clock.setTimer(checkPeriodMs, () => this.#changed.set());
    await this.#changed.wait(signal);
    timer.cancel();
  }

  async #sync(): Promise<void> {
    const { nodeName, port, logger } = this.#options;
    const all = this.#nodes.lister.list();
    const podCidr = all.find((node) => node.metadata.name === nodeName)?.spec.podCIDR ?? "";
    if (podCidr !== "" && podCidr !== this.#podCidr) {
      await port.usePodCidr(podCidr);
      this.#podCidr = podCidr;
      logger.info("pods get their addresses from the node's range", { podCidr });
    }
    // Without a range of its own the node has no part in the network; a tunnel's end is made from it.
    if (this.#podCidr === "") return;
    await port.syncRoutes(nodeRoutes(all, nodeName));
  }
}

/** The routes that the node `nodeName` needs, by range. */
export function nodeRoutes(all: readonly Node[], nodeName: string): readonly NodeRoute[] {
  return all
    .filter((node) => node.metadata.name !== nodeName)
    .flatMap((node) => {
      const [podCidr, nodeIp] = [node.spec.podCIDR ?? "", addressOf(node)];
      return podCidr === "" || nodeIp === undefined ? [] : [{ podCidr, nodeIp }];
    })
    .sort((a, b) => (a.podCidr < b.podCidr ? -1 : 1));
}

function addressOf(node: Node): string | undefined {
  return node.status.addresses?.find((a) => a.type === "InternalIP" && !a.address.includes(":"))?.address;
}
