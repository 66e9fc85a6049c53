import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const subjectAccessReviewTypes: TypeSchemas = {
  LocalSubjectAccessReview: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "SubjectAccessReviewSpec", pb: 2, required: true },
      status: { type: "SubjectAccessReviewStatus", pb: 3 },
    },
  },
  SubjectAccessReviewSpec: {
    fields: {
      resourceAttributes: { type: "*ResourceAttributes", pb: 1 },
      nonResourceAttributes: { type: "*NonResourceAttributes", pb: 2 },
      user: { type: "string", pb: 3 },
      groups: { type: "[]string", pb: 4, listType: "atomic" },
      extra: { type: "map[string][]string", pb: 5, pbNullable: true },
      uid: { type: "string", pb: 6 },
    },
  },
  ResourceAttributes: {
    fields: {
      namespace: { type: "string", pb: 1 },
      verb: { type: "string", pb: 2 },
      group: { type: "string", pb: 3 },
      version: { type: "string", pb: 4 },
      resource: { type: "string", pb: 5 },
      subresource: { type: "string", pb: 6 },
      name: { type: "string", pb: 7 },
      fieldSelector: { type: "*FieldSelectorAttributes", pb: 8 },
      labelSelector: { type: "*LabelSelectorAttributes", pb: 9 },
    },
  },
  FieldSelectorAttributes: {
    fields: {
      rawSelector: { type: "string", pb: 1 },
      requirements: { type: "[]meta/v1.FieldSelectorRequirement", pb: 2, listType: "atomic" },
    },
  },
  LabelSelectorAttributes: {
    fields: {
      rawSelector: { type: "string", pb: 1 },
      requirements: { type: "[]meta/v1.LabelSelectorRequirement", pb: 2, listType: "atomic" },
    },
  },
  NonResourceAttributes: {
    fields: {
      path: { type: "string", pb: 1 },
      verb: { type: "string", pb: 2 },
    },
  },
  SubjectAccessReviewStatus: {
    fields: {
      allowed: { type: "bool", pb: 1, required: true },
      denied: { type: "bool", pb: 4 },
      reason: { type: "string", pb: 2 },
      evaluationError: { type: "string", pb: 3 },
    },
  },
  SelfSubjectAccessReview: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "SelfSubjectAccessReviewSpec", pb: 2, required: true },
      status: { type: "SubjectAccessReviewStatus", pb: 3 },
    },
  },
  SelfSubjectAccessReviewSpec: {
    fields: {
      resourceAttributes: { type: "*ResourceAttributes", pb: 1 },
      nonResourceAttributes: { type: "*NonResourceAttributes", pb: 2 },
    },
  },
  SelfSubjectRulesReview: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "SelfSubjectRulesReviewSpec", pb: 2, required: true },
      status: { type: "SubjectRulesReviewStatus", pb: 3 },
    },
  },
  SelfSubjectRulesReviewSpec: {
    fields: {
      namespace: { type: "string", pb: 1 },
    },
  },
  SubjectRulesReviewStatus: {
    fields: {
      resourceRules: { type: "[]ResourceRule", pb: 1, required: true, listType: "atomic" },
      nonResourceRules: { type: "[]NonResourceRule", pb: 2, required: true, listType: "atomic" },
      incomplete: { type: "bool", pb: 3, required: true },
      evaluationError: { type: "string", pb: 4 },
    },
  },
  ResourceRule: {
    fields: {
      verbs: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      apiGroups: { type: "[]string", pb: 2, listType: "atomic" },
      resources: { type: "[]string", pb: 3, listType: "atomic" },
      resourceNames: { type: "[]string", pb: 4, listType: "atomic" },
    },
  },
  NonResourceRule: {
    fields: {
      verbs: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      nonResourceURLs: { type: "[]string", pb: 2, listType: "atomic" },
    },
  },
  SubjectAccessReview: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "SubjectAccessReviewSpec", pb: 2, required: true },
      status: { type: "SubjectAccessReviewStatus", pb: 3 },
    },
  },
};
