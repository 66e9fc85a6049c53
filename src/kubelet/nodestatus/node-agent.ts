import type { Node, NodeStatus } from "../../api/core/v1/types.gen.ts";
import { leases, nodes } from "../../api/resources.gen.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { Random } from "../../component-base/random.ts";
import type { ImageService, RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { ResolvedConfig } from "../config.ts";
import { type Pressure, pressures } from "../eviction/thresholds.ts";
import type { HostInfo } from "../ports.ts";
import { equal } from "../status/status-patch.ts";
import { defaultLabels, initialNode, type NodeFacts, nodeConditions, nodeStatus } from "./node-object.ts";
import type { RuntimeState } from "./runtime-state.ts";

const leaseNamespace = "kube-node-lease";
const retry = { initialMs: 100, maxMs: 7_000 };
/** Until the node is ready it looks again this soon. */
const notReadyPeriodMs = 1_000;

/** Of the events, without it and under it. */
const pressureReasons: Readonly<Record<Pressure, readonly [string, string]>> = {
  MemoryPressure: ["NodeHasSufficientMemory", "NodeHasInsufficientMemory"],
  DiskPressure: ["NodeHasNoDiskPressure", "NodeHasDiskPressure"],
  PIDPressure: ["NodeHasSufficientPID", "NodeHasInsufficientPID"],
};

export interface NodeAgentOptions {
  readonly nodeName: string;
  readonly client: ApiClient;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly state: RuntimeState;
  readonly host: HostInfo;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly config: ResolvedConfig;
  /** Why the node is not ready, beside the runtime. */
  readonly problem: () => string | undefined;
  /** Whether the node is short of something. */
  readonly isUnder: (pressure: Pressure) => boolean;
  /** The attached volumes in use, sorted. */
  readonly volumesInUse: () => readonly string[];
}

/** The node's presence in the API: registration, heartbeat Lease, status. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  #node: Node | undefined;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #podCidr = "";
  #wasReady: boolean | undefined;
  /** What events have said of each pressure. */
  readonly #told = new Map<Pressure, boolean>();
  #allocatable: Readonly<Record<string, string>> = {};

  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  /** What pods may use, as last reported. */
  get allocatable(): Readonly<Record<string, string>> {
    return this.#allocatable;
  }

  /** The Node as the server last had it. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** Runs until aborted; an API server that is away is waited for. */
  async run(signal: AbortSignal): Promise<void> {
    // Before anything that may take long: a node that restarts again and again must not fall silent.
    await this.#patchLease(signal);
    await this.#register(signal);
    this.#event("Normal", "Starting", "Starting kubelet.");
    const { clock, random, config } = this.#options;
    while (!signal.aborted) {
      await this.#renewLease(signal);
      await this.#report(signal);
      const period = this.#wasReady ? config.nodeStatusUpdateMs : Math.min(notReadyPeriodMs, config.nodeStatusUpdateMs);
      // A little jitter keeps a thousand nodes from beating in step; upstream's lease uses 4 %.
      await sleep(clock, period * (1 + 0.04 * random.next()), signal);
    }
  }

  /** Writes the status now. Rejects when it could not be. */
  async reportNow(signal: AbortSignal): Promise<void> {
    await this.#report(signal);
    const told: readonly string[] = this.#node?.status?.volumesInUse ?? [];
    const missing = this.#options.volumesInUse().filter((name) => !told.includes(name));
    if (missing.length > 0)
      throw new Error(`the node's status does not name the volumes in use: ${missing.join(", ")}`);
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { client, clock, logger, config, nodeName } = this.#options;
    for (let failures = 1; ; failures++) {
      try {
        const facts = await this.#facts(signal);
        try {
          this.#node = await client.resource(nodes).create(initialNode(facts, config), { signal });
        } catch (error) {
          if (!isAlreadyExists(error)) throw error;
          this.#node = await this.#reconcile(await client.resource(nodes).get(nodeName, { signal }), facts, signal);
        }
        logger.info("Successfully registered node", { node: nodeName });
        return;
      } catch (error) {
        signal.throwIfAborted();
        logger.warn("Unable to register node with API server", { node: nodeName, error });
        await sleep(clock, backoffDelay(retry, failures), signal);
      }
    }
  }

  async #reconcile(node: Node, facts: NodeFacts, signal: AbortSignal): Promise<Node> {
    const wanted = { ...defaultLabels(facts), ...this.#options.config.nodeLabels };
    const labels = Object.fromEntries(
      Object.entries(wanted).filter(([key, value]) => node.metadata.labels?.[key] !== value),
    );
    if (Object.keys(labels).length === 0) return node;
    return this.#options.client
      .resource(nodes)
      .patch(node.metadata.name, "merge", { metadata: { labels } }, { signal });
  }

  async #facts(signal: AbortSignal): Promise<NodeFacts> {
    const { nodeName, host, state, images } = this.#options;
    await state.refresh(signal);
    const [facts, addresses] = await Promise.all([host.facts(), host.addresses()]);
    // An image list that cannot be had is not worth a status that is not written.
    const list = state.runtimeProblem() === undefined ? await images.listImages({ signal }).catch(() => []) : [];
    return { nodeName, host: facts, addresses, runtime: state.version, images: list };
  }

  /** Writes the status when something but the heartbeat changed, or when it is due. */
  async #report(signal: AbortSignal): Promise<void> {
    const { client, clock, config, logger, nodeName, state, problem } = this.#options;
    try {
      const facts = await this.#facts(signal);
      // Read anew each time: the control plane may have given the node up, and has to hear that it is there.
      const known = await client.resource(nodes).get(nodeName, { signal });
      this.#node = known;
      const why = [state.runtimeProblem(), state.networkProblem(), problem()].filter((p) => p !== undefined);
      const text = why.length === 0 ? undefined : why.length === 1 ? why[0] : `[${why.join(", ")}]`;
      const now = formatTime(clock.now());
      const volumesInUse = this.#options.volumesInUse();
      const status: NodeStatus = {
        ...nodeStatus(facts, config),
        ...(volumesInUse.length > 0 ? { volumesInUse } : {}),
        ...(state.handlers.length > 0 ? { runtimeHandlers: state.handlers } : {}),
        conditions: nodeConditions(text, this.#options.isUnder, known.status?.conditions ?? [], now),
      };
      this.#allocatable = status.allocatable ?? {};
      const isDue = clock.monotonic() - this.#reportedMs >= config.nodeStatusReportMs;
      if (isDue || hasChanged(known.status, status)) {
        this.#node = await client
          .resource(nodes)
          .patch(nodeName, "strategic", { status: statusBody(status) }, { subresource: "status", signal });
        this.#reportedMs = clock.monotonic();
      }
      this.#tellConditions(text === undefined);
      await this.#takePodCidr(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) {
        // Differs from upstream: a Node that somebody deleted comes back without restarting its kubelet.
        this.#node = undefined;
        await this.#register(signal);
        return;
      }
      // Read anew next time: whatever was known may be the cause.
      this.#node = undefined;
      logger.error("Error updating node status, will retry", { error });
    }
  }

  #tellConditions(isReady: boolean): void {
    const { nodeName } = this.#options;
    for (const pressure of pressures) {
      const isUnder = this.#options.isUnder(pressure);
      if (this.#told.get(pressure) === isUnder) continue;
      this.#told.set(pressure, isUnder);
      const reason = pressureReasons[pressure][isUnder ? 1 : 0];
      this.#event("Normal", reason, `Node ${nodeName} status is now: ${reason}`);
    }
    if (this.#wasReady !== isReady && (isReady || this.#wasReady !== undefined)) {
      const reason = isReady ? "NodeReady" : "NodeNotReady";
      this.#event("Normal", reason, `Node ${nodeName} status is now: ${reason}`);
    }
    this.#wasReady = isReady;
  }

  async #takePodCidr(signal: AbortSignal): Promise<void> {
    const cidr = this.#node?.spec?.podCIDR ?? "";
    if (cidr === "" || cidr === this.#podCidr) return;
    await this.#options.runtime.updateRuntimeConfig(cidr, { signal });
    this.#podCidr = cidr;
  }

  /** Renews the lease; false when there is none. Failures are for the next beat. */
  async #patchLease(signal: AbortSignal): Promise<boolean> {
    const { client, nodeName, logger } = this.#options;
    const patch = { spec: { holderIdentity: nodeName, renewTime: this.#microTime() } };
    try {
      await client.resource(leases, leaseNamespace).patch(nodeName, "merge", patch, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) return false;
      logger.warn("Failed to update lease, will retry", { error });
    }
    return true;
  }

  async #renewLease(signal: AbortSignal): Promise<void> {
    if (await this.#patchLease(signal)) return;
    const { client, nodeName, config, logger } = this.#options;
    const owner = this.#node && { apiVersion: "v1", kind: "Node", name: nodeName, uid: this.#node.metadata.uid };
    const { nodeLeaseDurationSeconds: leaseDurationSeconds } = config;
    try {
      await client.resource(leases, leaseNamespace).create(
        {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: { name: nodeName, namespace: leaseNamespace, ...(owner ? { ownerReferences: [owner] } : {}) },
          spec: { holderIdentity: nodeName, leaseDurationSeconds, renewTime: this.#microTime() },
        },
        { signal },
      );
    } catch (failure) {
      signal.throwIfAborted();
      // The namespace may still be on its way right after the cluster's birth; the next beat tries again.
      if (!isConflict(failure)) logger.warn("Failed to ensure lease exists, will retry", { error: failure });
    }
  }

  #microTime(): string {
    return new Date(this.#options.clock.now()).toISOString().replace("Z", "000Z");
  }

  #event(type: "Normal" | "Warning", reason: string, message: string): void {
    const name = this.#options.nodeName;
    // As upstream: events about a node carry its name as uid.
    this.#options.recorder.event(
      { apiVersion: "v1", kind: "Node", metadata: { name, uid: name } },
      type,
      reason,
      message,
    );
  }
}

function hasChanged(known: NodeStatus | undefined, wanted: NodeStatus): boolean {
  const bare = (status: NodeStatus | undefined): unknown => ({
    ...pickOwned(status),
    conditions: (status?.conditions ?? [])
      .filter((c) => wanted.conditions?.some((w) => w.type === c.type))
      .map(({ type, status: value, reason, message }) => ({ type, value, reason, message })),
  });
  return !equal(bare(known), bare(wanted));
}

function pickOwned(status: NodeStatus | undefined): Partial<NodeStatus> {
  if (!status) return {};
  const { capacity, allocatable, addresses, daemonEndpoints, nodeInfo, images, volumesInUse, runtimeHandlers } = status;
  return {
    daemonEndpoints,
    nodeInfo,
    ...(capacity ? { capacity } : {}),
    ...(allocatable ? { allocatable } : {}),
    ...(addresses ? { addresses } : {}),
    images: images ?? [],
    ...(volumesInUse ? { volumesInUse } : {}),
    ...(runtimeHandlers ? { runtimeHandlers } : {}),
  };
}

/** Addresses merge by type in a strategic patch; the whole list is meant. */
function statusBody(status: NodeStatus): unknown {
  return {
    ...status,
    addresses: [{ $patch: "replace" }, ...(status.addresses ?? [])],
    volumesInUse: status.volumesInUse ?? null,
  };
}
