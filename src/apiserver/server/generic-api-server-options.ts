import type { Clock } from "../../component-base/clock.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../../component-base/http.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import type { VersionInfo } from "../../apimachinery/meta/v1/types.gen.ts";
import type { YamlReader } from "../../apimachinery/yaml/parse.ts";
import type { ApiGroup, Scheme } from "../../apimachinery/scheme/scheme.ts";
import type { AdmissionPlugin } from "../admission/admission-plugin.ts";
import type { AuditOptions } from "./filters/audit.ts";
import type { Aggregation } from "./aggregation.ts";
import type { Authenticator } from "../authentication/authenticator.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { FlowControl } from "../flowcontrol/flow-control.ts";
import type { DynamicResource, ResourceRegistration } from "../registry/generic/resource-registration.ts";
import type { RegistryAccess } from "../registry/rest/registry-access.ts";
import type { ApiStorage } from "../storage/api-storage.ts";

/** One named health check; `check` rejects, with the reason, when it fails. */
export interface HealthCheck {
  readonly name: string;
  check(): Promise<void> | void;
}

/** Makes the OpenAPI documents of what the server serves. Called on first demand; the server caches by `hash`. */
export interface OpenApiProvider {
  /** The Swagger 2.0 document. */
  v2(): unknown;
  /** `api/v1`, `apis/apps/v1` …: the paths `/openapi/v3` lists. */
  v3Paths(): readonly string[];
  /** The OpenAPI 3.0 document of one of them. */
  v3(path: string): unknown;
}

/** A path outside of the API groups, e.g. `/.well-known/openid-configuration`. Authentication and authorization come before. */
export interface NonResourceRoute {
  readonly path: string;
  /** Also serves what is below the path. */
  readonly isPrefix?: boolean;
  /** Given: the path is for GET alone, and for clients that take this media type. */
  readonly produces?: string;
  /** Not among the paths that `/` tells. */
  readonly isUnlisted?: boolean;
  handle(request: HttpRequest): Promise<HttpResponse>;
}

export interface GenericApiServerOptions {
  readonly scheme: Scheme;
  /** Opened, and closed with the server, by the server. An own object, so that listers exist before the server. */
  readonly storage: ApiStorage;
  readonly registrations: readonly ResourceRegistration[];
  /** Tried in order; the first result counts. */
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
  /** In calling order. */
  readonly admission: readonly AdmissionPlugin[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly version: VersionInfo;
  readonly openApi?: OpenApiProvider;
  /** Without one, this server's own resources are all there is. */
  readonly aggregation?: Aggregation;
  /** What is recorded of requests, and where. Nothing unless given. */
  readonly audit?: AuditOptions;
  readonly routes?: readonly NonResourceRoute[];
  /** Beside `ping` and the storage's own: part of /healthz, /livez and /readyz. */
  readonly healthChecks?: readonly HealthCheck[];
  /** Part of /readyz alone. */
  readonly readyChecks?: readonly HealthCheck[];
  /**
   * Who may be anonymous: `everywhere` (upstream's default, authorization decides), `health` (/healthz, /livez, /readyz;
   * ours), or `nowhere`.
   */
  readonly anonymous?: "everywhere" | "health" | "nowhere";
  /** Who is served first, and who waits. Without it the next two are the limits. */
  readonly flowControl?: FlowControl;
  /** 400 unless given; 0 for none. */
  readonly maxReadOnlyInFlight?: number;
  /** 200 unless given; 0 for none. */
  readonly maxMutatingInFlight?: number;
  /** 60 s unless given; watches, logs and connects are exempt. */
  readonly requestTimeoutMs?: number;
  /** 3 MiB unless given. */
  readonly bodyBytesMax?: number;
  /** Reads long YAML. Without one it is read in between, and nothing longer than 1 MiB. */
  readonly yaml?: YamlReader;
  /** Watches without timeoutSeconds end after this plus a random part as long again; 1800 s unless given. */
  readonly minRequestTimeoutSeconds?: number;
  /** Address clients are told in `/api` (serverAddressByClientCIDRs). */
  readonly advertiseAddress?: string;
  /** How long dispose waits for requests in flight; 10 s unless given. */
  readonly shutdownGraceMs?: number;
}

/** A running server: `handler` may be bound to any number of platforms at once. */
export interface GenericApiServer extends AsyncDisposable {
  readonly handler: HttpHandler;
  readonly registry: RegistryAccess;
  /**
   * Serves a resource from now on, in place of what was served over the same storage prefix, whose watches end. Its objects are
   * loaded first; then routes, discovery and OpenAPI change in one turn.
   */
  install(resource: DynamicResource): Promise<void>;
  /** Serves it no longer; stored objects stay. */
  uninstall(resource: DynamicResource): void;
  /** The versions this server serves itself, by group, in no order that matters. */
  ownGroups(): readonly ApiGroup[];
  /** What `openApi` tells of these paths has changed: `apis/apps/v1`. */
  forgetOpenApi(paths: Iterable<string>): void;
  /** Makes /readyz fail from now on while everything is still served, so that load balancers go elsewhere. */
  startShutdown(): void;
  /** Not ready, no new requests (503), watches closed, requests in flight finished or cut after the grace, storage closed. */
  [Symbol.asyncDispose](): Promise<void>;
}
