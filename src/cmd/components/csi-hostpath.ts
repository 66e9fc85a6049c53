import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import * as path from "node:path";

import { csiDrivers, storageClasses } from "../../api/resources.gen.ts";
import { isAlreadyExists } from "../../apimachinery/errors/status-error.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { CSIDriver, StorageClass } from "../../api/storage/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { createInformerFactory } from "../../client/cache/informer-factory.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { createApiClient } from "../../client/rest/rest-client.ts";
import type { Logger } from "../../component-base/logger.ts";
import { runControllers } from "../../controller-runtime/manager.ts";
import { HostpathDriver, hostpathDriverName } from "../../csi/hostpath/hostpath-driver.ts";
import { capacityPublisher } from "../../csi/sidecars/capacity-publisher.ts";
import type { DriverDeployment } from "../../csi/sidecars/driver-deployment.ts";
import { externalAttacher } from "../../csi/sidecars/external-attacher.ts";
import { externalProvisioner } from "../../csi/sidecars/external-provisioner.ts";
import { externalResizer } from "../../csi/sidecars/external-resizer.ts";
import { hasControllerCapability } from "../../csi/v1/services.ts";
import type { VolumeUsage } from "../../csi/v1/types.ts";
import { csiClient, serveCsi, serveRegistration } from "../../node/csi/csi-protocol.ts";
import { loopDevices } from "../../node/csi/loop-devices.ts";
import { LinuxDisks } from "../../node/disks.ts";
import { SystemMounter } from "../../node/mounts.ts";
import { NodeFileSystem } from "../../node/node-file-system.ts";
import { parseFlags, requiredFlag, type FlagsOf } from "../flags.ts";
import { commonFlags, environmentOf, readKubeconfigFile, runAlone } from "./run-alone.ts";

const hostpathFlags = {
  ...commonFlags,
  "hostname-override": "string",
  /** The kubelet's --root-dir. */
  "root-dir": "string",
  "state-dir": "string",
  /** Quantities. */
  capacity: "string",
  "max-volume-size": "string",
  "max-volumes-per-node": "int",
  attachable: "bool",
} as const;

type Flags = FlagsOf<typeof hostpathFlags>;

const defaultClass = "csi-hostpath";

/** `k8ts csi-hostpath`: the hostpath driver of one node, registered with its kubelet, and the controllers beside it. */
export function csiHostpath(args: readonly string[]): Promise<void> {
  // Wrong flags are found before anything runs.
  parseFlags(hostpathFlags, args);
  return runAlone("csi-hostpath", hostpathFlags, args, async (flags, signal, logger) => {
    await using stack = new AsyncDisposableStack();
    const environment = environmentOf(await readKubeconfigFile(requiredFlag(flags, "kubeconfig")), stack, logger);
    const { clock, random, metrics, transport } = environment;
    const client = createApiClient({ transport, userAgent: "csi-hostpath", clock, random });
    const nodeName = (flags["hostname-override"] ?? hostname()).toLowerCase();
    const rootDirectory = flags["root-dir"] ?? "/var/lib/kubelet";
    const plugin = path.join(rootDirectory, "plugins", defaultClass);
    const registry = path.join(rootDirectory, "plugins_registry");
    for (const directory of [plugin, registry]) await mkdir(directory, { recursive: true, mode: 0o750 });

    await ensureObjects(client, flags.attachable !== false);
    const endpoint = path.join(plugin, "csi.sock");
    stack.use(await serveCsi(endpoint, createDriver(flags, nodeName)));
    const driver = stack.use(csiClient(endpoint));
    const info = async () => ({ type: "CSIPlugin", name: hostpathDriverName, endpoint, supportedVersions: ["1.0.0"] });
    stack.use(
      await serveRegistration(path.join(registry, `${hostpathDriverName}-reg.sock`), {
        getInfo: info,
        notifyRegistrationStatus: async (status) => noteRegistration(status, logger),
      }),
    );
    const deployment = await describeDriver(driver, nodeName);
    const informers = stack.use(createInformerFactory({ client, clock, random, logger, metrics }));
    const controllers = [externalProvisioner, externalAttacher, externalResizer, capacityPublisher];
    await runControllers(
      {
        controllers: controllers.map((controller) => controller(deployment)),
        clientFor: () => client,
        informers,
        clock,
        random,
        logger,
        metrics,
      },
      signal,
    );
  });
}

function createDriver(flags: Flags, nodeId: string): HostpathDriver {
  const disks = new LinuxDisks();
  const loops = loopDevices();
  const bytes = (text: string): number => Quantity.parse(text).toNumber();
  return new HostpathDriver({
    nodeId,
    directory: flags["state-dir"] ?? path.join(flags["root-dir"] ?? "/var/lib/kubelet", "csi-hostpath"),
    capacityBytes: bytes(flags.capacity ?? "100Gi"),
    maxVolumeBytes: bytes(flags["max-volume-size"] ?? "1Ti"),
    maxVolumes: flags["max-volumes-per-node"] ?? 0,
    isAttachable: flags.attachable !== false,
    fileSystem: new NodeFileSystem(),
    mounter: new SystemMounter(),
    ...(loops ? { loops } : {}),
    usage: (directory) => usageOf(disks, directory),
  });
}

async function usageOf(disks: LinuxDisks, directory: string): Promise<readonly VolumeUsage[]> {
  const [disk, tree] = await Promise.all([disks.fileSystem(directory), disks.tree(directory)]);
  return [
    { unit: "BYTES", total: disk.capacityBytes, available: disk.availableBytes, used: tree.usedBytes },
    { unit: "INODES", total: disk.inodes, available: disk.inodesFree, used: tree.inodesUsed },
  ];
}

async function describeDriver(driver: ReturnType<typeof csiClient>, nodeName: string): Promise<DriverDeployment> {
  const { name } = await driver.getPluginInfo();
  const capabilities = await driver.controllerGetCapabilities();
  const { accessibleTopology } = await driver.nodeGetInfo();
  return {
    driver,
    name,
    canPublish: hasControllerCapability(capabilities, "PUBLISH_UNPUBLISH_VOLUME"),
    canExpand: hasControllerCapability(capabilities, "EXPAND_VOLUME"),
    ...(accessibleTopology ? { node: { name: nodeName, topology: accessibleTopology } } : {}),
  };
}

function noteRegistration(
  { pluginRegistered, error }: { readonly pluginRegistered: boolean; readonly error: string },
  logger: Logger,
): object {
  if (pluginRegistered) logger.info("the kubelet has registered the driver");
  else logger.warn("the kubelet has not registered the driver, and will try again", { error });
  return {};
}

/** What a cluster is told of the driver, unless an administrator has said something else already. */
async function ensureObjects(client: ApiClient, attachRequired: boolean): Promise<void> {
  const driver: Input<CSIDriver> = {
    metadata: { name: hostpathDriverName },
    spec: {
      attachRequired,
      podInfoOnMount: true,
      volumeLifecycleModes: ["Persistent", "Ephemeral"],
      storageCapacity: true,
      fsGroupPolicy: "File",
    },
  };
  const storageClass: Input<StorageClass> = {
    metadata: { name: defaultClass },
    provisioner: hostpathDriverName,
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
    allowVolumeExpansion: true,
  };
  await ignoringPresent(client.resource(csiDrivers).create(driver));
  await ignoringPresent(client.resource(storageClasses).create(storageClass));
}

async function ignoringPresent(created: Promise<unknown>): Promise<void> {
  try {
    await created;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
