import { formatIp, formatNetwork, parseIp, parseNetwork } from "../apimachinery/validation/ip-address.ts";

/** Addresses with a common beginning. */
export interface AddressRange {
  /** As nft reads it: `10.0.0.0/8`. */
  readonly text: string;
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads an address or a CIDR. */
export function parseRange(text: string): AddressRange | undefined {
  const trimmed = text.trim();
  const address = parseIp(trimmed);
  if (address) return { text: formatIp(address), family: address.family, first: address.value, last: address.value };
  const network = parseNetwork(trimmed);
  if (!network) return undefined;
  const { family, value } = network.address;
  const hostBits = BigInt((family === 4 ? 32 : 128) - network.prefixLength);
  const first = (value >> hostBits) << hostBits;
  return { text: formatNetwork(network), family, first, last: first + (1n << hostBits) - 1n };
}

export function rangeContains(wide: AddressRange, narrow: AddressRange): boolean {
  return wide.family === narrow.family && wide.first <= narrow.first && narrow.last <= wide.last;
}

/** The same addresses without a range within another, which nft refuses as overlapping. Unreadable ones are left out. */
export function coverOf(texts: readonly string[]): readonly AddressRange[] {
  const ranges = texts.flatMap((text) => parseRange(text) ?? []);
  // Two CIDRs overlap only when one holds the other, so the wider ones first.
  ranges.sort((a, b) => (a.last - a.first > b.last - b.first ? -1 : 1));
  const kept: AddressRange[] = [];
  for (const range of ranges) if (!kept.some((wide) => rangeContains(wide, range))) kept.push(range);
  return kept;
}
