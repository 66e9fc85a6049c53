import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { subjectApiGroup } from "./defaults.ts";

export const roleBindingTypes: TypeSchemas = {
  ClusterRoleBinding: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      subjects: { type: "[]Subject", pb: 2, listType: "atomic" },
      roleRef: { type: "RoleRef", pb: 3, required: true },
    },
    defaults: {
      "roleRef.apiGroup": "rbac.authorization.k8s.io",
    },
  },
  Subject: {
    mapType: "atomic",
    fields: {
      kind: { type: "string", pb: 1, required: true },
      apiGroup: { type: "string", pb: 2 },
      name: { type: "string", pb: 3, required: true },
      namespace: { type: "string", pb: 4 },
    },
    defaulters: [subjectApiGroup],
  },
  RoleRef: {
    mapType: "atomic",
    fields: {
      apiGroup: { type: "string", pb: 1, omit: false },
      kind: { type: "string", pb: 2, required: true },
      name: { type: "string", pb: 3, required: true },
    },
  },
  RoleBinding: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      subjects: { type: "[]Subject", pb: 2, listType: "atomic" },
      roleRef: { type: "RoleRef", pb: 3, required: true },
    },
    defaults: {
      "roleRef.apiGroup": "rbac.authorization.k8s.io",
    },
  },
  ClusterRoleBindingList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ClusterRoleBinding", pb: 2, required: true },
    },
  },
  RoleBindingList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]RoleBinding", pb: 2, required: true },
    },
  },
};
