import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { allocatableFromCapacity, mirrorPodCIDRs } from "./defaults.ts";

export const nodeTypes: TypeSchemas = {
  Node: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "NodeSpec", pb: 2 },
      status: { type: "NodeStatus", pb: 3 },
    },
  },
  NodeSpec: {
    fields: {
      podCIDR: { type: "string", pb: 1 },
      podCIDRs: { type: "[]string", pb: 7, listType: "set", patchStrategy: ["merge"] },
      providerID: { type: "string", pb: 3 },
      unschedulable: { type: "bool", pb: 4 },
      taints: { type: "[]Taint", pb: 5, listType: "atomic" },
      configSource: { type: "*NodeConfigSource", pb: 6 },
      externalID: { type: "string", pb: 2 },
    },
    defaulters: [mirrorPodCIDRs],
  },
  NodeConfigSource: {
    fields: {
      configMap: { type: "*ConfigMapNodeConfigSource", pb: 2 },
    },
  },
  ConfigMapNodeConfigSource: {
    fields: {
      namespace: { type: "string", pb: 1, required: true },
      name: { type: "string", pb: 2, required: true },
      uid: { type: "string", pb: 3 },
      resourceVersion: { type: "string", pb: 4 },
      kubeletConfigKey: { type: "string", pb: 5, required: true },
    },
  },
  NodeStatus: {
    fields: {
      capacity: { type: "map[ResourceName]Quantity", pb: 1 },
      allocatable: { type: "map[ResourceName]Quantity", pb: 2 },
      phase: { type: "NodePhase", pb: 3 },
      conditions: {
        type: "[]NodeCondition",
        pb: 4,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
      addresses: {
        type: "[]NodeAddress",
        pb: 5,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
      daemonEndpoints: { type: "NodeDaemonEndpoints", pb: 6 },
      nodeInfo: { type: "NodeSystemInfo", pb: 7 },
      images: { type: "[]ContainerImage", pb: 8, listType: "atomic" },
      volumesInUse: { type: "[]string", pb: 9, listType: "atomic" },
      volumesAttached: { type: "[]AttachedVolume", pb: 10, listType: "atomic" },
      config: { type: "*NodeConfigStatus", pb: 11 },
      runtimeHandlers: { type: "[]NodeRuntimeHandler", pb: 12, listType: "atomic" },
      features: { type: "*NodeFeatures", pb: 13, gate: "SupplementalGroupsPolicy" },
      declaredFeatures: { type: "[]string", pb: 14, listType: "atomic", gate: "NodeDeclaredFeatures" },
    },
    defaulters: [allocatableFromCapacity],
  },
  NodePhase: { values: ["Pending", "Running", "Terminated"] },
  NodeCondition: {
    fields: {
      type: { type: "NodeConditionType", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      lastHeartbeatTime: { type: "Time", pb: 3 },
      lastTransitionTime: { type: "Time", pb: 4 },
      reason: { type: "string", pb: 5 },
      message: { type: "string", pb: 6 },
    },
  },
  NodeConditionType: { known: ["DiskPressure", "MemoryPressure", "NetworkUnavailable", "PIDPressure", "Ready"] },
  NodeAddress: {
    fields: {
      type: { type: "NodeAddressType", pb: 1, required: true },
      address: { type: "string", pb: 2, required: true },
    },
  },
  NodeAddressType: { known: ["ExternalDNS", "ExternalIP", "Hostname", "InternalDNS", "InternalIP"] },
  NodeDaemonEndpoints: {
    fields: {
      kubeletEndpoint: { type: "DaemonEndpoint", pb: 1 },
    },
  },
  DaemonEndpoint: {
    fields: {
      Port: { type: "int32", pb: 1, required: true },
    },
  },
  NodeSystemInfo: {
    fields: {
      machineID: { type: "string", pb: 1, required: true },
      systemUUID: { type: "string", pb: 2, required: true },
      bootID: { type: "string", pb: 3, required: true },
      kernelVersion: { type: "string", pb: 4, required: true },
      osImage: { type: "string", pb: 5, required: true },
      containerRuntimeVersion: { type: "string", pb: 6, required: true },
      kubeletVersion: { type: "string", pb: 7, required: true },
      kubeProxyVersion: { type: "string", pb: 8, required: true },
      operatingSystem: { type: "string", pb: 9, required: true },
      architecture: { type: "string", pb: 10, required: true },
      swap: { type: "*NodeSwapStatus", pb: 11 },
    },
  },
  NodeSwapStatus: {
    fields: {
      capacity: { type: "*int64", pb: 1 },
    },
  },
  ContainerImage: {
    fields: {
      names: { type: "[]string", pb: 1, omit: false, listType: "atomic" },
      sizeBytes: { type: "int64", pb: 2 },
    },
  },
  AttachedVolume: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      devicePath: { type: "string", pb: 2, required: true },
    },
  },
  NodeConfigStatus: {
    fields: {
      assigned: { type: "*NodeConfigSource", pb: 1 },
      active: { type: "*NodeConfigSource", pb: 2 },
      lastKnownGood: { type: "*NodeConfigSource", pb: 3 },
      error: { type: "string", pb: 4 },
    },
  },
  NodeRuntimeHandler: {
    fields: {
      name: { type: "string", pb: 1, omit: false },
      features: { type: "*NodeRuntimeHandlerFeatures", pb: 2 },
    },
  },
  NodeRuntimeHandlerFeatures: {
    fields: {
      recursiveReadOnlyMounts: { type: "*bool", pb: 1 },
      userNamespaces: { type: "*bool", pb: 2 },
    },
  },
  NodeFeatures: {
    fields: {
      supplementalGroupsPolicy: { type: "*bool", pb: 1 },
    },
  },
  AvoidPods: {
    fields: {
      preferAvoidPods: { type: "[]PreferAvoidPodsEntry", pb: 1, listType: "atomic" },
    },
  },
  PreferAvoidPodsEntry: {
    fields: {
      podSignature: { type: "PodSignature", pb: 1, required: true },
      evictionTime: { type: "Time", pb: 2 },
      reason: { type: "string", pb: 3 },
      message: { type: "string", pb: 4 },
    },
  },
  PodSignature: {
    fields: {
      podController: { type: "*meta/v1.OwnerReference", pb: 1 },
    },
  },
  NodeList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Node", pb: 2, required: true },
    },
  },
};
