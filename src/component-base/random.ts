/** Randomness as a port, so that a seed reproduces a run. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `length` random bytes; unguessable from the system source, reproducible from a seeded one. */
  bytes(length: number): Uint8Array;
}

// A call for random bytes costs 8 µs whatever their number, so they are fetched by the page. Each is given out once.
const poolBytes = 4096;

/** The machine's cryptographic source. */
export class SystemRandom implements Random {
  readonly #pool = new Uint8Array(poolBytes);
  #used = poolBytes;

  next(): number {
    const word = new Uint32Array(1);
    crypto.getRandomValues(word);
    return (word[0] ?? 0) / 0x1_0000_0000;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    if (length > poolBytes) return crypto.getRandomValues(out);
    if (this.#used + length > poolBytes) {
      crypto.getRandomValues(this.#pool);
      this.#used = 0;
    }
    const end = this.#used + length;
    out.set(this.#pool.subarray(this.#used, end));
    this.#pool.fill(0, this.#used, end);
    this.#used = end;
    return out;
  }
}

/** A seeded stream (mulberry32). Never for secrets. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.next() * 256));
  }
}

/** A random integer in [0, max). */
export function randomInt(random: Random, max: number): number {
  return Math.floor(random.next() * max);
}

// The alphabet upstream uses for generated names: no vowels and no look-alikes, so no words appear.
const nameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

/** `length` characters of upstream's generated-name alphabet (k8s.io/apimachinery util/rand). */
export function randomName(random: Random, length = 5): string {
  let out = "";
  for (let i = 0; i < length; i++) out += nameAlphabet[randomInt(random, nameAlphabet.length)];
  return out;
}

/** A random (version 4) UUID. */
export function randomUuid(random: Random): string {
  const b = random.bytes(16);
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
