import type { NodeReading, UsagePoint } from "./parse.ts";

/** What something used over a window of time. */
export interface Usage {
  readonly cpuNanoCores: number;
  readonly memoryBytes: number;
  /** The end of the window, in ms since the epoch. */
  readonly timestampMs: number;
  readonly windowMs: number;
}

export interface PodUsage {
  readonly timestampMs: number;
  readonly windowMs: number;
  /** By container name. */
  readonly containers: ReadonlyMap<string, Usage>;
}

interface Pair {
  readonly last: UsagePoint;
  readonly previous: UsagePoint | undefined;
}

// A container younger than this has not settled enough for a rate from its start.
const freshMinMs = 10_000;

/** The last two readings of every node and container. */
export class MetricsStore {
  readonly #periodMs: number;
  #nodes = new Map<string, Pair>();
  #pods = new Map<string, ReadonlyMap<string, Pair>>();

  /** `periodMs`: how often `update` is called. */
  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  /** Takes one round's readings, by node name. What is in none of them is forgotten. */
  update(readings: ReadonlyMap<string, NodeReading>): void {
    const nodes = new Map<string, Pair>();
    const pods = new Map<string, ReadonlyMap<string, Pair>>();
    for (const [name, reading] of readings) {
      if (reading.node) nodes.set(name, paired(reading.node, this.#nodes.get(name)));
      for (const [pod, containers] of reading.pods) {
        const before = this.#pods.get(pod);
        pods.set(pod, new Map([...containers].map(([c, point]) => [c, this.#container(point, before?.get(c))])));
      }
    }
    this.#nodes = nodes;
    this.#pods = pods;
  }

  /** Undefined until there are two readings of it. */
  node(name: string): Usage | undefined {
    const pair = this.#nodes.get(name);
    return pair && usageOf(pair);
  }

  /** Undefined until every container of it has a rate. `key` is `namespace/name`. */
  pod(key: string): PodUsage | undefined {
    const containers = new Map<string, Usage>();
    for (const [name, pair] of this.#pods.get(key) ?? []) {
      const usage = usageOf(pair);
      if (!usage) return undefined;
      containers.set(name, usage);
    }
    const all = [...containers.values()];
    const [first] = all;
    if (!first) return undefined;
    // Containers are measured one after the other: the earliest speaks for the pod.
    const earliest = all.reduce((a, b) => (b.timestampMs < a.timestampMs ? b : a), first);
    return { timestampMs: earliest.timestampMs, windowMs: earliest.windowMs, containers };
  }

  /** One that started since the last round counts from zero at its start; one that restarted does too. */
  #container(point: UsagePoint, before: Pair | undefined): Pair {
    const { startMs, timestampMs } = point;
    const pair = paired(point, before);
    const isKnown = pair.previous !== undefined && (startMs === undefined || pair.previous.timestampMs >= startMs);
    if (isKnown || startMs === undefined) return pair;
    const ageMs = timestampMs - startMs;
    const isFresh = ageMs >= freshMinMs && ageMs < this.#periodMs;
    return { last: point, previous: isFresh ? { timestampMs: startMs, cpuSeconds: 0, memoryBytes: 0 } : undefined };
  }
}

/** The reading before, unless the counter has started anew or the kubelet has told the same reading again. */
function paired(point: UsagePoint, before: Pair | undefined): Pair {
  if (!before) return { last: point, previous: undefined };
  if (point.timestampMs <= before.last.timestampMs) return before;
  return { last: point, previous: point.cpuSeconds < before.last.cpuSeconds ? undefined : before.last };
}

function usageOf({ last, previous }: Pair): Usage | undefined {
  if (!previous) return undefined;
  const windowMs = last.timestampMs - previous.timestampMs;
  return {
    cpuNanoCores: Math.round(((last.cpuSeconds - previous.cpuSeconds) / windowMs) * 1e12),
    memoryBytes: last.memoryBytes,
    timestampMs: last.timestampMs,
    windowMs,
  };
}
