import { parseRange } from "./address-range.ts";

/** An address family as nftables and Kubernetes name its things; all that IPv4 and IPv6 differ in. */
export interface Family {
  readonly version: 4 | 6;
  /** The nftables family, which is also how rules name the header. */
  readonly nft: "ip" | "ip6";
  readonly addressType: "ipv4_addr" | "ipv6_addr";
  /** As EndpointSlices and Services say it. */
  readonly name: "IPv4" | "IPv6";
  /** Addresses that never leave the host. */
  readonly loopback: string;
}

export const ipv4: Family = { version: 4, nft: "ip", addressType: "ipv4_addr", name: "IPv4", loopback: "127.0.0.0/8" };
export const ipv6: Family = { version: 6, nft: "ip6", addressType: "ipv6_addr", name: "IPv6", loopback: "::1" };

/** The family of an address or CIDR. */
export function familyOf(address: string): Family {
  return address.includes(":") ? ipv6 : ipv4;
}

// Already in the one way to write it, as nearly all are; ten thousand Services bring thirty thousand.
const plainIpv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Those of the addresses or CIDRs that are of the family, each in the one way nft and we write it. */
export function addressesOf(family: Family, texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => {
    if (plainIpv4.test(text)) return family === ipv4 ? [text] : [];
    const range = parseRange(text);
    return range?.family === family.version ? [range.text] : [];
  });
}
