import { mkdir } from "node:fs/promises";
import * as path from "node:path";
import { X509Certificate } from "node:crypto";

import { nodeNetworkUser } from "../../cluster/identities.ts";
import { readIfThere, readPair, writePair, writeWhole } from "./certificate-files.ts";
import { createCertificateAuthority, issueCertificate, pem, type KeyPair, type LeafOptions } from "./certificates.ts";

// kubeadm's lifetimes: ten years for authorities, one for leaves. Leaves are renewed at start when a third or less is left.
const authorityDays = 3650;
const leafDays = 365;
const renewBeforeMs = (leafDays / 3) * 86_400_000;

/** Every key and certificate of one cluster. Authorities are separate, so that none can stand in for another. */
export interface ClusterPki {
  /** Signs what servers present; the one clients and pods trust (kube-root-ca.crt). */
  readonly servingCa: KeyPair;
  /** Signs what clients present to the API server and the kubelet. */
  readonly clientCa: KeyPair;
  /** Signs the API server's certificate towards aggregated API servers. */
  readonly frontProxyCa: KeyPair;
  readonly apiServer: KeyPair;
  readonly apiServerKubeletClient: KeyPair;
  readonly frontProxyClient: KeyPair;
  readonly admin: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
  /** By node name. */
  readonly kubelets: ReadonlyMap<string, KeyPair>;
  /** By node name; simulated nodes share the first one's. */
  readonly kubeletServing: ReadonlyMap<string, KeyPair>;
  readonly kubeProxy: KeyPair;
  readonly nodeNetwork: KeyPair;
  /** ECDSA P-256 key that signs service account tokens, PEM (PKCS #8 and SPKI). */
  readonly serviceAccount: { readonly privateKey: string; readonly publicKey: string };
}

export interface ClusterPkiOptions {
  readonly directory: string;
  /** The nodes of this machine. */
  readonly nodeNames: readonly [string, ...string[]];
  /** Those of them whose kubelets serve, each with its addresses. */
  readonly servingNodes: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  /** Addresses and names the API server is reached by, beside the standard ones. */
  readonly apiServerAddresses: readonly string[];
  readonly apiServerNames: readonly string[];
  readonly nowMs: number;
}

/** Reads the PKI under `directory`, and creates or renews what is missing or no longer fits. Files are 0600 in a 0700 directory. */
export async function ensureClusterPki(options: ClusterPkiOptions): Promise<ClusterPki> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const files = new PairFiles(options.directory, options.nowMs);
  const servingCa = await files.authority("server-ca", "k8ts-server-ca");
  const clientCa = await files.authority("client-ca", "k8ts-client-ca");
  const frontProxyCa = await files.authority("front-proxy-ca", "k8ts-front-proxy-ca");
  const client = (name: string, commonName: string, ...organizations: string[]): Promise<KeyPair> =>
    files.leaf(name, clientCa, { commonName, organizations, usage: "client" });
  const kubelets = new Map<string, KeyPair>();
  for (const name of options.nodeNames) {
    kubelets.set(name, await client(kubeletClientFile(name), `system:node:${name}`, "system:nodes"));
  }
  const kubeletServing = new Map<string, KeyPair>();
  for (const { name, addresses } of options.servingNodes) {
    const pair = await files.leaf(kubeletServingFile(name), servingCa, {
      commonName: `system:node:${name}`,
      organizations: ["system:nodes"],
      usage: "server",
      dnsNames: [name],
      ipAddresses: addresses,
    });
    kubeletServing.set(name, pair);
  }
  return {
    servingCa,
    clientCa,
    frontProxyCa,
    apiServer: await files.leaf("apiserver", servingCa, {
      commonName: "kube-apiserver",
      usage: "server",
      dnsNames: [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
        ...options.apiServerNames,
      ],
      ipAddresses: ["127.0.0.1", "::1", ...options.apiServerAddresses],
    }),
    apiServerKubeletClient: await client("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
    frontProxyClient: await files.leaf("front-proxy-client", frontProxyCa, {
      commonName: "front-proxy-client",
      usage: "client",
    }),
    admin: await client("admin", "kubernetes-admin", "system:masters"),
    controllerManager: await client("controller-manager", "system:kube-controller-manager"),
    scheduler: await client("scheduler", "system:kube-scheduler"),
    kubelets,
    kubeletServing,
    kubeProxy: await client("kube-proxy", "system:kube-proxy"),
    nodeNetwork: await client("node-network", nodeNetworkUser),
    serviceAccount: await files.serviceAccountKeys(),
  };
}

/** The name, without ending, of the files of a node's client certificate and key. */
export function kubeletClientFile(nodeName: string): string {
  return `kubelet-client-${nodeName}`;
}

/** The name, without ending, of the files of a kubelet's serving certificate and key. */
export function kubeletServingFile(nodeName: string): string {
  return `kubelet-serving-${nodeName}`;
}

class PairFiles {
  readonly #directory: string;
  readonly #nowMs: number;

  constructor(directory: string, nowMs: number) {
    this.#directory = directory;
    this.#nowMs = nowMs;
  }

  async authority(name: string, commonName: string): Promise<KeyPair> {
    const found = await this.#read(name);
    if (found) return found;
    return this.#write(name, await createCertificateAuthority(commonName, authorityDays, this.#nowMs));
  }

  async leaf(name: string, authority: KeyPair, options: Omit<LeafOptions, "days" | "nowMs">): Promise<KeyPair> {
    const found = await this.#read(name);
    if (found && this.#fits(found, authority, options)) return found;
    return this.#write(name, await issueCertificate(authority, { ...options, days: leafDays, nowMs: this.#nowMs }));
  }

  async serviceAccountKeys(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
    const privatePath = path.join(this.#directory, "sa.key");
    const publicPath = path.join(this.#directory, "sa.pub");
    const [privateKey, publicKey] = await Promise.all([readIfThere(privatePath), readIfThere(publicPath)]);
    if (privateKey !== undefined && publicKey !== undefined) return { privateKey, publicKey };
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const made = {
      privateKey: pem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey))),
      publicKey: pem("PUBLIC KEY", new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey))),
    };
    await writeWhole(publicPath, made.publicKey);
    await writeWhole(privatePath, made.privateKey);
    return made;
  }

  #fits(pair: KeyPair, authority: KeyPair, options: Omit<LeafOptions, "days" | "nowMs">): boolean {
    const cert = new X509Certificate(pair.cert);
    return (
      cert.verify(new X509Certificate(authority.cert).publicKey) &&
      cert.validToDate.getTime() - this.#nowMs > renewBeforeMs &&
      cert.subject.split("\n").includes(`CN=${options.commonName}`) &&
      (options.ipAddresses ?? []).every((ip) => cert.checkIP(ip) !== undefined) &&
      (options.dnsNames ?? []).every((name) => cert.checkHost(name) !== undefined)
    );
  }

  #read(name: string): Promise<KeyPair | undefined> {
    return readPair(this.#directory, name);
  }

  async #write(name: string, pair: KeyPair): Promise<KeyPair> {
    await writePair(this.#directory, name, pair);
    return pair;
  }
}
