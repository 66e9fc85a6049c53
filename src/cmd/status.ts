import { nodes, pods } from "../api/resources.gen.ts";
import { errorText } from "../component-base/logger.ts";
import { clusterDirectory, clusterOptions, parseCommandLine } from "./arguments.ts";
import { connectAdmin } from "./connect.ts";
import { runningPid } from "./process-file.ts";
import { supervisedComponents } from "./supervisor.ts";

/** `k8ts status`: processes, nodes and pods of a cluster. Fails when something that should run does not. */
export async function status(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, { ...clusterOptions, output: { type: "string", default: "text" } });
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state) throw new Error(`there is no cluster in ${directory.root}; start one with k8ts up`);
  const processes: { readonly component: string; readonly pid: number | undefined }[] = [];
  for (const component of ["supervisor", ...supervisedComponents(state).map(({ name }) => name)]) {
    processes.push({ component, pid: await runningPid(directory.processFile(component)) });
  }
  const isRunning = processes.every((p) => p.pid !== undefined);
  const api = isRunning ? await summary(directory) : { error: "not running" };
  if (values.output === "json") {
    process.stdout.write(`${JSON.stringify({ ...state, dataDir: directory.root, processes, api }, undefined, 2)}\n`);
  } else {
    process.stdout.write(`Cluster "${state.name}" in ${directory.root} (${state.runtime})\n`);
    for (const { component, pid } of processes) {
      process.stdout.write(`  ${component.padEnd(12)} ${pid === undefined ? "not running" : `pid ${pid}`}\n`);
    }
    if ("error" in api) process.stdout.write(`  API          ${api.error}\n`);
    else
      process.stdout.write(`  API          ready, ${api.readyNodes} of ${api.nodes} nodes Ready, ${api.pods} pods\n`);
  }
  if (!isRunning || "error" in api) process.exitCode = 1;
}

async function summary(
  directory: ReturnType<typeof clusterDirectory>,
): Promise<
  { readonly error: string } | { readonly nodes: number; readonly readyNodes: number; readonly pods: number }
> {
  await using connection = await connectAdmin(directory);
  const signal = AbortSignal.timeout(5_000);
  try {
    const [nodeList, podList] = await Promise.all([
      connection.client.resource(nodes).list({ signal }),
      connection.client.resource(pods).list({ signal }),
    ]);
    const ready = nodeList.items.filter((n) =>
      n.status.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
    );
    return { nodes: nodeList.items.length, readyNodes: ready.length, pods: podList.items.length };
  } catch (error) {
    return { error: errorText(error) };
  }
}
