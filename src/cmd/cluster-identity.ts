import { readFile } from "node:fs/promises";
import * as path from "node:path";

import type { ComponentIdentity, TransportFor } from "../cluster/identities.ts";
import type { KeyPair } from "../node/pki/certificates.ts";
import { kubeletClientFile } from "../node/pki/cluster-pki.ts";
import type { Logger } from "../component-base/logger.ts";
import { SystemClock } from "../component-base/clock.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { ReloadingPair } from "../node/pki/reloading-pair.ts";
import { HttpsTransport } from "../node/https-transport.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

const files: Readonly<Record<Extract<ComponentIdentity, string>, string | undefined>> = {
  admin: "admin",
  "kube-controller-manager": "controller-manager",
  "kube-scheduler": "scheduler",
  "kube-proxy": "kube-proxy",
  "node-network": "node-network",
  anonymous: undefined,
};

/** Reads one key pair of the cluster's PKI, e.g. `apiserver`. */
export async function readKeyPair(directory: ClusterDirectory, name: string): Promise<KeyPair> {
  const [cert, key] = await Promise.all([
    readFile(path.join(directory.pki, `${name}.crt`), "utf8"),
    readFile(path.join(directory.pki, `${name}.key`), "utf8"),
  ]);
  return { cert, key };
}

/** One key pair of the cluster's PKI, which may be renewed while it is in use. */
export function openPair(directory: ClusterDirectory, name: string, logger: Logger): Promise<ReloadingPair> {
  const file = path.join(directory.pki, name);
  return ReloadingPair.open({ certFile: `${file}.crt`, keyFile: `${file}.key`, clock: new SystemClock(), logger });
}

/** Reads one certificate whose key may be elsewhere. */
export function readCertificate(directory: ClusterDirectory, name: string): Promise<string> {
  return readFile(path.join(directory.pki, `${name}.crt`), "utf8");
}

/**
 * Certificates of the given identities, as a way to the API server for each; renewed ones are taken from their files.
 * Dispose closes the connections.
 */
export async function clusterTransports(
  directory: ClusterDirectory,
  url: string,
  identities: readonly ComponentIdentity[],
  logger: Logger,
): Promise<AsyncDisposable & { readonly transportFor: TransportFor }> {
  const ca = await readCertificate(directory, "server-ca");
  const transports = new Map<string, HttpsTransport>();
  const tasks = new TaskGroup();
  for (const identity of identities) {
    const file = typeof identity === "object" ? kubeletClientFile(identity.node) : files[identity];
    const pair = file === undefined ? undefined : await openPair(directory, file, logger);
    const transport = new HttpsTransport({ url, ca, ...pair?.current });
    transports.set(nameOf(identity), transport);
    if (!pair) continue;
    pair.onChange(({ cert, key }) => transport.setCertificate(cert, key));
    tasks.spawn((signal) => pair.watch(signal));
  }
  return {
    transportFor: (identity) => {
      const transport = transports.get(nameOf(identity));
      if (!transport) throw new Error(`no certificate of ${nameOf(identity)} was loaded`);
      return transport;
    },
    async [Symbol.asyncDispose]() {
      await tasks[Symbol.asyncDispose]();
      await Promise.all([...transports.values()].map((t) => t[Symbol.asyncDispose]()));
    },
  };
}

function nameOf(identity: ComponentIdentity): string {
  return typeof identity === "object" ? `node:${identity.node}` : identity;
}
