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
import { IndexedStore } from "../../client/cache/store-index.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Random } from "../../component-base/random.ts";
import type { Labels } from "../../component-helpers/label-selector.ts";
import type { PluginHandle } from "../framework/handle.ts";
import type { SchedulerListers } from "../framework/listers.ts";

/** Listers over what a test puts in. */
export class TestListers implements SchedulerListers {
  readonly namespaces = new IndexedStore<Namespace>();
  readonly services = new IndexedStore<Service>();
  readonly replicationControllers = new IndexedStore<ReplicationController>();
  readonly replicaSets = new IndexedStore<ReplicaSet>();
  readonly statefulSets = new IndexedStore<StatefulSet>();
  readonly podDisruptionBudgets = new IndexedStore<PodDisruptionBudget>();
  readonly persistentVolumeClaims = new IndexedStore<PersistentVolumeClaim>();
  readonly persistentVolumes = new IndexedStore<PersistentVolume>();
  readonly storageClasses = new IndexedStore<StorageClass>();
  readonly csiNodes = new IndexedStore<CSINode>();
  readonly csiDrivers = new IndexedStore<CSIDriver>();
  readonly csiStorageCapacities = new IndexedStore<CSIStorageCapacity>();

  addService({ name, selector }: { readonly name: string; readonly selector: Labels }): void {
    // Only what the scheduler reads.
    this.services.set({ metadata: { namespace: "default", name }, spec: { selector } } as unknown as Service);
  }

  addNamespace(name: string, labels: Labels): void {
    this.namespaces.set({ metadata: { name, labels } } as unknown as Namespace);
  }

  addClaim(name: string, spec: object, annotations: Labels = {}): void {
    const metadata = { namespace: "default", name, uid: `uid-${name}`, annotations };
    const { volumeName } = spec as { readonly volumeName?: string };
    const status = { phase: volumeName ? "Bound" : "Pending" };
    this.persistentVolumeClaims.set({
      metadata,
      spec: { resources: {}, ...spec },
      status,
    } as unknown as PersistentVolumeClaim);
  }

  addVolume(name: string, spec: object, labels: Labels = {}): void {
    this.persistentVolumes.set({ metadata: { name, labels }, spec, status: {} } as unknown as PersistentVolume);
  }

  addStorageClass(name: string, rest: object): void {
    this.storageClasses.set({ metadata: { name }, ...rest } as unknown as StorageClass);
  }

  addCsiNode(name: string, driver: string, count: number): void {
    const drivers = [{ name: driver, nodeID: name, topologyKeys: null, allocatable: { count } }];
    this.csiNodes.set({ metadata: { name }, spec: { drivers } } as unknown as CSINode);
  }

  /** A driver that tells how much room there is. */
  addCsiDriver(name: string): void {
    this.csiDrivers.set({ metadata: { name }, spec: { storageCapacity: true } } as unknown as CSIDriver);
  }

  addCapacity(name: string, capacity: Omit<CSIStorageCapacity, "apiVersion" | "kind" | "metadata">): void {
    const object = { metadata: { namespace: "kube-system", name }, ...capacity };
    this.csiStorageCapacities.set(object as unknown as CSIStorageCapacity);
  }

  /** Without a client: plugins that write fail. */
  handle(ports: { readonly clock: Clock; readonly random: Random }): PluginHandle {
    const client: ApiClient = {
      resource: () => {
        throw new Error("this test has no API server");
      },
    } as unknown as ApiClient;
    return { ...ports, client, listers: this, recorder: { event: () => {} } };
  }
}
