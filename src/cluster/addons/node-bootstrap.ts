import type { ConfigMap } from "../../api/core/v1/types.gen.ts";
import { clusterRoleBindings, configMaps, roleBindings, roles } from "../../api/resources.gen.ts";
import { isAlreadyExists } from "../../apimachinery/errors/status-error.ts";
import type { Input, ResourceType } from "../../apimachinery/resource-type.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { ClusterConfig } from "../config.ts";

/** What every node of a cluster must know, and a new one learns from the API server. */
export interface NodeBootstrapConfig {
  readonly cluster: ClusterConfig;
  /** Where each node serves DNS. */
  readonly dnsPort: number;
  readonly networkBackend: NetworkBackend;
  /** Where each node serves Ingresses, if they do. */
  readonly ingress?: { readonly http: number; readonly https: number };
  /** PEM; who may call kubelets. */
  readonly clientCa: string;
}

/** How nodes reach each other's pods: by routes where they are on one link, else through VXLAN. */
export type NetworkBackend = "host-gw" | "vxlan";

/** The group that bootstrap tokens for new nodes carry. kubeadm's. */
export const nodeTokenGroup = "system:bootstrappers:kubeadm:default-node-token";

const namespace = "kube-system";
const configName = "k8ts-config";
const rbac = "rbac.authorization.k8s.io";

/**
 * Lets machines join: by a bootstrap token they may ask for a node's client certificate, which is approved by itself, and
 * read what they must know of the cluster; nodes may renew their certificates. The objects are kubeadm's, by their names.
 * `client` is the administrator's. Idempotent.
 */
export async function ensureNodeBootstrap(client: ApiClient, config: NodeBootstrapConfig): Promise<void> {
  const group = (name: string) => ({ kind: "Group", apiGroup: rbac, name });
  const binding = async (name: string, role: string, subject: string): Promise<void> => {
    await ensure(client, clusterRoleBindings, undefined, {
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: role },
      subjects: [group(subject)],
    });
  };
  const requests = "system:certificates.k8s.io:certificatesigningrequests";
  await binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", nodeTokenGroup);
  await binding("kubeadm:node-autoapprove-bootstrap", `${requests}:nodeclient`, nodeTokenGroup);
  await binding("kubeadm:node-autoapprove-certificate-rotation", `${requests}:selfnodeclient`, "system:nodes");
  await ensure(client, roles, namespace, {
    metadata: { name: configName, namespace },
    rules: [{ apiGroups: [""], resources: ["configmaps"], resourceNames: [configName], verbs: ["get"] }],
  });
  await ensure(client, roleBindings, namespace, {
    metadata: { name: configName, namespace },
    roleRef: { apiGroup: rbac, kind: "Role", name: configName },
    subjects: [group(nodeTokenGroup), group("system:nodes")],
  });
  const { clientCa, ...shared } = config;
  const data = { "config.json": JSON.stringify(shared, undefined, 2), "client-ca.crt": clientCa };
  const created = await ensure(client, configMaps, namespace, { metadata: { name: configName, namespace }, data });
  if (!created) await client.resource(configMaps, namespace).patch(configName, "merge", { data });
}

/** What a node reads when it joins. Rejects with StatusError when the caller may not. */
export async function readNodeBootstrap(client: ApiClient): Promise<NodeBootstrapConfig> {
  const { data } = await client.resource(configMaps, namespace).get(configName);
  return parseNodeBootstrap(data);
}

function parseNodeBootstrap(data: ConfigMap["data"]): NodeBootstrapConfig {
  const { cluster, dnsPort, networkBackend, ingress } = JSON.parse(
    data?.["config.json"] ?? "{}",
  ) as Partial<NodeBootstrapConfig>;
  const clientCa = data?.["client-ca.crt"];
  const isKnown = networkBackend === "host-gw" || networkBackend === "vxlan";
  if (!cluster || typeof dnsPort !== "number" || !isKnown || clientCa === undefined) {
    throw new Error(`ConfigMap ${namespace}/${configName} is not one that this version of k8ts has written`);
  }
  return { cluster, dnsPort, networkBackend, ...(ingress ? { ingress } : {}), clientCa };
}

/** True when it was created; one that is there is left as it is. */
async function ensure<T>(
  client: ApiClient,
  type: ResourceType<T>,
  inNamespace: string | undefined,
  object: Input<T>,
): Promise<boolean> {
  try {
    await client.resource(type, inNamespace).create(object);
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}
