import { isAlreadyExists } from "../../apimachinery/errors/status-error.ts";
import { nodes, storageClasses } from "../../api/resources.gen.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ProvisioningError, VolumeProvisioner } from "../../controller-runtime/volume-provisioner.ts";

export const localPathProvisioner = "k8ts.dev/local-path";
const className = "local-path";
const hostNameLabel = "kubernetes.io/hostname";

/**
 * Gives claims of the class `local-path`, the default class of a new cluster, a directory on the node their first pod runs
 * on. The kubelet makes the directory when it mounts it, and removes it when its volume is gone.
 */
export function localPathProvisionerController(directory: string): ControllerDescriptor {
  return {
    name: "local-path-provisioner-controller",
    serviceAccount: "local-path-provisioner",
    rules: [
      { verbs: ["get", "list", "watch", "create", "delete"], apiGroups: [""], resources: ["persistentvolumes"] },
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumeclaims", "nodes"] },
      { verbs: ["get", "list", "watch", "create"], apiGroups: ["storage.k8s.io"], resources: ["storageclasses"] },
      { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    ],
    create(context) {
      const provisioner = createProvisioner(context, directory);
      return {
        async run(signal) {
          await ensureClass(context, signal);
          await provisioner.run(signal);
        },
      };
    },
  };
}

function createProvisioner(context: ControllerContext, directory: string): VolumeProvisioner {
  return new VolumeProvisioner(context, {
    provisioner: localPathProvisioner,
    name: "local_path",
    provision: async ({ claim, nodeName, volumeName }) => {
      const { namespace, name } = claim.metadata;
      if (!nodeName) throw new ProvisioningError("configuration error, no node was specified");
      if (claim.spec.volumeMode === "Block") throw new ProvisioningError("block volumes are not supported");
      const accessModes = claim.spec.accessModes ?? [];
      if (!accessModes.every((mode) => mode === "ReadWriteOnce" || mode === "ReadWriteOncePod")) {
        throw new ProvisioningError("Only support ReadWriteOnce access mode");
      }
      const node = context.informers.for(nodes).lister.getByKey(nodeName);
      const hostName = node?.metadata.labels?.[hostNameLabel] ?? nodeName;
      const path = `${directory}/${volumeName}_${namespace}_${name}`;
      return {
        capacity: { storage: claim.spec.resources.requests?.["storage"] ?? "0" },
        accessModes,
        hostPath: { path, type: "DirectoryOrCreate" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: hostNameLabel, operator: "In", values: [hostName] }] }],
          },
        },
      };
    },
  });
}

/** Once a start: an administrator may make another class the default, or delete this one until then. */
async function ensureClass({ informers, client, logger }: ControllerContext, signal: AbortSignal): Promise<void> {
  if (informers.for(storageClasses).lister.getByKey(className)) return;
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  try {
    await client.resource(storageClasses).create(
      {
        metadata: { name: className, annotations },
        provisioner: localPathProvisioner,
        reclaimPolicy: "Delete",
        volumeBindingMode: "WaitForFirstConsumer",
      },
      { signal },
    );
  } catch (error) {
    // Claims of other classes need it not, and the next start tries again.
    if (!isAlreadyExists(error) && !signal.aborted) logger.error("the class local-path was not created", { error });
  }
}
