import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { mutatingAdmissionPolicyTypes } from "./mutating-admission-policy.ts";
import { policyCommonTypes } from "./policy-common.ts";
import { validatingAdmissionPolicyTypes } from "./validating-admission-policy.ts";
import { webhookTypes } from "./webhook.ts";

export const admissionregistrationV1: ApiVersionSchema = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  folder: "admissionregistration/v1",
  goPackage: "io.k8s.api.admissionregistration.v1",
  types: [mutatingAdmissionPolicyTypes, validatingAdmissionPolicyTypes, policyCommonTypes, webhookTypes],
  resources: [
    {
      resource: "mutatingadmissionpolicies",
      kind: "MutatingAdmissionPolicy",
      namespaced: false,
      categories: ["api-extensions"],
      storage: { group: "admissionregistration.k8s.io", version: "v1beta1", kind: "MutatingAdmissionPolicy" },
      storageVersionHash: "LYmCf+UMVdg=",
      columns: [
        nameColumn,
        { name: "Mutations", type: "integer", description: "How many changes it makes." },
        { name: "ParamKind", type: "string", description: "The kind of its parameters." },
        ageColumn,
      ],
    },
    {
      resource: "mutatingadmissionpolicybindings",
      kind: "MutatingAdmissionPolicyBinding",
      namespaced: false,
      categories: ["api-extensions"],
      storage: { group: "admissionregistration.k8s.io", version: "v1beta1", kind: "MutatingAdmissionPolicyBinding" },
      storageVersionHash: "90V5FRZZ3Zg=",
      columns: [
        nameColumn,
        { name: "PolicyName", type: "string", description: "The policy it puts to use." },
        { name: "ParamRef", type: "string", description: "The parameters the policy is used with." },
        ageColumn,
      ],
    },
    {
      resource: "mutatingwebhookconfigurations",
      kind: "MutatingWebhookConfiguration",
      namespaced: false,
      categories: ["api-extensions"],
      storageVersionHash: "Sqi0GUgDaX0=",
      columns: [
        nameColumn,
        { name: "Webhooks", type: "integer", description: "How many webhooks it configures." },
        ageColumn,
      ],
    },
    {
      resource: "validatingadmissionpolicies",
      kind: "ValidatingAdmissionPolicy",
      namespaced: false,
      categories: ["api-extensions"],
      storageVersionHash: "6OxvlMmQ6is=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Validations", type: "integer", description: "How many rules it has." },
        { name: "ParamKind", type: "string", description: "The kind of its parameters." },
        ageColumn,
      ],
    },
    {
      resource: "validatingadmissionpolicybindings",
      kind: "ValidatingAdmissionPolicyBinding",
      namespaced: false,
      categories: ["api-extensions"],
      storageVersionHash: "v9715VZqakg=",
      columns: [
        nameColumn,
        { name: "PolicyName", type: "string", description: "The policy it puts to use." },
        { name: "ParamRef", type: "string", description: "The parameters the policy is used with." },
        ageColumn,
      ],
    },
    {
      resource: "validatingwebhookconfigurations",
      kind: "ValidatingWebhookConfiguration",
      namespaced: false,
      categories: ["api-extensions"],
      storageVersionHash: "B0wHjQmsGNk=",
      columns: [
        nameColumn,
        { name: "Webhooks", type: "integer", description: "How many webhooks it configures." },
        ageColumn,
      ],
    },
  ],
};
