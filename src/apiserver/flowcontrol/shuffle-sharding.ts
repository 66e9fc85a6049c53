import { sha256Hex } from "../../component-base/sha256.ts";

/** Bits of a hash that are dealt from: with all 64, the last card would come out uneven. */
export const hashBitsMax = 60;

/** A slightly high estimate of the bits a hand takes, for `1 <= handSize <= deckSize`. */
export function requiredEntropyBits(deckSize: number, handSize: number): number {
  return Math.ceil(Math.log2(deckSize) * handSize);
}

/**
 * The queues of one flow: `handSize` different numbers below `deckSize`, always the same ones for the same flow. Two flows
 * hardly ever share all of them. The hash is upstream's, so that the queues are the same.
 */
export function dealHand(schema: string, distinguisher: string, deckSize: number, handSize: number): readonly number[] {
  return deal(hashOf(`${schema}\u0000${distinguisher}`), deckSize, handSize);
}

/** The hand that belongs to a hash: each of the possible ones, in order, to as many hashes. */
export function deal(hash: bigint, deckSize: number, handSize: number): readonly number[] {
  const remainders: number[] = [];
  let rest = hash;
  for (let i = 0; i < handSize; i++) {
    const left = BigInt(deckSize - i);
    remainders.push(Number(rest % left));
    rest /= left;
  }
  // A remainder counts among the cards that are left.
  return remainders.map((remainder, i) => {
    let card = remainder;
    for (let j = i; j > 0; j--) if (card >= (remainders[j - 1] ?? 0)) card++;
    return card;
  });
}

/** The first eight bytes of the SHA-256, the lowest first. */
function hashOf(text: string): bigint {
  const bytes = sha256Hex(text).slice(0, 16).match(/../g) ?? [];
  return BigInt(`0x${bytes.reverse().join("")}`);
}
