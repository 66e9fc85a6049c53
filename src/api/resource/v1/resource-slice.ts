import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const resourceSliceTypes: TypeSchemas = {
  ResourceSlice: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ResourceSliceSpec", pb: 2, required: true },
    },
  },
  ResourceSliceSpec: {
    fields: {
      driver: { type: "string", pb: 1, required: true },
      pool: { type: "ResourcePool", pb: 2, required: true },
      nodeName: { type: "*string", pb: 3, oneOf: "NodeSelection" },
      nodeSelector: { type: "*core/v1.NodeSelector", pb: 4, oneOf: "NodeSelection" },
      allNodes: { type: "*bool", pb: 5, oneOf: "NodeSelection" },
      devices: { type: "[]Device", pb: 6, listType: "atomic", zeroOrOneOf: "ResourceSliceType" },
      perDeviceNodeSelection: { type: "*bool", pb: 7, gate: "DRAPartitionableDevices", oneOf: "NodeSelection" },
      sharedCounters: {
        type: "[]CounterSet",
        pb: 8,
        listType: "atomic",
        gate: "DRAPartitionableDevices",
        zeroOrOneOf: "ResourceSliceType",
      },
    },
  },
  ResourcePool: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      generation: { type: "int64", pb: 2, required: true },
      resourceSliceCount: { type: "int64", pb: 3, required: true },
    },
  },
  Device: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      attributes: { type: "map[string]DeviceAttribute", pb: 2 },
      capacity: { type: "map[string]DeviceCapacity", pb: 3 },
      consumesCounters: {
        type: "[]DeviceCounterConsumption",
        pb: 4,
        listType: "atomic",
        gate: "DRAPartitionableDevices",
      },
      nodeName: { type: "*string", pb: 5, gate: "DRAPartitionableDevices", oneOf: "DeviceNodeSelection" },
      nodeSelector: {
        type: "*core/v1.NodeSelector",
        pb: 6,
        gate: "DRAPartitionableDevices",
        oneOf: "DeviceNodeSelection",
      },
      allNodes: { type: "*bool", pb: 7, gate: "DRAPartitionableDevices", oneOf: "DeviceNodeSelection" },
      taints: { type: "[]DeviceTaint", pb: 8, listType: "atomic", gate: "DRADeviceTaints" },
      bindsToNode: { type: "*bool", pb: 9, gate: "DRADeviceBindingConditions,DRAResourceClaimDeviceStatus" },
      bindingConditions: {
        type: "[]string",
        pb: 10,
        listType: "atomic",
        gate: "DRADeviceBindingConditions,DRAResourceClaimDeviceStatus",
      },
      bindingFailureConditions: {
        type: "[]string",
        pb: 11,
        listType: "atomic",
        gate: "DRADeviceBindingConditions,DRAResourceClaimDeviceStatus",
      },
      allowMultipleAllocations: { type: "*bool", pb: 12, gate: "DRAConsumableCapacity" },
      nodeAllocatableResourceMappings: {
        type: "map[core/v1.ResourceName]NodeAllocatableResourceMapping",
        pb: 13,
        gate: "DRANodeAllocatableResources",
      },
    },
  },
  DeviceAttribute: {
    fields: {
      int: { type: "*int64", pb: 2 },
      bool: { type: "*bool", pb: 3 },
      string: { type: "*string", pb: 4 },
      version: { type: "*string", pb: 5 },
      ints: { type: "[]int64", pb: 6, listType: "atomic", gate: "DRAListTypeAttributes" },
      bools: { type: "[]bool", pb: 7, listType: "atomic", gate: "DRAListTypeAttributes" },
      strings: { type: "[]string", pb: 8, listType: "atomic", gate: "DRAListTypeAttributes" },
      versions: { type: "[]string", pb: 9, listType: "atomic", gate: "DRAListTypeAttributes" },
    },
  },
  DeviceCapacity: {
    fields: {
      value: { type: "Quantity", pb: 1, required: true },
      requestPolicy: { type: "*CapacityRequestPolicy", pb: 2, gate: "DRAConsumableCapacity" },
    },
  },
  CapacityRequestPolicy: {
    fields: {
      default: { type: "*Quantity", pb: 1, omit: false },
      validValues: { type: "[]Quantity", pb: 3, listType: "atomic", oneOf: "ValidRequestValues" },
      validRange: { type: "*CapacityRequestPolicyRange", pb: 4, oneOf: "ValidRequestValues" },
    },
  },
  CapacityRequestPolicyRange: {
    fields: {
      min: { type: "*Quantity", pb: 1, required: true, omit: true },
      max: { type: "*Quantity", pb: 2 },
      step: { type: "*Quantity", pb: 3 },
    },
  },
  DeviceCounterConsumption: {
    fields: {
      counterSet: { type: "string", pb: 1, required: true },
      counters: { type: "map[string]Counter", pb: 2, required: true, omit: true },
    },
  },
  Counter: {
    fields: {
      value: { type: "Quantity", pb: 1, required: true },
    },
  },
  DeviceTaint: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      value: { type: "string", pb: 2 },
      effect: { type: "DeviceTaintEffect", pb: 3, required: true },
      timeAdded: { type: "*Time", pb: 4 },
    },
  },
  DeviceTaintEffect: { values: ["NoExecute", "NoSchedule", "None"] },
  NodeAllocatableResourceMapping: {
    fields: {
      capacityKey: { type: "*string", pb: 1 },
      allocationMultiplier: { type: "*Quantity", pb: 2 },
    },
  },
  CounterSet: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      counters: { type: "map[string]Counter", pb: 2, required: true, omit: true },
    },
  },
  CapacityRequirements: {
    fields: {
      requests: { type: "map[string]Quantity", pb: 1 },
    },
  },
  ResourceSliceList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ResourceSlice", pb: 2, required: true },
    },
  },
};
