import { readFile } from "node:fs/promises";
import * as path from "node:path";

import { CertificateManager } from "../client/certificate/certificate-manager.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { readNodeBootstrap } from "../cluster/addons/node-bootstrap.ts";
import { SystemClock } from "../component-base/clock.ts";
import { createLogger, formatLogRecord } from "../component-base/logger.ts";
import { SystemRandom } from "../component-base/random.ts";
import { kubeletClientSigner } from "../kube-controller-manager/certificates/signer-rules.ts";
import { HttpsTransport } from "../node/https-transport.ts";
import { certificateFile, writeWhole } from "../node/pki/certificate-files.ts";
import { certificateTools } from "../node/pki/certificate-tools.ts";
import { kubeletClientFile } from "../node/pki/cluster-pki.ts";
import { fetchPinnedAuthority, parseJoinToken, type JoinToken } from "../node/pki/join-token.ts";
import { clusterDirectory, parseCommandLine, UsageError } from "./arguments.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { decideAgentState, type NodeValues } from "./decide-state.ts";
import { chooseRuntime, nodeOptions, setUpNodeNetwork } from "./prepare-cluster.ts";
import { Progress } from "./progress.ts";
import { supervise } from "./supervisor.ts";

const joinTimeoutMs = 120_000;

/**
 * `k8ts agent --server URL --token T`: this machine as a node of a cluster whose API server is on another one. Joins the first
 * time, then runs in the foreground until it is told to end; pods stay. A token is needed only to join.
 */
export async function agent(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, {
    ...nodeOptions,
    server: { type: "string" },
    token: { type: "string" },
    "token-file": { type: "string" },
  });
  const directory = clusterDirectory(values);
  const progress = new Progress();
  const known = await directory.readState();
  if (known && !known.joined)
    throw new UsageError(`${directory.root} holds a cluster of its own; choose another --data-dir`);
  await chooseRuntime(directory, "containerd", values.install, progress);
  const state = known && (await hasCertificate(directory, known)) ? known : await join(directory, values, progress);
  progress.say(`Node ${state.nodes[0].name} at ${state.nodes[0].ip} of the cluster at ${state.joined?.server}`);
  await setUpNodeNetwork(directory, state);
  await supervise(directory);
}

/** Whether it can go on as the node it was: its certificate has not expired. */
async function hasCertificate(directory: ClusterDirectory, state: ClusterState): Promise<boolean> {
  const pair = await certificateFile(directory.pki, kubeletClientFile(state.nodes[0].name)).read();
  const facts = pair && certificateTools.read(pair.cert);
  return facts !== undefined && facts.notAfterMs > Date.now();
}

async function join(
  directory: ClusterDirectory,
  values: NodeValues & { readonly server?: string; readonly token?: string; readonly "token-file"?: string },
  progress: Progress,
): Promise<ClusterState> {
  const server = serverUrl(values.server);
  const token = await tokenOf(values);
  await directory.create();
  const ca = await progress.step(`${server.host} is the server that the token names`, () =>
    fetchPinnedAuthority(server, token.caHash),
  );
  await using transport = new HttpsTransport({ url: server.origin, ca, token: () => token.bootstrapToken });
  const [clock, random] = [new SystemClock(), new SystemRandom()];
  const client = createApiClient({ transport, userAgent: "k8ts-agent", clock, random });
  const cluster = await progress.step("read the cluster's configuration", () => readNodeBootstrap(client));
  const state = await decideAgentState(values, server.origin, cluster);
  const [self] = state.nodes;
  const manager = new CertificateManager({
    name: "kubelet client",
    signerName: kubeletClientSigner,
    usages: ["digital signature", "client auth"],
    template: () => ({
      commonName: `system:node:${self.name}`,
      organizations: ["system:nodes"],
      dnsNames: [],
      ipAddresses: [],
    }),
    store: certificateFile(directory.pki, kubeletClientFile(self.name)),
    tools: certificateTools,
    client,
    clock,
    random,
    logger: createLogger((record) => process.stderr.write(`${formatLogRecord(record)}\n`), "warn"),
  });
  await progress.step(`certificate of system:node:${self.name}`, () =>
    manager.start(AbortSignal.timeout(joinTimeoutMs)),
  );
  await writeWhole(path.join(directory.pki, "server-ca.crt"), ca);
  await writeWhole(path.join(directory.pki, "client-ca.crt"), cluster.clientCa);
  // Last: with it the machine has joined.
  await directory.writeState(state);
  return state;
}

function serverUrl(text: string | undefined): URL {
  const url = text === undefined ? null : URL.parse(text);
  if (url?.protocol !== "https:") throw new UsageError("--server must be the URL of the API server: https://HOST:6443");
  return url;
}

async function tokenOf(values: { readonly token?: string; readonly "token-file"?: string }): Promise<JoinToken> {
  const file = values["token-file"];
  const text = file === undefined ? values.token : await readFile(file, "utf8");
  const token = text === undefined ? undefined : parseJoinToken(text);
  if (!token) throw new UsageError("--token must be what `k8ts token create` prints on the server: K10…::….…");
  return token;
}
