import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { policyTypesFromRules } from "./defaults.ts";

export const networkPolicyTypes: TypeSchemas = {
  NetworkPolicy: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "NetworkPolicySpec", pb: 2 },
    },
    defaulters: [policyTypesFromRules],
  },
  NetworkPolicySpec: {
    fields: {
      podSelector: { type: "meta/v1.LabelSelector", pb: 1, omit: false },
      ingress: { type: "[]NetworkPolicyIngressRule", pb: 2, listType: "atomic" },
      egress: { type: "[]NetworkPolicyEgressRule", pb: 3, listType: "atomic" },
      policyTypes: { type: "[]PolicyType", pb: 4, listType: "atomic" },
    },
  },
  NetworkPolicyIngressRule: {
    fields: {
      ports: { type: "[]NetworkPolicyPort", pb: 1, listType: "atomic" },
      from: { type: "[]NetworkPolicyPeer", pb: 2, listType: "atomic" },
    },
  },
  NetworkPolicyPort: {
    fields: {
      protocol: { type: "*core/v1.Protocol", pb: 1 },
      port: { type: "*IntOrString", pb: 2 },
      endPort: { type: "*int32", pb: 3 },
    },
    defaults: {
      protocol: "TCP",
    },
  },
  NetworkPolicyPeer: {
    fields: {
      podSelector: { type: "*meta/v1.LabelSelector", pb: 1 },
      namespaceSelector: { type: "*meta/v1.LabelSelector", pb: 2 },
      ipBlock: { type: "*IPBlock", pb: 3 },
    },
  },
  IPBlock: {
    fields: {
      cidr: { type: "string", pb: 1, required: true },
      except: { type: "[]string", pb: 2, listType: "atomic" },
    },
  },
  NetworkPolicyEgressRule: {
    fields: {
      ports: { type: "[]NetworkPolicyPort", pb: 1, listType: "atomic" },
      to: { type: "[]NetworkPolicyPeer", pb: 2, listType: "atomic" },
    },
  },
  PolicyType: { values: ["Egress", "Ingress"] },
  NetworkPolicyList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]NetworkPolicy", pb: 2, required: true },
    },
  },
};
