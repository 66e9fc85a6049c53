/** An address as a number. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** 32 bits for family 4, 128 for 6. */
  readonly value: bigint;
  /** It was written as IPv6 (`::ffff:1.2.3.4`) but is an IPv4 address. */
  readonly isMapped: boolean;
  /** Some part was written with superfluous zeros, which other software may read as octal. */
  readonly hasLeadingZeros: boolean;
}

export interface IpNetwork {
  /** The address as written, host bits included. */
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly hasHostBits: boolean;
  readonly hasLeadingZeros: boolean;
}

/** Reads an address leniently, as upstream's ParseIPSloppy; strict callers look at the flags. No zones. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** True for an address packets can be sent to beyond this machine and its link: no loopback, multicast or link-local one. */
export function isGlobalUnicast(text: string): boolean {
  const ip = parseIp(text);
  if (!ip) return false;
  const { family, value } = ip;
  if (family === 4) {
    const [first, second] = [Number(value >> 24n), Number((value >> 16n) & 0xffn)];
    const isSpecial = value === 0n || value === 0xffffffffn || first === 127 || (first === 169 && second === 254);
    return !isSpecial && (first < 224 || first >= 240);
  }
  const [first, firstTen] = [value >> 120n, value >> 118n];
  return value > 1n && first !== 0xffn && firstTen !== 0xfe80n >> 6n;
}

/** Reads `address/length`. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const slash = text.indexOf("/");
  if (slash === -1) return undefined;
  const address = parseIp(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (address === undefined || !/^[0-9]{1,8}$/.test(lengthText)) return undefined;
  const written = Number(lengthText);
  const isWide = address.family === 6 || address.isMapped;
  if (written > (isWide ? 128 : 32)) return undefined;
  // A prefix of a mapped address counts the 96 bits in front of the IPv4 part.
  const prefixLength = address.isMapped ? Math.max(written - 96, 0) : written;
  const hostBits = BigInt((address.family === 4 ? 32 : 128) - prefixLength);
  return {
    address,
    prefixLength,
    hasHostBits: (address.value & ((1n << hostBits) - 1n)) !== 0n,
    hasLeadingZeros: address.hasLeadingZeros || (lengthText.length > 1 && lengthText.startsWith("0")),
  };
}

/** Dotted for IPv4, RFC 5952 for IPv6. */
export function formatIp(ip: IpAddress): string {
  if (ip.family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((ip.value >> shift) & 0xffn)).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => Number((ip.value >> BigInt(112 - 16 * i)) & 0xffffn));
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((g) => g.toString(16)).join(":");
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

/** The subnet, host bits cleared. */
export function formatNetwork(network: IpNetwork): string {
  const { address, prefixLength } = network;
  const hostBits = BigInt((address.family === 4 ? 32 : 128) - prefixLength);
  return `${formatIp({ ...address, value: (address.value >> hostBits) << hostBits })}/${prefixLength}`;
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  let hasLeadingZeros = false;
  for (const part of parts) {
    if (!/^[0-9]+$/.test(part) || part.replace(/^0+/, "").length > 3) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    if (part.length > 1 && part.startsWith("0")) hasLeadingZeros = true;
    value = (value << 8n) | BigInt(octet);
  }
  return { family: 4, value, isMapped: false, hasLeadingZeros };
}

const mappedPrefix = 0xffffn;

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [headText = "", tailText] = halves;
  const isCompressed = tailText !== undefined;
  const head = parseGroups(headText, !isCompressed);
  const tail = isCompressed ? parseGroups(tailText, true) : { groups: [], hasLeadingZeros: false };
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.groups.length - tail.groups.length;
  if (isCompressed ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head.groups, ...Array<number>(Math.max(missing, 0)).fill(0), ...tail.groups];
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
  const hasLeadingZeros = head.hasLeadingZeros || tail.hasLeadingZeros;
  if (value >> 32n === mappedPrefix) {
    return { family: 4, value: value & 0xffff_ffffn, isMapped: true, hasLeadingZeros };
  }
  return { family: 6, value, isMapped: false, hasLeadingZeros };
}

/** Reads colon-separated groups, the last of which may be a dotted IPv4 address when it ends the whole text. */
function parseGroups(text: string, isEnd: boolean): { groups: number[]; hasLeadingZeros: boolean } | undefined {
  const groups: number[] = [];
  let hasLeadingZeros = false;
  if (text === "") return { groups, hasLeadingZeros };
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (part.includes(".")) {
      const v4 = isEnd && i === parts.length - 1 ? parseIpv4(part) : undefined;
      if (v4 === undefined) return undefined;
      hasLeadingZeros ||= v4.hasLeadingZeros;
      groups.push(Number(v4.value >> 16n), Number(v4.value & 0xffffn));
      continue;
    }
    if (!/^[0-9a-fA-F]+$/.test(part) || part.replace(/^0+/, "").length > 4) return undefined;
    if (part.length > 4) hasLeadingZeros = true;
    groups.push(Number.parseInt(part, 16));
  }
  return { groups, hasLeadingZeros };
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
