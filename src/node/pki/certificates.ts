import type { webcrypto } from "node:crypto";

import type * as X509 from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly usage: "client" | "server" | "both";
  readonly days: number;
  readonly nowMs: number;
}

const dayMs = 86_400_000;
// Clocks of two machines differ; kubeadm backdates likewise.
const backdateMs = 300_000;
export const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

// The library costs 80–120 ms to import, so it is loaded only where a certificate is made.
export async function x509(): Promise<typeof X509> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** A self-signed P-256 certificate authority. */
export async function createCertificateAuthority(commonName: string, days: number, nowMs: number): Promise<KeyPair> {
  const lib = await x509();
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const cert = await lib.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + days * dayMs),
    signingAlgorithm,
    keys,
    extensions: [
      new lib.BasicConstraintsExtension(true, undefined, true),
      new lib.KeyUsagesExtension(
        lib.KeyUsageFlags.digitalSignature | lib.KeyUsageFlags.keyEncipherment | lib.KeyUsageFlags.keyCertSign,
        true,
      ),
      await lib.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${cert.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** A leaf signed by `authority`. */
export async function issueCertificate(authority: KeyPair, options: LeafOptions): Promise<KeyPair> {
  const lib = await x509();
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const issuer = new lib.X509Certificate(authority.cert);
  const signingKey = await importSigningKey(lib, authority.key);
  const usages: string[] = [];
  if (options.usage !== "client") usages.push(lib.ExtendedKeyUsage.serverAuth);
  if (options.usage !== "server") usages.push(lib.ExtendedKeyUsage.clientAuth);
  const names: X509.JsonGeneralName[] = [
    ...(options.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(options.ipAddresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const organizations = options.organizations ?? [];
  const cert = await lib.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subject,
    subject: [...organizations.map((o) => ({ O: [o] })), { CN: [options.commonName] }],
    notBefore: new Date(options.nowMs - backdateMs),
    notAfter: new Date(Math.min(options.nowMs + options.days * dayMs, issuer.notAfter.getTime())),
    signingAlgorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new lib.BasicConstraintsExtension(false, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature | lib.KeyUsageFlags.keyEncipherment, true),
      new lib.ExtendedKeyUsageExtension(usages),
      await lib.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length === 0 ? [] : [new lib.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { cert: `${cert.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** A positive 128-bit serial number, as RFC 5280 wants it. */
export function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", key));
  return pem("PRIVATE KEY", der);
}

export function importSigningKey(lib: typeof X509, key: string): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey(
    "pkcs8",
    lib.PemConverter.decode(key)[0] ?? new ArrayBuffer(0),
    signingAlgorithm,
    false,
    ["sign"],
  );
}

/** Wraps DER into PEM. */
export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g);
  return `-----BEGIN ${label}-----\n${(lines ?? []).join("\n")}\n-----END ${label}-----\n`;
}
