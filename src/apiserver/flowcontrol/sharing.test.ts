import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { allocate } from "./allocation.ts";
import { RetryAfter } from "./retry-after.ts";
import { SeatDemand } from "./seat-demand.ts";
import { deal, dealHand, requiredEntropyBits } from "./shuffle-sharding.ts";

test("every hand is dealt, to one hash of as many as there are hands", () => {
  const [deckSize, handSize, hands] = [5, 3, 5 * 4 * 3];
  const dealt = new Set<string>();
  for (let hash = 0; hash < hands; hash++) {
    const hand = deal(BigInt(hash), deckSize, handSize);
    assert.equal(new Set(hand).size, handSize);
    assert.ok(hand.every((card) => card >= 0 && card < deckSize));
    dealt.add(hand.join(" "));
  }
  assert.equal(dealt.size, hands);
});

test("a flow has the same queues always, and two flows hardly share all", () => {
  assert.deepEqual(dealHand("global-default", "jane", 128, 6), dealHand("global-default", "jane", 128, 6));
  const hands = Array.from({ length: 100 }, (_, i) => new Set(dealHand("s", `user-${i}`, 128, 6)));
  const [first, ...others] = hands;
  assert.ok(others.every((hand) => [...hand].some((card) => !first?.has(card))));
  assert.equal(requiredEntropyBits(128, 6), 42);
});

test("seats are shared in proportion, within the bounds", () => {
  const cases: readonly [number, readonly [target: number, lower: number, upper: number][], readonly number[] | undefined][] =
    [
      [0, [[1, 0, 5]], [0]],
      [10, [[1, 0, 100], [4, 0, 100]], [2, 8]],
      [10, [[1, 0, 1], [1, 0, 100]], [1, 9]],
      [10, [[1, 0, 100], [9, 9, 9], [0, 0, 100]], [0.999, 9, 0.000999]],
      [10, [[5, 5, 9], [5, 5, 9]], [5, 5]],
      [10, [[5, 2, 5], [5, 3, 5]], [5, 5]],
      [10, [[6, 6, 9], [5, 5, 9]], undefined],
      [10, [[1, 1, 4], [1, 1, 4]], undefined],
    ]; // prettier-ignore
  for (const [total, classes, shares] of cases) {
    const given = classes.map(([target, lower, upper]) => ({ target, lower, upper }));
    const actual = allocate(total, given)?.shares;
    assert.equal(actual === undefined, shares === undefined);
    for (const [i, share] of (shares ?? []).entries()) assert.ok(Math.abs((actual?.[i] ?? 0) - share) < 0.01);
  }
});

test("what is shared is all there is, and who gets less than his proportion is at a bound", () => {
  const classes = fc.array(
    fc.record({ lower: fc.nat(50), more: fc.nat(50), room: fc.nat(200) }).map(({ lower, more, room }) => ({
      lower,
      target: lower + more,
      upper: lower + room,
    })),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(classes, fc.double({ min: 0, max: 1, noNaN: true }), (given, part) => {
      const lowest = given.reduce((sum, { lower }) => sum + lower, 0);
      const highest = given.reduce((sum, { upper }) => sum + upper, 0);
      const total = Math.round(lowest + part * (highest - lowest));
      const { shares, fairProportion } = allocate(total, given) ?? assert.fail("there is a way");
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - total) < 1e-6);
      if (total === 0) return;
      for (const [i, { lower, upper, target }] of given.entries()) {
        const share = shares[i] ?? Number.NaN;
        assert.ok(share >= lower - 1e-6 && share <= upper + 1e-6);
        const due = fairProportion * Math.max(target, 0.001);
        const isDue = Math.abs(share - due) < 1e-6;
        const isBound = Math.abs(share - lower) < 1e-6 || Math.abs(share - upper) < 1e-6;
        assert.ok(isDue || isBound);
      }
    }),
    { numRuns: 300 },
  );
});

test("demand rises at once and falls slowly", () => {
  const demand = new SeatDemand(0);
  demand.set(10, 0);
  demand.set(0, 5000);
  demand.next(10_000);
  assert.deepEqual([demand.average, demand.deviation, demand.highWatermark, demand.smoothed], [5, 5, 10, 10]);
  demand.next(20_000);
  assert.deepEqual([demand.average, demand.highWatermark, demand.smoothed], [0, 0, 9.77]);
  // By half in five minutes.
  for (let i = 1; i < 30; i++) demand.next(20_000 + i * 10_000);
  assert.ok(Math.abs(demand.smoothed - 5) < 0.1);
});

test("who is refused often is asked to wait longer, and again less", () => {
  const clock = new SteppingClock();
  const retryAfter = new RetryAfter(clock);
  const refuse = (times: number): number => {
    let seconds = 0;
    for (let i = 0; i < times; i++) seconds = retryAfter.refuse("level");
    clock.step(1000);
    return seconds;
  };
  assert.equal(refuse(5), 1);
  assert.equal(refuse(5), 2);
  // Not again at once.
  assert.equal(refuse(5), 2);
  assert.equal(refuse(20), 4);
  clock.step(60_000);
  assert.equal(refuse(1), 3);
  clock.step(60_000);
  assert.equal(refuse(1), 2);
  assert.equal(retryAfter.refuse("another"), 1);
});
