import type { Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import { endpointSlices, services } from "../api/resources.gen.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import { backoffDelay } from "../component-base/backoff.ts";
import { isAborted, sleep, type Clock } from "../component-base/clock.ts";
import { EventSignal } from "../component-base/event-signal.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Counter, Histogram, MetricRegistry } from "../component-base/metrics.ts";
import type { RulesetApplier } from "./ports.ts";
import { diffRulesets, emptyRuleset } from "./ruleset-diff.ts";
import { baseTable, buildRuleset, EndpointIds, type Ruleset, type RulesetConfig } from "./ruleset.ts";
import { servicePorts, type ServicePort } from "./service-ports.ts";

export interface ProxierOptions extends RulesetConfig {
  readonly nodeName: string;
  readonly informers: InformerFactory;
  readonly applier: RulesetApplier;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

// Changes arriving together become one transaction; half of that is what a single change waits on average.
const coalesceMs = 20;
const retryBackoff = { initialMs: 100, maxMs: 30_000 };
const serviceNameLabel = "kubernetes.io/service-name";
const byService = "service";

/** kube-proxy: keeps the node's rules equal to the Services and EndpointSlices. */
export class Proxier {
  readonly #options: ProxierOptions;
  readonly #services: SharedInformer<Service>;
  readonly #slices: SharedInformer<EndpointSlice>;
  readonly #changed = new EventSignal();
  /** Services whose ports have to be computed again. */
  readonly #dirty = new Set<string>();
  readonly #ports = new Map<string, readonly ServicePort[]>();
  readonly #ids = new EndpointIds();
  readonly #syncDuration: Histogram;
  readonly #syncFailures: Counter;
  /** What is in the kernel; undefined when that is not known. */
  #applied: Ruleset | undefined;
  #appliedPorts: ReadonlyMap<string, ServicePort> = new Map();
  #hasSynced = false;

  constructor(options: ProxierOptions) {
    this.#options = options;
    this.#services = options.informers.for(services);
    this.#slices = options.informers.for(endpointSlices);
    this.#slices.addIndex(byService, (slice) => [serviceOf(slice)]);
    this.#services.addEventHandler({
      onAdd: (service) => this.#mark(`${service.metadata.namespace}/${service.metadata.name}`),
      onUpdate: (_, service) => this.#mark(`${service.metadata.namespace}/${service.metadata.name}`),
      onDelete: (service) => this.#mark(`${service.metadata.namespace}/${service.metadata.name}`),
    });
    this.#slices.addEventHandler({
      onAdd: (slice) => this.#mark(serviceOf(slice)),
      onUpdate: (previous, slice) => {
        this.#mark(serviceOf(previous));
        this.#mark(serviceOf(slice));
      },
      onDelete: (slice) => this.#mark(serviceOf(slice)),
    });
    this.#syncDuration = options.metrics.histogram(
      "kubeproxy_sync_proxy_rules_duration_seconds",
      "SyncProxyRules latency in seconds",
      [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384],
    );
    this.#syncFailures = options.metrics.counter(
      "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
      "Cumulative proxy nftables sync failures",
    );
  }

  /** True once the rules of all Services known at the start are in force. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Syncs on every change until the signal aborts. The rules stay in force afterwards. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    await this.#options.informers.waitForSync(signal);
    // Even without a single Service the base table must be there.
    this.#changed.set();
    let failures = 0;
    while (!signal.aborted) {
      await this.#changed.wait(signal);
      if (signal.aborted) return;
      try {
        await this.#sync();
        failures = 0;
        this.#hasSynced = true;
        await sleep(clock, coalesceMs, signal);
      } catch (error) {
        if (signal.aborted && isAborted(error)) return;
        failures++;
        this.#syncFailures.inc();
        logger.error("cannot apply the service rules; trying again with a full reload", { error, failures });
        this.#applied = undefined;
        this.#changed.set();
        await sleep(clock, backoffDelay(retryBackoff, failures), signal).catch(() => {});
      }
    }
  }

  #mark(key: string): void {
    this.#dirty.add(key);
    this.#changed.set();
  }

  async #sync(): Promise<void> {
    const { clock, table, applier } = this.#options;
    const startedMs = clock.monotonic();
    this.#refreshPorts();
    const ports = [...this.#ports.values()].flat();
    const wanted = buildRuleset(ports, this.#options, this.#ids);
    const script =
      this.#applied === undefined
        ? baseTable(this.#options) + diffRulesets(table, emptyRuleset, wanted)
        : diffRulesets(table, this.#applied, wanted);
    if (script !== "") await applier.apply(script);
    const kept = this.#applied;
    // Chains are never removed, so what exists is the union.
    this.#applied = { elements: wanted.elements, chains: new Map([...(kept?.chains ?? []), ...wanted.chains]) };
    await this.#forgetStaleUdpFlows(ports);
    this.#syncDuration.observe((clock.monotonic() - startedMs) / 1000);
  }

  #refreshPorts(): void {
    for (const key of this.#dirty) {
      const service = this.#services.lister.getByKey(key);
      const ports = service
        ? servicePorts(service, this.#slices.lister.byIndex(byService, key), this.#options.nodeName)
        : [];
      if (ports.length === 0) this.#ports.delete(key);
      else this.#ports.set(key, ports);
    }
    this.#dirty.clear();
  }

  async #forgetStaleUdpFlows(ports: readonly ServicePort[]): Promise<void> {
    const now = new Map(ports.map((p) => [p.key, p]));
    const flows: { destinationIp: string; endpointIp: string }[] = [];
    for (const [key, before] of this.#appliedPorts) {
      if (before.protocol !== "udp") continue;
      const still = new Set((now.get(key)?.endpoints ?? []).map((e) => e.ip));
      for (const endpoint of before.endpoints) {
        if (still.has(endpoint.ip)) continue;
        for (const destinationIp of [before.clusterIp, ...before.externalIps, ...before.loadBalancerIps]) {
          flows.push({ destinationIp, endpointIp: endpoint.ip });
        }
      }
    }
    this.#appliedPorts = now;
    if (flows.length > 0) await this.#options.applier.forgetUdpFlows(flows);
  }
}

function serviceOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ""}`;
}
