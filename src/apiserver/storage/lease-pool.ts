import type { Clock } from "../../component-base/clock.ts";
import { Singleflight } from "../../component-base/singleflight.ts";
import type { Backend } from "../../mvcc/backend.ts";

// Objects written within this time of each other share a lease and expire together, up to this much late.
const reuseMs = 60_000;
const objectsPerLeaseMax = 1000;

interface Current {
  readonly id: number;
  readonly until: number;
  objects: number;
}

/** Leases for objects that expire. One lease serves many objects, because thousands of Events must not be thousands of leases. */
export class LeasePool {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #current = new Map<number, Current>();
  readonly #granting = new Singleflight<number, Current>();

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend;
    this.#clock = clock;
  }

  /** The id of a lease that lives for at least `ttlSeconds` from now, and at most a minute longer. */
  async lease(ttlSeconds: number): Promise<number> {
    let current = this.#current.get(ttlSeconds);
    if (!current || current.until <= this.#clock.monotonic() || current.objects >= objectsPerLeaseMax)
      current = await this.#granting.run(ttlSeconds, () => this.#grant(ttlSeconds));
    current.objects++;
    return current.id;
  }

  async #grant(ttlSeconds: number): Promise<Current> {
    const { id } = await this.#backend.grantLease(ttlSeconds + reuseMs / 1000);
    const current = { id, until: this.#clock.monotonic() + reuseMs, objects: 0 };
    this.#current.set(ttlSeconds, current);
    return current;
  }
}
