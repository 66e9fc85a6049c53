import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn } from "../../../apimachinery/schema/resource-schema.ts";
import { descriptions } from "./descriptions.ts";
import { roleTypes } from "./role.ts";
import { roleBindingTypes } from "./role-binding.ts";

export const rbacV1: ApiVersionSchema = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  folder: "rbac/v1",
  goPackage: "io.k8s.api.rbac.v1",
  types: [roleTypes, roleBindingTypes],
  descriptions,
  resources: [
    {
      resource: "clusterrolebindings",
      kind: "ClusterRoleBinding",
      namespaced: false,
      storageVersionHash: "48tpQ8gZHFc=",
      columns: [
        nameColumn,
        { name: "Role", type: "string", of: "ClusterRoleBinding.roleRef" },
        ageColumn,
        { name: "Users", type: "string", description: "The users it is for.", wide: true },
        { name: "Groups", type: "string", description: "The groups it is for.", wide: true },
        { name: "ServiceAccounts", type: "string", description: "The service accounts it is for.", wide: true },
      ],
    },
    {
      resource: "clusterroles",
      kind: "ClusterRole",
      namespaced: false,
      storageVersionHash: "bYE5ZWDrJ44=",
      columns: [nameColumn, { name: "Created At", type: "date", of: "meta/v1.ObjectMeta.creationTimestamp" }],
    },
    {
      resource: "rolebindings",
      kind: "RoleBinding",
      namespaced: true,
      storageVersionHash: "eGsCzGH6b1g=",
      columns: [
        nameColumn,
        { name: "Role", type: "string", of: "RoleBinding.roleRef" },
        ageColumn,
        { name: "Users", type: "string", description: "The users it is for.", wide: true },
        { name: "Groups", type: "string", description: "The groups it is for.", wide: true },
        { name: "ServiceAccounts", type: "string", description: "The service accounts it is for.", wide: true },
      ],
    },
    {
      resource: "roles",
      kind: "Role",
      namespaced: true,
      storageVersionHash: "7FuwZcIIItM=",
      columns: [nameColumn, { name: "Created At", type: "date", of: "meta/v1.ObjectMeta.creationTimestamp" }],
    },
  ],
};
