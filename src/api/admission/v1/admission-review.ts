import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const admissionReviewTypes: TypeSchemas = {
  AdmissionReview: {
    typeMeta: true,
    fields: {
      request: { type: "*AdmissionRequest", pb: 1 },
      response: { type: "*AdmissionResponse", pb: 2 },
    },
  },
  AdmissionRequest: {
    fields: {
      uid: { type: "string", pb: 1, omit: false },
      kind: { type: "meta/v1.GroupVersionKind", pb: 2, omit: false },
      resource: { type: "meta/v1.GroupVersionResource", pb: 3, omit: false },
      subResource: { type: "string", pb: 4 },
      requestKind: { type: "*meta/v1.GroupVersionKind", pb: 13 },
      requestResource: { type: "*meta/v1.GroupVersionResource", pb: 14 },
      requestSubResource: { type: "string", pb: 15 },
      name: { type: "string", pb: 5 },
      namespace: { type: "string", pb: 6 },
      operation: { type: "Operation", pb: 7, omit: false },
      userInfo: { type: "authentication/v1.UserInfo", pb: 8, omit: false },
      object: { type: "RawExtension", pb: 9 },
      oldObject: { type: "RawExtension", pb: 10 },
      dryRun: { type: "*bool", pb: 11 },
      options: { type: "RawExtension", pb: 12 },
    },
  },
  Operation: { known: ["CONNECT", "CREATE", "DELETE", "UPDATE"] },
  AdmissionResponse: {
    fields: {
      uid: { type: "string", pb: 1, omit: false },
      allowed: { type: "bool", pb: 2, omit: false },
      status: { type: "*meta/v1.Status", pb: 3 },
      patch: { type: "bytes", pb: 4 },
      patchType: { type: "*PatchType", pb: 5 },
      auditAnnotations: { type: "map[string]string", pb: 6 },
      warnings: { type: "[]string", pb: 7, listType: "atomic" },
    },
  },
  PatchType: { known: ["JSONPatch"] },
};
