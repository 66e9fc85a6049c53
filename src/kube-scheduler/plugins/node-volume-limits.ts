import type { Pod } from "../../api/core/v1/types.gen.ts";
import { claimNameOf } from "../../component-helpers/storage/volume-claims.ts";
import { onEvent, skip, type Plugin, type Status } from "../framework/interface.ts";
import type { SchedulerListers } from "../framework/listers.ts";
import { classOf } from "./pod-claims.ts";

const name = "NodeVolumeLimits";
const tooMany: Status = { code: "unschedulable", plugin: name, reason: "node(s) exceed max volume count" };

/** A node can attach so many volumes of a CSI driver as its CSINode says. A volume that several pods use counts once. */
export function nodeVolumeLimits(listers: SchedulerListers): Plugin {
  return {
    name,
    eventsToRegister: [
      onEvent("CSINode", ["add", "update"]),
      onEvent("AssignedPod", ["delete"], (_pod, { current }) => (current.spec.volumes ?? []).length > 0),
      onEvent("PersistentVolumeClaim", ["add", "update"]),
      onEvent("PersistentVolume", ["add", "update"]),
    ],
    preFilter: (_state, { pod }) =>
      (pod.spec.volumes ?? []).some((v) => claimNameOf(pod, v) !== undefined) ? undefined : skip,
    filter(_state, { pod }, node) {
      const limits = new Map<string, number>();
      for (const driver of listers.csiNodes.get(undefined, node.name)?.spec.drivers ?? []) {
        if (driver.allocatable?.count !== undefined) limits.set(driver.name, driver.allocatable.count);
      }
      if (limits.size === 0) return undefined;
      const attached = new Map<string, string>();
      for (const other of node.pods.values()) collectVolumes(other.pod, listers, attached);
      const all = new Map(attached);
      collectVolumes(pod, listers, all);
      const counts = new Map<string, number>();
      for (const driver of all.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
      for (const [volume, driver] of all) {
        // Only volumes that this pod brings can be one too many.
        if (!attached.has(volume) && (counts.get(driver) ?? 0) > (limits.get(driver) ?? Infinity)) return tooMany;
      }
      return undefined;
    },
  };
}

/** Adds the pod's volumes with their drivers. A claim without a volume counts as the volume its class will bring. */
function collectVolumes(pod: Pod, listers: SchedulerListers, into: Map<string, string>): void {
  const { namespace } = pod.metadata;
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    const claim = name === undefined ? undefined : listers.persistentVolumeClaims.get(namespace, name);
    if (!claim) continue;
    const csi = listers.persistentVolumes.get(undefined, claim.spec.volumeName ?? "")?.spec.csi;
    if (csi) into.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    else {
      const provisioner = classOf(claim, listers)?.provisioner;
      if (provisioner && !claim.spec.volumeName) into.set(`claim ${namespace}/${claim.metadata.name}`, provisioner);
    }
  }
}
