import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { tokenRequestTypes } from "./token-request.ts";
import { tokenReviewTypes } from "./token-review.ts";

export const authenticationV1: ApiVersionSchema = {
  group: "authentication.k8s.io",
  version: "v1",
  folder: "authentication/v1",
  goPackage: "io.k8s.api.authentication.v1",
  types: [tokenRequestTypes, tokenReviewTypes],
  resources: [
    {
      resource: "selfsubjectreviews",
      kind: "SelfSubjectReview",
      namespaced: false,
      verbs: ["create"],
      persisted: false,
    },
    {
      resource: "tokenreviews",
      kind: "TokenReview",
      namespaced: false,
      verbs: ["create"],
      persisted: false,
    },
  ],
};
