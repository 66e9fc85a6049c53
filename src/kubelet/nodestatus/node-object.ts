import type { Node, NodeAddress, NodeCondition, NodeStatus } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { Image, VersionResponse } from "../../cri-api/runtime/v1/types.ts";
import type { ResolvedConfig } from "../config.ts";
import type { HostFacts } from "../ports.ts";

// As many images as upstream reports, largest first.
const imagesMax = 50;
const imageNamesMax = 5;

export interface NodeFacts {
  readonly nodeName: string;
  readonly host: HostFacts;
  readonly addresses: readonly NodeAddress[];
  readonly runtime: VersionResponse | undefined;
  readonly images: readonly Image[];
}

/** The Node a kubelet registers itself with, without status. */
export function initialNode(facts: NodeFacts, config: ResolvedConfig): Input<Node> {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: facts.nodeName,
      labels: { ...defaultLabels(facts), ...config.nodeLabels },
      annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true", ...config.nodeAnnotations },
    },
    spec: {
      ...(config.providerId === "" ? {} : { providerID: config.providerId }),
      ...(config.registerWithTaints.length === 0 ? {} : { taints: config.registerWithTaints }),
    },
  };
}

/** What the kubelet knows of its node while the API server has not told it otherwise. */
export function unregisteredNode(
  nodeName: string,
  host: HostFacts,
  addresses: readonly NodeAddress[],
  config: ResolvedConfig,
): Node {
  const facts: NodeFacts = { nodeName, host, addresses, runtime: undefined, images: [] };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: nodeName,
      uid: "",
      resourceVersion: "0",
      creationTimestamp: "1970-01-01T00:00:00Z",
      labels: { ...defaultLabels(facts), ...config.nodeLabels },
    },
    spec: { taints: config.registerWithTaints },
    status: nodeStatus(facts, config),
  };
}

/** The labels the kubelet keeps right on its Node. */
export function defaultLabels({ nodeName, host, addresses }: NodeFacts): Readonly<Record<string, string>> {
  const hostname = addresses.find((a) => a.type === "Hostname")?.address ?? nodeName;
  return {
    "beta.kubernetes.io/arch": host.architecture,
    "beta.kubernetes.io/os": host.operatingSystem,
    "kubernetes.io/arch": host.architecture,
    "kubernetes.io/hostname": hostname,
    "kubernetes.io/os": host.operatingSystem,
  };
}

/** What the node has, and what of it pods may use. */
export function nodeResources(
  host: HostFacts,
  config: ResolvedConfig,
): Required<Pick<NodeStatus, "capacity" | "allocatable">> {
  const shared = { cpu: String(host.cpus), "hugepages-1Gi": "0", "hugepages-2Mi": "0", pods: String(config.maxPods) };
  const memoryKi = Math.floor(host.memoryBytes / 1024);
  return {
    capacity: {
      ...shared,
      "ephemeral-storage": canonical(`${Math.floor(host.ephemeralStorageBytes / 1024)}Ki`),
      memory: canonical(`${memoryKi}Ki`),
    },
    allocatable: {
      ...shared,
      // A tenth of the disk is where eviction would begin.
      "ephemeral-storage": String(Math.floor(host.ephemeralStorageBytes * 0.9)),
      memory: canonical(`${Math.max(0, memoryKi - Math.floor(config.memoryReservedBytes / 1024))}Ki`),
    },
  };
}

/** As the server stores it: what is reported must compare equal with what is known. */
function canonical(quantity: string): string {
  return Quantity.parse(quantity).toString();
}

/** The status but its conditions. */
export function nodeStatus(facts: NodeFacts, config: ResolvedConfig): Omit<NodeStatus, "conditions"> {
  const { host, runtime } = facts;
  return {
    ...nodeResources(host, config),
    addresses: facts.addresses,
    daemonEndpoints: { kubeletEndpoint: { Port: config.port } },
    nodeInfo: {
      machineID: host.machineId,
      systemUUID: host.systemUuid,
      bootID: host.bootId,
      kernelVersion: host.kernelVersion,
      osImage: host.osImage,
      containerRuntimeVersion: runtime ? `${runtime.runtimeName}://${runtime.runtimeVersion.replace(/^v/, "")}` : "",
      kubeletVersion: config.kubeletVersion,
      // Deprecated upstream and always empty there, but the field is not optional.
      kubeProxyVersion: "",
      operatingSystem: host.operatingSystem,
      architecture: host.architecture,
    },
    images: facts.images
      .map((image) => ({ names: imageNames(image), sizeBytes: image.sizeBytes }))
      .filter((image) => image.names.length > 0)
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, imagesMax),
  };
}

function imageNames(image: Image): string[] {
  return [...image.repoDigests, ...image.repoTags].slice(0, imageNamesMax);
}

/**
 * The kubelet's conditions; `problem` is why the node is not ready.
 *
 * Differs from upstream: pressure is not measured yet, so those three are always False.
 */
export function nodeConditions(
  problem: string | undefined,
  known: readonly NodeCondition[],
  now: string,
): NodeCondition[] {
  const make = (type: string, status: "True" | "False", reason: string, message: string): NodeCondition => {
    const before = known.find((c) => c.type === type);
    const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
  };
  return [
    make("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    make("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    make("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    problem === undefined
      ? make("Ready", "True", "KubeletReady", "kubelet is posting ready status")
      : make("Ready", "False", "KubeletNotReady", problem),
  ];
}
