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
      columns: [
        nameColumn,
        { name: "Controller", type: "string", description: "Whose state it keeps." },
        { name: "Revision", type: "string", of: "ControllerRevision.revision" },
        ageColumn,
      ],
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
        { name: "Desired", type: "integer", of: "DaemonSetStatus.desiredNumberScheduled" },
        { name: "Current", type: "integer", of: "DaemonSetStatus.currentNumberScheduled" },
        { name: "Ready", type: "integer", of: "DaemonSetStatus.numberReady" },
        { name: "Up-to-date", type: "integer", of: "DaemonSetStatus.updatedNumberScheduled" },
        { name: "Available", type: "integer", of: "DaemonSetStatus.numberAvailable" },
        { name: "Node Selector", type: "string", of: "core/v1.PodSpec.nodeSelector" },
        ageColumn,
        { name: "Containers", type: "string", description: "The names of the containers in the template.", wide: true },
        { name: "Images", type: "string", description: "The images of the containers in the template.", wide: true },
        { name: "Selector", type: "string", description: "The labels of the pods it is about.", wide: true },
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
        { name: "Ready", type: "string", description: "How many of its pods are ready, of all wanted." },
        { name: "Up-to-date", type: "string", of: "DeploymentStatus.updatedReplicas" },
        { name: "Available", type: "string", of: "DeploymentStatus.availableReplicas" },
        ageColumn,
        { name: "Containers", type: "string", description: "The names of the containers in the template.", wide: true },
        { name: "Images", type: "string", description: "The images of the containers in the template.", wide: true },
        { name: "Selector", type: "string", description: "The labels of the pods it is about.", wide: true },
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
        { name: "Desired", type: "integer", of: "ReplicaSetSpec.replicas" },
        { name: "Current", type: "integer", of: "ReplicaSetStatus.replicas" },
        { name: "Ready", type: "integer", of: "ReplicaSetStatus.readyReplicas" },
        ageColumn,
        { name: "Containers", type: "string", description: "The names of the containers in the template.", wide: true },
        { name: "Images", type: "string", description: "The images of the containers in the template.", wide: true },
        { name: "Selector", type: "string", description: "The labels of the pods it is about.", wide: true },
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
        { name: "Ready", type: "string", description: "How many of its pods are ready, of all wanted." },
        ageColumn,
        { name: "Containers", type: "string", description: "The names of the containers in the template.", wide: true },
        { name: "Images", type: "string", description: "The images of the containers in the template.", wide: true },
      ],
    },
  ],
};
