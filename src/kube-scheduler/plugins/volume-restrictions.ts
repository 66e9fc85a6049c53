import type { Pod, Volume } from "../../api/core/v1/types.gen.ts";
import { onEvent, skip, type Plugin, type StateKey, type Status } from "../framework/interface.ts";
import type { SchedulerListers } from "../framework/listers.ts";

const name = "VolumeRestrictions";
const diskInUse: Status = { code: "unschedulable", plugin: name, reason: "node(s) had no available disk" };
const claimInUse: Status = {
  code: "unschedulable",
  plugin: name,
  reason: "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
};

interface Restrictions {
  /** The pod's ReadWriteOncePod claims. */
  readonly exclusive: ReadonlySet<string>;
  /** How many pods use one of them. */
  users: number;
  readonly disks: readonly Volume[];
}

const key: StateKey<Restrictions> = { name };

/** A ReadWriteOncePod claim serves one pod in the whole cluster, and some disks only one pod of a node. */
export function volumeRestrictions(listers: SchedulerListers): Plugin {
  return {
    name,
    eventsToRegister: [
      onEvent("AssignedPod", ["delete"]),
      onEvent("Node", ["add"]),
      onEvent("PersistentVolumeClaim", ["add", "update"]),
    ],
    preFilter(state, info, snapshot) {
      const disks = (info.pod.spec.volumes ?? []).filter(isDisk);
      const exclusive = new Set(
        info.claimKeys.filter((claim) =>
          listers.persistentVolumeClaims.getByKey(claim)?.spec.accessModes?.includes("ReadWriteOncePod"),
        ),
      );
      if (disks.length === 0 && exclusive.size === 0) return skip;
      let users = 0;
      for (const claim of exclusive) users += snapshot.claimUsers(claim);
      state.set(key, { exclusive, users, disks });
      return undefined;
    },
    addPod: (state, _info, other) => change(state.get(key), other.claimKeys, 1),
    removePod: (state, _info, other) => change(state.get(key), other.claimKeys, -1),
    filter(state, _info, node) {
      const restrictions = state.get(key);
      if (!restrictions) return undefined;
      if (restrictions.disks.length > 0) {
        for (const { pod } of node.pods.values()) if (sharesDisk(restrictions.disks, pod)) return diskInUse;
      }
      return restrictions.users > 0 ? claimInUse : undefined;
    },
  };
}

function change(restrictions: Restrictions | undefined, claims: readonly string[], sign: 1 | -1): void {
  if (!restrictions) return;
  for (const claim of claims) if (restrictions.exclusive.has(claim)) restrictions.users += sign;
}

function isDisk(volume: Volume): boolean {
  return Boolean(volume.gcePersistentDisk ?? volume.awsElasticBlockStore ?? volume.iscsi ?? volume.rbd);
}

function sharesDisk(disks: readonly Volume[], { spec }: Pod): boolean {
  return disks.some((a) => (spec.volumes ?? []).some((b) => isConflict(a, b)));
}

/** The same disk, unless its kind can be shared for reading and both only read. */
function isConflict(a: Volume, b: Volume): boolean {
  if (a.gcePersistentDisk && b.gcePersistentDisk) {
    const isShared = a.gcePersistentDisk.readOnly === true && b.gcePersistentDisk.readOnly === true;
    return a.gcePersistentDisk.pdName === b.gcePersistentDisk.pdName && !isShared;
  }
  if (a.awsElasticBlockStore && b.awsElasticBlockStore) {
    return a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore.volumeID;
  }
  if (a.iscsi && b.iscsi) {
    return a.iscsi.iqn === b.iscsi.iqn && !(a.iscsi.readOnly === true && b.iscsi.readOnly === true);
  }
  if (a.rbd && b.rbd) {
    const [left, right] = [a.rbd, b.rbd];
    const sharesMonitor = (left.monitors ?? []).some((monitor) => (right.monitors ?? []).includes(monitor));
    const isSame = sharesMonitor && (left.pool ?? "rbd") === (right.pool ?? "rbd") && left.image === right.image;
    return isSame && !(left.readOnly === true && right.readOnly === true);
  }
  return false;
}
