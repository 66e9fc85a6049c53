import { createHash } from "node:crypto";
import * as path from "node:path";

import { defaultMtu, type PodNetwork } from "../node/cni.ts";
import { vxlanOverheadBytes, type VxlanLink } from "../node/vxlan.ts";
import type { ClusterDirectory, ClusterNode, ClusterState } from "./cluster-directory.ts";

/** What a node's network, links and rules are called on the machine. */
export function podNetworkOf(directory: ClusterDirectory, state: ClusterState, node: ClusterNode): PodNetwork {
  const { kubelet } = directory.nodeDirectory(state, node);
  return {
    name: `k8ts-${state.name}`,
    clusterCidr: state.config.podCidr,
    serviceCidr: state.config.serviceCidr,
    nodeIp: node.ip,
    configDirectory: path.join(kubelet, "cni", "net.d"),
    dataDirectory: path.join(kubelet, "cni", "addresses"),
    ...(state.networkBackend === "vxlan" ? { mtu: defaultMtu - vxlanOverheadBytes } : {}),
  };
}

/** The node's tunnel to the others; undefined where routes do. */
export function vxlanOf(state: ClusterState, node: ClusterNode): VxlanLink | undefined {
  if (state.networkBackend !== "vxlan") return undefined;
  const hash = createHash("sha256").update(state.name).digest("hex").slice(0, 6);
  return { name: `k8tsvx-${hash}`, nodeIp: node.ip };
}

/** kube-proxy's nftables table. */
export function proxyTable(state: ClusterState): string {
  return `k8ts-${state.name}-proxy`;
}

/** The names of the nodes, of which there is always one. */
export function nodeNames(state: ClusterState): readonly [string, ...string[]] {
  const [first, ...others] = state.nodes;
  return [first.name, ...others.map((node) => node.name)];
}

/** The nodes whose kubelets have servers of their own: simulated ones share the first one's. */
export function servingNodes({ nodes, runtime }: ClusterState): readonly ClusterNode[] {
  return runtime === "containerd" ? nodes : [nodes[0]];
}

/** Where the API server is, seen from a node: the first one has it beside itself. */
export function serverUrlOf(state: ClusterState, node: ClusterNode): string {
  if (state.joined) return state.joined.server;
  const host = node.name === state.nodes[0].name ? "127.0.0.1" : state.nodes[0].ip;
  return `https://${host}:${state.apiServerPort}`;
}
