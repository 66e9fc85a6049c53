import { spawn } from "node:child_process";
import { openSync, closeSync } from "node:fs";
import { Resolver } from "node:dns/promises";

import { leases, nodes, serviceAccounts } from "../api/resources.gen.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import { parseCommandLine } from "./arguments.ts";
import type { ClusterDirectory, ClusterNode, ClusterState } from "./cluster-directory.ts";
import { connectAdmin } from "./connect.ts";
import { newClusterOptions, prepareCluster } from "./prepare-cluster.ts";
import { runningPid } from "./process-file.ts";
import { Progress } from "./progress.ts";
import { waitFor } from "./wait.ts";

const readyTimeoutMs = 60_000;

export const upUsage = `k8ts up [--name default] [--data-dir DIR] [--runtime auto|containerd|simulated] [--nodes N]
        [--node-name NAME] [--node-ip IP] [--port 6443] [--network-backend host-gw|vxlan]
        [--ingress-ports 80,443|none]
        [--tls-san NAME] [--install] [--wait=true|false] [--merge-kubeconfig=true|false]
  Starts a cluster in the background, or what of it is not running; returns when it is ready.`;

/** `k8ts up`. */
export async function up(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, { ...newClusterOptions, wait: { type: "string", default: "true" } });
  const progress = new Progress();
  const { directory, state } = await prepareCluster(values, progress);
  const isRunning = (await runningPid(directory.processFile("supervisor"))) !== undefined;
  const startedMs = isRunning ? 0 : Date.now();
  if (!isRunning) startSupervisor(directory);
  if (values.wait !== "false") await waitUntilReady(directory, state, progress, startedMs);
  progress.say(`Cluster is ready after ${progress.elapsed}.`);
  if (state.runtime === "simulated") progress.say(simulatedNotice);
}

const simulatedNotice = `NOTE: the nodes are SIMULATED. Pods are scheduled, become Running and are reported like any others, but no
container runs and there is no pod network. Real containers need Linux, root and containerd: k8ts up --runtime containerd --install`;

function startSupervisor(directory: ClusterDirectory): void {
  const log = openSync(directory.logFile("supervisor"), "a", 0o600);
  const child = spawn(process.execPath, [process.argv[1] ?? "", "supervise", "--data-dir", directory.root], {
    // A session of its own: closing the terminal does not end the cluster.
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
  });
  closeSync(log);
  child.unref();
}

/** `startedMs`: what the store says of nodes from before that time does not count; 0 when nothing had to be started. */
async function waitUntilReady(
  directory: ClusterDirectory,
  state: ClusterState,
  progress: Progress,
  startedMs: number,
): Promise<void> {
  await using connection = await connectAdmin(directory);
  const { client } = connection;
  await progress.step("API server answers", () =>
    waitFor("the API server does not become ready", readyTimeoutMs, async () => {
      await client.request("GET", "/readyz");
      return true;
    }),
  );
  const title = state.nodes.length === 1 ? "node is Ready" : `${state.nodes.length} nodes are Ready`;
  await progress.step(state.runtime === "simulated" ? `${title} (simulated)` : title, () =>
    waitFor("the nodes do not become Ready", readyTimeoutMs, () => nodesReady(client, state.nodes, startedMs)),
  );
  await progress.step("default ServiceAccount exists", () =>
    waitFor("the default ServiceAccount does not appear", readyTimeoutMs, async () => {
      await client.resource(serviceAccounts, "default").get("default");
      return true;
    }),
  );
  if (state.runtime !== "simulated") {
    await progress.step("cluster DNS answers", () =>
      waitFor("cluster DNS does not answer", readyTimeoutMs, () => dnsAnswers(state.config)),
    );
  }
}

async function nodesReady(client: ApiClient, wanted: readonly ClusterNode[], sinceMs: number): Promise<true | string> {
  const [{ items }, heartbeats] = await Promise.all([
    client.resource(nodes).list(),
    client.resource(leases, "kube-node-lease").list(),
  ]);
  const alive = new Set(
    heartbeats.items.filter((l) => Date.parse(l.spec.renewTime ?? "") >= sinceMs).map((l) => l.metadata.name),
  );
  const ready = items.filter(
    (n) => alive.has(n.metadata.name) && n.status.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
  );
  const names = new Set(ready.map((n) => n.metadata.name));
  const missing = wanted.filter(({ name }) => !names.has(name));
  if (missing.length === 0) return true;
  const waiting = items.find((n) => n.metadata.name === missing[0]?.name);
  const condition = waiting?.status.conditions?.find((c) => c.type === "Ready");
  return `${wanted.length - missing.length} of ${wanted.length} nodes Ready${condition?.message ? `: ${condition.message}` : ""}`;
}

async function dnsAnswers(config: ClusterConfig): Promise<true | string> {
  const resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([config.dnsServiceIp]);
  const addresses = await resolver.resolve4(`kubernetes.default.svc.${config.clusterDomain}`);
  return addresses.includes(config.kubernetesServiceIp) || `answered ${addresses.join(", ")}`;
}
