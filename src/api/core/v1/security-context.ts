import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const securityContextTypes: TypeSchemas = {
  PodSecurityContext: {
    fields: {
      seLinuxOptions: { type: "*SELinuxOptions", pb: 1 },
      windowsOptions: { type: "*WindowsSecurityContextOptions", pb: 8 },
      runAsUser: { type: "*int64", pb: 2 },
      runAsGroup: { type: "*int64", pb: 6 },
      runAsNonRoot: { type: "*bool", pb: 3 },
      supplementalGroups: { type: "[]int64", pb: 4, listType: "atomic" },
      supplementalGroupsPolicy: { type: "*SupplementalGroupsPolicy", pb: 12, gate: "SupplementalGroupsPolicy" },
      fsGroup: { type: "*int64", pb: 5 },
      sysctls: { type: "[]Sysctl", pb: 7, listType: "atomic" },
      fsGroupChangePolicy: { type: "*PodFSGroupChangePolicy", pb: 9 },
      seccompProfile: { type: "*SeccompProfile", pb: 10 },
      appArmorProfile: { type: "*AppArmorProfile", pb: 11 },
      seLinuxChangePolicy: { type: "*PodSELinuxChangePolicy", pb: 13, gate: "SELinuxChangePolicy" },
    },
  },
  SELinuxOptions: {
    fields: {
      user: { type: "string", pb: 1 },
      role: { type: "string", pb: 2 },
      type: { type: "string", pb: 3 },
      level: { type: "string", pb: 4 },
    },
  },
  WindowsSecurityContextOptions: {
    fields: {
      gmsaCredentialSpecName: { type: "*string", pb: 1 },
      gmsaCredentialSpec: { type: "*string", pb: 2 },
      runAsUserName: { type: "*string", pb: 3 },
      hostProcess: { type: "*bool", pb: 4 },
    },
  },
  SupplementalGroupsPolicy: { values: ["Merge", "Strict"] },
  Sysctl: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      value: { type: "string", pb: 2, required: true },
    },
  },
  PodFSGroupChangePolicy: { values: ["Always", "OnRootMismatch"] },
  SeccompProfile: {
    union: { discriminator: "type", fields: { localhostProfile: "LocalhostProfile" } },
    fields: {
      type: { type: "SeccompProfileType", pb: 1, required: true },
      localhostProfile: { type: "*string", pb: 2 },
    },
  },
  SeccompProfileType: { values: ["Localhost", "RuntimeDefault", "Unconfined"] },
  AppArmorProfile: {
    union: { discriminator: "type", fields: { localhostProfile: "LocalhostProfile" } },
    fields: {
      type: { type: "AppArmorProfileType", pb: 1, required: true },
      localhostProfile: { type: "*string", pb: 2 },
    },
  },
  AppArmorProfileType: { values: ["Localhost", "RuntimeDefault", "Unconfined"] },
  PodSELinuxChangePolicy: { known: ["MountOption", "Recursive"] },
  SecurityContext: {
    fields: {
      capabilities: { type: "*Capabilities", pb: 1 },
      privileged: { type: "*bool", pb: 2 },
      seLinuxOptions: { type: "*SELinuxOptions", pb: 3 },
      windowsOptions: { type: "*WindowsSecurityContextOptions", pb: 10 },
      runAsUser: { type: "*int64", pb: 4 },
      runAsGroup: { type: "*int64", pb: 8 },
      runAsNonRoot: { type: "*bool", pb: 5 },
      readOnlyRootFilesystem: { type: "*bool", pb: 6 },
      allowPrivilegeEscalation: { type: "*bool", pb: 7 },
      procMount: { type: "*ProcMountType", pb: 9 },
      seccompProfile: { type: "*SeccompProfile", pb: 11 },
      appArmorProfile: { type: "*AppArmorProfile", pb: 12 },
    },
  },
  Capabilities: {
    fields: {
      add: { type: "[]string", pb: 1, listType: "atomic" },
      drop: { type: "[]string", pb: 2, listType: "atomic" },
    },
  },
  ProcMountType: { values: ["Default", "Unmasked"] },
};
