import { badRequest, notFound } from "../../../../apimachinery/errors/new.ts";
import { nodes } from "../../../../api/resources.gen.ts";
import type { Node, Pod } from "../../../../api/core/v1/types.gen.ts";
import type { ProxyConnector } from "../../../../apiserver/proxy/proxy-connector.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";

/** The API server's way to kubelets, under its client certificate for them. */
export type KubeletConnector = ProxyConnector;

const addressPreference = ["InternalIP", "Hostname", "InternalDNS", "ExternalDNS", "ExternalIP"];
const defaultPort = 10250;

/** `https://address:port` of the kubelet that runs the pod. Throws BadRequest for a pod that no node has, NotFound for one whose node is gone. */
export function kubeletUrl(request: SubresourceRequest, pod: Pod): string {
  if (!pod.spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  const node = request.registry.lister(nodes).get("", pod.spec.nodeName);
  // As upstream, of what a request for a pod does not find the pod's resource is named.
  if (!node) throw notFound({ group: "", resource: "pods" }, pod.spec.nodeName);
  return nodeUrl(node);
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
