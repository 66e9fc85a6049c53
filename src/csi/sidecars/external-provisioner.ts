import { secrets } from "../../api/resources.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import {
  ProvisioningError,
  VolumeProvisioner,
  type ProvisionRequest,
} from "../../controller-runtime/volume-provisioner.ts";
import { csiErrorText } from "../v1/csi-error.ts";
import type { CreateVolumeRequest } from "../v1/types.ts";
import { capabilityOf, isOwnVolume, type DriverDeployment } from "./driver-deployment.ts";

const prefix = "csi.storage.k8s.io/";

/** Has volumes made for the claims of a driver's classes, and deleted with them: upstream's external-provisioner. */
export function externalProvisioner(deployment: DriverDeployment): ControllerDescriptor {
  return {
    name: "csi-external-provisioner",
    eventSource: deployment.name,
    serviceAccount: "csi-external-provisioner",
    rules: [
      { verbs: ["get", "list", "watch", "create", "delete"], apiGroups: [""], resources: ["persistentvolumes"] },
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumeclaims", "nodes", "secrets"] },
      { verbs: ["get", "list", "watch"], apiGroups: ["storage.k8s.io"], resources: ["storageclasses"] },
      { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    ],
    create: (context) =>
      new VolumeProvisioner(context, {
        provisioner: deployment.name,
        name: "csi",
        provision: (request) => provision(context, deployment, request),
        remove: async (volume) => {
          if (!isOwnVolume(deployment, volume)) return false;
          const { volumeHandle = "" } = volume.spec.csi ?? {};
          try {
            await deployment.driver.deleteVolume({ volumeId: volumeHandle });
          } catch (error) {
            throw new ProvisioningError(csiErrorText(error), { cause: error, isTransient: true });
          }
          return true;
        },
        onLost: async (volume) => {
          // Each made one of this name; ours serves nobody.
          if (isOwnVolume(deployment, volume)) return;
          await deployment.driver.deleteVolume({ volumeId: volume.spec.csi?.volumeHandle ?? "" });
        },
      }),
  };
}

async function provision(
  { client, recorder }: ControllerContext,
  { driver, name, node }: DriverDeployment,
  { claim, storageClass, nodeName, volumeName }: ProvisionRequest,
): ReturnType<ConstructorParameters<typeof VolumeProvisioner>[1]["provision"]> {
  // Another node's driver makes it.
  if (node && nodeName !== undefined && nodeName !== node.name) return undefined;
  const { namespace, name: claimName } = claim.metadata;
  const { accessModes = [], volumeMode, resources } = claim.spec;
  const parameters = storageClass?.parameters ?? {};
  const fsType = parameters[`${prefix}fstype`] ?? (volumeMode === "Block" ? undefined : "ext4");
  const mountOptions = storageClass?.mountOptions;
  const secretName = parameters[`${prefix}provisioner-secret-name`];
  const secretNamespace = parameters[`${prefix}provisioner-secret-namespace`] ?? namespace;
  recorder.event(
    claim,
    "Normal",
    "Provisioning",
    `External provisioner is provisioning volume for claim "${namespace}/${claimName}"`,
  );
  const secret =
    secretName === undefined ? undefined : (await client.resource(secrets, secretNamespace).get(secretName)).data;
  const topology = node ? [node.topology] : [];
  const request: CreateVolumeRequest = {
    name: volumeName,
    capacityRange: { requiredBytes: Quantity.parse(resources.requests?.["storage"] ?? "0").toNumber() },
    volumeCapabilities: accessModes.map((accessMode) =>
      capabilityOf({ accessMode, isBlock: volumeMode === "Block", fsType, mountOptions }),
    ),
    // What is for the sidecars is not the driver's.
    parameters: Object.fromEntries(Object.entries(parameters).filter(([key]) => !key.startsWith(prefix))),
    ...(secret ? { secrets: decoded(secret) } : {}),
    ...(topology.length > 0 ? { accessibilityRequirements: { requisite: topology, preferred: topology } } : {}),
  };
  let volume;
  try {
    ({ volume } = await driver.createVolume(request));
  } catch (error) {
    throw new ProvisioningError(csiErrorText(error), { cause: error, isTransient: true });
  }
  const terms = volume.accessibleTopology.map(({ segments }) => ({
    matchExpressions: Object.entries(segments)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, operator: "In" as const, values: [value] })),
  }));
  return {
    capacity: { storage: bytes(volume.capacityBytes || (request.capacityRange?.requiredBytes ?? 0)) },
    accessModes,
    volumeMode: volumeMode ?? "Filesystem",
    ...(mountOptions ? { mountOptions } : {}),
    csi: {
      driver: name,
      volumeHandle: volume.volumeId,
      ...(fsType === undefined ? {} : { fsType }),
      volumeAttributes: { ...volume.volumeContext, [`storage.kubernetes.io/csiProvisionerIdentity`]: name },
    },
    ...(terms.length > 0 ? { nodeAffinity: { required: { nodeSelectorTerms: terms } } } : {}),
  };
}

/** As upstream writes sizes: in the largest binary unit that is exact. */
export function bytes(count: number): string {
  return Quantity.of(count, "BinarySI").toString();
}

export function decoded(data: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, utf8Decode(base64Decode(value))]));
}
