import { setTimeout as delay } from "node:timers/promises";

import { nodes, serviceAccounts } from "../../src/api/resources.gen.ts";
import { createCluster } from "../../src/cluster/create-cluster.ts";
import { SystemClock } from "../../src/component-base/clock.ts";
import { silentLogger } from "../../src/component-base/logger.ts";
import { SystemRandom } from "../../src/component-base/random.ts";
import { startHttpServer } from "../../src/node/http-server.ts";
import { createCertificateAuthority, issueCertificate, type KeyPair } from "../../src/node/pki/certificates.ts";

/** People of the test: contexts of the kubeconfig, and the groups of their certificates. */
const people: Readonly<Record<string, readonly string[]>> = { admin: ["system:masters"], jane: ["developers"] };
const startTimeoutMs = 20_000;

/** A cluster in this process, on the system's clock, with two simulated nodes, behind a TLS port of 127.0.0.1. */
export interface LoopbackCluster extends AsyncDisposable {
  /** With a context for each of `admin`, the current one, and `jane`, who may do nothing. */
  readonly kubeconfig: string;
}

/** Resolves when both nodes are Ready and the namespace `default` has its account. */
export async function startLoopbackCluster(): Promise<LoopbackCluster> {
  await using stack = new AsyncDisposableStack();
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
    kubeconfig: kubeconfig(server.port, authority.cert, certificates),
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
