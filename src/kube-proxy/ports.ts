import type { HttpHeaders } from "../component-base/http.ts";

/** UDP flows the kernel tracks, alike in where their first packet wanted to go and where it was sent. */
export interface UdpFlows {
  readonly destinationIp: string;
  readonly destinationPort: number;
  /** Where answers come from: an endpoint, or the destination itself when nothing was translated. */
  readonly endpointIp: string;
  readonly endpointPort: number;
}

/** An element of a map of the kernel, its parts as nft scripts have them. Those that time out say when. */
export interface MapElement {
  readonly key: string;
  readonly value: string;
  readonly timeoutSeconds?: number;
  readonly expiresSeconds?: number;
}

/** Where rules go; on Linux the `nft` and `conntrack` programs. */
export interface RulesetApplier {
  /** Runs an nft script as one transaction: all of it takes effect or nothing. Rejects with nft's message. */
  apply(script: string): Promise<void>;
  /**
   * What the maps of a table hold, by name, without those whose values are verdicts; nothing when there is no such table. Costs
   * about a second for 30,000 elements.
   */
  maps(family: "ip" | "ip6", table: string): Promise<ReadonlyMap<string, readonly MapElement[]>>;
  /** The UDP flows the kernel tracks for destinations of that family. */
  udpFlows(family: "ipv4" | "ipv6"): Promise<readonly UdpFlows[]>;
  /** Forgets tracked flows, so that their next packets meet the rules of now. Those gone by themselves are fine. */
  forgetUdpFlows(flows: readonly UdpFlows[]): Promise<void>;
}

/** Lets the node's loopback address be translated to pods. */
export interface LoopbackRouting {
  /** Packets with a loopback source may leave towards that pod, until its link goes. Idempotent; a pod that is gone is fine. */
  allowTo(podIp: string): Promise<void>;
}

/** A short answer to any request. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: string;
}

/** Answers plain HTTP on a port, of all the node's addresses unless one is given. Rejects when the port is taken. */
export type ServePlainHttp = (
  port: number,
  answer: (path: string) => PlainAnswer,
  host?: string,
) => Promise<AsyncDisposable>;
