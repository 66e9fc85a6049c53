/** The equal parts of an address range, each free or taken, e.g. the /24 ranges of 10.244.0.0/16. */
export class CidrSet {
  readonly #baseBits: bigint;
  readonly #isV6: boolean;
  readonly #width: number;
  readonly #maskSize: number;
  readonly #count: number;
  readonly #taken = new Set<number>();
  /** Ranges are given out in turn, so that one just freed rests a while. */
  #next = 0;

  /** Throws RangeError for a range that is none or has no part of that size. */
  constructor(clusterCidr: string, maskSize?: number) {
    const [address = "", bits = ""] = clusterCidr.split("/");
    this.#isV6 = address.includes(":");
    this.#width = this.#isV6 ? 128 : 32;
    // --node-cidr-mask-size-ipv4 and -ipv6.
    this.#maskSize = maskSize ?? (this.#isV6 ? 64 : 24);
    const prefix = Number(bits);
    const partBits = this.#maskSize - prefix;
    if (!/^\d+$/.test(bits) || partBits < 0 || partBits > 16)
      throw new RangeError(`${clusterCidr} cannot be divided into /${this.#maskSize} ranges`);
    this.#count = 2 ** partBits;
    const shift = BigInt(this.#width - prefix);
    this.#baseBits = (parseAddress(address) >> shift) << shift;
  }

  /** A range that was free, or undefined when none is left. */
  allocate(): string | undefined {
    for (let i = 0; i < this.#count; i++) {
      const index = (this.#next + i) % this.#count;
      if (this.#taken.has(index)) continue;
      this.#taken.add(index);
      this.#next = (index + 1) % this.#count;
      return this.#format(index);
    }
    return undefined;
  }

  /** Marks a range taken, as found on a node. One that is not of this set is left alone. */
  occupy(cidr: string): void {
    const index = this.#indexOf(cidr);
    if (index !== undefined) this.#taken.add(index);
  }

  release(cidr: string): void {
    const index = this.#indexOf(cidr);
    if (index !== undefined) this.#taken.delete(index);
  }

  #indexOf(cidr: string): number | undefined {
    const [address = ""] = cidr.split("/");
    if (address.includes(":") !== this.#isV6) return undefined;
    const index = Number((parseAddress(address) - this.#baseBits) >> BigInt(this.#width - this.#maskSize));
    return index >= 0 && index < this.#count ? index : undefined;
  }

  #format(index: number): string {
    const bits = this.#baseBits + (BigInt(index) << BigInt(this.#width - this.#maskSize));
    return `${formatAddress(bits, this.#isV6)}/${this.#maskSize}`;
  }
}

function parseAddress(text: string): bigint {
  if (!text.includes(":")) return text.split(".").reduce((bits, part) => (bits << 8n) | BigInt(Number(part)), 0n);
  const [head = "", tail] = text.split("::");
  const groups = (part: string | undefined): readonly string[] => (part ? part.split(":") : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((bits, group) => (bits << 16n) | BigInt(parseInt(group, 16)), 0n);
}

function formatAddress(bits: bigint, isV6: boolean): string {
  if (!isV6) return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(16 * (7 - i))) & 0xffffn).toString(16));
  // Of all runs of zeros the first of the longest is left out.
  const runs = [...groups.join(":").matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map((m) => m[0]);
  const longest = runs.sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) return groups.join(":");
  return groups.join(":").replace(longest, "::").replace(/:{3,}/, "::");
}
