import { assert } from "../../component-base/assert.ts";
import type { Clock } from "../../component-base/clock.ts";
import { LruMap } from "../../component-base/lru-map.ts";
import type { FlowMetrics, LevelMetrics } from "./flow-metrics.ts";
import type { SeatDemand } from "./seat-demand.ts";
import { dealHand } from "./shuffle-sharding.ts";

/**
 * Fair queuing of requests, after upstream's design ("fair queuing for server requests").
 *
 *     request ── its flow's hand of queues, the one with the least work ──▶ queue ──▶ seats ──▶ execution
 *
 * Each queue has a place on a progress meter R, which counts the seat-seconds every busy queue has been due so far. A queue's
 * next request begins, by that meter, where the former ended; dispatched is the one that would end first. A request is
 * assumed to take 3 ms a seat, and the queue's place is corrected when it is known how long it took.
 *
 * What a request does after its answer (its watchers are told) may keep its seats for a while longer.
 */

/** What a request is assumed to take until it is done. */
const estimatedSeconds = 0.003;
/** Hands kept dealt of each schema, of the flows seen last. */
const handsMax = 1024;

/** The seats a request takes while it is executed, and then, and for how long. */
export interface WorkEstimate {
  readonly initialSeats: number;
  readonly finalSeats: number;
  readonly additionalMs: number;
}

/** How requests wait: with `exempt`, never; with `reject`, not at all; else in queues. */
export type Queuing =
  | { readonly type: "exempt" }
  | { readonly type: "reject" }
  | { readonly type: "queue"; readonly queues: number; readonly handSize: number; readonly lengthLimit: number };

/** Where a request of a priority level comes from: what its metrics and its queues depend on. */
export interface Flow {
  readonly schema: string;
  readonly metrics: FlowMetrics;
}

/** One request in a queue set, until `finish` or `cancel`. */
export interface FlowTicket {
  readonly flow: Flow;
  readonly distinguisher: string;
  /** Whose request it is, for who asks what waits. */
  readonly about: unknown;
  readonly arrivalMs: number;
  /** Of the monotonic clock; undefined while it waits. */
  readonly startMs: number | undefined;
  readonly estimate: WorkEstimate;
  /** Called once when a waiting request may be executed. Set by who waits. */
  onDispatch: (() => void) | undefined;
}

class Ticket implements FlowTicket {
  readonly flow: Flow;
  readonly distinguisher: string;
  readonly about: unknown;
  readonly queue: Queue | undefined;
  readonly arrivalMs: number;
  readonly arrivalR: number;
  readonly seats: number;
  /** Seat-seconds. */
  readonly work: number;
  readonly estimate: WorkEstimate;
  startMs: number | undefined;
  onDispatch: (() => void) | undefined;

  constructor(
    flow: Flow,
    distinguisher: string,
    about: unknown,
    estimate: WorkEstimate,
    queue: Queue | undefined,
    nowMs: number,
    arrivalR: number,
  ) {
    this.flow = flow;
    this.distinguisher = distinguisher;
    this.about = about;
    this.estimate = estimate;
    this.queue = queue;
    this.arrivalMs = nowMs;
    this.arrivalR = arrivalR;
    this.seats = Math.max(estimate.initialSeats, estimate.finalSeats);
    this.work = estimate.initialSeats * estimatedSeconds + (estimate.finalSeats * estimate.additionalMs) / 1000;
    this.startMs = undefined;
    this.onDispatch = undefined;
  }
}

class Queue {
  index: number;
  /** The oldest first. */
  readonly waiting = new Set<Ticket>();
  readonly executing = new Set<Ticket>();
  /** Where on the meter its next request begins. */
  nextDispatchR = 0;
  seatsInUse = 0;
  seatsWaiting = 0;
  workWaiting = 0;

  constructor(index: number) {
    this.index = index;
  }

  get oldest(): Ticket | undefined {
    for (const ticket of this.waiting) return ticket;
    return undefined;
  }

  get isActive(): boolean {
    return this.waiting.size > 0 || this.executing.size > 0;
  }
}

/** A queue set as `dump` tells it. */
export interface QueueSetDump {
  readonly queues: readonly QueueDump[];
  /** Executing, and never in a queue. */
  readonly unqueued: readonly FlowTicket[];
  readonly waiting: number;
  readonly executing: number;
  readonly dispatched: number;
  readonly rejected: number;
  readonly cancelled: number;
}

export interface QueueDump {
  readonly waiting: readonly FlowTicket[];
  readonly executing: readonly FlowTicket[];
  readonly seatsInUse: number;
  readonly nextDispatchR: number;
  readonly initialSeatsWaiting: number;
  readonly seatsWaiting: number;
  readonly workWaiting: number;
}

/** The requests of one priority level. All is done in the caller's turn, O(1) as long as nothing waits. */
export class QueueSet {
  readonly #clock: Clock;
  readonly #metrics: LevelMetrics;
  readonly #demand: SeatDemand;
  #queuing: Queuing = { type: "reject" };
  #concurrencyLimit = 0;
  /** Those above the number wanted go when they are empty. */
  #queues: Queue[] = [];
  /** The queues a flow may use, while their number is as it is; by schema, then distinguisher. */
  #hands = new WeakMap<Flow, LruMap<string, readonly number[]>>();
  readonly #unqueued = new Set<Ticket>();
  #currentR = 0;
  #lastMs: number;
  #robinIndex = -1;
  #enqueued = 0;
  #activeQueues = 0;
  #waiting = 0;
  #executing = 0;
  #seatsInUse = 0;
  #seatsWaiting = 0;
  #dispatched = 0;
  #rejected = 0;
  #cancelled = 0;

  constructor(options: { readonly clock: Clock; readonly metrics: LevelMetrics; readonly demand: SeatDemand }) {
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#demand = options.demand;
    this.#lastMs = options.clock.monotonic();
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#executing === 0;
  }

  /** What waits goes on waiting where it is. `utilizationLimit` is what utilization is measured against. */
  configure(queuing: Queuing, concurrencyLimit: number, utilizationLimit: number): void {
    const nowMs = this.#sync();
    const former = this.#queuing;
    if (queuing.type === "queue") {
      while (this.#queues.length < queuing.queues) this.#queues.push(new Queue(this.#queues.length));
      const isSame =
        former.type === "queue" && former.queues === queuing.queues && former.handSize === queuing.handSize;
      if (!isSame) this.#hands = new WeakMap();
    }
    this.#queuing = queuing;
    this.#concurrencyLimit = concurrencyLimit;
    const room = queuing.type === "queue" ? queuing.queues * queuing.lengthLimit : 1;
    this.#metrics.waiting.setLimit(Math.max(room, 1), nowMs);
    this.#metrics.executing.setLimit(utilizationLimit, nowMs);
    this.#metrics.seats.setLimit(utilizationLimit, nowMs);
    this.#dispatchAll(nowMs);
  }

  /** Undefined when the request is rejected. What has no `startMs` waits for its `onDispatch`, or may be cancelled. */
  start(flow: Flow, distinguisher: string, about: unknown, estimate: WorkEstimate): FlowTicket | undefined {
    const nowMs = this.#sync();
    const queuing = this.#queuing;
    if (queuing.type !== "queue") {
      const ticket = new Ticket(flow, distinguisher, about, estimate, undefined, nowMs, this.#currentR);
      if (!this.#hasSeats(ticket.seats)) return this.#reject(flow, "concurrency-limit");
      this.#unqueued.add(ticket);
      this.#execute(ticket, nowMs);
      this.#noteDemand(nowMs);
      return ticket;
    }
    const queue = this.#chooseQueue(flow, distinguisher, queuing.queues, queuing.handSize);
    if (this.#seatsInUse >= this.#concurrencyLimit && queue.waiting.size >= queuing.lengthLimit)
      return this.#reject(flow, "queue-full");
    const ticket = new Ticket(flow, distinguisher, about, estimate, queue, nowMs, this.#currentR);
    flow.metrics.queueLength.observe(queue.waiting.size + 1);
    if (this.#waiting === 0 && this.#hasSeats(ticket.seats)) {
      // It would be chosen out of its queue at once.
      if (!queue.isActive) this.#activate(queue);
      this.#dispatch(queue, ticket, nowMs);
      this.#noteDemand(nowMs);
      return ticket;
    }
    this.#enqueue(queue, ticket, nowMs);
    this.#dispatchAll(nowMs);
    return ticket;
  }

  /** Gives up waiting. False when the request no longer waits: it is executing then, and is to be finished. */
  cancel(given: FlowTicket): boolean {
    const ticket = own(given);
    const { queue } = ticket;
    if (!queue?.waiting.has(ticket)) return false;
    const nowMs = this.#sync();
    this.#leaveQueue(queue, ticket, nowMs);
    if (!queue.isActive) this.#activeQueues--;
    this.#boundNextDispatch(queue);
    this.#cancelled++;
    this.#reject(ticket.flow, "time-out");
    this.#noteDemand(nowMs);
    // It may have been what the others waited for.
    this.#dispatchAll(nowMs);
    return true;
  }

  /** Ends the execution. Its seats are free at once, or when its additional time is over. */
  finish(given: FlowTicket): void {
    const ticket = own(given);
    const nowMs = this.#sync();
    const { queue, estimate, startMs = nowMs } = ticket;
    this.#executing--;
    ticket.flow.metrics.executingRequests.value--;
    this.#metrics.executing.add(-1, nowMs);
    if (queue) {
      queue.executing.delete(ticket);
      if (!queue.isActive) this.#activeQueues--;
      queue.nextDispatchR -= estimate.initialSeats * (estimatedSeconds - (nowMs - startMs) / 1000);
      this.#boundNextDispatch(queue);
    } else {
      this.#unqueued.delete(ticket);
    }
    if (estimate.finalSeats === 0 || estimate.additionalMs <= 0) this.#release(ticket, nowMs);
    else this.#clock.setTimer(additionalMsOf(ticket, this.#concurrencyLimit), () => this.#releaseLater(ticket));
    this.#dispatchAll(nowMs);
  }

  dump(): QueueSetDump {
    return {
      queues: this.#queues.map(({ waiting, executing, seatsInUse, nextDispatchR, seatsWaiting, workWaiting }) => ({
        waiting: [...waiting],
        executing: [...executing],
        seatsInUse,
        nextDispatchR,
        initialSeatsWaiting: [...waiting].reduce((sum, { estimate }) => sum + estimate.initialSeats, 0),
        seatsWaiting,
        workWaiting,
      })),
      unqueued: [...this.#unqueued],
      waiting: this.#waiting,
      executing: this.#executing,
      dispatched: this.#dispatched,
      rejected: this.#rejected,
      cancelled: this.#cancelled,
    };
  }

  /** Moves the meter on, at the rate of the time since; to be called before anything changes. Returns the time. */
  #sync(): number {
    const nowMs = this.#clock.monotonic();
    if (this.#activeQueues > 0) {
      const seats = Math.min(this.#seatsInUse + this.#seatsWaiting, this.#concurrencyLimit);
      this.#currentR += ((nowMs - this.#lastMs) / 1000) * (seats / this.#activeQueues);
    }
    this.#lastMs = nowMs;
    this.#metrics.gauges.current_r.value = this.#currentR;
    return nowMs;
  }

  #reject({ metrics }: Flow, reason: Parameters<FlowMetrics["rejected"]>[0]): undefined {
    this.#rejected++;
    metrics.rejected(reason);
  }

  /** Of the flow's hand, the queue with the least work waiting. Where it begins to look changes, so that equals take turns. */
  #chooseQueue(flow: Flow, distinguisher: string, deckSize: number, handSize: number): Queue {
    let hands = this.#hands.get(flow);
    if (!hands) this.#hands.set(flow, (hands = new LruMap(handsMax)));
    let hand = hands.get(distinguisher);
    if (!hand) {
      hand = dealHand(flow.schema, distinguisher, deckSize, handSize);
      hands.set(distinguisher, hand);
    }
    const offset = this.#enqueued++ % hand.length;
    let best: Queue | undefined;
    for (let i = 0; i < hand.length; i++) {
      const queue = this.#queues[hand[(offset + i) % hand.length] ?? 0];
      if (queue && (!best || queue.workWaiting < best.workWaiting)) best = queue;
      if (best?.waiting.size === 0) break;
    }
    assert(best !== undefined, "a hand without queues");
    return best;
  }

  /** A queue that had nothing begins where the meter is. */
  #activate(queue: Queue): void {
    this.#activeQueues++;
    queue.nextDispatchR = this.#currentR;
  }

  #enqueue(queue: Queue, ticket: Ticket, nowMs: number): void {
    if (!queue.isActive) this.#activate(queue);
    queue.waiting.add(ticket);
    queue.seatsWaiting += ticket.seats;
    queue.workWaiting += ticket.work;
    this.#boundNextDispatch(queue);
    this.#waiting++;
    this.#seatsWaiting += ticket.seats;
    const { metrics } = ticket.flow;
    metrics.inQueueRequests.value++;
    metrics.inQueueSeats.value += ticket.seats;
    this.#metrics.waiting.add(1, nowMs);
    this.#noteDemand(nowMs);
  }

  #leaveQueue(queue: Queue, ticket: Ticket, nowMs: number): void {
    queue.waiting.delete(ticket);
    queue.seatsWaiting -= ticket.seats;
    // Sums of fractions do not come to nothing by themselves.
    queue.workWaiting = queue.waiting.size === 0 ? 0 : queue.workWaiting - ticket.work;
    this.#waiting--;
    this.#seatsWaiting -= ticket.seats;
    const { metrics } = ticket.flow;
    metrics.inQueueRequests.value--;
    metrics.inQueueSeats.value -= ticket.seats;
    this.#metrics.waiting.add(-1, nowMs);
  }

  #dispatchAll(nowMs: number): void {
    while (this.#waiting > 0 && this.#seatsInUse < this.#concurrencyLimit && this.#dispatchOne(nowMs));
  }

  /** Executes the request that would end first. False when it needs more seats than are free: then nobody overtakes it. */
  #dispatchOne(nowMs: number): boolean {
    const queue = this.#nextQueue();
    const ticket = queue?.oldest;
    assert(queue && ticket, "a request waits in no queue");
    if (!this.#hasSeats(ticket.seats)) {
      ticket.flow.metrics.noAccommodation.value++;
      return false;
    }
    this.#leaveQueue(queue, ticket, nowMs);
    this.#dispatch(queue, ticket, nowMs);
    this.#boundNextDispatch(queue);
    ticket.onDispatch?.();
    return true;
  }

  #dispatch(queue: Queue, ticket: Ticket, nowMs: number): void {
    this.#robinIndex = queue.index;
    const { gauges } = this.#metrics;
    gauges.dispatch_r.value = this.#currentR;
    gauges.latest_s.value = queue.nextDispatchR;
    queue.executing.add(ticket);
    queue.seatsInUse += ticket.seats;
    queue.nextDispatchR += ticket.work;
    this.#execute(ticket, nowMs);
  }

  /** Looks at the queues in turn from the one after the last, so that equals take turns. */
  #nextQueue(): Queue | undefined {
    const queues = this.#queues;
    let best: Queue | undefined;
    let bestEnd = Number.POSITIVE_INFINITY;
    let sMin = Number.POSITIVE_INFINITY;
    let sMax = 0;
    let discountedMin = Number.POSITIVE_INFINITY;
    let discountedMax = 0;
    let left = this.#waiting;
    for (let i = 1; i <= queues.length && left > 0; i++) {
      const queue = queues[(this.#robinIndex + i) % queues.length];
      if (!queue || queue.waiting.size === 0) continue;
      const oldest = queue.oldest;
      if (!oldest) continue;
      left -= queue.waiting.size;
      const discounted = queue.nextDispatchR - queue.seatsInUse * estimatedSeconds;
      sMin = Math.min(sMin, queue.nextDispatchR);
      sMax = Math.max(sMax, queue.nextDispatchR);
      discountedMin = Math.min(discountedMin, discounted);
      discountedMax = Math.max(discountedMax, discounted);
      const end = queue.nextDispatchR + oldest.work;
      if (end >= bestEnd) continue;
      bestEnd = end;
      best = queue;
    }
    const { nextSMin, nextSMax, nextDiscountedSMin, nextDiscountedSMax } = this.#metrics;
    nextSMin.value = sMin;
    nextSMax.value = sMax;
    nextDiscountedSMin.value = discountedMin;
    nextDiscountedSMax.value = discountedMax;
    return best;
  }

  /** A request that takes more than there is at all is executed alone. */
  #hasSeats(seats: number): boolean {
    if (this.#queuing.type === "exempt") return true;
    if (seats > this.#concurrencyLimit) return this.#executing === 0;
    return this.#seatsInUse + seats <= this.#concurrencyLimit;
  }

  #execute(ticket: Ticket, nowMs: number): void {
    ticket.startMs = nowMs;
    this.#executing++;
    this.#dispatched++;
    this.#seatsInUse += ticket.seats;
    const { metrics } = ticket.flow;
    metrics.dispatched.value++;
    metrics.executingRequests.value++;
    metrics.executingSeats.value += ticket.seats;
    this.#metrics.executing.add(1, nowMs);
    this.#metrics.seats.add(ticket.seats, nowMs);
  }

  #releaseLater(ticket: Ticket): void {
    const nowMs = this.#sync();
    this.#release(ticket, nowMs);
    this.#dispatchAll(nowMs);
  }

  #release(ticket: Ticket, nowMs: number): void {
    const { queue, seats } = ticket;
    this.#seatsInUse -= seats;
    ticket.flow.metrics.executingSeats.value -= seats;
    this.#metrics.seats.add(-seats, nowMs);
    this.#noteDemand(nowMs);
    if (!queue) return;
    queue.seatsInUse -= seats;
    const wanted = this.#queuing.type === "queue" ? this.#queuing.queues : 0;
    // It may have gone already, with what was executed after this.
    if (this.#queues.length <= wanted || queue.isActive || this.#queues[queue.index] !== queue) return;
    this.#queues.splice(queue.index, 1);
    for (let i = queue.index; i < this.#queues.length; i++) {
      const moved = this.#queues[i];
      if (moved) moved.index = i;
    }
    if (this.#robinIndex >= queue.index) this.#robinIndex--;
  }

  /** What a queue did not use while others needed it is not saved up: nothing begins, by the meter, before it came. */
  #boundNextDispatch(queue: Queue): void {
    const oldest = queue.oldest;
    if (oldest && queue.nextDispatchR < oldest.arrivalR) queue.nextDispatchR = oldest.arrivalR;
  }

  #noteDemand(nowMs: number): void {
    const seats = this.#seatsInUse + this.#seatsWaiting;
    this.#demand.set(seats, nowMs);
    this.#metrics.demand.set(seats, nowMs);
  }
}

/** The same work on fewer seats takes longer. */
function additionalMsOf({ estimate: { finalSeats, additionalMs } }: Ticket, concurrencyLimit: number): number {
  if (concurrencyLimit <= 0 || finalSeats <= concurrencyLimit) return additionalMs;
  return (additionalMs * finalSeats) / concurrencyLimit;
}

function own(ticket: FlowTicket): Ticket {
  assert(ticket instanceof Ticket, "a ticket of another maker");
  return ticket;
}
