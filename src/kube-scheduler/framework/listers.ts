import type {
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  ReplicationController,
  Service,
} from "../../api/core/v1/types.gen.ts";
import type { ReplicaSet, StatefulSet } from "../../api/apps/v1/types.gen.ts";
import type { PodDisruptionBudget } from "../../api/policy/v1/types.gen.ts";
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass } from "../../api/storage/v1/types.gen.ts";
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  namespaces,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
  storageClasses,
} from "../../api/resources.gen.ts";
import type { InformerFactory, Lister } from "../../client/cache/shared-informer.ts";

/** What plugins look up besides pods and nodes. */
export interface SchedulerListers {
  readonly namespaces: Lister<Namespace>;
  readonly services: Lister<Service>;
  readonly replicationControllers: Lister<ReplicationController>;
  readonly replicaSets: Lister<ReplicaSet>;
  readonly statefulSets: Lister<StatefulSet>;
  readonly podDisruptionBudgets: Lister<PodDisruptionBudget>;
  readonly persistentVolumeClaims: Lister<PersistentVolumeClaim>;
  readonly persistentVolumes: Lister<PersistentVolume>;
  readonly storageClasses: Lister<StorageClass>;
  readonly csiNodes: Lister<CSINode>;
  readonly csiDrivers: Lister<CSIDriver>;
  readonly csiStorageCapacities: Lister<CSIStorageCapacity>;
}

export function listersOf(informers: InformerFactory): SchedulerListers {
  return {
    namespaces: informers.for(namespaces).lister,
    services: informers.for(services).lister,
    replicationControllers: informers.for(replicationControllers).lister,
    replicaSets: informers.for(replicaSets).lister,
    statefulSets: informers.for(statefulSets).lister,
    podDisruptionBudgets: informers.for(podDisruptionBudgets).lister,
    persistentVolumeClaims: informers.for(persistentVolumeClaims).lister,
    persistentVolumes: informers.for(persistentVolumes).lister,
    storageClasses: informers.for(storageClasses).lister,
    csiNodes: informers.for(csiNodes).lister,
    csiDrivers: informers.for(csiDrivers).lister,
    csiStorageCapacities: informers.for(csiStorageCapacities).lister,
  };
}
