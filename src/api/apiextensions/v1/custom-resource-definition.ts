import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { namesFromKind, storedVersionsFromSpec } from "./defaults.ts";

export const customResourceDefinitionTypes: TypeSchemas = {
  ConversionReview: {
    typeMeta: true,
    fields: {
      request: { type: "*ConversionRequest", pb: 1 },
      response: { type: "*ConversionResponse", pb: 2 },
    },
  },
  ConversionRequest: {
    fields: {
      uid: { type: "string", pb: 1, required: true },
      desiredAPIVersion: { type: "string", pb: 2, required: true },
      objects: { type: "[]RawExtension", pb: 3, required: true, listType: "atomic" },
    },
  },
  ConversionResponse: {
    fields: {
      uid: { type: "string", pb: 1, required: true },
      convertedObjects: { type: "[]RawExtension", pb: 2, required: true, listType: "atomic" },
      result: { type: "meta/v1.Status", pb: 3, required: true },
    },
  },
  CustomResourceDefinition: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "CustomResourceDefinitionSpec", pb: 2, required: true },
      status: { type: "CustomResourceDefinitionStatus", pb: 3 },
    },
    defaulters: [storedVersionsFromSpec],
  },
  CustomResourceDefinitionSpec: {
    fields: {
      group: { type: "string", pb: 1, required: true },
      names: { type: "CustomResourceDefinitionNames", pb: 3, required: true },
      scope: { type: "ResourceScope", pb: 4, required: true },
      versions: { type: "[]CustomResourceDefinitionVersion", pb: 7, required: true, listType: "atomic" },
      conversion: { type: "*CustomResourceConversion", pb: 9 },
      preserveUnknownFields: { type: "bool", pb: 10 },
    },
    defaults: {
      conversion: { strategy: "None" },
    },
    defaulters: [namesFromKind],
  },
  CustomResourceDefinitionNames: {
    fields: {
      plural: { type: "string", pb: 1, required: true },
      singular: { type: "string", pb: 2 },
      shortNames: { type: "[]string", pb: 3, listType: "atomic" },
      kind: { type: "string", pb: 4, required: true },
      listKind: { type: "string", pb: 5 },
      categories: { type: "[]string", pb: 6, listType: "atomic" },
    },
  },
  ResourceScope: { known: ["Cluster", "Namespaced"] },
  CustomResourceDefinitionVersion: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      served: { type: "bool", pb: 2, required: true },
      storage: { type: "bool", pb: 3, required: true },
      deprecated: { type: "bool", pb: 7 },
      deprecationWarning: { type: "*string", pb: 8 },
      schema: { type: "*CustomResourceValidation", pb: 4 },
      subresources: { type: "*CustomResourceSubresources", pb: 5 },
      additionalPrinterColumns: { type: "[]CustomResourceColumnDefinition", pb: 6, listType: "atomic" },
      selectableFields: { type: "[]SelectableField", pb: 9, listType: "atomic", gate: "CustomResourceFieldSelectors" },
    },
  },
  CustomResourceValidation: {
    fields: {
      openAPIV3Schema: { type: "*JSONSchemaProps", pb: 1 },
    },
  },
  CustomResourceSubresources: {
    fields: {
      status: { type: "*CustomResourceSubresourceStatus", pb: 1 },
      scale: { type: "*CustomResourceSubresourceScale", pb: 2 },
    },
  },
  CustomResourceSubresourceStatus: {
    fields: {},
  },
  CustomResourceSubresourceScale: {
    fields: {
      specReplicasPath: { type: "string", pb: 1, required: true },
      statusReplicasPath: { type: "string", pb: 2, required: true },
      labelSelectorPath: { type: "*string", pb: 3 },
    },
  },
  CustomResourceColumnDefinition: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      type: { type: "string", pb: 2, required: true },
      format: { type: "string", pb: 3 },
      description: { type: "string", pb: 4 },
      priority: { type: "int32", pb: 5 },
      jsonPath: { type: "string", pb: 6, required: true },
    },
  },
  SelectableField: {
    fields: {
      jsonPath: { type: "string", pb: 1, required: true },
    },
  },
  CustomResourceConversion: {
    fields: {
      strategy: { type: "ConversionStrategyType", pb: 1, required: true },
      webhook: { type: "*WebhookConversion", pb: 2 },
    },
  },
  ConversionStrategyType: { known: ["None", "Webhook"] },
  WebhookConversion: {
    fields: {
      clientConfig: { type: "*WebhookClientConfig", pb: 2 },
      conversionReviewVersions: { type: "[]string", pb: 3, required: true, listType: "atomic" },
    },
  },
  WebhookClientConfig: {
    fields: {
      url: { type: "*string", pb: 3 },
      service: { type: "*ServiceReference", pb: 1 },
      caBundle: { type: "bytes", pb: 2 },
    },
  },
  ServiceReference: {
    fields: {
      namespace: { type: "string", pb: 1, required: true },
      name: { type: "string", pb: 2, required: true },
      path: { type: "*string", pb: 3 },
      port: { type: "*int32", pb: 4 },
    },
    defaults: {
      port: 443,
    },
  },
  CustomResourceDefinitionStatus: {
    fields: {
      conditions: {
        type: "[]CustomResourceDefinitionCondition",
        pb: 1,
        omit: false,
        listType: "map",
        listMapKeys: ["type"],
      },
      acceptedNames: { type: "CustomResourceDefinitionNames", pb: 2, omit: false },
      storedVersions: { type: "[]string", pb: 3, omit: false, listType: "atomic" },
      observedGeneration: { type: "int64", pb: 4, gate: "CRDObservedGenerationTracking" },
    },
  },
  CustomResourceDefinitionCondition: {
    fields: {
      type: { type: "CustomResourceDefinitionConditionType", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
      observedGeneration: { type: "int64", pb: 6, gate: "CRDObservedGenerationTracking" },
    },
  },
  CustomResourceDefinitionConditionType: {
    known: [
      "Established",
      "KubernetesAPIApprovalPolicyConformant",
      "NamesAccepted",
      "NonStructuralSchema",
      "StorageMigrating",
      "Terminating",
    ],
  },
  ConditionStatus: { known: ["False", "True", "Unknown"] },
  CustomResourceDefinitionList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]CustomResourceDefinition", pb: 2, required: true },
    },
  },
};
