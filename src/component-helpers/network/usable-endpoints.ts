import type { Endpoint, EndpointSlice } from "../../api/discovery/v1/types.gen.ts";

export interface ServiceEndpoint {
  readonly ip: string;
  readonly port: number;
  /** On the asker's own node. */
  readonly isLocal: boolean;
}

/** Where the asker is. */
export interface NodeTopology {
  readonly name: string;
  readonly zone: string | undefined;
}

/** An endpoint as its slice describes it. */
interface Candidate extends ServiceEndpoint {
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
  readonly endpoints: readonly ServiceEndpoint[];
  readonly localEndpoints: readonly ServiceEndpoint[];
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

/** The ready ones; when there is none, those that still serve while they terminate. */
export function readyOrTerminating(candidates: readonly Candidate[]): readonly Candidate[] {
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

/** All endpoints of one port of a Service, sorted by address. */
export function endpointCandidates(
  slices: readonly EndpointSlice[],
  wanted: {
    readonly addressType: EndpointSlice["addressType"];
    readonly portName: string;
    readonly protocol: string;
    readonly nodeName: string;
    /** The one way to write an address; undefined for one that is not to be used. */
    readonly addressOf: (address: string) => string | undefined;
  },
): readonly Candidate[] {
  // The same endpoint may stand in two slices while it moves between them; the ready one counts.
  const byAddress = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== wanted.addressType) continue;
    const port = slice.ports?.find(
      (p) => (p.name ?? "") === wanted.portName && (p.protocol ?? "TCP") === wanted.protocol,
    );
    if (!port?.port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const ip = wanted.addressOf(endpoint.addresses[0] ?? "");
      if (ip === undefined) continue;
      const candidate = candidateOf(endpoint, ip, port.port, wanted.nodeName);
      const address = `${ip} ${candidate.port}`;
      if (candidate.isReady || !byAddress.has(address)) byAddress.set(address, candidate);
    }
  }
  return [...byAddress.values()].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port));
}

function candidateOf(endpoint: Endpoint, ip: string, port: number, nodeName: string): Candidate {
  const { ready, serving, terminating } = endpoint.conditions;
  const isReady = ready ?? true;
  return {
    ip,
    port,
    isLocal: endpoint.nodeName === nodeName,
    isReady,
    isServing: serving ?? isReady,
    isTerminating: terminating ?? false,
    forNodes: (endpoint.hints?.forNodes ?? []).map((n) => n.name),
    forZones: (endpoint.hints?.forZones ?? []).map((z) => z.name),
  };
}

function endpointOf({ ip, port, isLocal }: Candidate): ServiceEndpoint {
  return { ip, port, isLocal };
}
