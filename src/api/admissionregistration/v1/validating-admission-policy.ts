import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const validatingAdmissionPolicyTypes: TypeSchemas = {
  ValidatingAdmissionPolicy: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ValidatingAdmissionPolicySpec", pb: 2 },
      status: { type: "ValidatingAdmissionPolicyStatus", pb: 3 },
    },
  },
  ValidatingAdmissionPolicySpec: {
    fields: {
      paramKind: { type: "*ParamKind", pb: 1 },
      matchConstraints: { type: "*MatchResources", pb: 2 },
      validations: { type: "[]Validation", pb: 3, listType: "atomic" },
      failurePolicy: { type: "*FailurePolicyType", pb: 4 },
      auditAnnotations: { type: "[]AuditAnnotation", pb: 5, listType: "atomic" },
      matchConditions: {
        type: "[]MatchCondition",
        pb: 6,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      variables: {
        type: "[]Variable",
        pb: 7,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
    },
    defaults: {
      failurePolicy: "Fail",
    },
  },
  Validation: {
    fields: {
      expression: { type: "string", pb: 1, pbName: "Expression", required: true },
      message: { type: "string", pb: 2 },
      reason: { type: "*meta/v1.StatusReason", pb: 3 },
      messageExpression: { type: "string", pb: 4 },
    },
  },
  AuditAnnotation: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      valueExpression: { type: "string", pb: 2, required: true },
    },
  },
  ValidatingAdmissionPolicyStatus: {
    fields: {
      observedGeneration: { type: "int64", pb: 1 },
      typeChecking: { type: "*TypeChecking", pb: 2 },
      conditions: { type: "[]meta/v1.Condition", pb: 3, listType: "map", listMapKeys: ["type"] },
    },
  },
  TypeChecking: {
    fields: {
      expressionWarnings: { type: "[]ExpressionWarning", pb: 1, listType: "atomic" },
    },
  },
  ExpressionWarning: {
    fields: {
      fieldRef: { type: "string", pb: 2, required: true },
      warning: { type: "string", pb: 3, required: true },
    },
  },
  ValidatingAdmissionPolicyBinding: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ValidatingAdmissionPolicyBindingSpec", pb: 2, required: true, omit: true },
    },
  },
  ValidatingAdmissionPolicyBindingSpec: {
    fields: {
      policyName: { type: "string", pb: 1, required: true, omit: true },
      paramRef: { type: "*ParamRef", pb: 2 },
      matchResources: { type: "*MatchResources", pb: 3 },
      validationActions: { type: "[]ValidationAction", pb: 4, required: true, omit: true, listType: "set" },
    },
  },
  ValidationAction: { values: ["Audit", "Deny", "Warn"] },
  ValidatingAdmissionPolicyBindingList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ValidatingAdmissionPolicyBinding", pb: 2, required: true },
    },
  },
  ValidatingAdmissionPolicyList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ValidatingAdmissionPolicy", pb: 2, required: true },
    },
  },
};
