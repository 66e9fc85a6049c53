import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const deviceClassTypes: TypeSchemas = {
  DeviceClass: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "DeviceClassSpec", pb: 2, required: true },
    },
  },
  DeviceClassSpec: {
    fields: {
      selectors: { type: "[]DeviceSelector", pb: 1, listType: "atomic" },
      config: { type: "[]DeviceClassConfiguration", pb: 2, listType: "atomic" },
      extendedResourceName: { type: "*string", pb: 4, gate: "DRAExtendedResource" },
    },
  },
  DeviceSelector: {
    fields: {
      cel: { type: "*CELDeviceSelector", pb: 1, oneOf: "SelectorType" },
    },
  },
  CELDeviceSelector: {
    fields: {
      expression: { type: "string", pb: 1, required: true },
    },
  },
  DeviceClassConfiguration: {
    fields: {
      DeviceConfiguration: { inline: true, pb: 1 },
    },
  },
  DeviceConfiguration: {
    fields: {
      opaque: { type: "*OpaqueDeviceConfiguration", pb: 1, oneOf: "ConfigurationType" },
    },
  },
  OpaqueDeviceConfiguration: {
    fields: {
      driver: { type: "string", pb: 1, required: true },
      parameters: { type: "RawExtension", pb: 2, required: true },
    },
  },
  DeviceClassList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]DeviceClass", pb: 2, required: true },
    },
  },
};
