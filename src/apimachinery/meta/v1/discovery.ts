import type { TypeSchemas } from "../../schema/type-schema.ts";

export const discoveryTypes: TypeSchemas = {
  APIGroup: {
    typeMeta: true,
    fields: {
      name: { type: "string", pb: 1, required: true },
      versions: { type: "[]GroupVersionForDiscovery", pb: 2, required: true, listType: "atomic" },
      preferredVersion: { type: "GroupVersionForDiscovery", pb: 3 },
      serverAddressByClientCIDRs: { type: "[]ServerAddressByClientCIDR", pb: 4, listType: "atomic" },
    },
  },
  GroupVersionForDiscovery: {
    fields: {
      groupVersion: { type: "string", pb: 1, required: true },
      version: { type: "string", pb: 2, required: true },
    },
  },
  ServerAddressByClientCIDR: {
    fields: {
      clientCIDR: { type: "string", pb: 1, required: true },
      serverAddress: { type: "string", pb: 2, required: true },
    },
  },
  APIVersions: {
    typeMeta: true,
    fields: {
      versions: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      serverAddressByClientCIDRs: { type: "[]ServerAddressByClientCIDR", pb: 2, required: true, listType: "atomic" },
    },
  },
  RootPaths: {
    fields: {
      paths: { type: "[]string", pb: 1, required: true, listType: "atomic" },
    },
  },
  VersionInfo: {
    openApiName: "io.k8s.apimachinery.pkg.version.Info",
    fields: {
      major: { type: "string", required: true },
      minor: { type: "string", required: true },
      emulationMajor: { type: "string" },
      emulationMinor: { type: "string" },
      minCompatibilityMajor: { type: "string" },
      minCompatibilityMinor: { type: "string" },
      gitVersion: { type: "string", required: true },
      gitCommit: { type: "string", required: true },
      gitTreeState: { type: "string", required: true },
      buildDate: { type: "string", required: true },
      goVersion: { type: "string", required: true },
      compiler: { type: "string", required: true },
      platform: { type: "string", required: true },
    },
  },
  APIResource: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      singularName: { type: "string", pb: 6, required: true },
      namespaced: { type: "bool", pb: 2, required: true },
      group: { type: "string", pb: 8 },
      version: { type: "string", pb: 9 },
      kind: { type: "string", pb: 3, required: true },
      verbs: { type: "[]string", pb: 4, required: true, pbNullable: true },
      shortNames: { type: "[]string", pb: 5, listType: "atomic" },
      categories: { type: "[]string", pb: 7, listType: "atomic" },
      storageVersionHash: { type: "string", pb: 10 },
    },
  },
  APIGroupList: {
    typeMeta: true,
    fields: {
      groups: { type: "[]APIGroup", pb: 1, required: true, listType: "atomic" },
    },
  },
  APIResourceList: {
    typeMeta: true,
    fields: {
      groupVersion: { type: "string", pb: 1, required: true },
      resources: { type: "[]APIResource", pb: 2, required: true, listType: "atomic" },
    },
  },
};
