/** What the components of one cluster must agree on. Defaults are kubeadm's where it has them. */
export interface ClusterConfig {
  readonly name: string;
  readonly clusterDomain: string;
  readonly serviceCidr: string;
  /** Node i gets the i-th /24 of it. */
  readonly podCidr: string;
  /** First address of the service range: the Service `kubernetes`. */
  readonly kubernetesServiceIp: string;
  /** Tenth address of the service range: the Service `kube-dns`. */
  readonly dnsServiceIp: string;
  readonly nodePortRange: { readonly first: number; readonly last: number };
}

export const defaultClusterConfig: ClusterConfig = {
  name: "default",
  clusterDomain: "cluster.local",
  serviceCidr: "10.96.0.0/12",
  podCidr: "10.244.0.0/16",
  kubernetesServiceIp: "10.96.0.1",
  dnsServiceIp: "10.96.0.10",
  nodePortRange: { first: 30_000, last: 32_767 },
};
