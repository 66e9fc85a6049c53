import { type Clock, deadline, sleep } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { errorText } from "../component-base/logger.ts";
import type { MetricRegistry } from "../component-base/metrics.ts";
import { MetricsStore, type PodUsage, type Usage } from "./metrics-store.ts";
import { type NodeReading, parseResourceMetrics } from "./parse.ts";

export interface MetricsServerOptions {
  /** The names of the nodes to ask. */
  readonly nodes: () => readonly string[];
  /** A node's `/metrics/resource`. Rejects when it cannot be had. */
  readonly fetch: (node: string, signal: AbortSignal) => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** Between two rounds: metrics-server's `--metric-resolution` as it is usually deployed. */
const periodMs = 15_000;
const requestTimeoutMs = 10_000;
// Until nodes have answered twice nobody can be told anything, so the first two rounds follow each other sooner.
const firstPeriodMs = 5_000;
// Many nodes are asked at a time, but not all of thousands.
const parallelMax = 50;

/** Asks every kubelet for its usage, round after round. */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #store = new MetricsStore(periodMs);
  readonly #requests;
  #rounds = 0;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#requests = options.metrics.counter(
      "metrics_server_kubelet_request_total",
      "Number of requests sent to Kubelet API",
      ["success"],
    );
  }

  /** Whether nodes have been asked at all; before that, that nothing is known means nothing. */
  get hasSynced(): boolean {
    return this.#rounds > 0;
  }

  /** What the node used lately; undefined while that is not known. */
  node(name: string): Usage | undefined {
    return this.#store.node(name);
  }

  /** What the pod's containers used lately; undefined while that is not known of all of them. */
  pod(namespace: string, name: string): PodUsage | undefined {
    return this.#store.pod(`${namespace}/${name}`);
  }

  /** Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const isAny = await this.#round(signal);
      if (isAny) this.#rounds++;
      await sleep(clock, this.#rounds < 2 ? firstPeriodMs : periodMs, signal).catch(() => {});
    }
  }

  /** Resolves to whether a node has answered. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const waiting = [...this.#options.nodes()];
    const readings = new Map<string, NodeReading>();
    const worker = async (): Promise<void> => {
      for (let node = waiting.pop(); node !== undefined && !signal.aborted; node = waiting.pop()) {
        const reading = await this.#ask(node, signal);
        if (reading) readings.set(node, reading);
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallelMax, waiting.length) }, worker));
    if (!signal.aborted) this.#store.update(readings);
    return readings.size > 0;
  }

  async #ask(node: string, signal: AbortSignal): Promise<NodeReading | undefined> {
    const { clock, fetch, logger } = this.#options;
    using limit = deadline(clock, requestTimeoutMs, signal);
    try {
      const text = await fetch(node, limit.signal);
      this.#requests.inc("true");
      return parseResourceMetrics(text, clock.now());
    } catch (error) {
      if (signal.aborted) return undefined;
      this.#requests.inc("false");
      logger.warn("Failed to scrape node", { node, error: errorText(error) });
      return undefined;
    }
  }
}
