import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const webhookTypes: TypeSchemas = {
  MutatingWebhookConfiguration: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      webhooks: {
        type: "[]MutatingWebhook",
        pb: 2,
        pbName: "Webhooks",
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
    },
  },
  MutatingWebhook: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      clientConfig: { type: "WebhookClientConfig", pb: 2, required: true },
      rules: { type: "[]RuleWithOperations", pb: 3, listType: "atomic" },
      failurePolicy: { type: "*FailurePolicyType", pb: 4 },
      matchPolicy: { type: "*MatchPolicyType", pb: 9 },
      namespaceSelector: { type: "*meta/v1.LabelSelector", pb: 5 },
      objectSelector: { type: "*meta/v1.LabelSelector", pb: 11 },
      sideEffects: { type: "*SideEffectClass", pb: 6, required: true },
      timeoutSeconds: { type: "*int32", pb: 7 },
      admissionReviewVersions: { type: "[]string", pb: 8, required: true, listType: "atomic" },
      reinvocationPolicy: { type: "*ReinvocationPolicyType", pb: 10 },
      matchConditions: {
        type: "[]MatchCondition",
        pb: 12,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
    },
    defaults: {
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      namespaceSelector: {},
      objectSelector: {},
      timeoutSeconds: 10,
      reinvocationPolicy: "Never",
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
  RuleWithOperations: {
    fields: {
      operations: { type: "[]OperationType", pb: 1, listType: "atomic" },
      Rule: { inline: true, pb: 2 },
    },
  },
  OperationType: { values: ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"] },
  Rule: {
    fields: {
      apiGroups: { type: "[]string", pb: 1, listType: "atomic" },
      apiVersions: { type: "[]string", pb: 2, listType: "atomic" },
      resources: { type: "[]string", pb: 3, listType: "atomic" },
      scope: { type: "*ScopeType", pb: 4 },
    },
    defaults: {
      scope: "*",
    },
  },
  ScopeType: { values: ["*", "Cluster", "Namespaced"] },
  FailurePolicyType: { values: ["Fail", "Ignore"] },
  MatchPolicyType: { values: ["Equivalent", "Exact"] },
  SideEffectClass: { values: ["None", "NoneOnDryRun", "Some", "Unknown"] },
  ReinvocationPolicyType: { values: ["IfNeeded", "Never"] },
  MatchCondition: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      expression: { type: "string", pb: 2, required: true },
    },
  },
  ValidatingWebhookConfiguration: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      webhooks: {
        type: "[]ValidatingWebhook",
        pb: 2,
        pbName: "Webhooks",
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
    },
  },
  ValidatingWebhook: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      clientConfig: { type: "WebhookClientConfig", pb: 2, required: true },
      rules: { type: "[]RuleWithOperations", pb: 3, listType: "atomic" },
      failurePolicy: { type: "*FailurePolicyType", pb: 4 },
      matchPolicy: { type: "*MatchPolicyType", pb: 9 },
      namespaceSelector: { type: "*meta/v1.LabelSelector", pb: 5 },
      objectSelector: { type: "*meta/v1.LabelSelector", pb: 10 },
      sideEffects: { type: "*SideEffectClass", pb: 6, required: true },
      timeoutSeconds: { type: "*int32", pb: 7 },
      admissionReviewVersions: { type: "[]string", pb: 8, required: true, listType: "atomic" },
      matchConditions: {
        type: "[]MatchCondition",
        pb: 11,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
    },
    defaults: {
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      namespaceSelector: {},
      objectSelector: {},
      timeoutSeconds: 10,
    },
  },
  MutatingWebhookConfigurationList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]MutatingWebhookConfiguration", pb: 2, required: true },
    },
  },
  ValidatingWebhookConfigurationList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ValidatingWebhookConfiguration", pb: 2, required: true },
    },
  },
};
