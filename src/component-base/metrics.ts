import { assert } from "./assert.ts";

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

/** Counts observations in cumulative buckets. */
export class Histogram implements MetricFamily {
  readonly #header: string;
  readonly #name: string;
  readonly #labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series: SeriesMap<{ readonly counts: number[]; sum: number; count: number }>;

  constructor(name: string, help: string, bounds: readonly number[], labelNames: readonly string[]) {
    this.#header = header(name, help, "histogram");
    this.#name = name;
    this.#labelNames = labelNames;
    this.#bounds = bounds;
    this.#series = new SeriesMap(labelNames.length, () => ({ counts: bounds.map(() => 0), sum: 0, count: 0 }));
  }

  observe(value: number, ...labels: string[]): void {
    const series = this.#series.get(labels);
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) series.counts[at] = (series.counts[at] ?? 0) + 1;
    series.sum += value;
    series.count++;
  }

  render(): string {
    let out = this.#header;
    const names = [...this.#labelNames, "le"];
    for (const { labels, value } of this.#series.values()) {
      let cumulative = 0;
      for (const [i, bound] of this.#bounds.entries()) {
        cumulative += value.counts[i] ?? 0;
        out += sample(`${this.#name}_bucket`, names, [...labels, String(bound)], cumulative);
      }
      out += sample(`${this.#name}_bucket`, names, [...labels, "+Inf"], value.count);
      out += sample(`${this.#name}_sum`, this.#labelNames, labels, value.sum);
      out += sample(`${this.#name}_count`, this.#labelNames, labels, value.count);
    }
    return out;
  }
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
