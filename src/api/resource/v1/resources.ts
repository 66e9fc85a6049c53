import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { deviceClassTypes } from "./device-class.ts";
import { resourceClaimTypes } from "./resource-claim.ts";
import { resourceClaimTemplateTypes } from "./resource-claim-template.ts";
import { resourceSliceTypes } from "./resource-slice.ts";

export const resourceV1: ApiVersionSchema = {
  group: "resource.k8s.io",
  version: "v1",
  folder: "resource/v1",
  goPackage: "io.k8s.api.resource.v1",
  types: [resourceSliceTypes, deviceClassTypes, resourceClaimTemplateTypes, resourceClaimTypes],
  resources: [
    {
      resource: "deviceclasses",
      kind: "DeviceClass",
      namespaced: false,
      returnsDeletedObject: true,
      storageVersionHash: "Yk2PTc1Ybxk=",
    },
    {
      resource: "resourceclaims",
      kind: "ResourceClaim",
      namespaced: true,
      returnsDeletedObject: true,
      storageVersionHash: "wgAZaHcZxUg=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "State", type: "string", description: "How far it is: pending, allocated, reserved." },
        ageColumn,
      ],
    },
    {
      resource: "resourceclaimtemplates",
      kind: "ResourceClaimTemplate",
      namespaced: true,
      returnsDeletedObject: true,
      storageVersionHash: "TuzjC49aUfM=",
    },
    {
      resource: "resourceslices",
      kind: "ResourceSlice",
      namespaced: false,
      returnsDeletedObject: true,
      storageVersionHash: "KsC072WgaEY=",
      fieldSelectors: ["metadata.name", "spec.nodeName", "spec.driver"],
      columns: [
        nameColumn,
        { name: "Node", type: "string", of: "ResourceSliceSpec.nodeName" },
        { name: "Driver", type: "string", of: "ResourceSliceSpec.driver" },
        { name: "Pool", type: "string", of: "ResourcePool.name" },
        ageColumn,
      ],
    },
  ],
};
