import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import {
  ageColumn,
  nameColumn,
  scaleSubresource,
  statusSubresource,
} from "../../../apimachinery/schema/resource-schema.ts";
import { descriptions } from "./descriptions.ts";
import { controllerRevisionTypes } from "./controller-revision.ts";
import { daemonSetTypes } from "./daemon-set.ts";
import { deploymentTypes } from "./deployment.ts";
import { replicaSetTypes } from "./replica-set.ts";
import { statefulSetTypes } from "./stateful-set.ts";

export const appsV1: ApiVersionSchema = {
  group: "apps",
  version: "v1",
  folder: "apps/v1",
  goPackage: "io.k8s.api.apps.v1",
  types: [controllerRevisionTypes, daemonSetTypes, deploymentTypes, replicaSetTypes, statefulSetTypes],
  descriptions,
  resources: [
    {
      resource: "controllerrevisions",
      kind: "ControllerRevision",
      namespaced: true,
      storageVersionHash: "85nkx63pcBU=",
      columns: [nameColumn, { name: "Controller", type: "string" }, { name: "Revision", type: "string" }, ageColumn],
    },
    {
      resource: "daemonsets",
      kind: "DaemonSet",
      namespaced: true,
      shortNames: ["ds"],
      categories: ["all"],
      storageVersionHash: "dd7pWHUlMKQ=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Desired", type: "integer" },
        { name: "Current", type: "integer" },
        { name: "Ready", type: "integer" },
        { name: "Up-to-date", type: "integer" },
        { name: "Available", type: "integer" },
        { name: "Node Selector", type: "string" },
        ageColumn,
        { name: "Containers", type: "string", wide: true },
        { name: "Images", type: "string", wide: true },
        { name: "Selector", type: "string", wide: true },
      ],
    },
    {
      resource: "deployments",
      kind: "Deployment",
      namespaced: true,
      shortNames: ["deploy"],
      categories: ["all"],
      storageVersionHash: "8aSe+NMegvE=",
      subresources: [scaleSubresource, statusSubresource],
      columns: [
        nameColumn,
        { name: "Ready", type: "string" },
        { name: "Up-to-date", type: "string" },
        { name: "Available", type: "string" },
        ageColumn,
        { name: "Containers", type: "string", wide: true },
        { name: "Images", type: "string", wide: true },
        { name: "Selector", type: "string", wide: true },
      ],
    },
    {
      resource: "replicasets",
      kind: "ReplicaSet",
      namespaced: true,
      shortNames: ["rs"],
      categories: ["all"],
      storageVersionHash: "P1RzHs8/mWQ=",
      subresources: [scaleSubresource, statusSubresource],
      columns: [
        nameColumn,
        { name: "Desired", type: "integer" },
        { name: "Current", type: "integer" },
        { name: "Ready", type: "integer" },
        ageColumn,
        { name: "Containers", type: "string", wide: true },
        { name: "Images", type: "string", wide: true },
        { name: "Selector", type: "string", wide: true },
      ],
    },
    {
      resource: "statefulsets",
      kind: "StatefulSet",
      namespaced: true,
      shortNames: ["sts"],
      categories: ["all"],
      storageVersionHash: "H+vl74LkKdo=",
      subresources: [scaleSubresource, statusSubresource],
      columns: [
        nameColumn,
        { name: "Ready", type: "string" },
        ageColumn,
        { name: "Containers", type: "string", wide: true },
        { name: "Images", type: "string", wide: true },
      ],
    },
  ],
};
