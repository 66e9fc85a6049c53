import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { subjectAccessReviewTypes } from "./subject-access-review.ts";

export const authorizationV1: ApiVersionSchema = {
  group: "authorization.k8s.io",
  version: "v1",
  folder: "authorization/v1",
  goPackage: "io.k8s.api.authorization.v1",
  types: [subjectAccessReviewTypes],
  resources: [
    {
      resource: "localsubjectaccessreviews",
      kind: "LocalSubjectAccessReview",
      namespaced: true,
      verbs: ["create"],
      persisted: false,
    },
    {
      resource: "selfsubjectaccessreviews",
      kind: "SelfSubjectAccessReview",
      namespaced: false,
      verbs: ["create"],
      persisted: false,
    },
    {
      resource: "selfsubjectrulesreviews",
      kind: "SelfSubjectRulesReview",
      namespaced: false,
      verbs: ["create"],
      persisted: false,
    },
    {
      resource: "subjectaccessreviews",
      kind: "SubjectAccessReview",
      namespaced: false,
      verbs: ["create"],
      persisted: false,
    },
  ],
};
