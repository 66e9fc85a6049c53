/** What a certificate request asks for, as far as signers look at it. */
export interface CertificateRequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** The platform's certificate authority for the CertificateSigningRequest API. Both reject when the request is none. */
export interface CertificateSigner {
  /** Checks the request's signature and reads it. */
  read(requestPem: string): Promise<CertificateRequestFacts>;
  /** The certificate, PEM, with the request's subject and names. `usages` are those of the API (`client auth` …). */
  sign(options: {
    readonly requestPem: string;
    /** Decides which authority signs. */
    readonly signerName: string;
    readonly usages: readonly string[];
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
  }): Promise<string>;
}
