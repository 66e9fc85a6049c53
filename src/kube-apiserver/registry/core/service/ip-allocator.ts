import type { IpAddress, IpNetwork } from "../../../../apimachinery/validation/ip-address.ts";
import { formatIp, formatNetwork, parseIp, parseNetwork } from "../../../../apimachinery/validation/ip-address.ts";
import type { Random } from "../../../../component-base/random.ts";

interface Range {
  readonly network: IpNetwork;
  /** Offsets from the network's address that are given out: [1, last]. */
  readonly last: bigint;
}

/**
 * Addresses that at most one Service has at a time, of a subnet and of those that are added while the server runs. The
 * networks' own and their broadcast addresses are not given out.
 */
export class IpAllocator {
  /** The first subnet, which stays. */
  readonly cidr: string;
  readonly family: "IPv4" | "IPv6";
  readonly #own: Range;
  #others: readonly Range[] = [];
  readonly #random: Random;
  /** Addresses as numbers: subnets may overlap. */
  readonly #used = new Set<bigint>();

  /** Throws TypeError when the text is no subnet. */
  constructor(cidr: string, random: Random) {
    const own = rangeOf(cidr);
    if (!own) throw new TypeError(`${cidr} is not a subnet`);
    this.#own = own;
    this.cidr = formatNetwork(own.network);
    this.family = own.network.address.family === 4 ? "IPv4" : "IPv6";
    this.#random = random;
  }

  /** The first address, the one of the `kubernetes` Service. */
  get first(): string {
    return format(this.#own, 1n);
  }

  /** The subnets beside the first; those of the other family are left out. What was taken in others stays taken. */
  setOthers(cidrs: readonly string[]): void {
    const { family } = this.#own.network.address;
    this.#others = cidrs
      .flatMap((cidr) => rangeOf(cidr) ?? [])
      .filter(({ network }) => network.address.family === family && formatNetwork(network) !== this.cidr);
  }

  /** Takes what is in use already, also in no subnet of now. */
  restore(address: string): void {
    const ip = parseIp(address);
    if (ip?.family === this.#own.network.address.family) this.#used.add(ip.value);
  }

  /** Why the address cannot be had, undefined when it was taken. */
  take(address: string): string | undefined {
    const ip = parseIp(address);
    if (!ip || !this.#ranges().some((range) => contains(range, ip))) {
      return "the provided network does not match the current range";
    }
    if (this.#used.has(ip.value)) return "provided IP is already allocated";
    this.#used.add(ip.value);
    return undefined;
  }

  /** Undefined when all are taken. Keeps off the low ends, which are for addresses people choose, while there is room above. */
  takeAny(): string | undefined {
    for (const range of this.#ranges()) {
      const { last } = range;
      const reserved = min(max(last / 16n, 16n), 256n);
      const low = reserved < last ? reserved : 0n;
      const taken = this.#takeIn(range, low + 1n, last) ?? this.#takeIn(range, 1n, low);
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  release(address: string): void {
    const ip = parseIp(address);
    if (ip) this.#used.delete(ip.value);
  }

  #ranges(): readonly Range[] {
    return [this.#own, ...this.#others];
  }

  #takeIn(range: Range, from: bigint, to: bigint): string | undefined {
    const size = to - from + 1n;
    if (size <= 0n) return undefined;
    const start = (BigInt(Math.floor(this.#random.next() * 0x1_0000_0000)) * size) >> 32n;
    for (let i = 0n; i < size; i++) {
      const offset = from + ((start + i) % size);
      const value = range.network.address.value + offset;
      if (this.#used.has(value)) continue;
      this.#used.add(value);
      return format(range, offset);
    }
    return undefined;
  }
}

function rangeOf(cidr: string): Range | undefined {
  const written = parseNetwork(cidr);
  // Read again without host bits, so that offsets count from the network's own address.
  const network = written && parseNetwork(formatNetwork(written));
  if (!network) return undefined;
  const isV4 = network.address.family === 4;
  const bits = BigInt((isV4 ? 32 : 128) - network.prefixLength);
  return { network, last: (1n << bits) - (isV4 ? 2n : 1n) };
}

function contains({ network, last }: Range, ip: IpAddress): boolean {
  const offset = ip.value - network.address.value;
  return ip.family === network.address.family && offset >= 1n && offset <= last;
}

function format({ network }: Range, offset: bigint): string {
  return formatIp({ ...network.address, value: network.address.value + offset });
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
