import { readFile } from "node:fs/promises";
import * as path from "node:path";

import type { ComponentIdentity, TransportFor } from "../cluster/identities.ts";
import type { KeyPair } from "../node/pki/certificates.ts";
import { kubeletClientFile } from "../node/pki/cluster-pki.ts";
import { HttpsTransport } from "../node/https-transport.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

const files: Readonly<Record<Extract<ComponentIdentity, string>, string | undefined>> = {
  admin: "admin",
  "kube-controller-manager": "controller-manager",
  "kube-scheduler": "scheduler",
  "kube-proxy": "kube-proxy",
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

/** Reads one certificate whose key may be elsewhere. */
export function readCertificate(directory: ClusterDirectory, name: string): Promise<string> {
  return readFile(path.join(directory.pki, `${name}.crt`), "utf8");
}

/** Certificates of the given identities, as a way to the API server for each. Dispose closes the connections. */
export async function clusterTransports(
  directory: ClusterDirectory,
  url: string,
  identities: readonly ComponentIdentity[],
): Promise<AsyncDisposable & { readonly transportFor: TransportFor }> {
  const ca = await readCertificate(directory, "server-ca");
  const transports = new Map<string, HttpsTransport>();
  for (const identity of identities) {
    const file = typeof identity === "object" ? kubeletClientFile(identity.node) : files[identity];
    const pair = file === undefined ? {} : await readKeyPair(directory, file);
    transports.set(nameOf(identity), new HttpsTransport({ url, ca, ...pair }));
  }
  return {
    transportFor: (identity) => {
      const transport = transports.get(nameOf(identity));
      if (!transport) throw new Error(`no certificate of ${nameOf(identity)} was loaded`);
      return transport;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...transports.values()].map((t) => t[Symbol.asyncDispose]()));
    },
  };
}

function nameOf(identity: ComponentIdentity): string {
  return typeof identity === "object" ? `node:${identity.node}` : identity;
}
