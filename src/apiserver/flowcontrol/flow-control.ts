import { assert } from "../../component-base/assert.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { FlowSchemaSpec, PriorityLevelConfigurationSpec } from "../../api/flowcontrol/v1/types.gen.ts";
import type { UserInfo } from "../authentication/user-info.ts";
import type { RequestInfo } from "../endpoints/request-info.ts";
import { allocate } from "./allocation.ts";
import { FlowControlMetrics } from "./flow-metrics.ts";
import type { FlowMetrics, LevelMetrics, RatioGauge } from "./flow-metrics.ts";
import { mandatoryLevels, mandatorySchemas } from "./default-objects.ts";
import { distinguisherOf, matchesSchema } from "./matching.ts";
import { QueueSet } from "./queue-set.ts";
import type { Flow, FlowTicket, Queuing, QueueSetDump, WorkEstimate } from "./queue-set.ts";
import { RetryAfter } from "./retry-after.ts";
import { SeatDemand } from "./seat-demand.ts";
import { hashBitsMax, requiredEntropyBits } from "./shuffle-sharding.ts";
import { WatchCounts } from "./watch-counts.ts";
import { estimateWork } from "./work-estimate.ts";
import type { ObjectStats, WorkKnowledge } from "./work-estimate.ts";

/** How often levels lend and borrow anew. */
export const borrowingPeriodMs = 10_000;
/** A single request may take this part of a level's seats. */
const requestSeatsFraction = 0.15;

/** What of an object of configuration counts. */
interface Configured<Spec> {
  readonly metadata: { readonly name: string; readonly uid?: string };
  readonly spec: Spec;
}
export type ConfiguredSchema = Configured<FlowSchemaSpec>;
export type ConfiguredLevel = Configured<PriorityLevelConfigurationSpec>;

/** A request as it is told apart. */
export interface FlowRequest {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
}

/** Which schema and level a request has come to. The identities are empty while the objects do not exist. */
export interface Classification {
  readonly schemaUid: string;
  readonly levelUid: string;
  readonly level: string;
}

/** A request that is executed, or waits, or (without a ticket) is rejected. */
export interface FlowStart {
  readonly classification: Classification;
  readonly level: Level;
  readonly ticket: FlowTicket | undefined;
}

/** One priority level as it is told to who asks. */
export interface LevelDump extends QueueSetDump {
  readonly name: string;
  readonly isIdle: boolean;
  readonly isQuiescing: boolean;
}

/** A level in force. */
interface Level {
  readonly name: string;
  object: ConfiguredLevel;
  queuing: Queuing;
  readonly queues: QueueSet;
  readonly demand: SeatDemand;
  readonly metrics: LevelMetrics;
  /** Its object is gone, and requests are still under way. */
  isQuiescing: boolean;
  requestSeatsMax: number;
  nominal: number;
  min: number;
  max: number;
  /** What it has at present; undefined before the first allotment. */
  current: number | undefined;
}

/** A flow schema in force. */
interface Schema extends Flow {
  readonly object: ConfiguredSchema;
  readonly level: Level;
  readonly classification: Classification;
}

export interface FlowControlOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Seats of the whole server. */
  readonly concurrencyLimit: number;
  /** What is stored of a resource; undefined when it is not stored here. */
  statsOf(group: string, resource: string): ObjectStats | undefined;
}

/**
 * Priority and fairness: which requests are executed now, which wait, and which are turned away.
 *
 *     request ── flow schemas, by precedence ──▶ priority level ── its queues ──▶ seats
 *
 * Levels share the server's seats by their configuration, and lend what they do not use. The mandatory schemas and levels are
 * in force also while their objects do not exist. Cost of a request while nothing waits: some microseconds.
 */
export class FlowControl {
  readonly watches = new WatchCounts();
  readonly retryAfter: RetryAfter;
  readonly #options: FlowControlOptions;
  readonly #metrics: FlowControlMetrics;
  readonly #knowledge: WorkKnowledge;
  #levels = new Map<string, Level>();
  /** In the order they are tried. */
  #schemas: readonly Schema[] = [];
  #catchAll: Schema | undefined;
  /** Of objects that no longer change, to be digested again when the last request of a former level is done. */
  #given: { readonly levels: readonly ConfiguredLevel[]; readonly schemas: readonly ConfiguredSchema[] } = {
    levels: [],
    schemas: [],
  };

  constructor(options: FlowControlOptions) {
    this.#options = options;
    this.#metrics = new FlowControlMetrics(options.metrics, options.clock);
    this.retryAfter = new RetryAfter(options.clock);
    this.#knowledge = {
      statsOf: (group, resource) => options.statsOf(group, resource),
      watchesInterestedIn: (info) => this.watches.interestedIn(info),
    };
    this.configure([], []);
  }

  get readOnly(): { readonly waiting: RatioGauge; readonly executing: RatioGauge } {
    return this.#metrics.readOnly;
  }

  get mutating(): { readonly waiting: RatioGauge; readonly executing: RatioGauge } {
    return this.#metrics.mutating;
  }

  /** Puts all objects there are into force. Levels whose specification is broken count as absent, and are logged. */
  configure(levels: readonly ConfiguredLevel[], schemas: readonly ConfiguredSchema[]): void {
    this.#given = { levels, schemas };
    const next = new Map<string, Level>();
    for (const object of levels) this.#enterLevel(next, object);
    const usable = schemas.filter(({ spec }) => next.has(spec.priorityLevelConfiguration.name)).sort(byPrecedence);
    for (const [name, level] of this.#levels) this.#keepFormer(next, name, level);
    for (const object of mandatoryLevels) if (!next.has(object.metadata.name)) this.#enterLevel(next, object);
    this.#levels = next;
    this.#allot();
    this.#enterSchemas(usable);
  }

  /** A schema's level exists and is usable. */
  isLevel(name: string): boolean {
    return this.#given.levels.some((each) => each.metadata.name === name && this.#levels.has(name));
  }

  /** Lets levels borrow what others do not use; to be called every `borrowingPeriodMs`. */
  adjust(): void {
    const nowMs = this.#options.clock.monotonic();
    const levels = [...this.#levels.values()];
    for (const level of levels) level.demand.next(nowMs);
    const bounded = levels.map((level) => ({ level, min: currentMin(level) }));
    const limited = bounded.filter(({ level }) => level.queuing.type !== "exempt");
    const exempt = bounded.filter(({ level }) => level.queuing.type === "exempt");
    const nominalSum = sum(levels.map(({ nominal }) => nominal));
    // What exempt levels need they take; the others share what is left.
    const left = nominalSum - sum(exempt.map(({ min }) => min));
    const minSum = sum(limited.map(({ level }) => level.min));
    const currentMinSum = sum(limited.map(({ min }) => min));
    const targets = limited.map(({ level, min }) => Math.max(min, level.demand.smoothed));
    let fairFraction = 0;
    let currents: readonly number[];
    if (left <= minSum) {
      currents = limited.map(({ level }) => level.min);
    } else if (left <= currentMinSum) {
      const fraction = (left - minSum) / (currentMinSum - minSum);
      currents = limited.map(({ level, min }) => level.min + Math.round((min - level.min) * fraction));
    } else {
      const classes = limited.map(({ level, min }, i) => ({ target: targets[i] ?? 0, lower: min, upper: level.max }));
      const allocation = allocate(nominalSum, classes);
      if (!allocation) this.#options.logger.error("no way to share the seats of the priority levels", { classes });
      fairFraction = allocation?.fairProportion ?? 0;
      currents = allocation?.shares.map(Math.round) ?? limited.map(({ level }) => level.current ?? level.nominal);
    }
    this.#metrics.fairFraction.value = fairFraction;
    for (const [i, { level }] of limited.entries()) this.#setCurrent(level, currents[i] ?? level.min, targets[i] ?? 0);
    for (const { level, min } of exempt) this.#setCurrent(level, min, 0);
  }

  /** Classifies a request and starts it, lets it wait, or rejects it. */
  start(request: FlowRequest): FlowStart {
    const { info, user, query } = request;
    const schema = this.#classify(info, user);
    const { level, classification, metrics } = schema;
    const hasFlows = level.queuing.type === "queue" && level.queuing.queues > 1;
    const distinguisher = hasFlows ? distinguisherOf(schema.object.spec, info, user) : "";
    const estimate = this.#estimate(info, query, level, metrics);
    const ticket = level.queues.start(schema, distinguisher, request, estimate);
    if (!ticket) metrics.waitedInVain.observe(0);
    else if (ticket.startMs !== undefined && level.queuing.type !== "exempt") metrics.waited.observe(0);
    return { classification, level, ticket };
  }

  /** Waits until the request may be executed; false when it has waited long enough, or is no longer wanted. */
  async wait({ level, ticket }: FlowStart, waitMs: number, signal: AbortSignal): Promise<boolean> {
    assert(ticket, "a rejected request waits");
    const { clock } = this.#options;
    const isExecuted = await new Promise<boolean>((resolve) => {
      const giveUp = (): void => {
        if (level.queues.cancel(ticket)) decide(false);
      };
      const timer = clock.setTimer(waitMs, giveUp);
      const decide = (isDispatched: boolean): void => {
        timer.cancel();
        signal.removeEventListener("abort", giveUp);
        resolve(isDispatched);
      };
      ticket.onDispatch = () => decide(true);
      signal.addEventListener("abort", giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
    const { waited, waitedInVain } = ticket.flow.metrics;
    (isExecuted ? waited : waitedInVain).observe((clock.monotonic() - ticket.arrivalMs) / 1000);
    if (!isExecuted) this.#reap(level);
    return isExecuted;
  }

  /** Ends the execution of a request; of a watch, that of its beginning. */
  finish({ level }: FlowStart, ticket: FlowTicket, type: "regular" | "watch"): void {
    const { executed, watchInitialized } = ticket.flow.metrics;
    const { startMs = 0 } = ticket;
    level.queues.finish(ticket);
    (type === "watch" ? watchInitialized : executed).observe((this.#options.clock.monotonic() - startMs) / 1000);
    this.#reap(level);
  }

  dump(): readonly LevelDump[] {
    return [...this.#levels.values()].map(({ name, isQuiescing, queues }) => ({
      name,
      isQuiescing,
      isIdle: queues.isIdle,
      ...queues.dump(),
    }));
  }

  #classify(info: RequestInfo, user: UserInfo): Schema {
    for (const schema of this.#schemas) if (matchesSchema(schema.object.spec, info, user)) return schema;
    assert(this.#catchAll !== undefined, "no flow schema takes what no other takes");
    return this.#catchAll;
  }

  #estimate(info: RequestInfo, query: URLSearchParams, level: Level, metrics: FlowMetrics): WorkEstimate {
    const estimate = estimateWork(info, query, this.#knowledge, level.requestSeatsMax, metrics.watchCount);
    metrics.estimatedSeats.observe(Math.max(estimate.initialSeats, estimate.finalSeats));
    return estimate;
  }

  #enterLevel(next: Map<string, Level>, object: ConfiguredLevel): void {
    const { name } = object.metadata;
    const queuing = queuingOf(object);
    if (typeof queuing === "string") {
      this.#options.logger.error("a priority level is not used, as its specification is broken", {
        name,
        why: queuing,
      });
      return;
    }
    const former = this.#levels.get(name);
    if (former) {
      former.object = object;
      former.queuing = queuing;
      former.isQuiescing = false;
      next.set(name, former);
      return;
    }
    const { clock } = this.#options;
    const metrics = this.#metrics.level(name);
    const demand = new SeatDemand(clock.monotonic());
    const queues = new QueueSet({ clock, metrics, demand });
    const limits = { requestSeatsMax: Number.POSITIVE_INFINITY, nominal: 0, min: 0, max: 0, current: undefined };
    next.set(name, { name, object, queuing, queues, demand, metrics, isQuiescing: false, ...limits });
  }

  /** A level whose object is gone stays until its last request is done, and has its share until then. */
  #keepFormer(next: Map<string, Level>, name: string, level: Level): void {
    if (next.has(name) || mandatoryLevels.some(({ metadata }) => metadata.name === name)) return;
    if (level.queues.isIdle) {
      this.retryAfter.forget(name);
      return;
    }
    level.isQuiescing = true;
    next.set(name, level);
  }

  #reap(level: Level): void {
    if (level.isQuiescing && level.queues.isIdle) this.configure(this.#given.levels, this.#given.schemas);
  }

  #enterSchemas(usable: readonly ConfiguredSchema[]): void {
    const missing = mandatorySchemas.filter(
      ({ metadata }) => !usable.some((each) => each.metadata.name === metadata.name),
    );
    const enter = (object: ConfiguredSchema): Schema => this.#enterSchema(object);
    this.#schemas = [
      ...missing.filter(({ metadata }) => metadata.name === "exempt").map(enter),
      ...usable.map(enter),
      ...missing.filter(({ metadata }) => metadata.name === "catch-all").map(enter),
    ];
    this.#catchAll = this.#schemas.find(({ schema }) => schema === "catch-all");
  }

  #enterSchema(object: ConfiguredSchema): Schema {
    const { name, uid = "" } = object.metadata;
    const level = this.#levels.get(object.spec.priorityLevelConfiguration.name);
    assert(level, "a flow schema without a priority level");
    const metrics = this.#metrics.flow(level.name, name);
    const { uid: levelUid = "" } = level.object.metadata;
    return { schema: name, object, level, metrics, classification: { schemaUid: uid, levelUid, level: level.name } };
  }

  /** Gives every level its share of the seats, from which it may lend, and what it may borrow. */
  #allot(): void {
    const { concurrencyLimit } = this.#options;
    const levels = [...this.#levels.values()];
    const shareSum = sum(levels.map(({ object }) => sharesOf(object.spec)));
    let waitingMax = 0;
    for (const level of levels) {
      const { limited, exempt } = level.object.spec;
      const shares = sharesOf(level.object.spec);
      const nominal = shareSum > 0 ? Math.ceil((concurrencyLimit * shares) / shareSum) : 0;
      const lendable = Math.round((nominal * ((limited ?? exempt)?.lendablePercent ?? 0)) / 100);
      const borrowingPercent = limited?.borrowingLimitPercent;
      const borrowed =
        borrowingPercent === undefined ? concurrencyLimit : Math.round((nominal * borrowingPercent) / 100);
      level.nominal = nominal;
      level.min = nominal - lendable;
      level.max = nominal + borrowed;
      level.current ??= nominal - Math.floor(lendable / 2);
      level.requestSeatsMax = Number.POSITIVE_INFINITY;
      if (level.queuing.type === "queue") {
        const { queues, lengthLimit, handSize } = level.queuing;
        waitingMax += queues * lengthLimit;
        const seatsMax = Math.min(Math.ceil(nominal * requestSeatsFraction), Math.floor(nominal / handSize));
        level.requestSeatsMax = Math.max(1, seatsMax);
      }
      const { gauges } = level.metrics;
      gauges.nominal_limit_seats.value = nominal;
      gauges.lower_limit_seats.value = level.min;
      gauges.upper_limit_seats.value = level.max;
    }
    const nowMs = this.#options.clock.monotonic();
    const executingMax = sum(levels.map(({ nominal }) => nominal));
    for (const kind of [this.#metrics.readOnly, this.#metrics.mutating]) {
      kind.waiting.setLimit(Math.max(waitingMax, 1), nowMs);
      kind.executing.setLimit(Math.max(executingMax, 1), nowMs);
    }
    this.adjust();
  }

  #setCurrent(level: Level, current: number, target: number): void {
    level.current = current;
    const { gauges, demand } = level.metrics;
    gauges.demand_seats_high_watermark.value = level.demand.highWatermark;
    gauges.demand_seats_average.value = level.demand.average;
    gauges.demand_seats_stdev.value = level.demand.deviation;
    gauges.demand_seats_smoothed.value = level.demand.smoothed;
    gauges.target_seats.value = target;
    gauges.current_limit_seats.value = current;
    // Utilization of a level without seats is measured against something.
    const utilizationLimit = current > 0 ? current : Math.max(1, Math.round(this.#options.concurrencyLimit / 10));
    demand.setLimit(utilizationLimit, this.#options.clock.monotonic());
    level.queues.configure(level.queuing, current, utilizationLimit);
  }
}

/** What a level has at least in this period: what it needed in the last, up to its own share, which it never lends whole. */
function currentMin({ queuing, min, nominal, demand }: Level): number {
  const { highWatermark } = demand;
  return Math.max(min, queuing.type === "exempt" ? highWatermark : Math.min(nominal, highWatermark));
}

/** How requests of a level wait, or why it cannot be used. */
function queuingOf({ metadata: { name }, spec }: ConfiguredLevel): Queuing | string {
  const { type, limited, exempt } = spec;
  if ((type === "Limited") !== (limited !== undefined)) return "broken union structure at the top, for Limited";
  if ((type === "Exempt") !== (exempt !== undefined)) return "broken union structure at the top, for Exempt";
  if ((type === "Exempt") !== (name === "exempt")) return "non-alignment between name and type";
  if (!limited) return { type: "exempt" };
  const { limitResponse } = limited;
  const { queuing } = limitResponse;
  if ((limitResponse.type === "Reject") !== (queuing === undefined)) return "broken union structure for limit response";
  if (!queuing) return { type: "reject" };
  const { queues, handSize, queueLengthLimit: lengthLimit } = queuing;
  if (queues < 1 || handSize < 1 || handSize > queues || requiredEntropyBits(queues, handSize) > hashBitsMax)
    return `no hands of ${handSize} can be dealt of ${queues} queues`;
  return { type: "queue", queues, handSize, lengthLimit };
}

function sharesOf({ limited, exempt }: PriorityLevelConfigurationSpec): number {
  return (limited ? (limited.nominalConcurrencyShares ?? 30) : exempt?.nominalConcurrencyShares) ?? 0;
}

function byPrecedence(a: ConfiguredSchema, b: ConfiguredSchema): number {
  const difference = a.spec.matchingPrecedence - b.spec.matchingPrecedence;
  return difference === 0 ? (a.metadata.name < b.metadata.name ? -1 : 1) : difference;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, each) => all + each, 0);
}
