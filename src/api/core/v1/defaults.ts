/** Defaults of core/v1 that are no single value. Each takes the struct it is listed at, in normal form, and changes it in place. */
import { base64Encode, utf8Encode } from "../../../component-base/bytes.ts";
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type {
  Container,
  EphemeralContainer,
  ImageVolumeSource,
  LimitRangeItem,
  Namespace,
  NodeSpec,
  NodeStatus,
  Pod,
  PodSpec,
  PodStatus,
  ReplicationController,
  Secret,
  Service,
  Volume,
} from "./types.gen.ts";

/** A tag `latest`, written or implied by the absence of tag and digest, is pulled every time. */
export function imagePullPolicyOf(container: Container | EphemeralContainer): "Always" | "IfNotPresent" {
  return pullPolicyOfImage(container.image ?? "");
}

function pullPolicyOfImage(image: string): "Always" | "IfNotPresent" {
  const isLatest = /:latest(@|$)/.test(image) || (image !== "" && !/(@|:[^/]*$)/.test(image));
  return isLatest ? "Always" : "IfNotPresent";
}

export function imageVolumePullPolicy(source: Mutable<ImageVolumeSource>): void {
  source.pullPolicy ??= pullPolicyOfImage(source.reference ?? "");
}

/** `serviceAccount` is the old name of `serviceAccountName`; both are always written. */
export function mirrorServiceAccount(spec: Mutable<PodSpec>): void {
  const name = spec.serviceAccountName ?? spec.serviceAccount;
  if (name === undefined) return;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
}

/** A limit without a request requests as much. Pods only, not templates. */
export function requestsFromLimits(pod: Mutable<Pod>): void {
  for (const container of [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])]) {
    const { limits, requests } = container.resources;
    if (limits === undefined) continue;
    container.resources.requests = { ...limits, ...requests };
  }
}

/** Containers of a pod in the host's network own their ports there. */
export function hostPortsOfHostNetwork(pod: Mutable<Pod>): void {
  if (pod.spec.hostNetwork !== true) return;
  for (const container of [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])]) {
    for (const port of container.ports ?? []) if (port.containerPort !== 0) port.hostPort ??= port.containerPort;
  }
}

export function emptyDirUnlessSource(volume: Mutable<Volume>): void {
  for (const key in volume) if (key !== "name") return;
  volume.emptyDir = {};
}

/** `podIP` is the first of `podIPs`; a writer that knows only one of them is followed. */
export function mirrorPodIPs(status: Mutable<PodStatus>): void {
  const first = status.podIPs?.[0]?.ip;
  if (status.podIP !== undefined && status.podIP !== first) status.podIPs = [{ ip: status.podIP }];
  else if (first) status.podIP = first;
}

/** `podCIDR` is the first of `podCIDRs`. */
export function mirrorPodCIDRs(spec: Mutable<NodeSpec>): void {
  const first = spec.podCIDRs?.[0];
  if (spec.podCIDR !== undefined && spec.podCIDR !== first) spec.podCIDRs = [spec.podCIDR];
  else if (first) spec.podCIDR = first;
}

/** `stringData` is write-only: it ends up in `data`, over what is there. */
export function dataFromStringData(secret: Mutable<Secret>): void {
  if (secret.stringData === undefined) return;
  const data = (secret.data ??= {});
  for (const [key, text] of Object.entries(secret.stringData)) {
    Object.defineProperty(data, key, {
      value: base64Encode(utf8Encode(text)),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  delete secret.stringData;
}

/** Every namespace can be selected by its name. */
export function namespaceNameLabel(namespace: Mutable<Namespace>): void {
  const { name } = namespace.metadata;
  if (name) namespace.metadata.labels = { ...namespace.metadata.labels, "kubernetes.io/metadata.name": name };
}

export function allocatableFromCapacity(status: Mutable<NodeStatus>): void {
  if (status.allocatable === undefined && status.capacity !== undefined) status.allocatable = { ...status.capacity };
}

/** A container's default is its maximum, its default request its default, else its minimum. */
export function containerLimitDefaults(item: Mutable<LimitRangeItem>): void {
  if (item.type !== "Container") return;
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

export function selectorAndLabelsFromTemplate(controller: Mutable<ReplicationController>): void {
  const labels = controller.spec.template?.metadata.labels;
  if (labels === undefined) return;
  controller.spec.selector ??= { ...labels };
  controller.metadata.labels ??= { ...labels };
}

const clientAffinitySeconds = 10_800;

export function serviceDefaults(service: Mutable<Service>): void {
  const { spec } = service;
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === "ClientIP" && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: clientAffinitySeconds } };
  }
  for (const port of spec.ports ?? []) {
    port.protocol ??= "TCP";
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") port.targetPort = port.port;
  }
  const takesOutsideTraffic = spec.type === "NodePort" || spec.type === "LoadBalancer";
  if (takesOutsideTraffic || (spec.type === "ClusterIP" && spec.externalIPs !== undefined)) {
    spec.externalTrafficPolicy ??= "Cluster";
  }
  if (takesOutsideTraffic || spec.type === "ClusterIP") spec.internalTrafficPolicy ??= "Cluster";
  if (spec.type !== "LoadBalancer") return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of service.status.loadBalancer.ingress ?? [])
    if (ingress.ip !== undefined) ingress.ipMode ??= "VIP";
}
