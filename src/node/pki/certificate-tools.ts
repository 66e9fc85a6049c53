import { X509Certificate } from "node:crypto";

import type {
  CertificateFacts,
  CertificateTemplate,
  CertificateTools,
} from "../../client/certificate/certificate-manager.ts";
import { exportKey, signingAlgorithm, x509 } from "./certificates.ts";

/** P-256 keys and PKCS #10 requests. */
export const certificateTools: CertificateTools = {
  async request(template: CertificateTemplate) {
    const lib = await x509();
    const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
    const names = [
      ...template.dnsNames.map((value) => ({ type: "dns" as const, value })),
      ...template.ipAddresses.map((value) => ({ type: "ip" as const, value })),
    ];
    const request = await lib.Pkcs10CertificateRequestGenerator.create({
      name: [...template.organizations.map((o) => ({ O: [o] })), { CN: [template.commonName] }],
      keys,
      signingAlgorithm,
      ...(names.length === 0 ? {} : { extensions: [new lib.SubjectAlternativeNameExtension(names)] }),
    });
    return { requestPem: `${request.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
  },
  read(certificatePem: string): CertificateFacts | undefined {
    try {
      const certificate = new X509Certificate(certificatePem);
      // "DNS:a.example, IP Address:10.0.0.1"
      const names = (certificate.subjectAltName ?? "").split(", ").map((name) => name.split(/:(.*)/s));
      const of = (type: string): readonly string[] =>
        names.flatMap(([t, value]) => (t === type && value ? [value] : []));
      return {
        notBeforeMs: certificate.validFromDate.getTime(),
        notAfterMs: certificate.validToDate.getTime(),
        dnsNames: of("DNS"),
        ipAddresses: of("IP Address"),
      };
    } catch {
      // Half a file, or none of ours: as if there were no certificate.
      return undefined;
    }
  },
};
