import * as path from "node:path";

import { defaultClusterConfig } from "../cluster/config.ts";
import { nodePodCidr } from "../cluster/pod-cidr.ts";
import type { PodNetwork } from "../node/cni.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";

/** The names of the nodes of the node process. */
export function nodeNames({ nodeName, runtime, simulatedNodes }: ClusterState): readonly [string, ...string[]] {
  if (runtime === "containerd" || simulatedNodes === 1) return [nodeName];
  return [`${nodeName}-1`, ...Array.from({ length: simulatedNodes - 1 }, (_, i) => `${nodeName}-${i + 2}`)];
}

/** What a cluster's network, links and rules are called on the machine. */
export function podNetworkOf(directory: ClusterDirectory, state: ClusterState): PodNetwork {
  return {
    name: `k8ts-${state.name}`,
    podCidr: nodePodCidr(defaultClusterConfig.podCidr, 0),
    clusterCidr: defaultClusterConfig.podCidr,
    serviceCidr: defaultClusterConfig.serviceCidr,
    nodeIp: state.nodeIp,
    configDirectory: path.join(directory.node, "cni", "net.d"),
    dataDirectory: path.join(directory.node, "cni", "addresses"),
  };
}

/** kube-proxy's nftables table. */
export function proxyTable(state: ClusterState): string {
  return `k8ts-${state.name}-proxy`;
}
