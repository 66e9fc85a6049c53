/** Where rules go; on Linux the `nft` and `conntrack` programs. */
export interface RulesetApplier {
  /** Runs an nft script as one transaction: all of it takes effect or nothing. Rejects with nft's message. */
  apply(script: string): Promise<void>;
  /**
   * Forgets tracked UDP flows to these addresses, which would otherwise go on to an endpoint that is gone.
   * `endpointIp` limits it to the flows that were sent there.
   */
  forgetUdpFlows(flows: readonly { readonly destinationIp: string; readonly endpointIp: string }[]): Promise<void>;
}
