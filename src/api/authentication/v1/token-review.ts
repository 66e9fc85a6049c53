import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const tokenReviewTypes: TypeSchemas = {
  SelfSubjectReview: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      status: { type: "SelfSubjectReviewStatus", pb: 2 },
    },
  },
  SelfSubjectReviewStatus: {
    fields: {
      userInfo: { type: "UserInfo", pb: 1 },
    },
  },
  UserInfo: {
    fields: {
      username: { type: "string", pb: 1 },
      uid: { type: "string", pb: 2 },
      groups: { type: "[]string", pb: 3, listType: "atomic" },
      extra: { type: "map[string][]string", pb: 4, pbNullable: true },
    },
  },
  TokenReview: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "TokenReviewSpec", pb: 2, required: true },
      status: { type: "TokenReviewStatus", pb: 3 },
    },
  },
  TokenReviewSpec: {
    fields: {
      token: { type: "string", pb: 1, required: true, omit: true },
      audiences: { type: "[]string", pb: 2, listType: "atomic" },
    },
  },
  TokenReviewStatus: {
    fields: {
      authenticated: { type: "bool", pb: 1 },
      user: { type: "UserInfo", pb: 2 },
      audiences: { type: "[]string", pb: 4, listType: "atomic" },
      error: { type: "string", pb: 3 },
    },
  },
};
