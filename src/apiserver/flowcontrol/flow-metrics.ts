import type { Clock } from "../../component-base/clock.ts";
import type {
  Counter,
  CounterSeries,
  Histogram,
  HistogramSeries,
  MetricRegistry,
  TimingHistogram,
  TimingSeries,
} from "../../component-base/metrics.ts";

// Upstream's buckets.
const durationBuckets = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const queueLengthBuckets = [0, 10, 25, 50, 100, 250, 500, 1000];
const seatBuckets = [1, 2, 4, 8, 16, 32, 64, 100];
const watchBuckets = [0, 1, 10, 100, 1000, 10_000];
const seatUtilizationBuckets = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];
const requestUtilizationBuckets = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1];
const readWriteBuckets = [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];
const demandBuckets = [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6];

const level = "priority_level";
const schema = "flow_schema";

const gaugesOfLevel = {
  current_r: "R(time of last change)",
  dispatch_r: "R(time of last dispatch)",
  latest_s: "S(most recently dispatched request)",
  nominal_limit_seats: "Nominal number of execution seats configured for each priority level",
  lower_limit_seats: "Configured lower bound on number of execution seats available to each priority level",
  upper_limit_seats: "Configured upper bound on number of execution seats available to each priority level",
  current_limit_seats: "current derived number of execution seats available to each priority level",
  demand_seats_high_watermark: "High watermark, over last adjustment period, of demand_seats",
  demand_seats_average: "Time-weighted average, over last adjustment period, of demand_seats",
  demand_seats_stdev: "Time-weighted standard deviation, over last adjustment period, of demand_seats",
  demand_seats_smoothed: "Smoothed seat demands",
  target_seats: "Seat allocation targets",
} as const;
type LevelGauge = keyof typeof gaugesOfLevel;

/** A number in proportion to a limit, timed. */
export class RatioGauge {
  readonly #series: TimingSeries;
  #numerator = 0;
  #denominator = 1;

  constructor(series: TimingSeries) {
    this.#series = series;
  }

  add(amount: number, nowMs: number): void {
    this.set(this.#numerator + amount, nowMs);
  }

  set(numerator: number, nowMs: number): void {
    this.#numerator = numerator;
    this.#series.set(numerator / this.#denominator, nowMs);
  }

  setLimit(denominator: number, nowMs: number): void {
    this.#denominator = denominator;
    this.set(this.#numerator, nowMs);
  }
}

/** What is measured of one priority level. */
export interface LevelMetrics {
  readonly gauges: Readonly<Record<LevelGauge, CounterSeries>>;
  readonly nextSMin: CounterSeries;
  readonly nextSMax: CounterSeries;
  readonly nextDiscountedSMin: CounterSeries;
  readonly nextDiscountedSMax: CounterSeries;
  readonly waiting: RatioGauge;
  readonly executing: RatioGauge;
  readonly seats: RatioGauge;
  readonly demand: RatioGauge;
}

/** What is measured of the requests one flow schema gives to one priority level. */
export interface FlowMetrics {
  readonly dispatched: CounterSeries;
  readonly inQueueRequests: CounterSeries;
  readonly inQueueSeats: CounterSeries;
  readonly executingRequests: CounterSeries;
  readonly executingSeats: CounterSeries;
  readonly queueLength: HistogramSeries;
  readonly waited: HistogramSeries;
  readonly waitedInVain: HistogramSeries;
  readonly executed: HistogramSeries;
  readonly watchInitialized: HistogramSeries;
  readonly watchCount: HistogramSeries;
  readonly estimatedSeats: HistogramSeries;
  readonly noAccommodation: CounterSeries;
  rejected(reason: "concurrency-limit" | "queue-full" | "time-out"): void;
}

/** `apiserver_flowcontrol_*`, as upstream names and describes them, without the deprecated ones. */
export class FlowControlMetrics {
  readonly #gauges: Readonly<Record<LevelGauge, Counter>>;
  readonly #bounds: { readonly s: Counter; readonly discounted: Counter };
  readonly #utilization: { readonly seats: TimingHistogram; readonly requests: TimingHistogram };
  readonly #demand: TimingHistogram;
  readonly #byFlow: {
    readonly counters: Readonly<Record<"rejected" | "dispatched" | "noAccommodation", Counter>>;
    readonly gauges: Readonly<
      Record<"inQueueRequests" | "inQueueSeats" | "executingRequests" | "executingSeats", Counter>
    >;
    readonly histograms: Readonly<
      Record<"queueLength" | "waited" | "executed" | "watchCount" | "estimatedSeats", Histogram>
    >;
  };
  readonly fairFraction: CounterSeries;
  /** By phase and kind. */
  readonly readOnly: { readonly waiting: RatioGauge; readonly executing: RatioGauge };
  readonly mutating: { readonly waiting: RatioGauge; readonly executing: RatioGauge };

  constructor(registry: MetricRegistry, clock: Clock) {
    const named = (name: string): string => `apiserver_flowcontrol_${name}`;
    const gauge = (name: string, help: string, ...labels: string[]): Counter =>
      registry.gauge(named(name), help, labels);
    const counter = (name: string, help: string, ...labels: string[]): Counter =>
      registry.counter(named(name), help, labels);
    const histogram = (name: string, help: string, buckets: readonly number[], ...labels: string[]): Histogram =>
      registry.histogram(named(name), help, buckets, labels);
    const timing = (name: string, help: string, buckets: readonly number[], ...labels: string[]): TimingHistogram =>
      registry.timingHistogram(named(name), help, buckets, labels, clock);
    const flow = [level, schema] as const;
    this.#gauges = Object.fromEntries(
      Object.entries(gaugesOfLevel).map(([name, help]) => [name, gauge(name, help, level)]),
    ) as Record<LevelGauge, Counter>;
    this.#bounds = {
      s: gauge("next_s_bounds", "min and max, over queues, of S(oldest waiting request in queue)", level, "bound"),
      discounted: gauge(
        "next_discounted_s_bounds",
        "min and max, over queues, of S(oldest waiting request in queue) - estimated work in progress",
        level,
        "bound",
      ),
    };
    this.#utilization = {
      seats: timing(
        "priority_level_seat_utilization",
        "Observations, at the end of every nanosecond, of utilization of seats for any stage of execution (but only initial stage for WATCHes)",
        seatUtilizationBuckets,
        level,
        "phase",
      ),
      requests: timing(
        "priority_level_request_utilization",
        "Observations, at the end of every nanosecond, of number of requests (as a fraction of the relevant limit) waiting or in any stage of execution (but only initial stage for WATCHes)",
        requestUtilizationBuckets,
        "phase",
        level,
      ),
    };
    this.#demand = timing(
      "demand_seats",
      "Observations, at the end of every nanosecond, of (the number of seats each priority level could use) / (nominal number of seats for that level)",
      demandBuckets,
      level,
    );
    this.#byFlow = {
      counters: {
        rejected: counter(
          "rejected_requests_total",
          "Number of requests rejected by API Priority and Fairness subsystem",
          ...flow,
          "reason",
        ),
        dispatched: counter(
          "dispatched_requests_total",
          "Number of requests executed by API Priority and Fairness subsystem",
          ...flow,
        ),
        noAccommodation: counter(
          "request_dispatch_no_accommodation_total",
          "Number of times a dispatch attempt resulted in a non accommodation due to lack of available seats",
          ...flow,
        ),
      },
      gauges: {
        inQueueRequests: gauge(
          "current_inqueue_requests",
          "Number of requests currently pending in queues of the API Priority and Fairness subsystem",
          ...flow,
        ),
        inQueueSeats: gauge(
          "current_inqueue_seats",
          "Number of seats currently pending in queues of the API Priority and Fairness subsystem",
          ...flow,
        ),
        executingRequests: gauge(
          "current_executing_requests",
          "Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem",
          ...flow,
        ),
        executingSeats: gauge(
          "current_executing_seats",
          "Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem",
          ...flow,
        ),
      },
      histograms: {
        queueLength: histogram(
          "request_queue_length_after_enqueue",
          "Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued",
          queueLengthBuckets,
          ...flow,
        ),
        waited: histogram(
          "request_wait_duration_seconds",
          "Length of time a request spent waiting in its queue",
          durationBuckets,
          ...flow,
          "execute",
        ),
        executed: histogram(
          "request_execution_seconds",
          "Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem",
          durationBuckets,
          ...flow,
          "type",
        ),
        watchCount: histogram(
          "watch_count_samples",
          "count of watchers for mutating requests in API Priority and Fairness",
          watchBuckets,
          ...flow,
        ),
        estimatedSeats: histogram(
          "work_estimated_seats",
          "Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness",
          seatBuckets,
          ...flow,
        ),
      },
    };
    this.fairFraction = gauge(
      "seat_fair_frac",
      "Fair fraction of server's concurrency to allocate to each priority level that can use it",
    ).series();
    const current = timing(
      "read_vs_write_current_requests",
      "Observations, at the end of every nanosecond, of the number of requests (as a fraction of the relevant limit) waiting or in regular stage of execution",
      readWriteBuckets,
      "phase",
      "request_kind",
    );
    const phases = (kind: string): { readonly waiting: RatioGauge; readonly executing: RatioGauge } => ({
      waiting: new RatioGauge(current.series("waiting", kind)),
      executing: new RatioGauge(current.series("executing", kind)),
    });
    this.readOnly = phases("readOnly");
    this.mutating = phases("mutating");
  }

  level(name: string): LevelMetrics {
    const { s, discounted } = this.#bounds;
    return {
      gauges: Object.fromEntries(
        Object.entries(this.#gauges).map(([key, gauge]) => [key, gauge.series(name)]),
      ) as Record<LevelGauge, CounterSeries>,
      nextSMin: s.series(name, "min"),
      nextSMax: s.series(name, "max"),
      nextDiscountedSMin: discounted.series(name, "min"),
      nextDiscountedSMax: discounted.series(name, "max"),
      waiting: new RatioGauge(this.#utilization.requests.series("waiting", name)),
      executing: new RatioGauge(this.#utilization.requests.series("executing", name)),
      seats: new RatioGauge(this.#utilization.seats.series(name, "executing")),
      demand: new RatioGauge(this.#demand.series(name)),
    };
  }

  flow(levelName: string, schemaName: string): FlowMetrics {
    const { counters, gauges, histograms } = this.#byFlow;
    const labels = [levelName, schemaName] as const;
    return {
      dispatched: counters.dispatched.series(...labels),
      noAccommodation: counters.noAccommodation.series(...labels),
      inQueueRequests: gauges.inQueueRequests.series(...labels),
      inQueueSeats: gauges.inQueueSeats.series(...labels),
      executingRequests: gauges.executingRequests.series(...labels),
      executingSeats: gauges.executingSeats.series(...labels),
      queueLength: histograms.queueLength.series(...labels),
      waited: histograms.waited.series(...labels, "true"),
      waitedInVain: histograms.waited.series(...labels, "false"),
      executed: histograms.executed.series(...labels, "regular"),
      watchInitialized: histograms.executed.series(...labels, "watch"),
      watchCount: histograms.watchCount.series(...labels),
      estimatedSeats: histograms.estimatedSeats.series(...labels),
      rejected: (reason) => counters.rejected.inc(...labels, reason),
    };
  }
}
