import { existsSync } from "node:fs";

import { SystemClock } from "../component-base/clock.ts";
import { createLogger, errorText, formatLogRecord } from "../component-base/logger.ts";
import { containerdPaths } from "../node/containerd/containerd-process.ts";
import { CriRuntimeService } from "../node/cri-client/cri-client.ts";
import { CriConnection } from "../node/cri-client/cri-connection.ts";
import { execChecked } from "../node/exec.ts";
import { removeAllPods, removeLeftovers, type ClusterTraces } from "../node/leftovers.ts";
import { mountsBelow, readMounts } from "../node/mount-info.ts";
import { removeNodeAddress } from "../node/node-address.ts";
import { bridgePort, bridgeTable } from "../node/node-namespaces.ts";
import { clusterDirectory, clusterOptions, parseCommandLine } from "./arguments.ts";
import type { ClusterDirectory, ClusterNode, ClusterState } from "./cluster-directory.ts";
import { removeFromUserKubeconfig } from "./kubeconfig.ts";
import { podNetworkOf, proxyTable, vxlanOf } from "./node-names.ts";
import { stopProcess } from "./process-file.ts";
import { Progress } from "./progress.ts";
import { supervisedComponents } from "./supervisor.ts";

const supervisorGraceMs = 40_000;
const componentGraceMs = 5_000;

/** `k8ts down`: ends processes and pods; objects, images and volumes stay for the next `up`. */
export async function down(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, clusterOptions);
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state) throw new Error(`there is no cluster in ${directory.root}`);
  await stopCluster(directory, state, new Progress());
}

/** `k8ts delete`: as down, and nothing the cluster made is left. A cluster that is not there is deleted already. */
export async function remove(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, clusterOptions);
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  const progress = new Progress();
  if (!state) {
    progress.say(`There is no cluster in ${directory.root}.`);
    return;
  }
  await stopCluster(directory, state, progress);
  await progress.step(`remove ${directory.root}`, async () => {
    for (const node of state.nodes.slice(state.runtime === "containerd" ? 1 : state.nodes.length)) {
      await removeLeftovers(tracesOf(directory, state, node, [directory.nodeDirectory(state, node).root]));
    }
    await removeLeftovers(tracesOf(directory, state, state.nodes[0], [directory.root]));
  });
  await removeFromUserKubeconfig(state.name);
}

async function stopCluster(directory: ClusterDirectory, state: ClusterState, progress: Progress): Promise<void> {
  await progress.step("stop the processes", async () => {
    await stopProcess(directory.processFile("supervisor"), supervisorGraceMs);
    // They end with their supervisor; one that hangs is ended here.
    for (const { name } of supervisedComponents(state)) {
      await stopProcess(directory.processFile(name), componentGraceMs);
    }
  });
  if (state.runtime !== "containerd") return;
  await progress.step("stop the pods", async () => {
    await Promise.all(state.nodes.map((node) => stopPods(directory.nodeDirectory(state, node).containerd, progress)));
  });
  await progress.step("remove mounts, routes, rules and control groups", async () => {
    for (const node of state.nodes.toReversed()) {
      const { kubelet, namespaces } = directory.nodeDirectory(state, node);
      const mounts = await readMounts();
      for (const mount of [kubelet, namespaces].flatMap((below) => mountsBelow(mounts, below)))
        await execChecked("umount", ["--lazy", "--", mount]);
      await removeLeftovers(tracesOf(directory, state, node, []));
    }
    if (state.ownsNodeAddress) await removeNodeAddress();
  });
}

async function stopPods(containerd: string, progress: Progress): Promise<void> {
  const { socket } = containerdPaths(containerd);
  if (!existsSync(socket)) return;
  await using connection = new CriConnection(socket);
  try {
    await removeAllPods(new CriRuntimeService(connection));
  } catch (error) {
    // Whatever state the runtime is in, what is left of its pods is killed next.
    progress.say(`  pods could not be stopped in order (${errorText(error)}); they are killed`);
  }
}

function tracesOf(
  directory: ClusterDirectory,
  state: ClusterState,
  node: ClusterNode,
  directories: readonly string[],
): ClusterTraces {
  const network = podNetworkOf(directory, state, node);
  const { bridge } = state;
  const vxlan = vxlanOf(state, node);
  const uplink = bridge ? [bridgeTable(bridge)] : [];
  return {
    directories,
    containerdDirectory: directory.nodeDirectory(state, node).containerd,
    cgroupRoot: node.cgroupRoot,
    networkName: network.name,
    pidFiles: [],
    // Routes, rules and links of the others are in their namespaces and went with these.
    ...(node.name === state.nodes[0].name
      ? {
          ranges: network,
          nftTables: [proxyTable(state), ...uplink].map((name) => ({ family: "ip", name })),
          // Links into namespaces go with these, but a while later; here they are gone at once.
          links: [
            ...(bridge ? [...state.nodes.slice(1).map(({ ip }) => bridgePort(bridge, ip)), bridge.name] : []),
            ...(vxlan ? [vxlan.name] : []),
          ],
        }
      : {}),
    clock: new SystemClock(),
    logger: createLogger((record) => process.stderr.write(`${formatLogRecord(record)}\n`), "warn"),
  };
}
