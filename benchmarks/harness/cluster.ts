import { pods } from "../../src/api/resources.gen.ts";
import type { Pod } from "../../src/api/core/v1/types.gen.ts";
import type { ApiClient } from "../../src/client/rest/api-client.ts";
import { ClusterDirectory } from "../../src/cmd/cluster-directory.ts";
import { connectAdmin, type Connection } from "../../src/cmd/connect.ts";
import { runningPid } from "../../src/cmd/process-file.ts";
import { supervisedComponents } from "../../src/cmd/supervisor.ts";
import { CliCluster } from "../../test/e2e/cli.ts";
import { enterWorld } from "../../test/e2e/world.ts";
import { bundled } from "./bundled.ts";
import { skip } from "./report.ts";

/**
 * A cluster of the bundled command on real containerd in a world of its own (see test/e2e/world.ts), not yet started; undefined, and said so,
 * where that cannot be. Call it first: outside the world it does not return.
 */
export async function clusterInWorld(): Promise<CliCluster | undefined> {
  const world = await enterWorld(["containerd", "runc", "nft", "busybox"]);
  if (typeof world !== "string") {
    return new CliCluster(world, "k8ts", await bundled("src/cmd/main.ts", `${world.directory}/bundle`));
  }
  skip(world);
  return undefined;
}

export function connect(cluster: CliCluster): Promise<Connection> {
  return connectAdmin(new ClusterDirectory(cluster.dataDir));
}

/** The pids of the cluster's own processes by component; containers and their runtime are not among them. */
export async function componentPids(cluster: CliCluster): Promise<ReadonlyMap<string, number>> {
  const directory = new ClusterDirectory(cluster.dataDir);
  const pids = new Map<string, number>();
  const state = await directory.readState();
  if (!state) throw new Error(`there is no cluster in ${directory.root}`);
  for (const component of ["supervisor", ...supervisedComponents(state).map(({ name }) => name)]) {
    const pid = await runningPid(directory.processFile(component));
    if (pid === undefined) throw new Error(`${component} does not run`);
    pids.set(component, pid);
  }
  return pids;
}

/** Follows the pods of namespace `default` until `signal` aborts. */
export async function followPods(client: ApiClient, signal: AbortSignal, onPod: (pod: Pod) => void): Promise<void> {
  try {
    for await (const event of client.resource(pods, "default").watch({ signal, resourceVersion: "0" })) {
      if (event.type === "ADDED" || event.type === "MODIFIED") onPod(event.object);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
