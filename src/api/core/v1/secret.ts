import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { dataFromStringData } from "./defaults.ts";

export const secretTypes: TypeSchemas = {
  Secret: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      immutable: { type: "*bool", pb: 5 },
      data: { type: "map[string]bytes", pb: 2 },
      stringData: { type: "map[string]string", pb: 4 },
      type: { type: "SecretType", pb: 3 },
    },
    defaults: {
      type: "Opaque",
    },
    defaulters: [dataFromStringData],
  },
  SecretType: {
    known: [
      "Opaque",
      "bootstrap.kubernetes.io/token",
      "kubernetes.io/basic-auth",
      "kubernetes.io/dockercfg",
      "kubernetes.io/dockerconfigjson",
      "kubernetes.io/service-account-token",
      "kubernetes.io/ssh-auth",
      "kubernetes.io/tls",
    ],
  },
  SecretList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Secret", pb: 2, required: true },
    },
  },
};
