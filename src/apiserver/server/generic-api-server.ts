import { sleep } from "../../component-base/clock.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../../component-base/http.ts";
import { Pace } from "../../component-base/pace.ts";
import { randomUuid } from "../../component-base/random.ts";
import { badRequest, internalError, methodNotAllowed, serviceUnavailable } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { ApiGroup, ApiResource } from "../../apimachinery/scheme/scheme.ts";
import { StoreFullError } from "../../mvcc/backend.ts";
import { compressible } from "../endpoints/compression.ts";
import { DiscoveryEndpoints } from "../endpoints/discovery.ts";
import { FieldManagers } from "../endpoints/fieldmanager/field-managers.ts";
import { HealthEndpoint, HealthMetrics } from "../endpoints/health.ts";
import { OpenApiEndpoints } from "../endpoints/openapi.ts";
import { parseRequestInfo } from "../endpoints/request-info.ts";
import type { RequestScope } from "../endpoints/request-scope.ts";
import type { EndpointContext } from "../endpoints/resource-endpoint.ts";
import { notFoundPage, routeKey, routeResource } from "../endpoints/resource-router.ts";
import type { RoutedResource } from "../endpoints/resource-router.ts";
import { respond, respondError, respondText } from "../endpoints/response.ts";
import { negotiate, noViews } from "../endpoints/negotiation.ts";
import { checkAcceptable, checkDocument, isRouted } from "../endpoints/router-rules.ts";
import { RegistrySet, subresourcesOf } from "../registry/generic/registry-set.ts";
import type { DynamicResource, ResourceRegistration } from "../registry/generic/resource-registration.ts";
import { typePrefix } from "../storage/object-codec.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import { compareVersions } from "../../apimachinery/group-version.ts";
import { anonymousUser, withAuthentication } from "./filters/authentication.ts";
import { withAudit, withFailedAuthenticationAudit } from "./filters/audit.ts";
import { withAuthorization } from "./filters/authorization.ts";
import { withImpersonation } from "./filters/impersonation.ts";
import { InFlightGauges } from "./filters/in-flight-gauges.ts";
import { withMaxInFlight } from "./filters/max-in-flight.ts";
import { withPriorityAndFairness } from "./filters/priority-and-fairness.ts";
import { withTimeout } from "./filters/timeout.ts";
import { chain } from "./handler-chain.ts";
import type { ScopeHandler } from "./handler-chain.ts";
import type {
  GenericApiServer,
  GenericApiServerOptions,
  HealthCheck,
  NonResourceRoute,
} from "./generic-api-server-options.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { RequestTracker } from "./request-tracker.ts";

const mebibyte = 1024 * 1024;
const metricsHeaders = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

/** Loads the storage and makes a server of what is registered. Resolves when the server can answer. */
export async function createGenericApiServer(options: GenericApiServerOptions): Promise<GenericApiServer> {
  const registry = await RegistrySet.open(options);
  return new Server(options, registry);
}

class Server implements GenericApiServer {
  readonly registry: RegistrySet;
  readonly handler: HttpHandler;
  readonly #options: GenericApiServerOptions;
  readonly #chain: ScopeHandler;
  readonly #tracker = new RequestTracker();
  readonly #metrics: RequestMetrics;
  readonly #watchesEnd = new AbortController();
  readonly #routes = new Map<string, RoutedResource>();
  readonly #builtInGroups: ReadonlySet<string>;
  readonly #context: EndpointContext;
  /** By storage prefix. */
  readonly #dynamic = new Map<string, DynamicResource>();
  /** Made on demand: undefined when what it told is no longer so. */
  #discovery: DiscoveryEndpoints | undefined;
  readonly #openApi: OpenApiEndpoints | undefined;
  readonly #healthMetrics = new HealthMetrics();
  readonly #health: readonly HealthEndpoint[];
  readonly #auditIdStart: string;
  #requestCount = 0;
  #isShuttingDown = false;
  #isClosed = false;

  constructor(options: GenericApiServerOptions, registry: RegistrySet) {
    this.#options = options;
    this.registry = registry;
    this.#metrics = new RequestMetrics(options.metrics);
    this.#auditIdStart = randomUuid(options.random).slice(0, 24);
    this.#context = {
      scheme: options.scheme,
      clock: options.clock,
      random: options.random,
      logger: options.logger,
      admission: options.admission,
      authorizer: options.authorizer,
      registry,
      fieldManagers: new FieldManagers({
        scheme: options.scheme,
        clock: options.clock,
        registrationsOf: (storagePrefix) =>
          [...this.#routes.values()]
            .map(({ endpoint }) => endpoint.registration)
            .filter(({ resource }) => resource.persisted && resource.storagePrefix === storagePrefix),
      }),
      bodyBytesMax: options.bodyBytesMax ?? 3 * mebibyte,
      yaml: options.yaml,
      watchEvents: options.metrics.counter("apiserver_watch_events_total", "Events sent to watches.", [
        "group",
        "version",
        "resource",
      ]),
      minRequestTimeoutSeconds: options.minRequestTimeoutSeconds ?? 1800,
      shutdown: this.#watchesEnd.signal,
      endpointsOf: (storagePrefix) =>
        [...this.#routes.values()]
          .map(({ endpoint }) => endpoint)
          .filter(({ resource }) => resource.persisted && resource.storagePrefix === storagePrefix),
    };
    for (const registration of options.registrations) this.#addRoute(registration, true);
    this.#builtInGroups = new Set(options.registrations.map(({ resource }) => resource.group));
    options.aggregation?.onChange(() => (this.#discovery = undefined));
    this.#openApi = options.openApi && new OpenApiEndpoints(options.openApi);
    this.#health = this.#makeHealth();
    const audit = options.audit && {
      ...options.audit,
      scheme: options.scheme,
      clock: options.clock,
      metrics: options.metrics,
    };
    const requestTimeoutMs = options.requestTimeoutMs ?? 60_000;
    const gauges = new InFlightGauges(options.metrics);
    this.#chain = chain(
      [
        withTimeout(options.clock, requestTimeoutMs),
        ...(audit ? [withFailedAuthenticationAudit(audit)] : []),
        withAuthentication(options.authenticators, options.anonymous ?? "everywhere"),
        ...(audit ? [withAudit(audit)] : []),
        withImpersonation(options.authorizer),
        options.flowControl
          ? withPriorityAndFairness(options.flowControl, requestTimeoutMs, gauges)
          : withMaxInFlight(options.maxReadOnlyInFlight ?? 400, options.maxMutatingInFlight ?? 200, gauges),
        withAuthorization(options.authorizer),
      ],
      (scope) => this.#route(scope),
    );
    this.handler = (request) => this.#tracker.track(() => this.#handle(request));
  }

  startShutdown(): void {
    this.#isShuttingDown = true;
  }

  async install(resource: DynamicResource): Promise<void> {
    const loaded = await this.registry.load(resource);
    // From here on in one turn: nobody sees a part of it.
    const former = this.#dynamic.get(resource.stored.storagePrefix);
    if (former) this.#removeRoutes(former);
    loaded.enter();
    this.#dynamic.set(resource.stored.storagePrefix, resource);
    for (const registration of resource.registrations) this.#addRoute(registration, false);
    this.#servedChanged(former, resource);
  }

  uninstall(resource: DynamicResource): void {
    const former = this.#dynamic.get(resource.stored.storagePrefix);
    if (!former) return;
    this.#removeRoutes(former);
    this.#dynamic.delete(resource.stored.storagePrefix);
    this.registry.remove(former);
    this.#servedChanged(former);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.startShutdown();
    this.#isClosed = true;
    this.#watchesEnd.abort();
    const waited = new AbortController();
    const grace = sleep(this.#options.clock, this.#options.shutdownGraceMs ?? 10_000, waited.signal).catch(() => {});
    await Promise.race([this.#tracker.idle(), grace]);
    waited.abort();
    this.#options.storage.close();
  }

  /** The outermost step: request info, audit id, failures into answers, headers and metrics. Never rejects. */
  async #handle(request: HttpRequest): Promise<HttpResponse> {
    const { clock } = this.#options;
    const startMs = clock.monotonic();
    const info = parseRequestInfo(request.method, request.path, request.query);
    const auditId = this.#auditIdOf(request);
    if (!info) return finish(respondError(badRequest("the path is not valid"), request.headers.accept), { auditId });
    const scope: RequestScope = {
      http: request,
      info,
      auditId,
      signal: request.signal,
      user: anonymousUser,
      warnings: new Set(),
      answerHeaders: {},
      pace: new Pace(),
      auditAnnotations: new Map(),
    };
    let response: HttpResponse;
    try {
      if (this.#isClosed) throw serviceUnavailable("the server is shutting down");
      response = await this.#chain(scope);
    } catch (error) {
      response = respondError(this.#statusOf(error, scope), request.headers.accept, this.#options.scheme);
    }
    const isKnown = this.#routes.has(routeKey(info.apiGroup, info.apiVersion, info.resource));
    const durationMs = clock.monotonic() - startMs;
    const observed = this.#metrics.observe({ http: request, info, isKnown }, response, durationMs);
    return finish(compressible(observed, info, request.headers), scope);
  }

  /** The client's own, when it looks like one; else unique in this server, of a random start and a count. */
  #auditIdOf(request: HttpRequest): string {
    const given = request.headers["audit-id"];
    if (given !== undefined && /^[0-9A-Za-z-]{1,64}$/.test(given)) return given;
    return this.#auditIdStart + (++this.#requestCount).toString(16).padStart(12, "0");
  }

  /** Every failure as the API shows it. What is no StatusError is our fault, and logged. */
  #statusOf(error: unknown, scope: RequestScope): StatusError {
    if (error instanceof StatusError) return error;
    if (error instanceof StoreFullError)
      return new StatusError({ code: 507, reason: "", message: error.message }, { cause: error });
    const { path, method } = scope.http;
    this.#options.logger.error("request failed", { method, path, auditId: scope.auditId, error });
    return internalError(error);
  }

  async #route(scope: RequestScope): Promise<HttpResponse> {
    const elsewhere = this.#options.aggregation?.route(scope);
    if (elsewhere) {
      scope.watchInitialized?.();
      return elsewhere;
    }
    if (scope.info.isResourceRequest) return routeResource(this.#routes, scope, this.#builtInGroups);
    const { http } = scope;
    if (isRouted(http.path, this.#builtInGroups)) checkDocument(http, this.#isDocument(http.path));
    const answer = await this.#routeDocument(http);
    if (answer) return answer;
    const route = this.#options.routes?.find((r) => servesPath(r, http.path));
    if (!route) return notFoundPage();
    if (route.produces !== undefined) {
      if (http.method !== "GET") throw methodNotAllowed();
      checkAcceptable(http.headers.accept, [route.produces]);
    }
    return route.handle(http);
  }

  #isDocument(path: string): boolean {
    const isVersion = path === "/version" || path === "/version/";
    return isVersion || this.#discoveryDocuments().has(path);
  }

  /** Documents are told whatever the method is, where the router does not look at it. */
  async #routeDocument(http: HttpRequest): Promise<HttpResponse | undefined> {
    switch (http.path) {
      case "/version":
      case "/version/":
        return respond(200, this.#options.version, negotiate(undefined, true, noViews).encoding);
      case "/metrics":
        // Differs from upstream: DELETE, which would set the metrics back, is not there.
        if (http.method === "DELETE") return undefined;
        this.#options.storage.updateMetrics();
        return respondText(200, this.#options.metrics.render(), metricsHeaders);
      case "/metrics/slis":
        return respondText(200, this.#healthMetrics.render(), metricsHeaders);
      case "/":
        return respond(200, { paths: this.#rootPaths() }, negotiate(undefined, true, noViews).encoding);
    }
    for (const endpoint of this.#health) {
      const answer = await endpoint.handle(http);
      if (answer) return answer;
    }
    return (await this.#discoveryDocuments().handle(http)) ?? (await this.#openApi?.handle(http));
  }

  #discoveryDocuments(): DiscoveryEndpoints {
    return (this.#discovery ??= this.#makeDiscovery());
  }

  #rootPaths(): readonly string[] {
    const openApi = this.#openApi ? ["/openapi/v2", "/openapi/v3"] : [];
    const own = ["/healthz", "/livez", "/metrics", "/metrics/slis", "/readyz", "/version", ...openApi];
    return [...this.#discoveryDocuments().paths, ...own, ...this.#listedRoutes()].sort();
  }

  #listedRoutes(): readonly string[] {
    return (this.#options.routes ?? []).filter(({ isUnlisted }) => !isUnlisted).map(({ path }) => path);
  }

  #removeRoutes({ registrations }: DynamicResource): void {
    for (const { resource } of registrations)
      this.#routes.delete(routeKey(resource.group, resource.version, resource.resource));
  }

  #servedChanged(...changed: readonly (DynamicResource | undefined)[]): void {
    for (const resource of changed) if (resource) this.#context.fieldManagers.forget(resource.stored.storagePrefix);
    this.#discovery = undefined;
    const registrations = changed.flatMap((resource) => resource?.registrations ?? []);
    this.#openApi?.forget(registrations.map(({ resource }) => `apis/${apiVersionOf(resource)}`));
  }

  #addRoute(registration: ResourceRegistration, isBuiltIn: boolean): void {
    const { resource } = registration;
    const kind = registration.kind ?? this.#options.scheme.kind(resource.group, resource.version, resource.kind);
    if (!kind) throw new TypeError(`the scheme has no kind ${resource.kind} in ${apiVersionOf(resource)}`);
    if (!resource.persisted && !registration.review && !registration.reader)
      throw new TypeError(`${resource.resource} needs a review handler or a reader`);
    const endpoint = {
      context: this.#context,
      resource,
      kind,
      registration,
      store: resource.persisted ? this.registry.store(resource) : undefined,
      convert: registration.convert,
      typePrefixLength: typePrefix(resource.kind, apiVersionOf(resource)).length,
    };
    const key = routeKey(resource.group, resource.version, resource.resource);
    this.#routes.set(key, { endpoint, isBuiltIn, subresources: subresourcesOf(registration) });
  }

  ownGroups(): readonly ApiGroup[] {
    return this.#servedGroups().groups;
  }

  forgetOpenApi(paths: Iterable<string>): void {
    this.#openApi?.forget(paths);
  }

  #makeDiscovery(): DiscoveryEndpoints {
    const { advertiseAddress = "", aggregation } = this.#options;
    const { groups, resources } = this.#servedGroups();
    return new DiscoveryEndpoints(groups, resources, advertiseAddress, aggregation);
  }

  #servedGroups(): {
    readonly groups: readonly ApiGroup[];
    readonly resources: (group: string, version: string) => readonly ApiResource[];
  } {
    const { scheme } = this.#options;
    const dynamic = [...this.#dynamic.values()].flatMap(({ registrations }) => registrations);
    const servedResources = [...this.#options.registrations, ...dynamic].map((registration): ApiResource => ({
      ...registration.resource,
      subresources: [...subresourcesOf(registration).values()].map(({ data }) => data),
    }));
    const resources = (group: string, version: string): readonly ApiResource[] =>
      servedResources
        .filter((r) => r.group === group && r.version === version)
        .sort((a, b) => (a.resource < b.resource ? -1 : 1));
    const groups = withGroupsOf(scheme.groups, dynamic).flatMap((group): readonly ApiGroup[] => {
      const versions = group.versions.filter((version) => resources(group.group, version).length > 0);
      const [first] = versions;
      if (first === undefined) return [];
      const preferredVersion = versions.includes(group.preferredVersion) ? group.preferredVersion : first;
      return [{ ...group, versions, preferredVersion }];
    });
    return { groups, resources };
  }

  #makeHealth(): readonly HealthEndpoint[] {
    const { logger, healthChecks = [], readyChecks = [], storage } = this.#options;
    const ping: HealthCheck = { name: "ping", check: () => {} };
    // What is logged is not buffered here: a logger that answers has taken it.
    const log: HealthCheck = { name: "log", check: () => logger.debug("the log takes messages") };
    const store = (name: string): HealthCheck => ({
      name,
      check: () => {
        const why = storage.notReady();
        if (why !== undefined) throw new Error(why);
      },
    });
    const shutdown: HealthCheck = {
      name: "shutdown",
      check: () => {
        if (this.#isShuttingDown) throw new Error("process is shutting down");
      },
    };
    // The store goes by the names upstream's tools know it by; what answers lists and watches is part of it.
    const alive = [ping, log, store("etcd"), ...healthChecks];
    const ready = [
      ping,
      log,
      ...["etcd", "etcd-readiness", "informer-sync"].map(store),
      ...healthChecks,
      ...readyChecks,
    ];
    return [
      new HealthEndpoint("/healthz", alive, logger, this.#healthMetrics),
      new HealthEndpoint("/livez", alive, logger, this.#healthMetrics),
      new HealthEndpoint("/readyz", [...ready, shutdown], logger, this.#healthMetrics),
    ];
  }
}

/** The groups of a scheme and, in order of their names, those that came while the server ran. */
function withGroupsOf(groups: readonly ApiGroup[], dynamic: readonly ResourceRegistration[]): readonly ApiGroup[] {
  const known = new Map(groups.map((group) => [group.group, group]));
  const added = new Map<string, Set<string>>();
  for (const { resource } of dynamic) {
    const versions = added.get(resource.group) ?? new Set();
    added.set(resource.group, versions.add(resource.version));
  }
  for (const [group, names] of [...added].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const static_ = known.get(group);
    const versions = [...names].sort(compareVersions).filter((version) => !static_?.versions.includes(version));
    const all = [...(static_?.versions ?? []), ...versions];
    known.set(group, { group, versions: all, preferredVersion: static_?.preferredVersion ?? all[0] ?? "" });
  }
  return [...known.values()];
}

function servesPath(route: NonResourceRoute, path: string): boolean {
  return path === route.path || (route.isPrefix === true && path.startsWith(`${route.path}/`));
}

/** Headers every answer has. */
function finish(
  response: HttpResponse,
  {
    auditId,
    warnings = [],
    answerHeaders,
  }: Pick<RequestScope, "auditId"> & {
    readonly warnings?: Iterable<string>;
    readonly answerHeaders?: Readonly<Record<string, string>>;
  },
): HttpResponse {
  const headers: Record<string, string> = {
    "audit-id": auditId,
    "cache-control": "no-cache, private",
    ...answerHeaders,
  };
  const texts = withinLimit([...warnings]).map((text) => `299 - ${quoted(text)}`);
  if (texts.length > 0) headers.warning = texts.join(", ");
  return { ...response, headers: { ...headers, ...response.headers } };
}

// Upstream's: when all warnings together are longer, each is cut, and when that is not enough, the last ones are left out.
const warningsLengthMax = 4096;
const cutWarningLength = 256;

function withinLimit(texts: readonly string[]): readonly string[] {
  let written = 0;
  if (texts.every((text) => (written += cut(text, warningsLengthMax + 1).length) <= warningsLengthMax)) return texts;
  const kept: string[] = [];
  written = 0;
  for (const text of texts) {
    if (written >= warningsLengthMax) break;
    const characters = cut(text, cutWarningLength);
    written += characters.length;
    kept.push(characters.join(""));
  }
  return kept;
}

/** The first characters of a text: not UTF-16 units, what is cut must stay text. */
function cut(text: string, lengthMax: number): string[] {
  return Array.from(text.slice(0, 2 * lengthMax)).slice(0, lengthMax);
}

/** A quoted string of an HTTP header: no control characters, printable ASCII escaped as RFC 7230 wants. */
function quoted(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must go.
  return `"${text.replaceAll(/[\u0000-\u001f\u007f]/g, "").replaceAll(/["\\]/g, "\\$&")}"`;
}
