import type { CustomResourceDefinition } from "../api/apiextensions/v1/types.gen.ts";
import type { APIService } from "../api/apiregistration/v1/types.gen.ts";
import type { Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import type { ApiGroupDiscovery, ApiVersionDiscovery } from "../apimachinery/scheme/discovery.ts";
import type { ApiGroup } from "../apimachinery/scheme/scheme.ts";
import type { RequestScope } from "../apiserver/endpoints/request-scope.ts";
import type { ProxyConnector } from "../apiserver/proxy/proxy-connector.ts";
import type { StorageLister } from "../apiserver/registry/rest/registry-access.ts";
import type { Aggregation } from "../apiserver/server/aggregation.ts";
import type { GenericApiServer, OpenApiProvider } from "../apiserver/server/generic-api-server-options.ts";
import type { ServiceResolver } from "../apiserver/webhook/service-resolver.ts";
import { ItemExponentialRateLimiter } from "../client/workqueue/rate-limiter.ts";
import type { Clock } from "../component-base/clock.ts";
import type { HttpResponse } from "../component-base/http.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Counter, MetricRegistry } from "../component-base/metrics.ts";
import { ReconcileController } from "../controller-runtime/reconcile-controller.ts";
import { AggregatedOpenApi, type RemoteVersion } from "./aggregated-open-api.ts";
import {
  apiServiceName,
  availableCondition,
  groupVersionOfName,
  localAvailability,
  sortedByGroup,
  type Availability,
  type PrioritizedVersion,
} from "./api-service.ts";
import { ApiServiceWriter } from "./api-service-writer.ts";
import { AutoRegistration, namesOf } from "./auto-registration.ts";
import { checkAvailability, FailedDiscoveryCheck } from "./availability.ts";
import { builtinPriority, customResourcePriority } from "./priorities.ts";
import { RemoteDiscovery } from "./remote-discovery.ts";
import { RemoteOpenApi } from "./remote-open-api.ts";
import { isRemote, RemoteServers, type RemoteApiService } from "./remote-servers.ts";

// Upstream's: a server that answers is asked again whether it does, and what it serves.
const recheckMs = 30_000;
const refreshMs = 60_000;

export interface AggregatorOptions {
  readonly apiServices: StorageLister<APIService>;
  readonly definitions: StorageLister<CustomResourceDefinition>;
  readonly services: StorageLister<Service>;
  readonly endpointSlices: StorageLister<EndpointSlice>;
  readonly resolver: ServiceResolver;
  /** The way to other servers, as a front proxy. Without one, none is available. */
  readonly connector: ProxyConnector | undefined;
  /** Endpoints are called directly, as for webhooks, rather than Services' addresses. */
  readonly routesToEndpoints: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

interface Remote {
  readonly discovery: RemoteDiscovery;
  readonly openApi: RemoteOpenApi;
}

/**
 * Makes one API of this server and others: APIService objects say who serves which version. Requests for what is another
 * server's are passed on; discovery and OpenAPI tell of all.
 */
export class Aggregator implements Aggregation {
  readonly #options: AggregatorOptions;
  readonly #servers: RemoteServers;
  readonly #remotes = new Map<string, Remote>();
  #remoteObjects: { readonly revision: number; readonly objects: readonly RemoteApiService[] } | undefined;
  readonly #handlers: (() => void)[] = [];
  readonly #unavailable: Counter;
  readonly #unavailableTotal: Counter;

  constructor(options: AggregatorOptions) {
    this.#options = options;
    const { clock, connector, metrics, resolver: services, routesToEndpoints } = options;
    this.#servers = new RemoteServers({ connector, services, routesToEndpoints, clock });
    this.#unavailable = metrics.gauge(
      "aggregator_unavailable_apiservice",
      "APIServices that are marked as unavailable, by name.",
      ["name"],
    );
    this.#unavailableTotal = metrics.counter(
      "aggregator_unavailable_apiservice_total",
      "How often APIServices became unavailable, by name and reason.",
      ["name", "reason"],
    );
    options.apiServices.onChange(() => this.#changed());
  }

  route(scope: RequestScope): Promise<HttpResponse> | undefined {
    const object = this.#options.apiServices.get("", serviceNameOf(scope));
    return isRemote(object) ? this.#servers.proxy(object, scope) : undefined;
  }

  groups(own: readonly ApiGroup[]): readonly ApiGroup[] {
    const versions = this.#versions(own);
    const sorted = sortedByGroup(versions, apiServiceName);
    return sorted.flatMap((all): readonly ApiGroup[] => {
      const [first] = all;
      if (!first) return [];
      const { group, version: preferredVersion } = first;
      return [{ group, versions: all.map(({ version }) => version), preferredVersion }];
    });
  }

  discovery(own: readonly ApiGroupDiscovery[]): readonly ApiGroupDiscovery[] {
    const entries = new Map<string, PrioritizedVersion & { readonly entry: ApiVersionDiscovery }>();
    for (const { metadata, versions } of own)
      for (const entry of versions) {
        const gv = { group: metadata.name ?? "", version: entry.version };
        entries.set(apiServiceName(gv), { ...this.#prioritized(gv), entry });
      }
    for (const object of this.#remoteApiServices()) {
      const entry = this.#remotes.get(object.metadata.name)?.discovery.entry;
      if (entry && object.spec.group) entries.set(object.metadata.name, { ...priorityOf(object), entry });
      // It is not this server's any more, whatever the other one tells.
      else entries.delete(object.metadata.name);
    }
    return sortedByGroup([...entries.values()], ({ group }) => group).map((all) => ({
      metadata: { name: all[0]?.group ?? "" },
      versions: all.map(({ entry }) => entry),
    }));
  }

  onChange(handler: () => void): void {
    this.#handlers.push(handler);
  }

  /** These documents and those of other servers. */
  openApi(own: OpenApiProvider): OpenApiProvider {
    return new AggregatedOpenApi(own, () =>
      this.#remoteApiServices()
        .toSorted((a, b) => b.spec.groupPriorityMinimum - a.spec.groupPriorityMinimum)
        .map((object): RemoteVersion => {
          const known = this.#remotes.get(object.metadata.name)?.openApi;
          return { path: openApiPath(object), v2: known?.v2, v3: known?.v3 ?? new Map<string, unknown>() };
        }),
    );
  }

  /**
   * Registers what the server serves itself, and resolves when that is done; then `run` follows the APIServices until aborted.
   * To be called once, when the server takes writes.
   */
  async start(
    server: Pick<GenericApiServer, "registry" | "ownGroups" | "forgetOpenApi">,
  ): Promise<{ run(signal: AbortSignal): Promise<void> }> {
    const { apiServices, definitions, clock } = this.#options;
    const writer = new ApiServiceWriter(server.registry, clock);
    const registration = new AutoRegistration({ apiServices, definitions, writer, own: server.ownGroups() });
    await Promise.all([...registration.names].map((name) => registration.reconcile(name)));
    return { run: (signal) => this.#run({ writer, registration, server }, signal) };
  }

  async #run(
    parts: {
      readonly writer: ApiServiceWriter;
      readonly registration: AutoRegistration;
      readonly server: Pick<GenericApiServer, "forgetOpenApi">;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { apiServices, definitions, services, endpointSlices, clock, logger, metrics } = this.#options;
    const controller = (
      name: string,
      backoff: { readonly initialMs: number; readonly maxMs: number },
      reconcile: (key: string, signal: AbortSignal) => Promise<{ readonly requeueAfterMs: number } | undefined>,
    ): ReconcileController => {
      const rateLimiter = new ItemExponentialRateLimiter<string>(backoff);
      return new ReconcileController({ name, clock, logger, metrics, rateLimiter, reconcile });
    };
    const registering = controller("autoregister", { initialMs: 5, maxMs: 1_000_000 }, async (name) => {
      await parts.registration.reconcile(name);
      return undefined;
    });
    const checking = controller("availability", { initialMs: 5, maxMs: recheckMs }, (name, stop) =>
      this.#checkAvailability(name, parts.writer, stop),
    );
    const discovering = controller("discovery-manager", { initialMs: 500, maxMs: refreshMs }, (name, stop) =>
      this.#refreshDiscovery(name, parts.server, stop),
    );
    const describing = controller("open-api-aggregation", { initialMs: 1000, maxMs: refreshMs }, (name, stop) =>
      this.#refreshOpenApi(name, parts.server, stop),
    );
    const controllers = [registering, checking, discovering, describing];
    const enqueueRemotesOf = (namespace: string | undefined, service: string | undefined): void => {
      for (const { metadata, spec } of this.#remoteApiServices())
        if (spec.service.namespace === namespace && spec.service.name === service) checking.enqueue(metadata.name);
    };
    const stops = [
      apiServices.onChange((current, previous) => {
        const { name } = (current ?? previous)?.metadata ?? {};
        if (name !== undefined) for (const each of controllers) each.enqueue(name);
      }),
      definitions.onChange((current, previous) => {
        for (const definition of [current, previous])
          for (const name of definition ? namesOf(definition) : []) registering.enqueue(name);
      }),
      services.onChange((current, previous) => {
        const { namespace, name } = (current ?? previous)?.metadata ?? {};
        enqueueRemotesOf(namespace, name);
      }),
      endpointSlices.onChange((current, previous) => {
        const { namespace, labels } = (current ?? previous)?.metadata ?? {};
        enqueueRemotesOf(namespace, labels?.["kubernetes.io/service-name"]);
      }),
    ];
    for (const { metadata } of apiServices.list()) for (const each of controllers) each.enqueue(metadata.name);
    try {
      await Promise.all(controllers.map((each) => each.run(signal)));
    } finally {
      for (const stop of stops) stop();
    }
  }

  async #checkAvailability(
    name: string,
    writer: ApiServiceWriter,
    signal: AbortSignal,
  ): Promise<{ readonly requeueAfterMs: number } | undefined> {
    const { apiServices, services, endpointSlices } = this.#options;
    const object = apiServices.get("", name);
    if (!object) {
      this.#unavailable.forget((labels) => labels[0] === name);
      return undefined;
    }
    const found = isRemote(object)
      ? await checkAvailability(object, { services, endpointSlices, servers: this.#servers }, signal)
      : localAvailability;
    if (signal.aborted) return undefined;
    await this.#report(object, found, writer);
    if (!isRemote(object)) return undefined;
    // What does not show in objects shows when it is tried again, soon at first.
    if (found.reason === "FailedDiscoveryCheck") throw new FailedDiscoveryCheck(found.message);
    return { requeueAfterMs: recheckMs };
  }

  async #report(object: APIService, found: Availability, writer: ApiServiceWriter): Promise<void> {
    const { name } = object.metadata;
    const told = availableCondition(object);
    this.#unavailable.set(found.status === "True" ? 0 : 1, name);
    if (told?.status === found.status && told.reason === found.reason && told.message === found.message) return;
    await writer.setAvailability(object, found);
    if (found.status !== "True" && told?.status !== found.status) this.#unavailableTotal.inc(name, found.reason);
  }

  async #refreshDiscovery(
    name: string,
    server: Pick<GenericApiServer, "forgetOpenApi">,
    signal: AbortSignal,
  ): Promise<{ readonly requeueAfterMs: number } | undefined> {
    const object = this.#options.apiServices.get("", name);
    if (!isRemote(object)) {
      this.#forget(name, server);
      return undefined;
    }
    try {
      await this.#remote(name).discovery.refresh(object, signal);
    } finally {
      this.#changed();
    }
    return { requeueAfterMs: refreshMs };
  }

  async #refreshOpenApi(
    name: string,
    server: Pick<GenericApiServer, "forgetOpenApi">,
    signal: AbortSignal,
  ): Promise<{ readonly requeueAfterMs: number } | undefined> {
    const object = this.#options.apiServices.get("", name);
    if (!isRemote(object)) {
      this.#forget(name, server);
      return undefined;
    }
    const { openApi } = this.#remote(name);
    const before = [...openApi.v3.keys()];
    if (await openApi.refresh(object, signal))
      server.forgetOpenApi([...before, ...openApi.v3.keys(), openApiPath(object)]);
    return { requeueAfterMs: refreshMs };
  }

  #remote(name: string): Remote {
    let remote = this.#remotes.get(name);
    if (!remote) {
      remote = { discovery: new RemoteDiscovery(this.#servers), openApi: new RemoteOpenApi(this.#servers) };
      this.#remotes.set(name, remote);
    }
    return remote;
  }

  /** It is another server's no longer, or gone. */
  #forget(name: string, server: Pick<GenericApiServer, "forgetOpenApi">): void {
    const remote = this.#remotes.get(name);
    if (!remote) return;
    this.#remotes.delete(name);
    const { group, version } = groupVersionOfName(name);
    server.forgetOpenApi([...remote.openApi.v3.keys(), `apis/${group}/${version}`]);
    this.#changed();
  }

  #remoteApiServices(): readonly RemoteApiService[] {
    const { apiServices } = this.#options;
    if (this.#remoteObjects?.revision !== apiServices.revision)
      this.#remoteObjects = { revision: apiServices.revision, objects: apiServices.list().filter(isRemote) };
    return this.#remoteObjects.objects;
  }

  /** Everything that is served or announced. */
  #versions(own: readonly ApiGroup[]): readonly PrioritizedVersion[] {
    const versions = new Map<string, PrioritizedVersion>();
    for (const { group, versions: all } of own)
      for (const version of all) {
        const gv = { group, version };
        versions.set(apiServiceName(gv), this.#prioritized(gv));
      }
    for (const object of this.#options.apiServices.list()) versions.set(object.metadata.name, priorityOf(object));
    return [...versions.values()];
  }

  /** With the priority its APIService asks for, or the one that would. */
  #prioritized(gv: { readonly group: string; readonly version: string }): PrioritizedVersion {
    const object = this.#options.apiServices.get("", apiServiceName(gv));
    if (object) return priorityOf(object);
    const { group: groupPriority, version: versionPriority } =
      builtinPriority(gv.group, gv.version) ?? customResourcePriority;
    return { ...gv, groupPriority, versionPriority };
  }

  #changed(): void {
    for (const handler of this.#handlers) handler();
  }
}

function priorityOf({ spec }: APIService): PrioritizedVersion {
  const { group = "", version = "", groupPriorityMinimum: groupPriority, versionPriority } = spec;
  return { group, version, groupPriority, versionPriority };
}

function openApiPath({ spec }: APIService): string {
  return spec.group ? `apis/${spec.group}/${spec.version ?? ""}` : `api/${spec.version ?? ""}`;
}

/** The name of the APIService a path belongs to; that of the legacy group has all of `/api`. */
function serviceNameOf({ info, http }: RequestScope): string {
  if (info.isResourceRequest)
    return info.apiPrefix === "api" ? "v1." : apiServiceName({ group: info.apiGroup, version: info.apiVersion });
  const [prefix, group = "", version = ""] = http.path.split("/").filter((part) => part !== "");
  if (prefix === "api") return "v1.";
  return prefix === "apis" && version !== "" ? apiServiceName({ group, version }) : "";
}
