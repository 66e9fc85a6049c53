import type * as X509 from "@peculiar/x509";

import type {
  CertificateRequestFacts,
  CertificateSigner,
} from "../../kube-controller-manager/certificates/certificate-signer.ts";
import { kubeletServingSigner } from "../../kube-controller-manager/certificates/signer-rules.ts";
import { importSigningKey, serialNumber, signingAlgorithm, x509, type KeyPair } from "./certificates.ts";

/** Signs requests of the CertificateSigningRequest API: kubelets' serving certificates with the serving authority, all others with the client authority. */
export class AuthorityCertificateSigner implements CertificateSigner {
  readonly #clientCa: KeyPair;
  readonly #servingCa: KeyPair;

  constructor(authorities: { readonly clientCa: KeyPair; readonly servingCa: KeyPair }) {
    this.#clientCa = authorities.clientCa;
    this.#servingCa = authorities.servingCa;
  }

  async read(requestPem: string): Promise<CertificateRequestFacts> {
    const { request, lib } = await readRequest(requestPem);
    const names = namesOf(lib, request);
    const of = (type: string): readonly string[] =>
      names.filter((name) => name.type === type).map(({ value }) => value);
    return {
      commonName: request.subjectName.getField("CN")[0] ?? "",
      organizations: request.subjectName.getField("O"),
      dnsNames: of("dns"),
      ipAddresses: of("ip"),
      emailAddresses: of("email"),
      uris: of("url"),
    };
  }

  async sign(options: Parameters<CertificateSigner["sign"]>[0]): Promise<string> {
    const { request, lib } = await readRequest(options.requestPem);
    const authority = options.signerName === kubeletServingSigner ? this.#servingCa : this.#clientCa;
    const issuer = new lib.X509Certificate(authority.cert);
    const names = namesOf(lib, request);
    const { flags, purposes } = usagesOf(lib, options.usages);
    const certificate = await lib.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      issuer: issuer.subject,
      subject: request.subject,
      notBefore: new Date(options.notBeforeMs),
      notAfter: new Date(Math.min(options.notAfterMs, issuer.notAfter.getTime())),
      signingAlgorithm,
      publicKey: request.publicKey,
      signingKey: await importSigningKey(lib, authority.key),
      extensions: [
        new lib.BasicConstraintsExtension(false, undefined, true),
        ...(flags === 0 ? [] : [new lib.KeyUsagesExtension(flags, true)]),
        ...(purposes.length === 0 ? [] : [new lib.ExtendedKeyUsageExtension(purposes)]),
        await lib.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
        ...(names.length === 0 ? [] : [new lib.SubjectAlternativeNameExtension([...names])]),
      ],
    });
    return `${certificate.toString("pem")}\n`;
  }
}

async function readRequest(
  requestPem: string,
): Promise<{ readonly request: X509.Pkcs10CertificateRequest; readonly lib: typeof X509 }> {
  const lib = await x509();
  const request = new lib.Pkcs10CertificateRequest(requestPem);
  if (!(await request.verify())) throw new Error("the request is not signed with its own key");
  return { request, lib };
}

function namesOf(lib: typeof X509, request: X509.Pkcs10CertificateRequest): X509.JsonGeneralNames {
  const extension = request.extensions.find((each) => each instanceof lib.SubjectAlternativeNameExtension);
  return extension ? extension.names.toJSON() : [];
}

/** The API's usages as X.509 has them. Those it has no bit or purpose for are left out. */
function usagesOf(
  lib: typeof X509,
  usages: readonly string[],
): { readonly flags: number; readonly purposes: string[] } {
  const bits: Readonly<Record<string, number>> = {
    signing: lib.KeyUsageFlags.digitalSignature,
    "digital signature": lib.KeyUsageFlags.digitalSignature,
    "content commitment": lib.KeyUsageFlags.nonRepudiation,
    "key encipherment": lib.KeyUsageFlags.keyEncipherment,
    "data encipherment": lib.KeyUsageFlags.dataEncipherment,
    "key agreement": lib.KeyUsageFlags.keyAgreement,
  };
  const purposes: Readonly<Record<string, string>> = {
    "server auth": lib.ExtendedKeyUsage.serverAuth,
    "client auth": lib.ExtendedKeyUsage.clientAuth,
    "code signing": lib.ExtendedKeyUsage.codeSigning,
    "email protection": lib.ExtendedKeyUsage.emailProtection,
    timestamping: lib.ExtendedKeyUsage.timeStamping,
    "ocsp signing": lib.ExtendedKeyUsage.ocspSigning,
  };
  return {
    flags: usages.reduce<number>((sum, usage) => sum | (bits[usage] ?? 0), 0),
    purposes: usages.flatMap((usage) => purposes[usage] ?? []),
  };
}
