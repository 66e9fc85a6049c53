import type { HttpPeer, Transport } from "../component-base/http.ts";

/** Who a component is towards the API server. Over sockets each has a client certificate, in process a peer that says the same. */
export type ComponentIdentity =
  | "admin"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kube-proxy"
  | "node-network"
  | "anonymous"
  | { readonly node: string };

/**
 * Who a node is in what it does for its network beside kube-proxy's work: DNS, host ports, network policies and Ingress. Upstream
 * has it done by others, so neither a kubelet's user nor kube-proxy's may read what it takes.
 */
export const nodeNetworkUser = "k8ts:node-network";

/** Makes the way to the API server for one identity. `anonymous` carries no certificate: its requests bring a bearer token. */
export type TransportFor = (identity: ComponentIdentity) => Transport;

/** The certificate subject of an identity; undefined for anonymous. */
export function subjectOf(identity: ComponentIdentity): HttpPeer["certificate"] {
  if (typeof identity === "object") {
    return { commonName: `system:node:${identity.node}`, organizations: ["system:nodes"] };
  }
  switch (identity) {
    case "anonymous":
      return undefined;
    case "admin":
      return { commonName: "kubernetes-admin", organizations: ["system:masters"] };
    case "node-network":
      return { commonName: nodeNetworkUser, organizations: [] };
    default:
      return { commonName: `system:${identity}`, organizations: [] };
  }
}
