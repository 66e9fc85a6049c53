import type { PersistentVolume } from "../../api/core/v1/types.gen.ts";
import type { CsiDriver } from "../v1/services.ts";
import type { AccessMode, Topology, VolumeCapability } from "../v1/types.ts";

/** A driver the sidecars serve, with what they learned of it at their start. */
export interface DriverDeployment {
  readonly driver: CsiDriver;
  readonly name: string;
  /** Whether it attaches and detaches; else attachments are granted without asking it. */
  readonly canPublish: boolean;
  readonly canExpand: boolean;
  /**
   * The one node it serves, for a driver that runs on every node and serves its own: volumes of others are others'. Absent
   * for a driver that serves all nodes.
   */
  readonly node?: { readonly name: string; readonly topology: Topology };
}

/** Whether the volume is this deployment's, of several of one driver. */
export function isOwnVolume({ name, node }: DriverDeployment, volume: PersistentVolume): boolean {
  if (volume.spec.csi?.driver !== name) return false;
  if (!node) return true;
  const terms = volume.spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const entries = Object.entries(node.topology.segments);
  return terms.some(({ matchExpressions = [] }) =>
    entries.every(([key, value]) => matchExpressions.some((e) => e.key === key && e.values?.includes(value))),
  );
}

/** How a volume is used, as the driver is told. */
export function capabilityOf(options: {
  readonly accessMode: string | undefined;
  readonly isBlock: boolean;
  readonly fsType?: string | undefined;
  readonly mountOptions?: readonly string[] | undefined;
}): VolumeCapability {
  const { accessMode, isBlock, fsType = "", mountOptions = [] } = options;
  return {
    ...(isBlock ? { block: {} } : { mount: { fsType, mountFlags: mountOptions, volumeMountGroup: "" } }),
    accessMode: { mode: modeOf(accessMode) },
  };
}

function modeOf(accessMode: string | undefined): AccessMode {
  switch (accessMode) {
    case "ReadOnlyMany":
      return "MULTI_NODE_READER_ONLY";
    case "ReadWriteMany":
      return "MULTI_NODE_MULTI_WRITER";
    default:
      return "SINGLE_NODE_WRITER";
  }
}
