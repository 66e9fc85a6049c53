import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { createCertificateAuthority, issueCertificate } from "../../src/node/pki/certificates.ts";

const run = promisify(execFile);
const main = path.resolve(import.meta.dirname, "../../src/cmd/main.ts");

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

/** Starts a program that ends with the test, and waits until it answers. */
async function start(file: string, args: readonly string[], isUp: () => Promise<boolean>): Promise<AsyncDisposable> {
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const started = {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      assert.equal(await Promise.race([ended, delay(20_000, "still runs", { ref: false })]), 0, errors);
    },
  };
  for (let i = 0; i < 300 && child.exitCode === null; i++) {
    if (await isUp().catch(() => false)) return started;
    await delay(50);
  }
  child.kill("SIGKILL");
  assert.fail(`${file} never answered: ${errors}`);
}

async function answer(options: https.RequestOptions): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const module = options.protocol === "http:" ? http : https;
  module.get(options, resolve).on("error", reject);
  const response = await promise;
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, text };
}

test("a directory for envtest: its programs start as envtest starts them, serve, and end when told to", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-envtest-"));
  try {
    const assets = path.join(directory, "assets");
    const { stdout } = await run(process.execPath, [main, "envtest", assets]);
    assert.equal(stdout, `export KUBEBUILDER_ASSETS=${assets}\n`);
    const apiServer = path.join(assets, "kube-apiserver");
    const help = await run(apiServer, ["--help"]);
    assert.match(help.stdout, /--secure-port/);
    assert.doesNotMatch(help.stdout, /--insecure-port/);

    const nowMs = Date.now();
    const ca = await createCertificateAuthority("envtest", 1, nowMs);
    const loopback = { ipAddresses: ["127.0.0.1"], days: 1, nowMs };
    const serving = await issueCertificate(ca, { commonName: "s", usage: "server", ...loopback });
    const admin = await issueCertificate(ca, {
      commonName: "admin",
      organizations: ["system:masters"],
      usage: "client",
      days: 1,
      nowMs,
    });
    const account = await issueCertificate(ca, { commonName: "sa", usage: "client", days: 1, nowMs });
    const files = {
      "apiserver.crt": serving.cert,
      "apiserver.key": serving.key,
      "ca.crt": ca.cert,
      "sa.key": account.key,
      "sa.crt": account.cert,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text);

    const [etcdPort, port] = [await freePort(), await freePort()];
    const etcdUrl = `http://127.0.0.1:${etcdPort}`;
    await using _etcd = await start(
      path.join(assets, "etcd"),
      [
        `--advertise-client-urls=${etcdUrl}`,
        "--data-dir=/none",
        `--listen-client-urls=${etcdUrl}`,
        "--unsafe-no-fsync=true",
      ],
      async () => {
        const health = await answer({ protocol: "http:", host: "127.0.0.1", port: etcdPort, path: "/health" });
        return health.status === 200 && /"health":"true"/.test(health.text);
      },
    );
    const get = (at: string) =>
      answer({ host: "127.0.0.1", port, path: at, ca: ca.cert, cert: admin.cert, key: admin.key, agent: false });
    await using _apiServer = await start(
      apiServer,
      [
        "--allow-privileged=true",
        "--authorization-mode=RBAC",
        "--bind-address=127.0.0.1",
        `--cert-dir=${directory}`,
        `--client-ca-file=${directory}/ca.crt`,
        "--disable-admission-plugins=ServiceAccount",
        `--etcd-servers=${etcdUrl}`,
        `--secure-port=${port}`,
        `--service-account-issuer=https://127.0.0.1:${port}/`,
        `--service-account-key-file=${directory}/sa.crt`,
        `--service-account-signing-key-file=${directory}/sa.key`,
        "--service-cluster-ip-range=10.0.0.0/24",
      ],
      async () => (await get("/healthz")).text === "ok",
    );
    assert.match((await get("/api/v1/namespaces/default")).text, /"phase":"Active"/);
  } finally {
    await rm(directory, { recursive: true });
  }
});
