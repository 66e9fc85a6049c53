import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const ingressTypes: TypeSchemas = {
  Ingress: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "IngressSpec", pb: 2 },
      status: { type: "IngressStatus", pb: 3 },
    },
  },
  IngressSpec: {
    fields: {
      ingressClassName: { type: "*string", pb: 4 },
      defaultBackend: { type: "*IngressBackend", pb: 1 },
      tls: { type: "[]IngressTLS", pb: 2, listType: "atomic" },
      rules: { type: "[]IngressRule", pb: 3, listType: "atomic" },
    },
  },
  IngressBackend: {
    fields: {
      service: { type: "*IngressServiceBackend", pb: 4 },
      resource: { type: "*core/v1.TypedLocalObjectReference", pb: 3 },
    },
  },
  IngressServiceBackend: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      port: { type: "ServiceBackendPort", pb: 2 },
    },
  },
  ServiceBackendPort: {
    mapType: "atomic",
    fields: {
      name: { type: "string", pb: 1 },
      number: { type: "int32", pb: 2 },
    },
  },
  IngressTLS: {
    fields: {
      hosts: { type: "[]string", pb: 1, listType: "atomic" },
      secretName: { type: "string", pb: 2 },
    },
  },
  IngressRule: {
    fields: {
      host: { type: "string", pb: 1 },
      IngressRuleValue: { inline: true, pb: 2 },
    },
  },
  IngressRuleValue: {
    fields: {
      http: { type: "*HTTPIngressRuleValue", pb: 1 },
    },
  },
  HTTPIngressRuleValue: {
    fields: {
      paths: { type: "[]HTTPIngressPath", pb: 1, required: true, listType: "atomic" },
    },
  },
  HTTPIngressPath: {
    fields: {
      path: { type: "string", pb: 1 },
      pathType: { type: "*PathType", pb: 3, required: true },
      backend: { type: "IngressBackend", pb: 2, required: true },
    },
  },
  PathType: { values: ["Exact", "ImplementationSpecific", "Prefix"] },
  IngressStatus: {
    fields: {
      loadBalancer: { type: "IngressLoadBalancerStatus", pb: 1 },
    },
  },
  IngressLoadBalancerStatus: {
    fields: {
      ingress: { type: "[]IngressLoadBalancerIngress", pb: 1, listType: "atomic" },
    },
  },
  IngressLoadBalancerIngress: {
    fields: {
      ip: { type: "string", pb: 1 },
      hostname: { type: "string", pb: 2 },
      ports: { type: "[]IngressPortStatus", pb: 4, listType: "atomic" },
    },
  },
  IngressPortStatus: {
    fields: {
      port: { type: "int32", pb: 1, required: true },
      protocol: { type: "core/v1.Protocol", pb: 2, required: true },
      error: { type: "*string", pb: 3 },
    },
  },
  IngressList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Ingress", pb: 2, required: true },
    },
  },
};
