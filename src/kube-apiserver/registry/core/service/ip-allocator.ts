import type { IpNetwork } from "../../../../apimachinery/validation/ip-address.ts";
import { formatIp, formatNetwork, parseIp, parseNetwork } from "../../../../apimachinery/validation/ip-address.ts";
import type { Random } from "../../../../component-base/random.ts";

/** Addresses of one subnet that at most one Service has at a time. The network's own and the broadcast address are not given out. */
export class IpAllocator {
  readonly cidr: string;
  readonly family: "IPv4" | "IPv6";
  readonly #network: IpNetwork;
  readonly #random: Random;
  /** Offsets from the network's address. */
  readonly #used = new Set<bigint>();
  /** Offsets [1, last]. */
  readonly #last: bigint;

  /** Throws TypeError when the text is no subnet. */
  constructor(cidr: string, random: Random) {
    const written = parseNetwork(cidr);
    // Read again without host bits, so that offsets count from the network's own address.
    const network = written && parseNetwork(formatNetwork(written));
    if (!network) throw new TypeError(`${cidr} is not a subnet`);
    this.#network = network;
    this.cidr = formatNetwork(network);
    this.family = network.address.family === 4 ? "IPv4" : "IPv6";
    this.#random = random;
    const bits = BigInt((network.address.family === 4 ? 32 : 128) - network.prefixLength);
    this.#last = (1n << bits) - (network.address.family === 4 ? 2n : 1n);
  }

  /** The first address, the one of the `kubernetes` Service. */
  get first(): string {
    return this.#format(1n);
  }

  /** Why the address cannot be had, undefined when it was taken. */
  take(address: string): string | undefined {
    const offset = this.#offset(address);
    if (offset === undefined) {
      return "the provided network does not match the current range";
    }
    if (this.#used.has(offset)) return "provided IP is already allocated";
    this.#used.add(offset);
    return undefined;
  }

  /** Undefined when all are taken. Keeps off the low end, which is for addresses people choose, while there is room above. */
  takeAny(): string | undefined {
    const reserved = min(max(this.#last / 16n, 16n), 256n);
    const low = reserved < this.#last ? reserved : 0n;
    return this.#takeIn(low + 1n, this.#last) ?? this.#takeIn(1n, low);
  }

  release(address: string): void {
    const offset = this.#offset(address);
    if (offset !== undefined) this.#used.delete(offset);
  }

  #takeIn(from: bigint, to: bigint): string | undefined {
    const size = to - from + 1n;
    if (size <= 0n) return undefined;
    const start = (BigInt(Math.floor(this.#random.next() * 0x1_0000_0000)) * size) >> 32n;
    for (let i = 0n; i < size; i++) {
      const offset = from + ((start + i) % size);
      if (this.#used.has(offset)) continue;
      this.#used.add(offset);
      return this.#format(offset);
    }
    return undefined;
  }

  #offset(address: string): bigint | undefined {
    const ip = parseIp(address);
    if (!ip || ip.family !== this.#network.address.family) return undefined;
    const offset = ip.value - this.#network.address.value;
    return offset >= 1n && offset <= this.#last ? offset : undefined;
  }

  #format(offset: bigint): string {
    return formatIp({ ...this.#network.address, value: this.#network.address.value + offset });
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
