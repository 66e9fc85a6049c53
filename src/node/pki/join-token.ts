import { createHash, randomInt, X509Certificate } from "node:crypto";
import * as tls from "node:tls";

import { pem } from "./certificates.ts";

/** What a machine needs to join a cluster, beside the server's address. */
export interface JoinToken {
  /** SHA-256 of the serving authority's public key, hex, as kubeadm's `--discovery-token-ca-cert-hash`. */
  readonly caHash: string;
  /** The bootstrap token, `<6 characters>.<16 characters>`. */
  readonly bootstrapToken: string;
}

const connectTimeoutMs = 10_000;
// As k3s writes them: a prefix, what pins the server, and the token itself.
const prefix = "K10";

export function formatJoinToken({ caHash, bootstrapToken }: JoinToken): string {
  return `${prefix}${caHash}::${bootstrapToken}`;
}

/** Undefined when it is none. A bare bootstrap token is none: it would be sent to whoever answers. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const [, caHash, bootstrapToken] = /^K10([0-9a-f]{64})::([a-z0-9]{6}\.[a-z0-9]{16})$/.exec(text.trim()) ?? [];
  return caHash === undefined || bootstrapToken === undefined ? undefined : { caHash, bootstrapToken };
}

export function newBootstrapToken(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  const characters = (count: number): string =>
    Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join("");
  return `${characters(6)}.${characters(16)}`;
}

/** SHA-256 of a certificate's public key (SubjectPublicKeyInfo), hex. */
export function publicKeyHash(certificatePem: string): string {
  const der = new X509Certificate(certificatePem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex");
}

/**
 * Asks the server for its chain and returns the authority in it whose key has this hash, PEM. Nothing is sent to the server.
 * Rejects when there is none, or when the server's certificate is not of that authority: then it is another server.
 */
export async function fetchPinnedAuthority(server: URL, caHash: string): Promise<string> {
  const chain = await presentedChain(server);
  const authority = chain.find((certificate) => publicKeyHash(certificate.toString()) === caHash);
  if (!authority) throw new Error(`${server.host} does not present the certificate authority that the token names`);
  const [leaf] = chain;
  if (!leaf?.verify(authority.publicKey)) {
    throw new Error(`the certificate of ${server.host} is not signed by the authority that the token names`);
  }
  return pem("CERTIFICATE", authority.raw);
}

function presentedChain(server: URL): Promise<readonly X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect(
      {
        host: server.hostname,
        port: Number(server.port || 443),
        // Not trusted yet: the hash decides, and until then nothing is said.
        rejectUnauthorized: false,
        ...(/^[\d.:[\]]+$/.test(server.hostname) ? {} : { servername: server.hostname }),
      },
      () => {
        const chain: X509Certificate[] = [];
        let at = socket.getPeerX509Certificate();
        while (at && !chain.some((known) => known.fingerprint256 === at?.fingerprint256)) {
          chain.push(at);
          at = at.issuerCertificate;
        }
        socket.destroy();
        resolve(chain);
      },
    );
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error("no answer")));
    socket.on("error", (error) => reject(new Error(`cannot reach ${server.host}: ${error.message}`, { cause: error })));
  });
}
