import { badRequest, notFound, serviceUnavailable } from "../../../apimachinery/errors/new.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import { isGlobalUnicast } from "../../../apimachinery/validation/ip-address.ts";
import { endpointSlices, nodes, pods, services } from "../../../api/resources.gen.ts";
import type { EndpointSlice } from "../../../api/discovery/v1/types.gen.ts";
import type { ProxyConnector } from "../../../apiserver/proxy/proxy-connector.ts";
import { proxyRequest } from "../../../apiserver/proxy/proxy-request.ts";
import type { SubresourceRequest } from "../../../apiserver/registry/rest/strategy.ts";
import { readyEndpoints } from "../../../apiserver/webhook/service-resolver.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import type { Random } from "../../../component-base/random.ts";
import { randomInt } from "../../../component-base/random.ts";
import { nodeUrl } from "./pod/kubelet-connector.ts";

/** What a client names in the place of an object's name: `web`, `web:8080`, `https:web:https`. */
interface ProxyTarget {
  readonly scheme: "http" | "https";
  readonly name: string;
  /** "" when none is named. */
  readonly port: string;
}

/** pods/proxy: to the pod's address, at the port named or the first one it declares. */
export async function podProxy(request: SubresourceRequest, connector: ProxyConnector): Promise<HttpResponse> {
  const { scheme, name, port } = targetOf(request, "pod");
  const pod = await request.registry.resource(pods).get(request.namespace, name);
  const ip = pod.status.podIPs?.[0]?.ip ?? pod.status.podIP ?? "";
  if (!isGlobalUnicast(ip)) throw badRequest("address not allowed");
  const declared = pod.spec.containers.find(({ ports }) => ports && ports.length > 0)?.ports?.[0]?.containerPort;
  return pass(request, `${scheme}://${hostPort(ip, port || String(declared ?? ""))}`, connector);
}

/** services/proxy: to one of the pods behind the Service, whether or not anything routes its address. */
export async function serviceProxy(
  request: SubresourceRequest,
  connector: ProxyConnector,
  random: Random,
): Promise<HttpResponse> {
  const { scheme, name, port } = targetOf(request, "service");
  const portName = /^[+-]?\d+$/.test(port) ? await servicePortName(request, name, Number(port)) : port;
  const slices = request.registry.lister(endpointSlices).list(request.namespace);
  if (!slices.some((slice) => isOf(slice, name))) throw notFound({ group: "", resource: "services" }, name);
  const candidates = readyEndpoints(slices, name, portName).filter(({ endpoint }) => {
    // Whoever may write endpoints must not lead this server to addresses that are no pod's.
    const { kind, namespace, name: podName = "" } = endpoint.targetRef ?? {};
    if (kind !== "Pod" || (namespace !== undefined && namespace !== request.namespace)) return false;
    const pod = request.registry.lister(pods).get(request.namespace, podName);
    return pod?.status.podIPs?.some(({ ip }) => ip === endpoint.addresses[0]) ?? false;
  });
  const chosen = candidates[candidates.length === 0 ? 0 : randomInt(random, candidates.length)];
  if (!chosen) throw serviceUnavailable(`no endpoints available for service ${goQuote(request.name)}`);
  return pass(request, `${scheme}://${hostPort(chosen.endpoint.addresses[0] ?? "", String(chosen.port))}`, connector);
}

/** nodes/proxy: to the kubelet under the API server's identity, or to another port of the node under none. */
export async function nodeProxy(
  request: SubresourceRequest,
  kubelets: ProxyConnector,
  connector: ProxyConnector,
): Promise<HttpResponse> {
  const { scheme, name, port } = targetOf(request, "node");
  const kubelet = new URL(nodeUrl(await request.registry.resource(nodes).get("", name)));
  const ip = kubelet.hostname.replace(/^\[(.*)\]$/, "$1");
  // Differs from upstream: a node known by nothing but a name is not looked up.
  if (!isGlobalUnicast(ip)) throw badRequest("address not allowed");
  if (port === "" || port === kubelet.port) return pass(request, kubelet.origin, kubelets);
  return pass(request, `${scheme}://${hostPort(ip, port)}`, connector);
}

function pass(request: SubresourceRequest, origin: string, connector: ProxyConnector): Promise<HttpResponse> {
  if (!URL.canParse(origin)) throw serviceUnavailable(`error trying to reach service: invalid address ${origin}`);
  return proxyRequest({ http: request.http, origin, path: request.path }, connector);
}

function targetOf({ name: id }: SubresourceRequest, what: string): ProxyTarget {
  const parts = id.split(":");
  const [scheme = "", name = "", port = ""] = parts.length === 3 ? parts : ["", ...parts];
  if (parts.length > 3 || name === "" || (scheme !== "" && scheme !== "http" && scheme !== "https"))
    throw badRequest(`invalid ${what} request ${goQuote(id)}`);
  return { scheme: scheme === "https" ? "https" : "http", name, port };
}

async function servicePortName(
  { registry, namespace }: SubresourceRequest,
  name: string,
  port: number,
): Promise<string> {
  const service = await registry.resource(services).get(namespace, name);
  const found = service.spec.ports?.find((each) => each.port === port);
  if (!found) throw serviceUnavailable(`no service port ${port} found for service ${goQuote(name)}`);
  return found.name ?? "";
}

function isOf(slice: EndpointSlice, service: string): boolean {
  return slice.metadata.labels?.["kubernetes.io/service-name"] === service;
}

function hostPort(address: string, port: string): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return port === "" ? host : `${host}:${port}`;
}
