import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const apiGroupDiscoveryTypes: TypeSchemas = {
  APIGroupDiscovery: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      versions: { type: "[]APIVersionDiscovery", pb: 2, listType: "map", listMapKeys: ["version"] },
    },
  },
  APIVersionDiscovery: {
    fields: {
      version: { type: "string", pb: 1, required: true },
      resources: { type: "[]APIResourceDiscovery", pb: 2, listType: "map", listMapKeys: ["resource"] },
      freshness: { type: "DiscoveryFreshness", pb: 3 },
    },
  },
  APIResourceDiscovery: {
    fields: {
      resource: { type: "string", pb: 1, required: true },
      responseKind: { type: "*meta/v1.GroupVersionKind", pb: 2 },
      scope: { type: "ResourceScope", pb: 3, required: true },
      singularResource: { type: "string", pb: 4, required: true },
      verbs: { type: "[]string", pb: 5, required: true, listType: "set" },
      shortNames: { type: "[]string", pb: 6, listType: "set" },
      categories: { type: "[]string", pb: 7, listType: "set" },
      subresources: { type: "[]APISubresourceDiscovery", pb: 8, listType: "map", listMapKeys: ["subresource"] },
    },
  },
  ResourceScope: { known: ["Cluster", "Namespaced"] },
  APISubresourceDiscovery: {
    fields: {
      subresource: { type: "string", pb: 1, required: true },
      responseKind: { type: "*meta/v1.GroupVersionKind", pb: 2 },
      acceptedTypes: {
        type: "[]meta/v1.GroupVersionKind",
        pb: 3,
        listType: "map",
        listMapKeys: ["group", "version", "kind"],
      },
      verbs: { type: "[]string", pb: 4, required: true, listType: "set" },
    },
  },
  DiscoveryFreshness: { known: ["Current", "Stale"] },
  APIGroupDiscoveryList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]APIGroupDiscovery", pb: 2, required: true },
    },
  },
};
