import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { hostPortsOfHostNetwork, mirrorServiceAccount, requestsFromLimits } from "./defaults.ts";
import { podLevelResources } from "./pod-level-resources.ts";

export const podTypes: TypeSchemas = {
  Pod: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "PodSpec", pb: 2 },
      status: { type: "PodStatus", pb: 3 },
    },
    defaults: {
      "spec.enableServiceLinks": true,
    },
    defaulters: [requestsFromLimits, podLevelResources, hostPortsOfHostNetwork],
  },
  PodSpec: {
    fields: {
      volumes: {
        type: "[]Volume",
        pb: 1,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge", "retainKeys"],
        patchMergeKey: "name",
      },
      initContainers: {
        type: "[]Container",
        pb: 20,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      containers: {
        type: "[]Container",
        pb: 2,
        required: true,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      ephemeralContainers: {
        type: "[]EphemeralContainer",
        pb: 34,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      restartPolicy: { type: "RestartPolicy", pb: 3 },
      terminationGracePeriodSeconds: { type: "*int64", pb: 4 },
      activeDeadlineSeconds: { type: "*int64", pb: 5 },
      dnsPolicy: { type: "DNSPolicy", pb: 6 },
      nodeSelector: { type: "map[string]string", pb: 7, mapType: "atomic" },
      serviceAccountName: { type: "string", pb: 8 },
      serviceAccount: { type: "string", pb: 9 },
      automountServiceAccountToken: { type: "*bool", pb: 21 },
      nodeName: { type: "string", pb: 10 },
      hostNetwork: { type: "bool", pb: 11 },
      hostPID: { type: "bool", pb: 12 },
      hostIPC: { type: "bool", pb: 13 },
      shareProcessNamespace: { type: "*bool", pb: 27 },
      securityContext: { type: "*PodSecurityContext", pb: 14 },
      imagePullSecrets: {
        type: "[]LocalObjectReference",
        pb: 15,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      hostname: { type: "string", pb: 16 },
      subdomain: { type: "string", pb: 17 },
      affinity: { type: "*Affinity", pb: 18 },
      schedulerName: { type: "string", pb: 19 },
      tolerations: { type: "[]Toleration", pb: 22, listType: "atomic" },
      hostAliases: {
        type: "[]HostAlias",
        pb: 23,
        listType: "map",
        listMapKeys: ["ip"],
        patchStrategy: ["merge"],
        patchMergeKey: "ip",
      },
      priorityClassName: { type: "string", pb: 24 },
      priority: { type: "*int32", pb: 25 },
      dnsConfig: { type: "*PodDNSConfig", pb: 26 },
      readinessGates: { type: "[]PodReadinessGate", pb: 28, listType: "atomic" },
      runtimeClassName: { type: "*string", pb: 29 },
      enableServiceLinks: { type: "*bool", pb: 30 },
      preemptionPolicy: { type: "*PreemptionPolicy", pb: 31 },
      overhead: { type: "map[ResourceName]Quantity", pb: 32 },
      topologySpreadConstraints: {
        type: "[]TopologySpreadConstraint",
        pb: 33,
        listType: "map",
        listMapKeys: ["topologyKey", "whenUnsatisfiable"],
        patchStrategy: ["merge"],
        patchMergeKey: "topologyKey",
      },
      setHostnameAsFQDN: { type: "*bool", pb: 35 },
      os: { type: "*PodOS", pb: 36 },
      hostUsers: { type: "*bool", pb: 37 },
      schedulingGates: {
        type: "[]PodSchedulingGate",
        pb: 38,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      resourceClaims: {
        type: "[]PodResourceClaim",
        pb: 39,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge", "retainKeys"],
        patchMergeKey: "name",
        gate: "DynamicResourceAllocation",
      },
      resources: { type: "*ResourceRequirements", pb: 40, gate: "PodLevelResources" },
      hostnameOverride: { type: "*string", pb: 41, gate: "HostnameOverride" },
      schedulingGroup: { type: "*PodSchedulingGroup", pb: 43, gate: "GenericWorkload" },
    },
    defaults: {
      dnsPolicy: "ClusterFirst",
      restartPolicy: "Always",
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      schedulerName: "default-scheduler",
    },
    defaulters: [mirrorServiceAccount],
  },
  RestartPolicy: { values: ["Always", "Never", "OnFailure"] },
  DNSPolicy: { values: ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] },
  HostAlias: {
    fields: {
      ip: { type: "string", pb: 1, required: true },
      hostnames: { type: "[]string", pb: 2, listType: "atomic" },
    },
  },
  PodDNSConfig: {
    fields: {
      nameservers: { type: "[]string", pb: 1, listType: "atomic" },
      searches: { type: "[]string", pb: 2, listType: "atomic" },
      options: { type: "[]PodDNSConfigOption", pb: 3, listType: "atomic" },
    },
  },
  PodDNSConfigOption: {
    fields: {
      name: { type: "string", pb: 1 },
      value: { type: "*string", pb: 2 },
    },
  },
  PodReadinessGate: {
    fields: {
      conditionType: { type: "PodConditionType", pb: 1, required: true },
    },
  },
  PreemptionPolicy: { values: ["Never", "PreemptLowerPriority"] },
  PodOS: {
    fields: {
      name: { type: "OSName", pb: 1, required: true },
    },
  },
  PodSchedulingGate: {
    fields: {
      name: { type: "string", pb: 1, required: true },
    },
  },
  PodResourceClaim: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      resourceClaimName: { type: "*string", pb: 3 },
      resourceClaimTemplateName: { type: "*string", pb: 4 },
    },
  },
  PodSchedulingGroup: {
    union: { fields: { podGroupName: "PodGroupName" } },
    fields: {
      podGroupName: { type: "*string", pb: 1, oneOf: "GroupSelection" },
    },
  },
  PodList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Pod", pb: 2, required: true },
    },
  },
};
