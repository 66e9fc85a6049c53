import { base64Decode, utf8Decode } from "../../../component-base/bytes.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";

const pemBlock = /-----BEGIN ([^-\n]+)-----\s[^]*?-----END \1-----/g;

/**
 * What keeps a certificate and its key from being used; the words are Go's.
 *
 * Differs from upstream: whether the key is that of the certificate is not looked at.
 */
export function keyPairWarnings(certificate: string, key: string): readonly string[] {
  const [certificates, keys] = [typesOf(certificate), typesOf(key)];
  const none = (what: string): string[] => [`tls: failed to find any PEM data in ${what} input`];
  const skipped = (what: string, types: readonly string[]): string =>
    `${what} input after skipping PEM blocks of the following types: [${types.join(" ")}]`;
  if (certificates.length === 0) return none("certificate");
  if (certificates.length === 1 && certificates[0]?.endsWith("PRIVATE KEY"))
    return [
      "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
    ];
  if (!certificates.includes("CERTIFICATE"))
    return [`tls: failed to find ${goQuote("CERTIFICATE")} PEM block in ${skipped("certificate", certificates)}`];
  if (keys.length === 0) return none("key");
  if (keys.some((type) => type === "PRIVATE KEY" || type.endsWith(" PRIVATE KEY"))) return [];
  if (keys.length === 1 && keys[0] === "CERTIFICATE")
    return ["tls: found a certificate rather than a key in the PEM for the private key"];
  return [`tls: failed to find PEM block with type ending in ${goQuote("PRIVATE KEY")} in ${skipped("key", keys)}`];
}

/** The types of the PEM blocks in base64 of a file. */
function typesOf(base64: string): readonly string[] {
  return [...utf8Decode(base64Decode(base64)).matchAll(pemBlock)].map((match) => match[1] ?? "");
}
