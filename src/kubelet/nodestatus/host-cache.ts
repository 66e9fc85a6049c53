import type { NodeAddress } from "../../api/core/v1/types.gen.ts";
import type { ResolvedConfig } from "../config.ts";
import type { DownwardFacts } from "../environment/downward-api.ts";
import type { HostFacts, HostInfo } from "../ports.ts";
import { type NodeResources, nodeResources } from "./node-allocatable.ts";

/** What does not change of the machine while the kubelet runs, read when it is first wanted. */
export class HostCache {
  readonly #host: HostInfo;
  readonly #config: ResolvedConfig;
  #facts: HostFacts | undefined;
  /** What the facts and the configuration make of it. */
  #resources: NodeResources | undefined;
  #ips: readonly string[] = [];

  constructor(host: HostInfo, config: ResolvedConfig) {
    this.#host = host;
    this.#config = config;
  }

  async facts(): Promise<HostFacts> {
    return (this.#facts ??= await this.#host.facts());
  }

  /** 0 before the facts have been read. */
  get memoryBytes(): number {
    return this.#facts?.memoryBytes ?? 0;
  }

  /** As they are now. */
  addresses(): Promise<readonly NodeAddress[]> {
    return this.#host.addresses();
  }

  /** The node's internal addresses; asked for again while it has none. */
  async ips(): Promise<readonly string[]> {
    if (this.#ips.length === 0) {
      const addresses = await this.addresses();
      this.#ips = addresses.filter((a) => a.type === "InternalIP").map((a) => a.address);
    }
    return this.#ips;
  }

  /** What a pod may be told of its node; one on the node's own network has no addresses of its own. */
  async downwardFacts(podIps: readonly string[]): Promise<DownwardFacts> {
    const facts = await this.facts();
    const hostIps = await this.ips();
    return {
      podIps: podIps.length > 0 ? podIps : hostIps,
      hostIps,
      allocatable: (this.#resources ??= nodeResources(facts, this.#config)).allocatable,
    };
  }
}
