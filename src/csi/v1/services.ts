import type {
  ControllerCapabilities,
  ControllerCapability,
  ControllerExpandVolumeRequest,
  ControllerPublishVolumeRequest,
  ControllerUnpublishVolumeRequest,
  CreateVolumeRequest,
  DeleteVolumeRequest,
  GetCapacityRequest,
  NodeCapabilities,
  NodeCapability,
  NodeExpandVolumeRequest,
  NodeGetVolumeStatsRequest,
  NodeInfo,
  NodePublishVolumeRequest,
  NodeStageVolumeRequest,
  PluginCapabilities,
  PluginInfo,
  Volume,
  VolumeUsage,
} from "./types.ts";

type Strings = Readonly<Record<string, string>>;

/** The three services of csi.v1. Every call is idempotent and rejects with CsiError; callers set deadlines. */
export interface CsiIdentity {
  getPluginInfo(): Promise<PluginInfo>;
  getPluginCapabilities(): Promise<PluginCapabilities>;
  probe(): Promise<{ readonly ready?: boolean }>;
}

export interface CsiController {
  controllerGetCapabilities(): Promise<ControllerCapabilities>;
  /** `alreadyExists` when there is one of the name that does not fit, `outOfRange` when the size cannot be had. */
  createVolume(request: CreateVolumeRequest): Promise<{ readonly volume: Volume }>;
  /** An unknown volume is fine. */
  deleteVolume(request: DeleteVolumeRequest): Promise<object>;
  controllerPublishVolume(request: ControllerPublishVolumeRequest): Promise<{ readonly publishContext: Strings }>;
  controllerUnpublishVolume(request: ControllerUnpublishVolumeRequest): Promise<object>;
  controllerExpandVolume(
    request: ControllerExpandVolumeRequest,
  ): Promise<{ readonly capacityBytes: number; readonly nodeExpansionRequired: boolean }>;
  getCapacity(request: GetCapacityRequest): Promise<{
    readonly availableCapacity: number;
    readonly maximumVolumeSize?: number;
  }>;
}

export interface CsiNode {
  nodeGetCapabilities(): Promise<NodeCapabilities>;
  nodeGetInfo(): Promise<NodeInfo>;
  nodeStageVolume(request: NodeStageVolumeRequest): Promise<object>;
  nodeUnstageVolume(request: { readonly volumeId: string; readonly stagingTargetPath: string }): Promise<object>;
  /** The target's parent exists; the target is the driver's to make. */
  nodePublishVolume(request: NodePublishVolumeRequest): Promise<object>;
  /** Removes the target, too. */
  nodeUnpublishVolume(request: { readonly volumeId: string; readonly targetPath: string }): Promise<object>;
  nodeGetVolumeStats(request: NodeGetVolumeStatsRequest): Promise<{ readonly usage: readonly VolumeUsage[] }>;
  nodeExpandVolume(request: NodeExpandVolumeRequest): Promise<{ readonly capacityBytes: number }>;
}

export interface CsiDriver extends CsiIdentity, CsiController, CsiNode {}

/** How a plugin introduces itself to the kubelet, and is told what came of it: pluginregistration v1. */
export interface PluginRegistration {
  getInfo(): Promise<{
    /** `CSIPlugin`, `DevicePlugin` … */
    readonly type: string;
    readonly name: string;
    /** The socket of the plugin itself; the one it registers by when empty. */
    readonly endpoint: string;
    readonly supportedVersions: readonly string[];
  }>;
  notifyRegistrationStatus(status: { readonly pluginRegistered: boolean; readonly error: string }): Promise<object>;
}

export function hasNodeCapability({ capabilities }: NodeCapabilities, type: NodeCapability): boolean {
  return capabilities.some(({ rpc }) => rpc?.type === type);
}

export function hasControllerCapability({ capabilities }: ControllerCapabilities, type: ControllerCapability): boolean {
  return capabilities.some(({ rpc }) => rpc?.type === type);
}
