import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { exactCount } from "./defaults.ts";

export const resourceClaimTypes: TypeSchemas = {
  ResourceClaim: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ResourceClaimSpec", pb: 2, required: true },
      status: { type: "ResourceClaimStatus", pb: 3 },
    },
  },
  ResourceClaimSpec: {
    fields: {
      devices: { type: "DeviceClaim", pb: 1, omit: false },
    },
  },
  DeviceClaim: {
    fields: {
      requests: { type: "[]DeviceRequest", pb: 1, omit: false, listType: "atomic" },
      constraints: { type: "[]DeviceConstraint", pb: 2, listType: "atomic" },
      config: { type: "[]DeviceClaimConfiguration", pb: 3, listType: "atomic" },
    },
  },
  DeviceRequest: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      exactly: { type: "*ExactDeviceRequest", pb: 2, oneOf: "deviceRequestType" },
      firstAvailable: {
        type: "[]DeviceSubRequest",
        pb: 3,
        listType: "atomic",
        gate: "DRAPrioritizedList",
        oneOf: "deviceRequestType",
      },
    },
  },
  ExactDeviceRequest: {
    fields: {
      deviceClassName: { type: "string", pb: 1, required: true },
      selectors: { type: "[]DeviceSelector", pb: 2, listType: "atomic" },
      allocationMode: { type: "DeviceAllocationMode", pb: 3 },
      count: { type: "int64", pb: 4, oneOf: "AllocationMode" },
      adminAccess: { type: "*bool", pb: 5, gate: "DRAAdminAccess" },
      tolerations: { type: "[]DeviceToleration", pb: 6, listType: "atomic", gate: "DRADeviceTaints" },
      capacity: { type: "*CapacityRequirements", pb: 7, gate: "DRAConsumableCapacity" },
    },
    defaults: {
      allocationMode: "ExactCount",
    },
    defaulters: [exactCount],
  },
  DeviceAllocationMode: { values: ["All", "ExactCount"] },
  DeviceToleration: {
    fields: {
      key: { type: "string", pb: 1 },
      operator: { type: "DeviceTolerationOperator", pb: 2, default: "Equal" },
      value: { type: "string", pb: 3 },
      effect: { type: "DeviceTaintEffect", pb: 4 },
      tolerationSeconds: { type: "*int64", pb: 5 },
    },
  },
  DeviceTolerationOperator: { values: ["Equal", "Exists"] },
  DeviceSubRequest: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      deviceClassName: { type: "string", pb: 2, required: true },
      selectors: { type: "[]DeviceSelector", pb: 3, listType: "atomic" },
      allocationMode: { type: "DeviceAllocationMode", pb: 4 },
      count: { type: "int64", pb: 5, oneOf: "AllocationMode" },
      tolerations: { type: "[]DeviceToleration", pb: 6, listType: "atomic", gate: "DRADeviceTaints" },
      capacity: { type: "*CapacityRequirements", pb: 7, gate: "DRAConsumableCapacity" },
    },
    defaults: {
      allocationMode: "ExactCount",
    },
    defaulters: [exactCount],
  },
  DeviceConstraint: {
    fields: {
      requests: { type: "[]string", pb: 1, listType: "atomic" },
      matchAttribute: { type: "*string", pb: 2, oneOf: "ConstraintType" },
      distinctAttribute: { type: "*string", pb: 3, gate: "DRAConsumableCapacity", oneOf: "ConstraintType" },
    },
  },
  DeviceClaimConfiguration: {
    fields: {
      requests: { type: "[]string", pb: 1, listType: "atomic" },
      DeviceConfiguration: { inline: true, pb: 2 },
    },
  },
  ResourceClaimStatus: {
    fields: {
      allocation: { type: "*AllocationResult", pb: 1 },
      reservedFor: {
        type: "[]ResourceClaimConsumerReference",
        pb: 2,
        listType: "map",
        listMapKeys: ["uid"],
        patchStrategy: ["merge"],
        patchMergeKey: "uid",
      },
      devices: {
        type: "[]AllocatedDeviceStatus",
        pb: 4,
        listType: "map",
        listMapKeys: ["driver", "device", "pool", "shareID"],
        gate: "DRAResourceClaimDeviceStatus",
      },
    },
  },
  AllocationResult: {
    fields: {
      devices: { type: "DeviceAllocationResult", pb: 1 },
      nodeSelector: { type: "*core/v1.NodeSelector", pb: 3 },
      allocationTimestamp: { type: "*Time", pb: 5, gate: "DRADeviceBindingConditions,DRAResourceClaimDeviceStatus" },
    },
  },
  DeviceAllocationResult: {
    fields: {
      results: { type: "[]DeviceRequestAllocationResult", pb: 1, listType: "atomic" },
      config: { type: "[]DeviceAllocationConfiguration", pb: 2, listType: "atomic" },
    },
  },
  DeviceRequestAllocationResult: {
    fields: {
      request: { type: "string", pb: 1, required: true },
      driver: { type: "string", pb: 2, required: true },
      pool: { type: "string", pb: 3, required: true },
      device: { type: "string", pb: 4, required: true },
      adminAccess: { type: "*bool", pb: 5, gate: "DRAAdminAccess" },
      tolerations: { type: "[]DeviceToleration", pb: 6, listType: "atomic", gate: "DRADeviceTaints" },
      bindingConditions: {
        type: "[]string",
        pb: 7,
        listType: "atomic",
        gate: "DRADeviceBindingConditions,DRAResourceClaimDeviceStatus",
      },
      bindingFailureConditions: {
        type: "[]string",
        pb: 8,
        listType: "atomic",
        gate: "DRADeviceBindingConditions,DRAResourceClaimDeviceStatus",
      },
      shareID: { type: "*string", pb: 9, gate: "DRAConsumableCapacity" },
      consumedCapacity: { type: "map[string]Quantity", pb: 10, gate: "DRAConsumableCapacity" },
    },
  },
  DeviceAllocationConfiguration: {
    fields: {
      source: { type: "AllocationConfigSource", pb: 1, required: true },
      requests: { type: "[]string", pb: 2, listType: "atomic" },
      DeviceConfiguration: { inline: true, pb: 3 },
    },
  },
  AllocationConfigSource: { values: ["FromClaim", "FromClass"] },
  ResourceClaimConsumerReference: {
    fields: {
      apiGroup: { type: "string", pb: 1 },
      resource: { type: "string", pb: 3, required: true },
      name: { type: "string", pb: 4, required: true },
      uid: { type: "string", pb: 5, required: true },
    },
  },
  AllocatedDeviceStatus: {
    fields: {
      driver: { type: "string", pb: 1, required: true },
      pool: { type: "string", pb: 2, required: true },
      device: { type: "string", pb: 3, required: true },
      shareID: { type: "*string", pb: 7, gate: "DRAConsumableCapacity" },
      conditions: { type: "[]meta/v1.Condition", pb: 4, omit: false, listType: "map", listMapKeys: ["type"] },
      data: { type: "*RawExtension", pb: 5 },
      networkData: { type: "*NetworkDeviceData", pb: 6 },
    },
  },
  NetworkDeviceData: {
    fields: {
      interfaceName: { type: "string", pb: 1 },
      ips: { type: "[]string", pb: 2, listType: "atomic" },
      hardwareAddress: { type: "string", pb: 3 },
    },
  },
  ResourceClaimList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ResourceClaim", pb: 2, required: true },
    },
  },
};
