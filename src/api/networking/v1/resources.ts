import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { descriptions } from "./descriptions.ts";
import { ingressTypes } from "./ingress.ts";
import { ingressClassTypes } from "./ingress-class.ts";
import { ipAddressTypes } from "./ip-address.ts";
import { networkPolicyTypes } from "./network-policy.ts";
import { serviceCidrTypes } from "./service-cidr.ts";

export const networkingV1: ApiVersionSchema = {
  group: "networking.k8s.io",
  version: "v1",
  folder: "networking/v1",
  goPackage: "io.k8s.api.networking.v1",
  types: [networkPolicyTypes, ipAddressTypes, serviceCidrTypes, ingressClassTypes, ingressTypes],
  descriptions,
  resources: [
    {
      resource: "ingressclasses",
      kind: "IngressClass",
      namespaced: false,
      storageVersionHash: "l/iqIbDgFyQ=",
      columns: [
        nameColumn,
        { name: "Controller", type: "string", description: "Who serves Ingresses of the class." },
        { name: "Parameters", type: "string", description: "The object with more settings of the class." },
        ageColumn,
      ],
    },
    {
      resource: "ingresses",
      kind: "Ingress",
      namespaced: true,
      shortNames: ["ing"],
      storageVersionHash: "39NQlfNR+bo=",
      storagePrefix: "ingress",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Class", type: "string", description: "The IngressClass it is served by." },
        { name: "Hosts", type: "string", description: "The hosts its rules are for." },
        { name: "Address", type: "string", description: "Where it can be reached." },
        { name: "Ports", type: "string", description: "The ports it is served at." },
        ageColumn,
      ],
    },
    {
      resource: "ipaddresses",
      kind: "IPAddress",
      namespaced: false,
      shortNames: ["ip"],
      storageVersionHash: "3f/plJFChNE=",
      columns: [nameColumn, { name: "ParentRef", type: "string", description: "What the address is given to." }],
    },
    {
      resource: "networkpolicies",
      kind: "NetworkPolicy",
      namespaced: true,
      shortNames: ["netpol"],
      storageVersionHash: "YpfwF18m1G8=",
      columns: [nameColumn, { name: "Pod-Selector", type: "string", of: "NetworkPolicySpec.podSelector" }, ageColumn],
    },
    {
      resource: "servicecidrs",
      kind: "ServiceCIDR",
      namespaced: false,
      storageVersionHash: "gNLvruQhW2g=",
      subresources: [statusSubresource],
      columns: [nameColumn, { name: "CIDRs", type: "string", of: "ServiceCIDRSpec.cidrs" }, ageColumn],
    },
  ],
};
