/** The messages of csi.v1 that are in use, field names in camel case. Sizes are bytes; an absent message is an absent property. */
type Strings = Readonly<Record<string, string>>;

export type AccessMode =
  | "UNKNOWN_MODE"
  | "SINGLE_NODE_WRITER"
  | "SINGLE_NODE_READER_ONLY"
  | "MULTI_NODE_READER_ONLY"
  | "MULTI_NODE_SINGLE_WRITER"
  | "MULTI_NODE_MULTI_WRITER"
  | "SINGLE_NODE_SINGLE_WRITER"
  | "SINGLE_NODE_MULTI_WRITER";

export interface VolumeCapability {
  /** One of the two. */
  readonly block?: object;
  readonly mount?: {
    readonly fsType?: string;
    readonly mountFlags?: readonly string[];
    readonly volumeMountGroup?: string;
  };
  readonly accessMode: { readonly mode: AccessMode };
}

/** Zero or absent is no bound. */
export interface CapacityRange {
  readonly requiredBytes?: number;
  readonly limitBytes?: number;
}

export interface Topology {
  readonly segments: Strings;
}

export interface Volume {
  readonly capacityBytes: number;
  readonly volumeId: string;
  readonly volumeContext: Strings;
  readonly accessibleTopology: readonly Topology[];
}

export interface PluginInfo {
  readonly name: string;
  readonly vendorVersion: string;
}

export type PluginService = "UNKNOWN_SERVICE" | "CONTROLLER_SERVICE" | "VOLUME_ACCESSIBILITY_CONSTRAINTS";
export type VolumeExpansion = "UNKNOWN_EXPANSION" | "ONLINE" | "OFFLINE";

export interface PluginCapabilities {
  readonly capabilities: readonly {
    readonly service?: { readonly type: PluginService };
    readonly volumeExpansion?: { readonly type: VolumeExpansion };
  }[];
}

export type ControllerCapability =
  | "UNKNOWN_CONTROLLER_RPC"
  | "CREATE_DELETE_VOLUME"
  | "PUBLISH_UNPUBLISH_VOLUME"
  | "GET_CAPACITY"
  | "EXPAND_VOLUME";

export interface ControllerCapabilities {
  readonly capabilities: readonly { readonly rpc?: { readonly type: ControllerCapability } }[];
}

export type NodeCapability =
  | "UNKNOWN_NODE_RPC"
  | "STAGE_UNSTAGE_VOLUME"
  | "GET_VOLUME_STATS"
  | "EXPAND_NODE_VOLUME"
  | "VOLUME_CONDITION"
  | "NODE_SINGLE_NODE_MULTI_WRITER"
  | "VOLUME_MOUNT_GROUP";

export interface NodeCapabilities {
  readonly capabilities: readonly { readonly rpc?: { readonly type: NodeCapability } }[];
}

export interface CreateVolumeRequest {
  readonly name: string;
  readonly capacityRange?: CapacityRange;
  readonly volumeCapabilities: readonly VolumeCapability[];
  readonly parameters: Strings;
  readonly secrets?: Strings;
  readonly accessibilityRequirements?: {
    readonly requisite: readonly Topology[];
    readonly preferred: readonly Topology[];
  };
}

export interface DeleteVolumeRequest {
  readonly volumeId: string;
  readonly secrets?: Strings;
}

export interface ControllerPublishVolumeRequest {
  readonly volumeId: string;
  readonly nodeId: string;
  readonly volumeCapability: VolumeCapability;
  readonly readonly: boolean;
  readonly secrets?: Strings;
  readonly volumeContext: Strings;
}

export interface ControllerUnpublishVolumeRequest {
  readonly volumeId: string;
  readonly nodeId: string;
  readonly secrets?: Strings;
}

export interface ControllerExpandVolumeRequest {
  readonly volumeId: string;
  readonly capacityRange: CapacityRange;
  readonly secrets?: Strings;
  readonly volumeCapability?: VolumeCapability;
}

export interface GetCapacityRequest {
  readonly volumeCapabilities: readonly VolumeCapability[];
  readonly parameters: Strings;
  readonly accessibleTopology?: Topology;
}

export interface NodeInfo {
  readonly nodeId: string;
  /** Zero is no limit. */
  readonly maxVolumesPerNode: number;
  readonly accessibleTopology?: Topology;
}

export interface NodeStageVolumeRequest {
  readonly volumeId: string;
  readonly publishContext: Strings;
  readonly stagingTargetPath: string;
  readonly volumeCapability: VolumeCapability;
  readonly secrets?: Strings;
  readonly volumeContext: Strings;
}

export interface NodePublishVolumeRequest {
  readonly volumeId: string;
  readonly publishContext: Strings;
  /** Absent when the driver stages nothing. */
  readonly stagingTargetPath?: string;
  readonly targetPath: string;
  readonly volumeCapability: VolumeCapability;
  readonly readonly: boolean;
  readonly secrets?: Strings;
  readonly volumeContext: Strings;
}

export interface NodeGetVolumeStatsRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly stagingTargetPath?: string;
}

export interface VolumeUsage {
  readonly available: number;
  readonly total: number;
  readonly used: number;
  readonly unit: "UNKNOWN_UNIT" | "BYTES" | "INODES";
}

export interface NodeExpandVolumeRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly capacityRange: CapacityRange;
  readonly stagingTargetPath?: string;
  readonly volumeCapability?: VolumeCapability;
  readonly secrets?: Strings;
}
