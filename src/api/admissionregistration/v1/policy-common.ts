import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const policyCommonTypes: TypeSchemas = {
  MatchResources: {
    mapType: "atomic",
    fields: {
      namespaceSelector: { type: "*meta/v1.LabelSelector", pb: 1 },
      objectSelector: { type: "*meta/v1.LabelSelector", pb: 2 },
      resourceRules: { type: "[]NamedRuleWithOperations", pb: 3, listType: "atomic" },
      excludeResourceRules: { type: "[]NamedRuleWithOperations", pb: 4, listType: "atomic" },
      matchPolicy: { type: "*MatchPolicyType", pb: 7 },
    },
    defaults: {
      matchPolicy: "Equivalent",
      namespaceSelector: {},
      objectSelector: {},
    },
  },
  NamedRuleWithOperations: {
    mapType: "atomic",
    fields: {
      resourceNames: { type: "[]string", pb: 1, listType: "atomic" },
      RuleWithOperations: { inline: true, pb: 2 },
    },
  },
  ParamKind: {
    mapType: "atomic",
    fields: {
      apiVersion: { type: "string", pb: 1 },
      kind: { type: "string", pb: 2 },
    },
  },
  ParamRef: {
    mapType: "atomic",
    fields: {
      name: { type: "string", pb: 1 },
      namespace: { type: "string", pb: 2 },
      selector: { type: "*meta/v1.LabelSelector", pb: 3 },
      parameterNotFoundAction: { type: "*ParameterNotFoundActionType", pb: 4 },
    },
  },
  ParameterNotFoundActionType: { known: ["Allow", "Deny"] },
  Variable: {
    mapType: "atomic",
    fields: {
      name: { type: "string", pb: 1, pbName: "Name", required: true },
      expression: { type: "string", pb: 2, pbName: "Expression", required: true },
    },
  },
};
