import { isIP } from "node:net";

/**
 * Of the certificates to be trusted each is trusted by itself, as Go has it: also one that is no root, and the very one that
 * is shown.
 */
export const trustEach = { allowPartialTrustChain: true } as const;

/** An address is no server name: the certificate is checked against the address that is called. */
export function serverNameOption(name: string): { readonly servername?: string } {
  return isIP(name) === 0 ? { servername: name } : {};
}
