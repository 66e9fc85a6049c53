import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { mirrorPodIPs } from "./defaults.ts";

export const podStatusTypes: TypeSchemas = {
  PodStatusResult: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      status: { type: "PodStatus", pb: 2 },
    },
  },
  PodStatus: {
    fields: {
      observedGeneration: { type: "int64", pb: 17 },
      phase: { type: "PodPhase", pb: 1 },
      conditions: {
        type: "[]PodCondition",
        pb: 2,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
      message: { type: "string", pb: 3 },
      reason: { type: "string", pb: 4 },
      nominatedNodeName: { type: "string", pb: 11 },
      hostIP: { type: "string", pb: 5 },
      hostIPs: { type: "[]HostIP", pb: 16, listType: "atomic", patchStrategy: ["merge"], patchMergeKey: "ip" },
      podIP: { type: "string", pb: 6 },
      podIPs: {
        type: "[]PodIP",
        pb: 12,
        listType: "map",
        listMapKeys: ["ip"],
        patchStrategy: ["merge"],
        patchMergeKey: "ip",
      },
      startTime: { type: "*Time", pb: 7 },
      initContainerStatuses: { type: "[]ContainerStatus", pb: 10, listType: "atomic" },
      containerStatuses: { type: "[]ContainerStatus", pb: 8, listType: "atomic" },
      qosClass: { type: "PodQOSClass", pb: 9 },
      ephemeralContainerStatuses: { type: "[]ContainerStatus", pb: 13, listType: "atomic" },
      resize: { type: "PodResizeStatus", pb: 14, gate: "InPlacePodVerticalScaling" },
      resourceClaimStatuses: {
        type: "[]PodResourceClaimStatus",
        pb: 15,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge", "retainKeys"],
        patchMergeKey: "name",
        gate: "DynamicResourceAllocation",
      },
      extendedResourceClaimStatus: { type: "*PodExtendedResourceClaimStatus", pb: 18, gate: "DRAExtendedResource" },
      allocatedResources: {
        type: "map[ResourceName]Quantity",
        pb: 19,
        gate: "InPlacePodLevelResourcesVerticalScaling",
      },
      resources: { type: "*ResourceRequirements", pb: 20, gate: "InPlacePodLevelResourcesVerticalScaling" },
      nodeAllocatableResourceClaimStatuses: {
        type: "[]NodeAllocatableResourceClaimStatus",
        pb: 21,
        listType: "atomic",
        gate: "DRANodeAllocatableResources",
      },
    },
    defaulters: [mirrorPodIPs],
  },
  PodPhase: { values: ["Failed", "Pending", "Running", "Succeeded", "Unknown"] },
  PodCondition: {
    fields: {
      type: { type: "PodConditionType", pb: 1, required: true },
      observedGeneration: { type: "int64", pb: 7 },
      status: { type: "ConditionStatus", pb: 2, required: true },
      lastProbeTime: { type: "Time", pb: 3 },
      lastTransitionTime: { type: "Time", pb: 4 },
      reason: { type: "string", pb: 5 },
      message: { type: "string", pb: 6 },
    },
  },
  PodConditionType: {
    known: [
      "AllContainersRestarting",
      "ContainersReady",
      "DisruptionTarget",
      "Initialized",
      "PodReadyToStartContainers",
      "PodResizeInProgress",
      "PodResizePending",
      "PodScheduled",
      "Ready",
    ],
  },
  HostIP: {
    fields: {
      ip: { type: "string", pb: 1, required: true },
    },
  },
  PodIP: {
    fields: {
      ip: { type: "string", pb: 1, required: true },
    },
  },
  ContainerStatus: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      state: { type: "ContainerState", pb: 2 },
      lastState: { type: "ContainerState", pb: 3 },
      ready: { type: "bool", pb: 4, required: true },
      restartCount: { type: "int32", pb: 5, required: true },
      image: { type: "string", pb: 6, required: true },
      imageID: { type: "string", pb: 7, required: true },
      containerID: { type: "string", pb: 8 },
      started: { type: "*bool", pb: 9 },
      allocatedResources: { type: "map[ResourceName]Quantity", pb: 10 },
      resources: { type: "*ResourceRequirements", pb: 11, gate: "InPlacePodVerticalScaling" },
      volumeMounts: {
        type: "[]VolumeMountStatus",
        pb: 12,
        listType: "map",
        listMapKeys: ["mountPath"],
        patchStrategy: ["merge"],
        patchMergeKey: "mountPath",
      },
      user: { type: "*ContainerUser", pb: 13, gate: "SupplementalGroupsPolicy" },
      allocatedResourcesStatus: {
        type: "[]ResourceStatus",
        pb: 14,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
        gate: "ResourceHealthStatus",
      },
      stopSignal: { type: "*Signal", pb: 15, gate: "ContainerStopSignals" },
    },
  },
  ContainerState: {
    fields: {
      waiting: { type: "*ContainerStateWaiting", pb: 1 },
      running: { type: "*ContainerStateRunning", pb: 2 },
      terminated: { type: "*ContainerStateTerminated", pb: 3 },
    },
  },
  ContainerStateWaiting: {
    fields: {
      reason: { type: "string", pb: 1 },
      message: { type: "string", pb: 2 },
    },
  },
  ContainerStateRunning: {
    fields: {
      startedAt: { type: "Time", pb: 1 },
    },
  },
  ContainerStateTerminated: {
    fields: {
      exitCode: { type: "int32", pb: 1, required: true },
      signal: { type: "int32", pb: 2 },
      reason: { type: "string", pb: 3 },
      message: { type: "string", pb: 4 },
      startedAt: { type: "Time", pb: 5 },
      finishedAt: { type: "Time", pb: 6 },
      containerID: { type: "string", pb: 7 },
    },
  },
  VolumeMountStatus: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      mountPath: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
      recursiveReadOnly: { type: "*RecursiveReadOnlyMode", pb: 4 },
      volumeStatus: { type: "*VolumeStatus", pb: 5 },
    },
  },
  VolumeStatus: {
    fields: {
      image: { type: "*ImageVolumeStatus", pb: 1, gate: "ImageVolumeWithDigest" },
    },
  },
  ImageVolumeStatus: {
    fields: {
      imageRef: { type: "string", pb: 1, required: true, omit: true },
    },
  },
  ContainerUser: {
    fields: {
      linux: { type: "*LinuxContainerUser", pb: 1 },
    },
  },
  LinuxContainerUser: {
    fields: {
      uid: { type: "int64", pb: 1, required: true },
      gid: { type: "int64", pb: 2, required: true },
      supplementalGroups: { type: "[]int64", pb: 3, listType: "atomic" },
    },
  },
  ResourceStatus: {
    fields: {
      name: { type: "ResourceName", pb: 1, required: true },
      resources: { type: "[]ResourceHealth", pb: 2, listType: "map", listMapKeys: ["resourceID"] },
    },
  },
  ResourceHealth: {
    fields: {
      resourceID: { type: "string", pb: 1, required: true },
      health: { type: "ResourceHealthStatus", pb: 2 },
      message: { type: "*string", pb: 6, gate: "ResourceHealthStatusMessage" },
    },
  },
  ResourceHealthStatus: { known: ["Healthy", "Unhealthy", "Unknown"] },
  PodQOSClass: { values: ["BestEffort", "Burstable", "Guaranteed"] },
  PodResourceClaimStatus: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      resourceClaimName: { type: "*string", pb: 2 },
    },
  },
  PodExtendedResourceClaimStatus: {
    fields: {
      requestMappings: { type: "[]ContainerExtendedResourceRequest", pb: 1, required: true, listType: "atomic" },
      resourceClaimName: { type: "string", pb: 2, required: true },
    },
  },
  ContainerExtendedResourceRequest: {
    fields: {
      containerName: { type: "string", pb: 1, required: true },
      resourceName: { type: "string", pb: 2, required: true },
      requestName: { type: "string", pb: 3, required: true },
    },
  },
  NodeAllocatableResourceClaimStatus: {
    fields: {
      resourceClaimName: { type: "string", pb: 1, required: true },
      containers: { type: "[]string", pb: 2, listType: "set" },
      resources: { type: "map[ResourceName]Quantity", pb: 3, required: true },
    },
  },
};
