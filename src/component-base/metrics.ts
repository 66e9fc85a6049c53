import { assert } from "./assert.ts";
import type { Clock } from "./clock.ts";

/** Label values in the order of the metric's label names. */
type LabelValues = readonly string[];

/** A metric family: one value per combination of label values, rendered in Prometheus text format. */
export interface MetricFamily {
  render(): string;
}

// An attacker-chosen label value must not grow memory without bound: past this the sample goes to the label value "other".
const seriesMax = 10_000;

/** Holds a component's metrics. Names are upstream's where upstream has the metric. Asking again for a name gives the same family. */
export class MetricRegistry {
  readonly #families = new Map<string, MetricFamily>();

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return this.#family(name, Counter, () => new Counter("counter", name, help, labelNames));
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return this.#family(name, Counter, () => new Counter("gauge", name, help, labelNames));
  }

  histogram(name: string, help: string, buckets: readonly number[], labelNames: readonly string[] = []): Histogram {
    return this.#family(name, Histogram, () => new Histogram(name, help, buckets, labelNames));
  }

  /** `clock` is what it is measured with. */
  timingHistogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly string[],
    clock: Clock,
  ): TimingHistogram {
    return this.#family(name, TimingHistogram, () => new TimingHistogram(name, help, buckets, labelNames, clock));
  }

  /** Prometheus text exposition format 0.0.4. */
  render(): string {
    return [...this.#families.values()].map((f) => f.render()).join("");
  }

  #family<T extends MetricFamily>(name: string, type: new (...args: never[]) => T, create: () => T): T {
    const found = this.#families.get(name);
    if (found instanceof type) return found;
    assert(found === undefined, `metric ${name} exists with another type`);
    const family = create();
    this.#families.set(name, family);
    return family;
  }
}

class SeriesMap<T> {
  readonly #series = new Map<string, { readonly labels: LabelValues; readonly value: T }>();
  readonly #create: () => T;
  readonly #labelCount: number;

  constructor(labelCount: number, create: () => T) {
    this.#labelCount = labelCount;
    this.#create = create;
  }

  get(labels: LabelValues): T {
    const key = labels.join("\u0000");
    const found = this.#series.get(key);
    if (found) return found.value;
    if (this.#series.size >= seriesMax && labels.some((l) => l !== "other")) {
      return this.get(Array.from({ length: this.#labelCount }, () => "other"));
    }
    const value = this.#create();
    this.#series.set(key, { labels, value });
    return value;
  }

  delete(matches: (labels: LabelValues) => boolean): void {
    for (const [key, { labels }] of this.#series) if (matches(labels)) this.#series.delete(key);
  }

  values(): Iterable<{ readonly labels: LabelValues; readonly value: T }> {
    return this.#series.values();
  }
}

/** One value of a family that is made when it is asked for. */
export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
  /** When it was measured, where that is not now. */
  readonly timestampMs?: number;
}

/** A family that is not kept but made when it is asked for. The empty string when it has no samples. */
export function renderSamples(
  type: "counter" | "gauge",
  name: string,
  help: string,
  samples: readonly MetricSample[],
): string {
  if (samples.length === 0) return "";
  const lines = samples.map(({ labels = {}, value, timestampMs }) => {
    const line = sample(name, Object.keys(labels), Object.values(labels), value);
    return timestampMs === undefined ? line : `${line.slice(0, -1)} ${Math.round(timestampMs)}\n`;
  });
  return header(name, help, type) + lines.join("");
}

/** One value of a counter or gauge. */
export interface CounterSeries {
  value: number;
}

/** A counter or gauge. */
export class Counter implements MetricFamily {
  readonly #header: string;
  readonly #name: string;
  readonly #labelNames: readonly string[];
  readonly #series: SeriesMap<{ value: number }>;

  constructor(type: "counter" | "gauge", name: string, help: string, labelNames: readonly string[]) {
    this.#header = header(name, help, type);
    this.#name = name;
    this.#labelNames = labelNames;
    this.#series = new SeriesMap(labelNames.length, () => ({ value: 0 }));
  }

  add(amount: number, ...labels: string[]): void {
    this.#series.get(labels).value += amount;
  }

  inc(...labels: string[]): void {
    this.add(1, ...labels);
  }

  set(value: number, ...labels: string[]): void {
    this.#series.get(labels).value = value;
  }

  /** One series to be changed without looking it up each time; not to be kept beyond `forget`. */
  series(...labels: string[]): CounterSeries {
    return this.#series.get(labels);
  }

  /** Drops series of what is no more, by their label values. O(series). */
  forget(matches: (labels: readonly string[]) => boolean): void {
    this.#series.delete(matches);
  }

  get(...labels: string[]): number {
    return this.#series.get(labels).value;
  }

  render(): string {
    let out = this.#header;
    for (const { labels, value } of this.#series.values())
      out += sample(this.#name, this.#labelNames, labels, value.value);
    return out;
  }
}

/** What has been observed under one combination of label values. */
export class HistogramSeries {
  readonly #bounds: readonly number[];
  /** By bucket, not cumulative. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  /** `weight` times. */
  observe(value: number, weight = 1): void {
    const bounds = this.#bounds;
    // No closure: some of what is observed is so with every request.
    for (let at = 0; at < bounds.length; at++) {
      if (value > (bounds[at] ?? 0)) continue;
      this.counts[at] = (this.counts[at] ?? 0) + weight;
      break;
    }
    this.sum += value * weight;
    this.count += weight;
  }
}

/** Counts observations in cumulative buckets. */
export class Histogram implements MetricFamily {
  readonly #header: string;
  readonly #name: string;
  readonly #labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series: SeriesMap<HistogramSeries>;

  constructor(name: string, help: string, bounds: readonly number[], labelNames: readonly string[]) {
    this.#header = header(name, help, "histogram");
    this.#name = name;
    this.#labelNames = labelNames;
    this.#bounds = bounds;
    this.#series = new SeriesMap(labelNames.length, () => new HistogramSeries(bounds));
  }

  observe(value: number, ...labels: string[]): void {
    this.#series.get(labels).observe(value);
  }

  /** One series to be changed without looking it up each time. */
  series(...labels: string[]): HistogramSeries {
    return this.#series.get(labels);
  }

  render(): string {
    let out = this.#header;
    for (const { labels, value } of this.#series.values())
      out += histogramSamples(this.#name, this.#labelNames, labels, this.#bounds, value);
    return out;
  }
}

/** A value over time: how long it was in which bucket is counted, in nanoseconds. */
export class TimingSeries {
  readonly #clock: Clock;
  readonly #histogram: HistogramSeries;
  #value = 0;
  #sinceMs: number;

  constructor(bounds: readonly number[], clock: Clock) {
    this.#histogram = new HistogramSeries(bounds);
    this.#clock = clock;
    this.#sinceMs = clock.monotonic();
  }

  /** `nowMs` is the clock's monotonic time. */
  set(value: number, nowMs: number): void {
    if (value === this.#value) return;
    this.#account(nowMs);
    this.#value = value;
  }

  /** Up to now. */
  histogram(): HistogramSeries {
    this.#account(this.#clock.monotonic());
    return this.#histogram;
  }

  #account(nowMs: number): void {
    const elapsedNs = Math.round((nowMs - this.#sinceMs) * 1e6);
    if (elapsedNs <= 0) return;
    this.#sinceMs = nowMs;
    this.#histogram.observe(this.#value, elapsedNs);
  }
}

/** A histogram of what a value is at the end of every nanosecond. */
export class TimingHistogram implements MetricFamily {
  readonly #header: string;
  readonly #name: string;
  readonly #labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series: SeriesMap<TimingSeries>;

  constructor(name: string, help: string, bounds: readonly number[], labelNames: readonly string[], clock: Clock) {
    this.#header = header(name, help, "histogram");
    this.#name = name;
    this.#labelNames = labelNames;
    this.#bounds = bounds;
    this.#series = new SeriesMap(labelNames.length, () => new TimingSeries(bounds, clock));
  }

  series(...labels: string[]): TimingSeries {
    return this.#series.get(labels);
  }

  render(): string {
    let out = this.#header;
    for (const { labels, value } of this.#series.values())
      out += histogramSamples(this.#name, this.#labelNames, labels, this.#bounds, value.histogram());
    return out;
  }
}

function histogramSamples(
  name: string,
  labelNames: readonly string[],
  labels: LabelValues,
  bounds: readonly number[],
  { counts, sum, count }: HistogramSeries,
): string {
  let out = "";
  let cumulative = 0;
  const names = [...labelNames, "le"];
  for (const [i, bound] of bounds.entries()) {
    cumulative += counts[i] ?? 0;
    out += sample(`${name}_bucket`, names, [...labels, String(bound)], cumulative);
  }
  out += sample(`${name}_bucket`, names, [...labels, "+Inf"], count);
  out += sample(`${name}_sum`, labelNames, labels, sum);
  return out + sample(`${name}_count`, labelNames, labels, count);
}

function header(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function sample(name: string, labelNames: readonly string[], labels: LabelValues, value: number): string {
  if (labelNames.length === 0) return `${name} ${value}\n`;
  const pairs = labelNames.map((n, i) => `${n}="${escapeLabel(labels[i] ?? "")}"`);
  return `${name}{${pairs.join(",")}} ${value}\n`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
