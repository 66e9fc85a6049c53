import type { Node, NodeAddress, NodeCondition, NodeStatus } from "../../api/core/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { Image, VersionResponse } from "../../cri-api/runtime/v1/types.ts";
import type { ResolvedConfig } from "../config.ts";
import { type Pressure, pressures } from "../eviction/thresholds.ts";
import type { HostFacts } from "../ports.ts";
import { nodeResources } from "./node-allocatable.ts";

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
      .slice(0, config.nodeStatusMaxImages < 0 ? undefined : config.nodeStatusMaxImages),
  };
}

function imageNames(image: Image): string[] {
  return [...image.repoDigests, ...image.repoTags].slice(0, imageNamesMax);
}

/** The texts of a pressure, without it and under it. */
const pressureTexts: Readonly<Record<Pressure, readonly [readonly [string, string], readonly [string, string]]>> = {
  MemoryPressure: [
    ["KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
    ["KubeletHasInsufficientMemory", "kubelet has insufficient memory available"],
  ],
  DiskPressure: [
    ["KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
    ["KubeletHasDiskPressure", "kubelet has disk pressure"],
  ],
  PIDPressure: [
    ["KubeletHasSufficientPID", "kubelet has sufficient PID available"],
    ["KubeletHasInsufficientPID", "kubelet has insufficient PID available"],
  ],
};

/** The kubelet's conditions; `problem` is why the node is not ready. */
export function nodeConditions(
  problem: string | undefined,
  isUnder: (pressure: Pressure) => boolean,
  known: readonly NodeCondition[],
  now: string,
): NodeCondition[] {
  const make = (type: string, status: "True" | "False", reason: string, message: string): NodeCondition => {
    const before = known.find((c) => c.type === type);
    const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
  };
  return [
    ...pressures.map((pressure) => {
      const [relaxed, pressed] = pressureTexts[pressure];
      const [reason, message] = isUnder(pressure) ? pressed : relaxed;
      return make(pressure, isUnder(pressure) ? "True" : "False", reason, message);
    }),
    problem === undefined
      ? make("Ready", "True", "KubeletReady", "kubelet is posting ready status")
      : make("Ready", "False", "KubeletNotReady", problem),
  ];
}
