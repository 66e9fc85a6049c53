import { spawn } from "node:child_process";
import { open, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { defaultClusterConfig } from "../../src/cluster/config.ts";
import { ClusterDirectory, type ClusterState } from "../../src/cmd/cluster-directory.ts";
import { readKeyPair } from "../../src/cmd/cluster-identity.ts";
import { waitFor } from "../../src/cmd/wait.ts";
import type { TransportResponse } from "../../src/component-base/http.ts";
import { HttpsTransport } from "../../src/node/https-transport.ts";
import { ensureClusterPki } from "../../src/node/pki/cluster-pki.ts";
import { bundled } from "./bundled.ts";

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

/** The API server as the bundled command runs it: a process of its own, its store on this disk, TLS, HTTP/2. */
export interface ApiServerProcess extends AsyncDisposable {
  readonly pid: number;
  /** The administrator, over connections of its own; they close with the server. */
  connect(): HttpsTransport;
}

/** Starts an API server without controllers, nodes or root. `nodeOptions` go to its Node, e.g. `--cpu-prof`. */
export async function startApiServer(nodeOptions: readonly string[] = profileOptions()): Promise<ApiServerProcess> {
  const directory = new ClusterDirectory(await mkdtemp(join(tmpdir(), "k8ts-bench-")));
  const state: ClusterState = {
    name: "bench",
    config: defaultClusterConfig,
    networkBackend: "host-gw",
    tlsSans: [],
    componentArgs: { controllerManager: [], kubelet: [] },
    apiServerPort: await freePort(),
    kubeletPort: 0,
    dnsPort: 0,
    nodes: [{ name: "bench", ip: "127.0.0.1", cgroupRoot: "/k8ts-bench" }],
    ownsNodeAddress: false,
    runtime: "simulated",
  };
  await directory.create();
  const command = await bundled("src/cmd/main.ts", join(directory.root, "bundle"));
  await directory.writeState(state);
  await ensureClusterPki({
    directory: directory.pki,
    nodeNames: ["bench"],
    servingNodes: [],
    apiServerAddresses: ["127.0.0.1"],
    apiServerNames: ["bench"],
    nowMs: Date.now(),
  });
  const log = await open(directory.logFile("apiserver"), "a");
  // Its standard input ends with this process, and it with that.
  const child = spawn(process.execPath, [...nodeOptions, command, "run", "apiserver", "--data-dir", directory.root], {
    stdio: ["pipe", log.fd, log.fd],
  });
  await log.close();
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const [{ cert: ca }, admin] = await Promise.all([
    readKeyPair(directory, "server-ca"),
    readKeyPair(directory, "admin"),
  ]);
  const transports: HttpsTransport[] = [];
  const connect = (): HttpsTransport => {
    const transport = new HttpsTransport({ url: `https://127.0.0.1:${state.apiServerPort}`, ca, ...admin });
    transports.push(transport);
    return transport;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(transports.map((t) => t[Symbol.asyncDispose]()));
    child.kill("SIGTERM");
    const late = new AbortController();
    await Promise.race([
      ended,
      delay(stopTimeoutMs, undefined, { signal: late.signal }).then(() => child.kill("SIGKILL")),
    ]);
    late.abort();
    await ended;
    await rm(directory.root, { recursive: true });
  };
  try {
    const transport = connect();
    await waitFor(
      "the API server does not become ready",
      readyTimeoutMs,
      async () =>
        (await answer(await transport.send({ method: "GET", path: "/readyz", headers: {} }))).status === 200 ||
        "not ready",
      async () => {
        if (child.exitCode !== null) throw new Error(await readFile(directory.logFile("apiserver"), "utf8"));
      },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid ?? 0, connect, [Symbol.asyncDispose]: stop };
}

/** `K8TS_BENCH_PROFILE=DIR` has the server write a CPU profile there when it ends. */
function profileOptions(): readonly string[] {
  const directory = process.env["K8TS_BENCH_PROFILE"];
  return directory === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${directory}`];
}

/** Reads a whole answer without decoding it. */
export async function answer(
  response: TransportResponse,
): Promise<{ readonly status: number; readonly bytes: number }> {
  let bytes = 0;
  for await (const chunk of response.body) bytes += chunk.length;
  return { status: response.status, bytes };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
