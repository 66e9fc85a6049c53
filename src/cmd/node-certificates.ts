import { CertificateManager, type CertificatePair } from "../client/certificate/certificate-manager.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { type ComponentIdentity, subjectOf, type TransportFor } from "../cluster/identities.ts";
import { SystemClock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { SystemRandom } from "../component-base/random.ts";
import type { TaskGroup } from "../component-base/task-group.ts";
import { kubeletServingSigner, kubeletClientSigner } from "../kube-controller-manager/certificates/signer-rules.ts";
import { HttpsTransport } from "../node/https-transport.ts";
import { certificateFile } from "../node/pki/certificate-files.ts";
import { certificateTools } from "../node/pki/certificate-tools.ts";
import { createCertificateAuthority } from "../node/pki/certificates.ts";
import { kubeletClientFile, kubeletServingFile } from "../node/pki/cluster-pki.ts";
import type { ClusterNode } from "./cluster-directory.ts";

// A node that was cut off must be heard again within seconds. Upstream's kubelet closes its connections when a heartbeat of 10 s fails.
const ping = { intervalMs: 5_000, timeoutMs: 5_000 };
const clientUsages = ["digital signature", "client auth"] as const;
const servingUsages = ["digital signature", "server auth"] as const;

export interface NodeCertificatesOptions {
  readonly node: ClusterNode;
  /** Where the certificates are kept. */
  readonly directory: string;
  readonly server: string;
  /** PEM; who the API server must be. */
  readonly ca: string;
  /** Runs the renewal. */
  readonly tasks: TaskGroup;
  readonly logger: Logger;
}

/** A node's certificates, renewed while the tasks run, and the ways to the API server under them. */
export interface NodeCertificates extends AsyncDisposable {
  readonly transportFor: TransportFor;
  /** What the kubelet's server presents; one that nobody trusts until the node has its own. */
  readonly serving: CertificatePair;
  /** Calls with every new serving certificate. */
  onServing(tell: (pair: CertificatePair) => void): void;
}

/**
 * Reads a node's certificates and keeps them valid through the CertificateSigningRequest API. The kubelet's client certificate
 * must be there: from the cluster's own keys or from joining. Waits for those of kube-proxy and the network that are not there.
 */
export async function nodeCertificates(
  options: NodeCertificatesOptions,
  signal: AbortSignal,
): Promise<NodeCertificates> {
  const { node, directory, server, ca, tasks, logger } = options;
  const [clock, random] = [new SystemClock(), new SystemRandom()];
  const shared = { tools: certificateTools, clock, random, logger };
  const user = `system:node:${node.name}`;
  const names = { dnsNames: [], ipAddresses: [] };
  const clientStore = certificateFile(directory, kubeletClientFile(node.name));
  const kubeletPair = await clientStore.read();
  if (!kubeletPair) throw new Error(`the node has no client certificate in ${directory}: it has to join again`);
  const kubelet = new HttpsTransport({ url: server, ca, ping, ...kubeletPair });
  const client = createApiClient({ transport: kubelet, userAgent: "kubelet", clock, random });
  const kubeletManager = new CertificateManager({
    ...shared,
    client,
    name: "kubelet client",
    signerName: kubeletClientSigner,
    usages: clientUsages,
    template: () => ({ commonName: user, organizations: ["system:nodes"], ...names }),
    store: clientStore,
    onChange: ({ cert, key }) => kubelet.setCertificate(cert, key),
  });
  tasks.spawn((running) => kubeletManager.run(running));

  const [proxy, network] = await Promise.all(
    (["kube-proxy", "node-network"] as const).map(async (identity) => {
      let transport: HttpsTransport | undefined;
      const manager = new CertificateManager({
        ...shared,
        client,
        name: `${identity} client`,
        signerName: "kubernetes.io/kube-apiserver-client",
        usages: clientUsages,
        template: () => ({ commonName: "", organizations: [], ...subjectOf(identity), ...names }),
        store: certificateFile(directory, identity),
        onChange: ({ cert, key }) => transport?.setCertificate(cert, key),
      });
      const pair = await manager.start(signal);
      transport = new HttpsTransport({ url: server, ca, ping, ...pair });
      tasks.spawn((running) => manager.run(running));
      return transport;
    }),
  );
  if (!proxy || !network) throw new TypeError("one transport for each identity");

  const listeners: ((pair: CertificatePair) => void)[] = [];
  const servingManager = new CertificateManager({
    ...shared,
    client,
    name: "kubelet serving",
    signerName: kubeletServingSigner,
    usages: servingUsages,
    template: () => ({
      commonName: user,
      organizations: ["system:nodes"],
      dnsNames: [node.name],
      ipAddresses: [node.ip],
    }),
    store: certificateFile(directory, kubeletServingFile(node.name)),
    onChange: (pair) => {
      for (const tell of listeners) tell(pair);
    },
  });
  const serving = (await servingManager.load()) ?? (await createCertificateAuthority(user, 1, clock.now()));
  tasks.spawn((running) => servingManager.run(running));

  return {
    transportFor: (identity: ComponentIdentity) => {
      if (identity === "kube-proxy") return proxy;
      if (identity === "node-network") return network;
      if (typeof identity === "object" && identity.node === node.name) return kubelet;
      throw new Error(`a node has no certificate of ${JSON.stringify(identity)}`);
    },
    serving,
    onServing: (tell) => listeners.push(tell),
    async [Symbol.asyncDispose]() {
      await Promise.all([kubelet, proxy, network].map((transport) => transport[Symbol.asyncDispose]()));
    },
  };
}
