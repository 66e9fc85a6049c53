import assert from "node:assert/strict";
import { test } from "node:test";

import { MetricRegistry } from "../../component-base/metrics.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { FlowControlMetrics } from "./flow-metrics.ts";
import { QueueSet } from "./queue-set.ts";
import type { FlowTicket, Queuing, WorkEstimate } from "./queue-set.ts";
import { SeatDemand } from "./seat-demand.ts";

const oneSeat: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalMs: 0 };

/** A queue set whose requests are told by name, in the order in which they are dispatched. */
class Bench {
  readonly clock = new SteppingClock();
  readonly registry = new MetricRegistry();
  readonly demand = new SeatDemand(0);
  readonly dispatched: string[] = [];
  readonly #metrics = new FlowControlMetrics(this.registry, this.clock);
  readonly set = new QueueSet({ clock: this.clock, metrics: this.#metrics.level("level"), demand: this.demand });
  readonly flow = { schema: "schema", metrics: this.#metrics.flow("level", "schema") };

  constructor(queuing: Queuing, concurrencyLimit: number) {
    this.set.configure(queuing, concurrencyLimit, concurrencyLimit);
  }

  start(name: string, user = "", estimate = oneSeat): FlowTicket | undefined {
    const ticket = this.set.start(this.flow, user, name, estimate);
    if (ticket?.startMs !== undefined) this.dispatched.push(name);
    else if (ticket) ticket.onDispatch = () => this.dispatched.push(name);
    return ticket;
  }

  started(name: string, user?: string, estimate?: WorkEstimate): FlowTicket {
    const ticket = this.start(name, user, estimate);
    assert.ok(ticket, `${name} is rejected`);
    return ticket;
  }

  metric(name: string): string | undefined {
    const line = this.registry
      .render()
      .split("\n")
      .find((each) => each.startsWith(`apiserver_flowcontrol_${name}{`) && each.includes('priority_level="level"'));
    return line?.slice(line.lastIndexOf(" ") + 1);
  }
}

const queued = (queues: number, handSize: number, lengthLimit: number): Queuing => ({
  type: "queue",
  queues,
  handSize,
  lengthLimit,
});

test("requests beyond the seats wait, in their order, and a full queue rejects", () => {
  const bench = new Bench(queued(1, 1, 2), 2);
  const [a, b] = [bench.started("a"), bench.started("b")];
  bench.started("c");
  bench.started("d");
  assert.equal(bench.start("e"), undefined);
  assert.deepEqual(bench.dispatched, ["a", "b"]);
  assert.equal(bench.metric("current_inqueue_requests"), "2");
  assert.equal(bench.metric("rejected_requests_total"), "1");
  bench.set.finish(a);
  assert.deepEqual(bench.dispatched, ["a", "b", "c"]);
  bench.set.finish(b);
  assert.deepEqual(bench.dispatched, ["a", "b", "c", "d"]);
  assert.equal(bench.metric("current_executing_requests"), "2");
  assert.equal(bench.metric("current_inqueue_requests"), "0");
});

test("who gives up waiting leaves the queue, and cannot give up what is executed", () => {
  const bench = new Bench(queued(1, 1, 10), 1);
  const a = bench.started("a");
  const b = bench.started("b");
  const c = bench.started("c");
  assert.equal(bench.set.cancel(b), true);
  assert.equal(bench.set.cancel(b), false);
  bench.set.finish(a);
  assert.deepEqual(bench.dispatched, ["a", "c"]);
  assert.equal(bench.set.cancel(c), false);
  bench.set.finish(c);
  assert.equal(bench.set.isIdle, true);
  const { cancelled, rejected, dispatched } = bench.set.dump();
  assert.deepEqual({ cancelled, rejected, dispatched }, { cancelled: 1, rejected: 1, dispatched: 2 });
});

test("a flow with few requests does not wait for one with many", () => {
  const bench = new Bench(queued(64, 4, 100), 1);
  const running: FlowTicket[] = [];
  const tickets = new Map<string, FlowTicket>();
  const first = bench.started("elephant-0", "elephant");
  for (let i = 1; i < 40; i++) tickets.set(`elephant-${i}`, bench.started(`elephant-${i}`, "elephant"));
  for (let i = 0; i < 3; i++) tickets.set(`mouse-${i}`, bench.started(`mouse-${i}`, "mouse"));
  running.push(first);
  for (let ticket = running.pop(); ticket;) {
    bench.clock.step(5);
    bench.set.finish(ticket);
    const last = bench.dispatched.at(-1) ?? "";
    ticket = tickets.get(last);
    tickets.delete(last);
  }
  assert.equal(bench.dispatched.length, 43);
  // The elephant has four queues, the mouse up to three: they take turns.
  const mice = bench.dispatched.flatMap((name, i) => (name.startsWith("mouse") ? [i] : []));
  assert.ok((mice.at(-1) ?? 99) <= 12, `mice were served at ${mice.join(", ")}`);
});

test("nobody overtakes the request whose turn it is, however many seats it needs", () => {
  const bench = new Bench(queued(1, 1, 10), 3);
  const [a, b] = [bench.started("a"), bench.started("b")];
  const wide: WorkEstimate = { initialSeats: 3, finalSeats: 0, additionalMs: 0 };
  const w = bench.started("wide", "", wide);
  bench.started("c");
  bench.set.finish(a);
  // One more would have a seat, but then the wide one never had three.
  assert.deepEqual(bench.dispatched, ["a", "b"]);
  bench.set.finish(b);
  assert.deepEqual(bench.dispatched, ["a", "b", "wide"]);
  bench.set.finish(w);
  assert.deepEqual(bench.dispatched, ["a", "b", "wide", "c"]);
});

test("a request that needs more seats than there are is executed alone", () => {
  const bench = new Bench(queued(1, 1, 10), 2);
  const a = bench.started("a");
  const wide = bench.started("wide", "", { initialSeats: 5, finalSeats: 0, additionalMs: 0 });
  bench.started("b");
  bench.set.finish(a);
  assert.deepEqual(bench.dispatched, ["a", "wide"]);
  bench.set.finish(wide);
  assert.deepEqual(bench.dispatched, ["a", "wide", "b"]);
});

test("what follows after the answer keeps the seats for a while", () => {
  const bench = new Bench(queued(1, 1, 10), 2);
  const a = bench.started("a", "", { initialSeats: 1, finalSeats: 2, additionalMs: 50 });
  bench.started("b");
  bench.set.finish(a);
  assert.deepEqual(bench.dispatched, ["a"]);
  bench.clock.step(49);
  assert.deepEqual(bench.dispatched, ["a"]);
  bench.clock.step(1);
  assert.deepEqual(bench.dispatched, ["a", "b"]);
  assert.equal(bench.metric("current_executing_seats"), "1");
});

test("without queues there is only the limit, and the exempt have none", () => {
  const rejecting = new Bench({ type: "reject" }, 1);
  const a = rejecting.started("a");
  assert.equal(rejecting.start("b"), undefined);
  rejecting.set.finish(a);
  rejecting.started("c");
  const exempt = new Bench({ type: "exempt" }, 0);
  for (let i = 0; i < 100; i++) exempt.started(`${i}`);
  assert.equal(exempt.dispatched.length, 100);
});

test("a new configuration counts at once, and queues too many go when they are empty", () => {
  const bench = new Bench(queued(4, 1, 10), 1);
  const tickets = ["a", "b", "c", "d", "e", "f"].map((name) => bench.started(name, name));
  assert.equal(bench.dispatched.length, 1);
  bench.set.configure(queued(1, 1, 10), 3, 3);
  assert.equal(bench.dispatched.length, 3);
  for (let done = 0; done < tickets.length; done++) {
    const name = bench.dispatched[done] ?? "";
    const ticket = tickets[["a", "b", "c", "d", "e", "f"].indexOf(name)];
    assert.ok(ticket);
    bench.set.finish(ticket);
  }
  assert.equal(bench.dispatched.length, 6);
  assert.equal(bench.set.isIdle, true);
  assert.ok(bench.set.dump().queues.length < 4);
  bench.started("g");
});

test("whatever comes: no seats are used that are not there, nothing is lost, and nothing is left", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const upTo = (n: number): number => Math.floor(random.next() * n);
    const limit = 1 + upTo(6);
    const bench = new Bench(queued(4 + upTo(12), 1 + upTo(4), 1 + upTo(5)), limit);
    const open = new Set<FlowTicket>();
    let rejected = 0;
    for (let i = 0; i < 400; i++) {
      bench.clock.step(upTo(4));
      const dice = random.next();
      const [first] = [...open].filter((each) => each.startMs !== undefined);
      if (dice < 0.5) {
        const estimate = { initialSeats: 1 + upTo(3), finalSeats: upTo(3), additionalMs: upTo(2) * 7 };
        const ticket = bench.start(`${i}`, `user-${upTo(5)}`, estimate);
        if (ticket) open.add(ticket);
        else rejected++;
      } else if (dice < 0.9 && first) {
        bench.set.finish(first);
        open.delete(first);
      } else {
        for (const each of open) {
          if (!bench.set.cancel(each)) continue;
          open.delete(each);
          rejected++;
          break;
        }
      }
      const { queues, executing, waiting } = bench.set.dump();
      const inUse = queues.reduce((sum, { seatsInUse }) => sum + seatsInUse, 0);
      assert.ok(inUse <= limit || executing <= 1, `seed ${seed}: ${inUse} of ${limit} seats`);
      assert.equal(executing + waiting, open.size);
    }
    for (;;) {
      const [ticket] = [...open].filter((each) => each.startMs !== undefined);
      if (!ticket) {
        bench.clock.step(20);
        if (bench.set.isIdle) break;
        assert.ok(
          [...open].some((each) => each.startMs !== undefined),
          `seed ${seed}: the rest waits for ever`,
        );
        continue;
      }
      bench.set.finish(ticket);
      open.delete(ticket);
    }
    bench.clock.step(100);
    assert.equal(open.size, 0);
    assert.equal(bench.set.dump().rejected, rejected);
    for (const name of ["current_inqueue_requests", "current_inqueue_seats", "current_executing_seats"])
      assert.equal(bench.metric(name), "0", `seed ${seed}: ${name}`);
  }
});
