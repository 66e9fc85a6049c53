import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const persistentVolumeTypes: TypeSchemas = {
  PersistentVolume: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "PersistentVolumeSpec", pb: 2 },
      status: { type: "PersistentVolumeStatus", pb: 3 },
    },
    defaults: {
      "status.phase": "Pending",
      "spec.persistentVolumeReclaimPolicy": "Retain",
      "spec.volumeMode": "Filesystem",
    },
  },
  PersistentVolumeSpec: {
    fields: {
      capacity: { type: "map[ResourceName]Quantity", pb: 1 },
      PersistentVolumeSource: { inline: true, pb: 2 },
      accessModes: { type: "[]PersistentVolumeAccessMode", pb: 3, listType: "atomic" },
      claimRef: { type: "*ObjectReference", pb: 4, mapType: "granular" },
      persistentVolumeReclaimPolicy: { type: "PersistentVolumeReclaimPolicy", pb: 5 },
      storageClassName: { type: "string", pb: 6 },
      mountOptions: { type: "[]string", pb: 7, listType: "atomic" },
      volumeMode: { type: "*PersistentVolumeMode", pb: 8 },
      nodeAffinity: { type: "*VolumeNodeAffinity", pb: 9 },
      volumeAttributesClassName: { type: "*string", pb: 10, gate: "VolumeAttributesClass" },
    },
  },
  PersistentVolumeSource: {
    fields: {
      gcePersistentDisk: { type: "*GCEPersistentDiskVolumeSource", pb: 1 },
      awsElasticBlockStore: { type: "*AWSElasticBlockStoreVolumeSource", pb: 2 },
      hostPath: { type: "*HostPathVolumeSource", pb: 3 },
      glusterfs: { type: "*GlusterfsPersistentVolumeSource", pb: 4 },
      nfs: { type: "*NFSVolumeSource", pb: 5 },
      rbd: { type: "*RBDPersistentVolumeSource", pb: 6 },
      iscsi: { type: "*ISCSIPersistentVolumeSource", pb: 7 },
      cinder: { type: "*CinderPersistentVolumeSource", pb: 8 },
      cephfs: { type: "*CephFSPersistentVolumeSource", pb: 9 },
      fc: { type: "*FCVolumeSource", pb: 10 },
      flocker: { type: "*FlockerVolumeSource", pb: 11 },
      flexVolume: { type: "*FlexPersistentVolumeSource", pb: 12 },
      azureFile: { type: "*AzureFilePersistentVolumeSource", pb: 13 },
      vsphereVolume: { type: "*VsphereVirtualDiskVolumeSource", pb: 14 },
      quobyte: { type: "*QuobyteVolumeSource", pb: 15 },
      azureDisk: { type: "*AzureDiskVolumeSource", pb: 16 },
      photonPersistentDisk: { type: "*PhotonPersistentDiskVolumeSource", pb: 17 },
      portworxVolume: { type: "*PortworxVolumeSource", pb: 18 },
      scaleIO: { type: "*ScaleIOPersistentVolumeSource", pb: 19 },
      local: { type: "*LocalVolumeSource", pb: 20 },
      storageos: { type: "*StorageOSPersistentVolumeSource", pb: 21 },
      csi: { type: "*CSIPersistentVolumeSource", pb: 22 },
    },
  },
  PersistentVolumeAccessMode: { values: ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"] },
  PersistentVolumeReclaimPolicy: { values: ["Delete", "Recycle", "Retain"] },
  PersistentVolumeMode: { values: ["Block", "Filesystem"] },
  VolumeNodeAffinity: {
    fields: {
      required: { type: "*NodeSelector", pb: 1 },
    },
  },
  PersistentVolumeStatus: {
    fields: {
      phase: { type: "PersistentVolumePhase", pb: 1 },
      message: { type: "string", pb: 2 },
      reason: { type: "string", pb: 3 },
      lastPhaseTransitionTime: { type: "*Time", pb: 4 },
    },
  },
  PersistentVolumePhase: { values: ["Available", "Bound", "Failed", "Pending", "Released"] },
  PersistentVolumeList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]PersistentVolume", pb: 2, required: true },
    },
  },
};
