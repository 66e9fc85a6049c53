import { csiStorageCapacities, persistentVolumes, storageClasses } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { sha256Hex } from "../../component-base/sha256.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import type { DriverDeployment } from "./driver-deployment.ts";
import { bytes } from "./external-provisioner.ts";

const namespace = "kube-system";
// Room comes and goes without anybody telling, too.
const periodMs = 60_000;

/** Tells the scheduler how much room a node's driver has, per class: upstream's external-provisioner with --enable-capacity. */
export function capacityPublisher(deployment: DriverDeployment): ControllerDescriptor {
  return {
    name: "csi-capacity-publisher",
    serviceAccount: "csi-external-provisioner",
    rules: [
      {
        verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
        apiGroups: ["storage.k8s.io"],
        resources: ["csistoragecapacities"],
      },
      { verbs: ["get", "list", "watch"], apiGroups: ["storage.k8s.io"], resources: ["storageclasses"] },
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumes"] },
    ],
    create: (context) => createPublisher(context, deployment),
  };
}

function createPublisher(context: ControllerContext, deployment: DriverDeployment): Controller {
  const { informers } = context;
  const classes = informers.for(storageClasses);
  const own = (): readonly string[] =>
    classes.lister.list().flatMap((c) => (c.provisioner === deployment.name ? [c.metadata.name] : []));
  const controller = new ReconcileController({
    ...context,
    name: "csi_capacity",
    reconcile: (className, signal) => publish(context, deployment, className, signal),
  });
  controller.watch(classes);
  controller.watch(
    informers.for(persistentVolumes),
    (volume) => (volume.spec.csi?.driver === deployment.name ? own() : []),
    (previous, current) => !semanticEqual(previous.spec.capacity, current.spec.capacity),
  );
  return controller;
}

async function publish(
  { informers, client }: ControllerContext,
  { driver, name: driverName, node }: DriverDeployment,
  storageClassName: string,
  signal: AbortSignal,
): Promise<ReconcileResult | void> {
  const storageClass = informers.for(storageClasses).lister.getByKey(storageClassName);
  if (storageClass && storageClass.provisioner !== driverName) return undefined;
  const segments = node?.topology.segments ?? {};
  const name = `csisc-${sha256Hex(JSON.stringify([driverName, storageClassName, segments])).slice(0, 10)}`;
  const capacities = client.resource(csiStorageCapacities, namespace);
  if (!storageClass) {
    try {
      await capacities.delete(name, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }
  const { availableCapacity, maximumVolumeSize } = await driver.getCapacity({
    volumeCapabilities: [],
    parameters: storageClass.parameters ?? {},
    ...(node ? { accessibleTopology: node.topology } : {}),
  });
  const labels = {
    "csi.storage.k8s.io/drivername": driverName,
    "csi.storage.k8s.io/managed-by": "external-provisioner",
  };
  const room = {
    capacity: bytes(availableCapacity),
    ...(maximumVolumeSize === undefined ? {} : { maximumVolumeSize: bytes(maximumVolumeSize) }),
  };
  try {
    const found = await capacities.get(name, { signal });
    if (found.capacity !== room.capacity || found.maximumVolumeSize !== room.maximumVolumeSize) {
      await capacities.update({ ...found, ...room }, { signal });
    }
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const nodeTopology = { matchLabels: segments };
    await capacities.create({ metadata: { name, labels }, nodeTopology, storageClassName, ...room }, { signal });
  }
  return { requeueAfterMs: periodMs };
}
