import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const volumePluginsTypes: TypeSchemas = {
  AWSElasticBlockStoreVolumeSource: {
    fields: {
      volumeID: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      partition: { type: "int32", pb: 3 },
      readOnly: { type: "bool", pb: 4 },
    },
  },
  AzureDiskVolumeSource: {
    fields: {
      diskName: { type: "string", pb: 1, required: true },
      diskURI: { type: "string", pb: 2, required: true },
      cachingMode: { type: "*AzureDataDiskCachingMode", pb: 3, default: "ReadWrite" },
      fsType: { type: "*string", pb: 4, default: "ext4" },
      readOnly: { type: "*bool", pb: 5, default: false },
      kind: { type: "*AzureDataDiskKind", pb: 6, default: "Shared" },
    },
  },
  AzureDataDiskCachingMode: { values: ["None", "ReadOnly", "ReadWrite"] },
  AzureDataDiskKind: { values: ["Dedicated", "Managed", "Shared"] },
  AzureFilePersistentVolumeSource: {
    fields: {
      secretName: { type: "string", pb: 1, required: true },
      shareName: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
      secretNamespace: { type: "*string", pb: 4, omit: false },
    },
  },
  AzureFileVolumeSource: {
    fields: {
      secretName: { type: "string", pb: 1, required: true },
      shareName: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
    },
  },
  CSIPersistentVolumeSource: {
    fields: {
      driver: { type: "string", pb: 1, required: true },
      volumeHandle: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
      fsType: { type: "string", pb: 4 },
      volumeAttributes: { type: "map[string]string", pb: 5 },
      controllerPublishSecretRef: { type: "*SecretReference", pb: 6 },
      nodeStageSecretRef: { type: "*SecretReference", pb: 7 },
      nodePublishSecretRef: { type: "*SecretReference", pb: 8 },
      controllerExpandSecretRef: { type: "*SecretReference", pb: 9 },
      nodeExpandSecretRef: { type: "*SecretReference", pb: 10 },
    },
  },
  CSIVolumeSource: {
    fields: {
      driver: { type: "string", pb: 1, required: true },
      readOnly: { type: "*bool", pb: 2 },
      fsType: { type: "*string", pb: 3 },
      volumeAttributes: { type: "map[string]string", pb: 4 },
      nodePublishSecretRef: { type: "*LocalObjectReference", pb: 5 },
    },
  },
  CephFSPersistentVolumeSource: {
    fields: {
      monitors: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      path: { type: "string", pb: 2 },
      user: { type: "string", pb: 3 },
      secretFile: { type: "string", pb: 4 },
      secretRef: { type: "*SecretReference", pb: 5 },
      readOnly: { type: "bool", pb: 6 },
    },
  },
  CephFSVolumeSource: {
    fields: {
      monitors: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      path: { type: "string", pb: 2 },
      user: { type: "string", pb: 3 },
      secretFile: { type: "string", pb: 4 },
      secretRef: { type: "*LocalObjectReference", pb: 5 },
      readOnly: { type: "bool", pb: 6 },
    },
  },
  CinderPersistentVolumeSource: {
    fields: {
      volumeID: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      readOnly: { type: "bool", pb: 3 },
      secretRef: { type: "*SecretReference", pb: 4 },
    },
  },
  CinderVolumeSource: {
    fields: {
      volumeID: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      readOnly: { type: "bool", pb: 3 },
      secretRef: { type: "*LocalObjectReference", pb: 4 },
    },
  },
  FCVolumeSource: {
    fields: {
      targetWWNs: { type: "[]string", pb: 1, listType: "atomic" },
      lun: { type: "*int32", pb: 2 },
      fsType: { type: "string", pb: 3 },
      readOnly: { type: "bool", pb: 4 },
      wwids: { type: "[]string", pb: 5, listType: "atomic" },
    },
  },
  FlexPersistentVolumeSource: {
    fields: {
      driver: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      secretRef: { type: "*SecretReference", pb: 3 },
      readOnly: { type: "bool", pb: 4 },
      options: { type: "map[string]string", pb: 5 },
    },
  },
  FlexVolumeSource: {
    fields: {
      driver: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      secretRef: { type: "*LocalObjectReference", pb: 3 },
      readOnly: { type: "bool", pb: 4 },
      options: { type: "map[string]string", pb: 5 },
    },
  },
  FlockerVolumeSource: {
    fields: {
      datasetName: { type: "string", pb: 1 },
      datasetUUID: { type: "string", pb: 2 },
    },
  },
  GCEPersistentDiskVolumeSource: {
    fields: {
      pdName: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      partition: { type: "int32", pb: 3 },
      readOnly: { type: "bool", pb: 4 },
    },
  },
  GitRepoVolumeSource: {
    fields: {
      repository: { type: "string", pb: 1, required: true },
      revision: { type: "string", pb: 2 },
      directory: { type: "string", pb: 3 },
    },
  },
  GlusterfsPersistentVolumeSource: {
    fields: {
      endpoints: { type: "string", pb: 1, required: true },
      path: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
      endpointsNamespace: { type: "*string", pb: 4 },
    },
  },
  GlusterfsVolumeSource: {
    fields: {
      endpoints: { type: "string", pb: 1, required: true },
      path: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
    },
  },
  ISCSIPersistentVolumeSource: {
    fields: {
      targetPortal: { type: "string", pb: 1, required: true },
      iqn: { type: "string", pb: 2, required: true },
      lun: { type: "int32", pb: 3, required: true },
      iscsiInterface: { type: "string", pb: 4, default: "default" },
      fsType: { type: "string", pb: 5 },
      readOnly: { type: "bool", pb: 6 },
      portals: { type: "[]string", pb: 7, listType: "atomic" },
      chapAuthDiscovery: { type: "bool", pb: 8 },
      chapAuthSession: { type: "bool", pb: 11 },
      secretRef: { type: "*SecretReference", pb: 10 },
      initiatorName: { type: "*string", pb: 12 },
    },
  },
  ISCSIVolumeSource: {
    fields: {
      targetPortal: { type: "string", pb: 1, required: true },
      iqn: { type: "string", pb: 2, required: true },
      lun: { type: "int32", pb: 3, required: true },
      iscsiInterface: { type: "string", pb: 4, default: "default" },
      fsType: { type: "string", pb: 5 },
      readOnly: { type: "bool", pb: 6 },
      portals: { type: "[]string", pb: 7, listType: "atomic" },
      chapAuthDiscovery: { type: "bool", pb: 8 },
      chapAuthSession: { type: "bool", pb: 11 },
      secretRef: { type: "*LocalObjectReference", pb: 10 },
      initiatorName: { type: "*string", pb: 12 },
    },
  },
  LocalVolumeSource: {
    fields: {
      path: { type: "string", pb: 1, required: true },
      fsType: { type: "*string", pb: 2 },
    },
  },
  NFSVolumeSource: {
    fields: {
      server: { type: "string", pb: 1, required: true },
      path: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
    },
  },
  PhotonPersistentDiskVolumeSource: {
    fields: {
      pdID: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
    },
  },
  PortworxVolumeSource: {
    fields: {
      volumeID: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      readOnly: { type: "bool", pb: 3 },
    },
  },
  QuobyteVolumeSource: {
    fields: {
      registry: { type: "string", pb: 1, required: true },
      volume: { type: "string", pb: 2, required: true },
      readOnly: { type: "bool", pb: 3 },
      user: { type: "string", pb: 4 },
      group: { type: "string", pb: 5 },
      tenant: { type: "string", pb: 6 },
    },
  },
  RBDPersistentVolumeSource: {
    fields: {
      monitors: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      image: { type: "string", pb: 2, required: true },
      fsType: { type: "string", pb: 3 },
      pool: { type: "string", pb: 4, default: "rbd" },
      user: { type: "string", pb: 5, default: "admin" },
      keyring: { type: "string", pb: 6, default: "/etc/ceph/keyring" },
      secretRef: { type: "*SecretReference", pb: 7 },
      readOnly: { type: "bool", pb: 8 },
    },
  },
  RBDVolumeSource: {
    fields: {
      monitors: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      image: { type: "string", pb: 2, required: true },
      fsType: { type: "string", pb: 3 },
      pool: { type: "string", pb: 4, default: "rbd" },
      user: { type: "string", pb: 5, default: "admin" },
      keyring: { type: "string", pb: 6, default: "/etc/ceph/keyring" },
      secretRef: { type: "*LocalObjectReference", pb: 7 },
      readOnly: { type: "bool", pb: 8 },
    },
  },
  ScaleIOPersistentVolumeSource: {
    fields: {
      gateway: { type: "string", pb: 1, required: true },
      system: { type: "string", pb: 2, required: true },
      secretRef: { type: "*SecretReference", pb: 3, required: true },
      sslEnabled: { type: "bool", pb: 4 },
      protectionDomain: { type: "string", pb: 5 },
      storagePool: { type: "string", pb: 6 },
      storageMode: { type: "string", pb: 7, default: "ThinProvisioned" },
      volumeName: { type: "string", pb: 8 },
      fsType: { type: "string", pb: 9, default: "xfs" },
      readOnly: { type: "bool", pb: 10 },
    },
  },
  ScaleIOVolumeSource: {
    fields: {
      gateway: { type: "string", pb: 1, required: true },
      system: { type: "string", pb: 2, required: true },
      secretRef: { type: "*LocalObjectReference", pb: 3, required: true },
      sslEnabled: { type: "bool", pb: 4 },
      protectionDomain: { type: "string", pb: 5 },
      storagePool: { type: "string", pb: 6 },
      storageMode: { type: "string", pb: 7, default: "ThinProvisioned" },
      volumeName: { type: "string", pb: 8 },
      fsType: { type: "string", pb: 9, default: "xfs" },
      readOnly: { type: "bool", pb: 10 },
    },
  },
  StorageOSPersistentVolumeSource: {
    fields: {
      volumeName: { type: "string", pb: 1 },
      volumeNamespace: { type: "string", pb: 2 },
      fsType: { type: "string", pb: 3 },
      readOnly: { type: "bool", pb: 4 },
      secretRef: { type: "*ObjectReference", pb: 5 },
    },
  },
  StorageOSVolumeSource: {
    fields: {
      volumeName: { type: "string", pb: 1 },
      volumeNamespace: { type: "string", pb: 2 },
      fsType: { type: "string", pb: 3 },
      readOnly: { type: "bool", pb: 4 },
      secretRef: { type: "*LocalObjectReference", pb: 5 },
    },
  },
  VsphereVirtualDiskVolumeSource: {
    fields: {
      volumePath: { type: "string", pb: 1, required: true },
      fsType: { type: "string", pb: 2 },
      storagePolicyName: { type: "string", pb: 3 },
      storagePolicyID: { type: "string", pb: 4 },
    },
  },
};
