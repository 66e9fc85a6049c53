import type { ProxyEndpoint } from "./service-ports.ts";

/** Where the proxy is. */
export interface NodeTopology {
  readonly name: string;
  readonly zone: string | undefined;
}

/** An endpoint as its slice describes it. */
export interface Candidate extends ProxyEndpoint {
  readonly isReady: boolean;
  readonly isServing: boolean;
  readonly isTerminating: boolean;
  /** Nodes and zones the control plane means it for. */
  readonly forNodes: readonly string[];
  readonly forZones: readonly string[];
}

/**
 * Which endpoints the two traffic policies use. Ready ones; when there is none, those that still serve while they
 * terminate (KEP-1669), each policy for itself. Hints narrow the `Cluster` policy only.
 */
export function usableEndpoints(
  candidates: readonly Candidate[],
  node: NodeTopology,
): {
  readonly endpoints: readonly ProxyEndpoint[];
  readonly localEndpoints: readonly ProxyEndpoint[];
  readonly hasEndpoints: boolean;
} {
  const everywhere = readyOrTerminating(candidates);
  const hinted = hintedFor(
    candidates.filter((c) => c.isReady),
    node,
  );
  const endpoints = (hinted ?? everywhere).map(endpointOf);
  const localEndpoints = readyOrTerminating(candidates.filter((c) => c.isLocal)).map(endpointOf);
  return { endpoints, localEndpoints, hasEndpoints: everywhere.length > 0 || localEndpoints.length > 0 };
}

function readyOrTerminating(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter((c) => c.isReady);
  return ready.length > 0 ? ready : candidates.filter((c) => c.isServing && c.isTerminating);
}

/** Those meant for this node, else those meant for its zone. Undefined when hints do not apply: all must have one. */
function hintedFor(ready: readonly Candidate[], node: NodeTopology): readonly Candidate[] | undefined {
  if (ready.length === 0) return undefined;
  if (ready.every((c) => c.forNodes.length > 0)) {
    const own = ready.filter((c) => c.forNodes.includes(node.name));
    if (own.length > 0) return own;
  }
  const { zone } = node;
  if (zone === undefined || !ready.every((c) => c.forZones.length > 0)) return undefined;
  const near = ready.filter((c) => c.forZones.includes(zone));
  return near.length > 0 ? near : undefined;
}

function endpointOf({ ip, port, isLocal }: Candidate): ProxyEndpoint {
  return { ip, port, isLocal };
}
