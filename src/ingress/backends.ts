import type { Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import { endpointSlices, services } from "../api/resources.gen.ts";
import { objectKey } from "../client/cache/object-key.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import type { Clock } from "../component-base/clock.ts";
import { endpointCandidates, readyOrTerminating } from "../component-helpers/network/usable-endpoints.ts";
import type { Endpoint } from "./ports.ts";
import type { ServiceReference } from "./routing-table.ts";

// An endpoint that refused is left alone for so long: its end is known here a moment later, or it has started again.
const refusedMs = 1_000;
const byService = "service";
const serviceNameLabel = "kubernetes.io/service-name";

interface Pool {
  readonly endpoints: readonly Endpoint[];
  next: number;
}

export interface BackendsOptions {
  readonly nodeName: string;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  /** Told of endpoints that are not to be used any more: idle connections to them should go. */
  readonly onGone: (endpoint: Endpoint) => void;
}

/** Which endpoint serves the next request for a Service's port. Informers are its only state but for whose turn it is. */
export class Backends {
  readonly #options: BackendsOptions;
  readonly #services: SharedInformer<Service>;
  readonly #slices: SharedInformer<EndpointSlice>;
  /** By Service, then by port as Ingresses name it. Made when first asked for. */
  readonly #pools = new Map<string, Map<string, Pool>>();
  readonly #refusedUntilMs = new Map<string, number>();

  constructor(options: BackendsOptions) {
    this.#options = options;
    this.#services = options.informers.for(services);
    this.#slices = options.informers.for(endpointSlices);
    this.#slices.addIndex(byService, (slice) => [serviceKeyOf(slice)]);
    const onService = (service: Service): void => this.#refresh(objectKey(service));
    const onSlice = (slice: EndpointSlice): void => this.#refresh(serviceKeyOf(slice));
    this.#services.addEventHandler({
      onAdd: onService,
      onUpdate: (_, service) => onService(service),
      onDelete: onService,
    });
    this.#slices.addEventHandler({
      onAdd: onSlice,
      onUpdate: (before, slice) => {
        if (serviceKeyOf(before) !== serviceKeyOf(slice)) onSlice(before);
        onSlice(slice);
      },
      onDelete: onSlice,
    });
  }

  /**
   * Each in turn, without those of `tried` and, while there is another, without those that refused a moment ago. Undefined
   * when there is none.
   */
  pick(service: ServiceReference, tried: readonly Endpoint[] = []): Endpoint | undefined {
    const pool = this.#pool(service);
    const count = pool.endpoints.length;
    let second: Endpoint | undefined;
    for (let i = 0; i < count; i++) {
      const at = (pool.next + i) % count;
      const endpoint = pool.endpoints[at];
      if (!endpoint || tried.some((t) => t.ip === endpoint.ip && t.port === endpoint.port)) continue;
      if (this.#isRefusing(endpoint)) {
        second ??= endpoint;
        continue;
      }
      pool.next = (at + 1) % count;
      return endpoint;
    }
    return second;
  }

  /** Nobody accepted a connection there. */
  refused(endpoint: Endpoint): void {
    const nowMs = this.#options.clock.monotonic();
    for (const [key, untilMs] of this.#refusedUntilMs) if (untilMs <= nowMs) this.#refusedUntilMs.delete(key);
    this.#refusedUntilMs.set(`${endpoint.ip} ${endpoint.port}`, nowMs + refusedMs);
  }

  #isRefusing({ ip, port }: Endpoint): boolean {
    if (this.#refusedUntilMs.size === 0) return false;
    const untilMs = this.#refusedUntilMs.get(`${ip} ${port}`);
    return untilMs !== undefined && untilMs > this.#options.clock.monotonic();
  }

  #pool(service: ServiceReference): Pool {
    const key = `${service.namespace}/${service.name}`;
    let pools = this.#pools.get(key);
    if (!pools) this.#pools.set(key, (pools = new Map()));
    // A name and a number never read the same: names hold a letter.
    const port = String(service.port);
    let pool = pools.get(port);
    if (!pool) pools.set(port, (pool = { endpoints: this.#endpoints(key, port), next: 0 }));
    return pool;
  }

  #refresh(key: string): void {
    const pools = this.#pools.get(key);
    if (!pools) return;
    this.#pools.delete(key);
    const kept = new Map<string, Pool>();
    const used = new Set<string>();
    for (const [port, { next }] of pools) {
      const endpoints = this.#endpoints(key, port);
      for (const { ip, port: number } of endpoints) used.add(`${ip} ${number}`);
      if (endpoints.length > 0) kept.set(port, { endpoints, next: next % endpoints.length });
    }
    if (kept.size > 0) this.#pools.set(key, kept);
    for (const { endpoints } of pools.values()) {
      for (const endpoint of endpoints) {
        if (!used.has(`${endpoint.ip} ${endpoint.port}`)) this.#options.onGone(endpoint);
      }
    }
  }

  #endpoints(key: string, named: string): readonly Endpoint[] {
    const service = this.#services.lister.getByKey(key);
    // An ExternalName would let whoever writes Ingresses reach whatever the nodes reach.
    if (!service || service.spec.type === "ExternalName") return [];
    const port = service.spec.ports?.find((p) => p.name === named || String(p.port) === named);
    if (!port) return [];
    const candidates = endpointCandidates(this.#slices.lister.byIndex(byService, key), {
      addressType: "IPv4",
      portName: port.name ?? "",
      protocol: port.protocol ?? "TCP",
      nodeName: this.#options.nodeName,
      addressOf: (address) => address || undefined,
    });
    return readyOrTerminating(candidates).map(({ ip, port: number }) => ({ ip, port: number }));
  }
}

function serviceKeyOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ""}`;
}
