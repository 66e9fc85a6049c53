import { goQuote } from "../../apimachinery/go-format.ts";
import { formatIp, formatNetwork, parseIp, parseNetwork } from "../../apimachinery/validation/ip-address.ts";

/** What is told of an address in an older field that other software may read otherwise. */
export function ipWarnings(text: string, path: string): readonly string[] {
  const ip = parseIp(text);
  if (!ip) return [];
  const usual = goQuote(formatIp(ip));
  if (ip.hasLeadingZeros || ip.isMapped)
    return [`${path}: non-standard IP address ${goQuote(text)} is invalid: use ${usual}`];
  if (ip.family === 6 && formatIp(ip) !== text)
    return [`${path}: IPv6 address ${goQuote(text)} should be in RFC 5952 canonical format (${usual})`];
  return [];
}

/** The same of a subnet. */
export function cidrWarnings(text: string, path: string): readonly string[] {
  const network = parseNetwork(text);
  if (!network) return [];
  const { address } = network;
  const warnings: string[] = [];
  const usual = goQuote(formatNetwork(network));
  if (network.hasHostBits) {
    const single = goQuote(`${formatIp(address)}/${address.family === 4 ? 32 : 128}`);
    warnings.push(
      `${path}: CIDR value ${goQuote(text)} is ambiguous in this context (should be ${usual} or ${single}?)`,
    );
  }
  if (network.hasLeadingZeros || address.isMapped)
    warnings.push(`${path}: non-standard CIDR value ${goQuote(text)} is invalid: use ${usual}`);
  if (warnings.length === 0 && address.family === 6 && formatNetwork(network) !== text)
    warnings.push(`${path}: IPv6 CIDR value ${goQuote(text)} should be in RFC 5952 canonical format (${usual})`);
  return warnings;
}
