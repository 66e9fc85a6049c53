import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { emptyDirUnlessSource, imageVolumePullPolicy } from "./defaults.ts";

export const volumeTypes: TypeSchemas = {
  Volume: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      VolumeSource: { inline: true, pb: 2 },
    },
    defaulters: [emptyDirUnlessSource],
  },
  VolumeSource: {
    fields: {
      hostPath: { type: "*HostPathVolumeSource", pb: 1 },
      emptyDir: { type: "*EmptyDirVolumeSource", pb: 2 },
      gcePersistentDisk: { type: "*GCEPersistentDiskVolumeSource", pb: 3 },
      awsElasticBlockStore: { type: "*AWSElasticBlockStoreVolumeSource", pb: 4 },
      gitRepo: { type: "*GitRepoVolumeSource", pb: 5 },
      secret: { type: "*SecretVolumeSource", pb: 6 },
      nfs: { type: "*NFSVolumeSource", pb: 7 },
      iscsi: { type: "*ISCSIVolumeSource", pb: 8 },
      glusterfs: { type: "*GlusterfsVolumeSource", pb: 9 },
      persistentVolumeClaim: { type: "*PersistentVolumeClaimVolumeSource", pb: 10 },
      rbd: { type: "*RBDVolumeSource", pb: 11 },
      flexVolume: { type: "*FlexVolumeSource", pb: 12 },
      cinder: { type: "*CinderVolumeSource", pb: 13 },
      cephfs: { type: "*CephFSVolumeSource", pb: 14 },
      flocker: { type: "*FlockerVolumeSource", pb: 15 },
      downwardAPI: { type: "*DownwardAPIVolumeSource", pb: 16 },
      fc: { type: "*FCVolumeSource", pb: 17 },
      azureFile: { type: "*AzureFileVolumeSource", pb: 18 },
      configMap: { type: "*ConfigMapVolumeSource", pb: 19 },
      vsphereVolume: { type: "*VsphereVirtualDiskVolumeSource", pb: 20 },
      quobyte: { type: "*QuobyteVolumeSource", pb: 21 },
      azureDisk: { type: "*AzureDiskVolumeSource", pb: 22 },
      photonPersistentDisk: { type: "*PhotonPersistentDiskVolumeSource", pb: 23 },
      projected: { type: "*ProjectedVolumeSource", pb: 26 },
      portworxVolume: { type: "*PortworxVolumeSource", pb: 24 },
      scaleIO: { type: "*ScaleIOVolumeSource", pb: 25 },
      storageos: { type: "*StorageOSVolumeSource", pb: 27 },
      csi: { type: "*CSIVolumeSource", pb: 28 },
      ephemeral: { type: "*EphemeralVolumeSource", pb: 29 },
      image: { type: "*ImageVolumeSource", pb: 30 },
    },
  },
  HostPathVolumeSource: {
    fields: {
      path: { type: "string", pb: 1, required: true },
      type: { type: "*HostPathType", pb: 2 },
    },
    defaults: {
      type: "",
    },
  },
  HostPathType: {
    values: ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"],
  },
  EmptyDirVolumeSource: {
    fields: {
      medium: { type: "StorageMedium", pb: 1 },
      sizeLimit: { type: "*Quantity", pb: 2 },
    },
  },
  StorageMedium: { known: ["", "HugePages", "HugePages-", "Memory"] },
  SecretVolumeSource: {
    fields: {
      secretName: { type: "string", pb: 1 },
      items: { type: "[]KeyToPath", pb: 2, listType: "atomic" },
      defaultMode: { type: "*int32", pb: 3 },
      optional: { type: "*bool", pb: 4 },
    },
    defaults: {
      defaultMode: 420,
    },
  },
  KeyToPath: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      path: { type: "string", pb: 2, required: true },
      mode: { type: "*int32", pb: 3 },
    },
  },
  PersistentVolumeClaimVolumeSource: {
    fields: {
      claimName: { type: "string", pb: 1, required: true },
      readOnly: { type: "bool", pb: 2 },
    },
  },
  DownwardAPIVolumeSource: {
    fields: {
      items: { type: "[]DownwardAPIVolumeFile", pb: 1, listType: "atomic" },
      defaultMode: { type: "*int32", pb: 2 },
    },
    defaults: {
      defaultMode: 420,
    },
  },
  DownwardAPIVolumeFile: {
    fields: {
      path: { type: "string", pb: 1, required: true },
      fieldRef: { type: "*ObjectFieldSelector", pb: 2 },
      resourceFieldRef: { type: "*ResourceFieldSelector", pb: 3 },
      mode: { type: "*int32", pb: 4 },
    },
  },
  ConfigMapVolumeSource: {
    fields: {
      LocalObjectReference: { inline: true, pb: 1 },
      items: { type: "[]KeyToPath", pb: 2, listType: "atomic" },
      defaultMode: { type: "*int32", pb: 3 },
      optional: { type: "*bool", pb: 4 },
    },
    defaults: {
      defaultMode: 420,
    },
  },
  ProjectedVolumeSource: {
    fields: {
      sources: { type: "[]VolumeProjection", pb: 1, omit: false, listType: "atomic" },
      defaultMode: { type: "*int32", pb: 2 },
    },
    defaults: {
      defaultMode: 420,
    },
  },
  VolumeProjection: {
    fields: {
      secret: { type: "*SecretProjection", pb: 1 },
      downwardAPI: { type: "*DownwardAPIProjection", pb: 2 },
      configMap: { type: "*ConfigMapProjection", pb: 3 },
      serviceAccountToken: { type: "*ServiceAccountTokenProjection", pb: 4 },
      clusterTrustBundle: { type: "*ClusterTrustBundleProjection", pb: 5, gate: "ClusterTrustBundleProjection" },
      podCertificate: { type: "*PodCertificateProjection", pb: 6, gate: "PodCertificateProjection" },
    },
  },
  SecretProjection: {
    fields: {
      LocalObjectReference: { inline: true, pb: 1 },
      items: { type: "[]KeyToPath", pb: 2, listType: "atomic" },
      optional: { type: "*bool", pb: 4 },
    },
  },
  DownwardAPIProjection: {
    fields: {
      items: { type: "[]DownwardAPIVolumeFile", pb: 1, listType: "atomic" },
    },
  },
  ConfigMapProjection: {
    fields: {
      LocalObjectReference: { inline: true, pb: 1 },
      items: { type: "[]KeyToPath", pb: 2, listType: "atomic" },
      optional: { type: "*bool", pb: 4 },
    },
  },
  ServiceAccountTokenProjection: {
    fields: {
      audience: { type: "string", pb: 1 },
      expirationSeconds: { type: "*int64", pb: 2 },
      path: { type: "string", pb: 3, required: true },
    },
    defaults: {
      expirationSeconds: 3600,
    },
  },
  ClusterTrustBundleProjection: {
    fields: {
      name: { type: "*string", pb: 1 },
      signerName: { type: "*string", pb: 2 },
      labelSelector: { type: "*meta/v1.LabelSelector", pb: 3 },
      optional: { type: "*bool", pb: 5 },
      path: { type: "string", pb: 4, required: true },
    },
  },
  PodCertificateProjection: {
    fields: {
      signerName: { type: "string", pb: 1, required: true, omit: true },
      keyType: { type: "string", pb: 2, required: true, omit: true },
      maxExpirationSeconds: { type: "*int32", pb: 3 },
      credentialBundlePath: { type: "string", pb: 4 },
      keyPath: { type: "string", pb: 5 },
      certificateChainPath: { type: "string", pb: 6 },
      userAnnotations: { type: "map[string]string", pb: 7 },
    },
  },
  EphemeralVolumeSource: {
    fields: {
      volumeClaimTemplate: { type: "*PersistentVolumeClaimTemplate", pb: 1 },
    },
  },
  ImageVolumeSource: {
    fields: {
      reference: { type: "string", pb: 1 },
      pullPolicy: { type: "PullPolicy", pb: 2 },
    },
    defaulters: [imageVolumePullPolicy],
  },
};
