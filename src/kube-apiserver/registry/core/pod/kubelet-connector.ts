import { badRequest } from "../../../../apimachinery/errors/new.ts";
import { nodes } from "../../../../api/resources.gen.ts";
import type { Node, Pod } from "../../../../api/core/v1/types.gen.ts";
import type { ProxyConnector } from "../../../../apiserver/proxy/proxy-connector.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";

/** The API server's way to kubelets, under its client certificate for them. */
export type KubeletConnector = ProxyConnector;

const addressPreference = ["InternalIP", "Hostname", "InternalDNS", "ExternalDNS", "ExternalIP"];
const defaultPort = 10250;

/** `https://address:port` of the kubelet that runs the pod. Throws BadRequest for a pod that no node has. */
export async function kubeletUrl(request: SubresourceRequest, pod: Pod): Promise<string> {
  if (!pod.spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return nodeUrl(await request.registry.resource(nodes).get("", pod.spec.nodeName));
}

/** `https://address:port` of a node's kubelet. */
export function nodeUrl({ metadata, status }: Node): string {
  const addresses = status.addresses ?? [];
  const found = addressPreference
    .map((type) => addresses.find((address) => address.type === type)?.address)
    .find((address) => address);
  if (!found) throw badRequest(`no preferred addresses found; known addresses: [] of node ${metadata.name}`);
  const port = status.daemonEndpoints?.kubeletEndpoint?.Port || defaultPort;
  return `https://${found.includes(":") ? `[${found}]` : found}:${port}`;
}
