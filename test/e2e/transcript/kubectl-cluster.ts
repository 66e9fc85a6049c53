import { spawnSync } from "node:child_process";
import { readdirSync, realpathSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { nodes, serviceAccounts } from "../../../src/api/resources.gen.ts";
import { createCluster } from "../../../src/cluster/create-cluster.ts";
import { SystemClock } from "../../../src/component-base/clock.ts";
import { silentLogger } from "../../../src/component-base/logger.ts";
import { SystemRandom } from "../../../src/component-base/random.ts";
import { exec, type ExecResult } from "../../../src/node/exec.ts";
import { startHttpServer } from "../../../src/node/http-server.ts";
import { createCertificateAuthority, issueCertificate, type KeyPair } from "../../../src/node/pki/certificates.ts";

/** People of the test: contexts of the kubeconfig, and the groups of their certificates. */
const people: Readonly<Record<string, readonly string[]>> = { admin: ["system:masters"], jane: ["developers"] };
const startTimeoutMs = 20_000;

/** A cluster with simulated nodes behind a loopback port, and a directory in which shell commands see it as `kubectl`. */
export interface KubectlCluster extends AsyncDisposable {
  /** Runs a shell command with standard error joined to standard output. */
  shell(command: string): Promise<ExecResult>;
}

/** The kubectl programs of this machine: the one on the PATH, and versions that lie beside it as `kubectl.1.33`; newest first. */
export function kubectlPrograms(): readonly string[] {
  for (const directory of (process.env["PATH"] ?? "").split(":")) {
    let program: string;
    try {
      program = realpathSync(path.join(directory, "kubectl"));
    } catch {
      continue;
    }
    const beside = path.dirname(program);
    const minor = (name: string): number => Number(/^kubectl\.1\.(\d+)$/.exec(name)?.[1] ?? -1);
    const versions = readdirSync(beside)
      .filter((name) => minor(name) >= 0)
      .sort((a, b) => minor(b) - minor(a));
    return versions.length > 0 ? versions.map((name) => path.join(beside, name)) : [program];
  }
  return [];
}

/** For example `v1.33.1`; empty when the program does not say. */
export function kubectlVersion(program: string): string {
  const { stdout } = spawnSync(program, ["version", "--client"], { encoding: "utf8", env: { HOME: "/nonexistent" } });
  return /Client Version: .*?(v\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? "";
}

export async function startKubectlCluster(kubectl: string): Promise<KubectlCluster> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-transcript-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const cluster = stack.use(
    await createCluster({ clock: new SystemClock(), random: new SystemRandom(), nodes: ["node-1", "node-2"] }),
  );
  const nowMs = Date.now();
  const authority = await createCertificateAuthority("test-ca", 1, nowMs);
  const serving = await issueCertificate(authority, {
    commonName: "kube-apiserver",
    usage: "server",
    ipAddresses: ["127.0.0.1"],
    days: 1,
    nowMs,
  });
  const server = stack.use(
    await startHttpServer({
      handler: cluster.handler,
      tls: { ...serving, clientCa: authority.cert },
      host: "127.0.0.1",
      port: 0,
      logger: silentLogger,
    }),
  );
  const certificates = new Map<string, KeyPair>();
  for (const [commonName, organizations] of Object.entries(people)) {
    certificates.set(
      commonName,
      await issueCertificate(authority, { commonName, organizations, usage: "client", days: 1, nowMs }),
    );
  }
  await mkdir(path.join(directory, "bin"));
  await mkdir(path.join(directory, "work"));
  await symlink(kubectl, path.join(directory, "bin", "kubectl"));
  await writeFile(path.join(directory, "kubeconfig"), kubeconfig(server.port, authority.cert, certificates));
  const env = {
    PATH: `${directory}/bin:${process.env["PATH"] ?? "/usr/bin:/bin"}`,
    HOME: directory,
    KUBECONFIG: `${directory}/kubeconfig`,
    TZ: "UTC",
    LC_ALL: "C.UTF-8",
  };

  const started = Date.now();
  for (;;) {
    const ready = (await cluster.client.resource(nodes).list()).items.filter((node) =>
      node.status.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
    );
    const accounts = await cluster.client.resource(serviceAccounts, "default").list();
    if (ready.length === 2 && accounts.items.length > 0) break;
    if (Date.now() - started > startTimeoutMs) throw new Error("the cluster did not become ready");
    await Promise.race([delay(20), cluster.failed]);
  }
  const owned = stack.move();
  return {
    shell: (command) => exec("bash", ["-c", `cd "$HOME/work"; exec 2>&1; ${command}`], { env, timeoutMs: 60_000 }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function kubeconfig(port: number, ca: string, certificates: ReadonlyMap<string, KeyPair>): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const names = [...certificates.keys()];
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "test", cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": base64(ca) } },
    ],
    users: [...certificates].map(([name, pair]) => ({
      name,
      user: { "client-certificate-data": base64(pair.cert), "client-key-data": base64(pair.key) },
    })),
    contexts: names.map((name) => ({ name, context: { cluster: "test", user: name } })),
    "current-context": "admin",
  });
}
