import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { serviceDefaults } from "./defaults.ts";

export const serviceTypes: TypeSchemas = {
  Service: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ServiceSpec", pb: 2 },
      status: { type: "ServiceStatus", pb: 3 },
    },
    defaults: {
      "spec.sessionAffinity": "None",
      "spec.type": "ClusterIP",
    },
    defaulters: [serviceDefaults],
  },
  ServiceSpec: {
    fields: {
      ports: {
        type: "[]ServicePort",
        pb: 1,
        listType: "map",
        listMapKeys: ["port", "protocol"],
        patchStrategy: ["merge"],
        patchMergeKey: "port",
      },
      selector: { type: "map[string]string", pb: 2, mapType: "atomic" },
      clusterIP: { type: "string", pb: 3 },
      clusterIPs: { type: "[]string", pb: 18, listType: "atomic" },
      type: { type: "ServiceType", pb: 4 },
      externalIPs: { type: "[]string", pb: 5, listType: "atomic" },
      sessionAffinity: { type: "ServiceAffinity", pb: 7 },
      loadBalancerIP: { type: "string", pb: 8 },
      loadBalancerSourceRanges: { type: "[]string", pb: 9, listType: "atomic" },
      externalName: { type: "string", pb: 10 },
      externalTrafficPolicy: { type: "ServiceExternalTrafficPolicy", pb: 11 },
      healthCheckNodePort: { type: "int32", pb: 12 },
      publishNotReadyAddresses: { type: "bool", pb: 13 },
      sessionAffinityConfig: { type: "*SessionAffinityConfig", pb: 14 },
      ipFamilies: { type: "[]IPFamily", pb: 19, listType: "atomic" },
      ipFamilyPolicy: { type: "*IPFamilyPolicy", pb: 17 },
      allocateLoadBalancerNodePorts: { type: "*bool", pb: 20 },
      loadBalancerClass: { type: "*string", pb: 21 },
      internalTrafficPolicy: { type: "*ServiceInternalTrafficPolicy", pb: 22 },
      trafficDistribution: { type: "*string", pb: 23 },
    },
  },
  ServicePort: {
    fields: {
      name: { type: "string", pb: 1 },
      protocol: { type: "Protocol", pb: 2, default: "TCP" },
      appProtocol: { type: "*string", pb: 6 },
      port: { type: "int32", pb: 3, required: true },
      targetPort: { type: "IntOrString", pb: 4 },
      nodePort: { type: "int32", pb: 5 },
    },
  },
  Protocol: { values: ["SCTP", "TCP", "UDP"] },
  ServiceType: { values: ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"] },
  ServiceAffinity: { values: ["ClientIP", "None"] },
  ServiceExternalTrafficPolicy: { values: ["Cluster", "Local"] },
  SessionAffinityConfig: {
    fields: {
      clientIP: { type: "*ClientIPConfig", pb: 1 },
    },
  },
  ClientIPConfig: {
    fields: {
      timeoutSeconds: { type: "*int32", pb: 1 },
    },
  },
  IPFamily: { values: ["", "IPv4", "IPv6"] },
  IPFamilyPolicy: { values: ["PreferDualStack", "RequireDualStack", "SingleStack"] },
  ServiceInternalTrafficPolicy: { values: ["Cluster", "Local"] },
  ServiceStatus: {
    fields: {
      loadBalancer: { type: "LoadBalancerStatus", pb: 1 },
      conditions: {
        type: "[]meta/v1.Condition",
        pb: 2,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  LoadBalancerStatus: {
    fields: {
      ingress: { type: "[]LoadBalancerIngress", pb: 1, listType: "atomic" },
    },
  },
  LoadBalancerIngress: {
    fields: {
      ip: { type: "string", pb: 1 },
      hostname: { type: "string", pb: 2 },
      ipMode: { type: "*LoadBalancerIPMode", pb: 3 },
      ports: { type: "[]PortStatus", pb: 4, listType: "atomic" },
    },
  },
  LoadBalancerIPMode: { known: ["Proxy", "VIP"] },
  PortStatus: {
    fields: {
      port: { type: "int32", pb: 1, required: true },
      protocol: { type: "Protocol", pb: 2, required: true },
      error: { type: "*string", pb: 3 },
    },
  },
  ServiceList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Service", pb: 2, required: true },
    },
  },
};
