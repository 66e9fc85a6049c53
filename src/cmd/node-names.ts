import * as path from "node:path";

import { defaultClusterConfig } from "../cluster/config.ts";
import type { PodNetwork } from "../node/cni.ts";
import type { ClusterDirectory, ClusterNode, ClusterState } from "./cluster-directory.ts";

/** What a node's network, links and rules are called on the machine. */
export function podNetworkOf(directory: ClusterDirectory, state: ClusterState, node: ClusterNode): PodNetwork {
  const { kubelet } = directory.nodeDirectory(state, node);
  return {
    name: `k8ts-${state.name}`,
    clusterCidr: defaultClusterConfig.podCidr,
    serviceCidr: defaultClusterConfig.serviceCidr,
    nodeIp: node.ip,
    configDirectory: path.join(kubelet, "cni", "net.d"),
    dataDirectory: path.join(kubelet, "cni", "addresses"),
  };
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
