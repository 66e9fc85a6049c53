import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import { nodes } from "../../api/resources.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Logger } from "../../component-base/logger.ts";
import { isCriticalPod } from "../api/pods.ts";
import type { ResolvedConfig } from "../config.ts";
import { type Pressure, pressures } from "../eviction/thresholds.ts";
import type { HostCache } from "../nodestatus/host-cache.ts";
import { unregisteredNode } from "../nodestatus/node-object.ts";
import type { Phase } from "../pod-workers.ts";
import type { HostFacts } from "../ports.ts";
import type { PodVerdict } from "../status/generate-pod-status.ts";
import {
  type AdmissionInput,
  failedPredicate,
  lacks,
  pressureRejection,
  type Rejection,
  rejection,
} from "./pod-admission.ts";
import { podsToPreempt } from "./preemption.ts";

export interface PodAdmitterOptions {
  readonly nodeName: string;
  readonly client: ApiClient;
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly host: HostCache;
  /** The node as last written; undefined before registration. */
  readonly node: () => Node | undefined;
  readonly isUnder: (pressure: Pressure) => boolean;
  /** All pods that are worked on. */
  readonly pods: () => readonly Pod[];
  readonly phase: (uid: string) => Phase | undefined;
  readonly isCondemned: (uid: string) => boolean;
  readonly end: (pod: Pod, verdict: PodVerdict) => void;
}

/** Decides which of the pods bound to the node it takes, and knows which of them hold something of it. */
export class PodAdmitter {
  readonly #options: PodAdmitterOptions;
  /** The pods that hold something of the node, by uid. */
  readonly #admitted = new Set<string>();

  constructor(options: PodAdmitterOptions) {
    this.#options = options;
  }

  forget(uid: string): void {
    this.#admitted.delete(uid);
  }

  /** No pod is looked at twice, and none that was started by an earlier kubelet. */
  async admit(pod: Pod): Promise<Rejection | undefined> {
    const { uid } = pod.metadata;
    if (this.#admitted.has(uid)) return undefined;
    if (pod.status.startTime === undefined) {
      const { host, node, isUnder } = this.#options;
      const pressed = pressureRejection(pod, pressures.filter(isUnder));
      if (pressed) return pressed;
      const facts = await host.facts();
      const known = node() ?? (await this.#unregistered(facts));
      let input = this.#input(known, facts);
      let refusal = rejection(pod, input);
      if (refusal) {
        // It may be here because of what changed of the node since.
        const current = await this.#currentNode(known);
        input = this.#input(current, facts);
        refusal = rejection(pod, input);
      }
      if (refusal) return lacks(pod, input).length > 0 && isCriticalPod(pod) ? this.#makeRoom(pod, input) : refusal;
    }
    // No await since the last look: two pods must not be given the same.
    this.#admitted.add(uid);
    return undefined;
  }

  #input(node: Node, { kernelVersion }: HostFacts): AdmissionInput {
    const { pods, config } = this.#options;
    const others = pods().filter((other) => this.#holdsNode(other));
    return { node, others, kernelVersion, allowedUnsafeSysctls: config.allowedUnsafeSysctls };
  }

  async #unregistered(facts: HostFacts): Promise<Node> {
    const { nodeName, host, config } = this.#options;
    return unregisteredNode(nodeName, facts, await host.addresses(), config);
  }

  /** As the API has it now; `known` while nobody answers. */
  async #currentNode(known: Node): Promise<Node> {
    const { client, nodeName, logger } = this.#options;
    try {
      return await client.resource(nodes).get(nodeName);
    } catch (error) {
      logger.warn("Failed to synchronously fetch node info", { node: nodeName, error });
      return known;
    }
  }

  /**
   * A critical pod is not refused for want of resources: others are ended for it. Throws while they end, so that the pod is
   * looked at again.
   */
  #makeRoom(pod: Pod, input: AdmissionInput): Rejection | undefined {
    const failed = failedPredicate(pod, input);
    if (failed) return failed;
    const others = input.others.filter((other) => !this.#options.isCondemned(other.metadata.uid));
    const missing = lacks(pod, { ...input, others });
    const victims = podsToPreempt(pod, others, missing);
    if (!victims) {
      const wanted = missing.map((l) => `(res: ${l.name}, q: ${l.requested - (l.capacity - l.used)}), `).join("");
      const cause = `preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${wanted}]`;
      return {
        reason: "UnexpectedAdmissionError",
        message: `Unexpected error while attempting to recover from admission failure: ${cause}`,
      };
    }
    for (const victim of victims) this.#options.end(victim, preempted);
    throw new Error("waiting for preempted pods to end");
  }

  #holdsNode({ metadata: { uid } }: Pod): boolean {
    const phase = this.#options.phase(uid);
    return this.#admitted.has(uid) && (phase === "syncing" || phase === "terminating");
  }
}

const preempted: PodVerdict = {
  reason: "Preempting",
  message: "Preempted in order to admit critical pod",
  disruption: "Pod was preempted by Kubelet to accommodate a critical pod.",
};
