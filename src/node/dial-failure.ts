import type { PeerCertificate } from "node:tls";

const verificationFailed = "tls: failed to verify certificate: x509:";
const unknownAuthority = `${verificationFailed} certificate signed by unknown authority`;

const certificateFailures: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: `${verificationFailed} certificate has expired or is not yet valid`,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
};

const connectFailures: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

interface DialError extends NodeJS.ErrnoException {
  /** Of a certificate for other names: the name wanted, and the certificate. */
  readonly host?: string;
  readonly cert?: PeerCertificate;
}

/** Why nobody at the address (`host:port`) answered, as Go's dialer says it. */
export function dialFailureText(error: DialError, address: string): string {
  const code = error.code ?? "";
  const failure = connectFailures[code];
  if (failure !== undefined) return `dial tcp ${address}: connect: ${failure}`;
  const untrusted = certificateFailures[code];
  if (untrusted !== undefined) return untrusted;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `${verificationFailed} ${otherNamesText(error)}`;
  if (error.message === "i/o timeout") return `dial tcp ${address}: i/o timeout`;
  return code === "ECONNRESET" ? "EOF" : error.message;
}

function otherNamesText({ host = "", cert }: DialError): string {
  const names = (cert?.subjectaltname ?? "").split(", ");
  const isIp = /^[\d.]+$|:/.test(host);
  const kind = isIp ? "IP Address:" : "DNS:";
  const valid = names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
  if (valid.length > 0) return `certificate is valid for ${valid.join(", ")}, not ${host}`;
  return isIp
    ? `cannot validate certificate for ${host} because it doesn't contain any IP SANs`
    : `certificate is not valid for any names, but wanted to match ${host}`;
}
