import type { Node, Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import { endpointSlices, nodes, services } from "../api/resources.gen.ts";
import { objectKey } from "../client/cache/object-key.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import type { Clock } from "../component-base/clock.ts";
import { EventSignal } from "../component-base/event-signal.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Counter, Histogram, MetricRegistry } from "../component-base/metrics.ts";
import { rememberAgain, rememberedClients, type RememberedClients } from "./affinity.ts";
import { familyOf } from "./families.ts";
import { HealthChecks } from "./health-checks.ts";
import type { RulesetApplier, ServePlainHttp } from "./ports.ts";
import { RuleTable } from "./rule-table.ts";
import { EndpointIds, idMax, serviceRules, serviceTableBase, type RulesConfig } from "./service-rules.ts";
import { servicePorts, type ServicePort } from "./service-ports.ts";
import { type ProxyHealth, serveStatus, type StatusAddresses } from "./status-endpoints.ts";
import { runSyncLoop } from "./sync-loop.ts";
import { staleUdpFlows } from "./udp-flows.ts";

export interface ProxierOptions {
  readonly nodeName: string;
  /** Name of the nftables tables, one in each family. */
  readonly table: string;
  /** Ranges of all pods of the cluster, at most one of each address family; a family without one is not proxied. */
  readonly podCidrs: readonly string[];
  /** Addresses or CIDRs of the node that serve node ports; all but loopback unless given. */
  readonly nodePortAddresses?: readonly string[];
  readonly informers: InformerFactory;
  readonly applier: RulesetApplier;
  /** For the health check ports of Services and the proxy's own; without it nobody serves them. */
  readonly serveHttp?: ServePlainHttp;
  /** The proxy's own ports; none unless given. */
  readonly statusAddresses?: StatusAddresses;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

interface FamilyTable {
  readonly config: RulesConfig;
  readonly table: RuleTable;
  ids: EndpointIds;
  /** By Service; what the table holds. */
  readonly ports: Map<string, readonly ServicePort[]>;
}

const serviceNameLabel = "kubernetes.io/service-name";
const zoneLabel = "topology.kubernetes.io/zone";
// Of a node that the cluster autoscaler is about to take away.
const toBeDeletedTaint = "ToBeDeletedByClusterAutoscaler";
const byService = "service";

/** kube-proxy: keeps the node's rules equal to the Services and EndpointSlices. */
export class Proxier {
  readonly #options: ProxierOptions;
  readonly #services: SharedInformer<Service>;
  readonly #slices: SharedInformer<EndpointSlice>;
  readonly #changed = new EventSignal();
  /** Services whose ports have to be computed again. */
  readonly #dirty = new Set<string>();
  readonly #families: readonly FamilyTable[];
  readonly #syncDuration: Histogram;
  readonly #syncFailures: Counter;
  #zone: string | undefined;
  #hasSynced = false;
  #isFailing = false;
  #lastUpdatedMs = 0;
  #isNodeEligible = false;

  constructor(options: ProxierOptions) {
    this.#options = options;
    this.#families = options.podCidrs.map((podCidr) => familyTable(options, podCidr));
    this.#services = options.informers.for(services);
    this.#slices = options.informers.for(endpointSlices);
    this.#slices.addIndex(byService, (slice) => [serviceOf(slice)]);
    this.#services.addEventHandler({
      onAdd: (service) => this.#mark(objectKey(service)),
      onUpdate: (_, service) => this.#mark(objectKey(service)),
      onDelete: (service) => this.#mark(objectKey(service)),
    });
    this.#slices.addEventHandler({
      onAdd: (slice) => this.#mark(serviceOf(slice)),
      onUpdate: (previous, slice) => {
        this.#mark(serviceOf(previous));
        this.#mark(serviceOf(slice));
      },
      onDelete: (slice) => this.#mark(serviceOf(slice)),
    });
    const own = options.informers.for(nodes, { fieldSelector: `metadata.name=${options.nodeName}` });
    own.addEventHandler({
      onAdd: (node) => this.#moveTo(node),
      onUpdate: (_, node) => this.#moveTo(node),
      onDelete: () => (this.#isNodeEligible = false),
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
    const { clock, logger, informers, serveHttp } = this.#options;
    await using healthChecks = serveHttp && new HealthChecks(serveHttp, () => !this.#isFailing, logger);
    const status = serveHttp && (await this.#serveStatus(serveHttp));
    await using _ = status;
    await informers.waitForSync(signal);
    // Even without a single Service the base table must be there.
    this.#changed.set();
    await runSyncLoop({
      what: "the service rules",
      changed: this.#changed,
      sync: () => this.#sync(healthChecks),
      onFailure: () => {
        this.#syncFailures.inc();
        this.#isFailing = true;
        for (const { table } of this.#families) table.forget();
      },
      clock,
      logger,
      signal,
    });
  }

  #serveStatus(serve: ServePlainHttp): Promise<AsyncDisposable> {
    const { statusAddresses: addresses = {}, metrics, clock, logger } = this.#options;
    const health = (): ProxyHealth => ({
      isHealthy: this.#hasSynced && !this.#isFailing,
      lastUpdatedMs: this.#lastUpdatedMs,
      isNodeEligible: this.#isNodeEligible,
      families: this.#families.map(({ config }) => config.family.name),
    });
    return serveStatus({ addresses, serve, health, metrics, clock, logger });
  }

  #mark(key: string): void {
    this.#dirty.add(key);
    this.#changed.set();
  }

  /** Hints are for zones: in another one, other endpoints are near. */
  #moveTo(node: Node): void {
    const { metadata, spec } = node;
    const isLeaving = spec.taints?.some(({ key }) => key === toBeDeletedTaint) === true;
    this.#isNodeEligible = metadata.deletionTimestamp === undefined && !isLeaving;
    const zone = node.metadata.labels?.[zoneLabel];
    if (zone === this.#zone) return;
    this.#zone = zone;
    for (const service of this.#services.lister.list()) this.#mark(objectKey(service));
  }

  async #sync(healthChecks: HealthChecks | undefined): Promise<void> {
    const { clock, applier } = this.#options;
    const startedMs = clock.monotonic();
    if (this.#families.some(({ ids }) => ids.isExhausted)) this.#renumber();
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    // After a start or a failure nobody knows which flows are stale.
    const checksAll = !this.#hasSynced || this.#isFailing;
    // What the flows were for before this change, besides what they are for now.
    const before = new Map(this.#families.map((f) => [f, dirty.flatMap((key) => f.ports.get(key) ?? [])]));
    const remembered = new Map(
      await Promise.all(this.#families.map(async (f) => [f, await this.#remembered(f)] as const)),
    );
    for (const key of dirty) this.#refresh(key, healthChecks);
    const scripts = this.#families.map((f) => f.table.transaction() + restored(f, remembered.get(f)));
    if (scripts.some((script) => script !== "")) await applier.apply(scripts.join(""));
    for (const { table } of this.#families) table.applied();
    for (const [family, old] of before) {
      const current = checksAll
        ? [...family.ports.values()].flat()
        : dirty.flatMap((key) => family.ports.get(key) ?? []);
      await this.#forgetStaleUdpFlows(family, old, current);
    }
    this.#hasSynced = true;
    this.#isFailing = false;
    this.#lastUpdatedMs = clock.now();
    this.#syncDuration.observe((clock.monotonic() - startedMs) / 1000);
  }

  #refresh(key: string, healthChecks: HealthChecks | undefined): void {
    const service = this.#services.lister.getByKey(key);
    const slices = service ? this.#slices.lister.byIndex(byService, key) : [];
    const node = { name: this.#options.nodeName, zone: this.#zone };
    let localEndpoints = 0;
    for (const { config, ids, table, ports: known } of this.#families) {
      const ports = service ? servicePorts(service, slices, node, config.family) : [];
      table.set(key, ports.length === 0 ? undefined : serviceRules(key, ports, config, ids));
      if (ports.length === 0) {
        known.delete(key);
        ids.assign(key, []);
      } else known.set(key, ports);
      for (const port of ports) localEndpoints = Math.max(localEndpoints, port.localEndpoints.length);
    }
    const port = service?.spec.type === "LoadBalancer" ? service.spec.healthCheckNodePort : undefined;
    const isChecked = service && port && service.spec.externalTrafficPolicy === "Local";
    const { namespace = "", name = "" } = service?.metadata ?? {};
    healthChecks?.set(key, isChecked ? { namespace, name, port, localEndpoints } : undefined);
  }

  /** Who the table's affinities remember, when it is about to be made anew. */
  async #remembered({ table, config }: FamilyTable): Promise<RememberedClients | undefined> {
    // After a failure the rules come first: whatever was wrong, it is not what is remembered.
    if (table.isKnown || this.#isFailing) return undefined;
    try {
      return rememberedClients(await this.#options.applier.maps(config.family.nft, config.table), idMax);
    } catch (error) {
      // Clients may meet other endpoints then, which is better than none.
      this.#options.logger.warn("cannot read which endpoints clients were sent to; they are chosen anew", { error });
      return undefined;
    }
  }

  #renumber(): void {
    for (const family of this.#families) {
      family.ids = new EndpointIds();
      family.table.forget();
    }
    for (const service of this.#services.lister.list()) this.#dirty.add(objectKey(service));
  }

  async #forgetStaleUdpFlows(
    { config }: FamilyTable,
    before: readonly ServicePort[],
    now: readonly ServicePort[],
  ): Promise<void> {
    if (![...before, ...now].some((p) => p.protocol === "udp")) return;
    const { applier } = this.#options;
    const tracked = await applier.udpFlows(config.family.version === 4 ? "ipv4" : "ipv6");
    const stale = staleUdpFlows(tracked, before, now);
    if (stale.length > 0) await applier.forgetUdpFlows(stale);
  }
}

function familyTable(options: ProxierOptions, podCidr: string): FamilyTable {
  const family = familyOf(podCidr);
  const nodePortAddresses = (options.nodePortAddresses ?? []).filter((address) => familyOf(address) === family);
  const config = { family, table: options.table, podCidr, nodePortAddresses };
  const table = new RuleTable(`${family.nft} ${options.table}`, serviceTableBase(config));
  return { config, table, ids: new EndpointIds(), ports: new Map() };
}

/** The commands that make the affinities remember, in a table made anew. */
function restored({ config, ports, ids }: FamilyTable, clients: RememberedClients | undefined): string {
  if (!clients || clients.size === 0) return "";
  const table = `${config.family.nft} ${config.table}`;
  const scripts = [...ports].flatMap(([service, all]) =>
    all.map((port) => rememberAgain(table, port, clients, (endpoint) => ids.get(service, port, endpoint))),
  );
  return scripts.join("");
}

function serviceOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ""}`;
}
