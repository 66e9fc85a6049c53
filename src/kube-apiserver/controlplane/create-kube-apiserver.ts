import { builtinScheme } from "../../api/scheme.ts";
import {
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  csiDrivers,
  endpoints,
  endpointSlices,
  ingressClasses,
  ingresses,
  apiServices,
  customResourceDefinitions,
  limitRanges,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  priorityClasses,
  flowSchemas,
  priorityLevelConfigurations,
  resourceSlices,
  roleBindings,
  roles,
  runtimeClasses,
  secrets,
  serviceAccounts,
  serviceCIDRs,
  services,
  storageClasses,
  validatingWebhookConfigurations,
  volumeAttachments,
} from "../../api/resources.gen.ts";
import { DefinitionController } from "../../apiextensions-apiserver/controller/definition-controller.ts";
import { CustomResourceOpenApi } from "../../apiextensions-apiserver/openapi/custom-resource-open-api.ts";
import type { ServiceCIDR } from "../../api/networking/v1/types.gen.ts";
import { dumpRoutes } from "../../apiserver/flowcontrol/dump-pages.ts";
import { FlowControl } from "../../apiserver/flowcontrol/flow-control.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { createGenericApiServer } from "../../apiserver/server/generic-api-server.ts";
import type { GenericApiServer } from "../../apiserver/server/generic-api-server-options.ts";
import { ServiceResolver } from "../../apiserver/webhook/service-resolver.ts";
import { WebhookClient } from "../../apiserver/webhook/webhook-client.ts";
import { ApiStorage } from "../../apiserver/storage/api-storage.ts";
import { Aggregator } from "../../kube-aggregator/aggregator.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import { AdmissionEnvironments } from "../admission/expressions/admission-environment.ts";
import { admissionPlugins } from "../admission/plugins.ts";
import { BearerTokenAuthenticator } from "../authentication/bearer-token-authenticator.ts";
import { BootstrapTokenAuthenticator } from "../authentication/bootstrap-token-authenticator.ts";
import type { NamedTokenKey } from "../authentication/json-web-token.ts";
import { nameTokenKey } from "../authentication/json-web-token.ts";
import { openIdRoutes } from "../authentication/openid-routes.ts";
import { RequestHeaderAuthenticator } from "../authentication/request-header-authenticator.ts";
import { ServiceAccountTokenAuthenticator } from "../authentication/service-account-token-authenticator.ts";
import { ServiceAccountTokenIssuer } from "../authentication/service-account-token-issuer.ts";
import { StaticTokenAuthenticator } from "../authentication/static-token-authenticator.ts";
import { X509Authenticator } from "../authentication/x509-authenticator.ts";
import { NodeAuthorizer } from "../authorization/node-authorizer.ts";
import { PrivilegedGroupsAuthorizer } from "../authorization/privileged-groups-authorizer.ts";
import { RbacAuthorizer } from "../authorization/rbac-authorizer.ts";
import { RbacIndex } from "../authorization/rbac-index.ts";
import { UnionAuthorizer } from "../authorization/union-authorizer.ts";
import { componentStatusReader } from "../registry/core/component-status.ts";
import { IpAllocator } from "../registry/core/service/ip-allocator.ts";
import { PortAllocator } from "../registry/core/service/port-allocator.ts";
import type { ServiceAllocators } from "../registry/core/service/strategy.ts";
import { restoreAllocations } from "../registry/core/service/strategy.ts";
import { systemPriorityClasses } from "../registry/other-strategies.ts";
import { metricsReaders } from "../registry/metrics.ts";
import { reviewHandlers } from "../registry/reviews.ts";
import { builtinStrategies } from "../registry/strategies.ts";
import { formatTime } from "../../component-helpers/time.ts";
import { bootstrapRbac } from "./bootstrap-rbac.ts";
import { ensureFlowControl, keepFlowControl } from "./default-flow-control.ts";
import type { FlowControlListers } from "./default-flow-control.ts";
import { extensionAuthentication, publishExtensionAuthentication } from "./extension-authentication.ts";
import { FlowControlController } from "./flow-control-controller.ts";
import { keepObjects } from "./keep-objects.ts";
import { ensureKubernetesService } from "./kubernetes-service.ts";
import { startChecks, type StartStep } from "./start-checks.ts";
import { createMetricsServer, metricsAccount, metricsPolicy } from "./metrics-server.ts";
import type { KubeApiServerOptions } from "./options.ts";
import { builtinRegistrations } from "./registrations.ts";
import { ServiceIpAddresses } from "./service-ip-addresses.ts";
import { SystemWriter } from "./system-writer.ts";

const defaultIssuer = "https://kubernetes.default.svc.cluster.local";
const systemNamespaces = ["default", "kube-node-lease", "kube-public", "kube-system"];

/** The server with what it needs of its own to be a cluster's. */
export interface KubeApiServer extends GenericApiServer {
  /**
   * Writes what every cluster has (namespaces, default roles, priority classes, the `kubernetes` Service), then keeps it.
   * Resolves when all is written; /readyz fails until then. Call once.
   */
  start(): Promise<void>;
  /** Issues service account tokens, for components of this process. */
  readonly tokenIssuer: ServiceAccountTokenIssuer;
}

/** Opens the storage and makes the whole API server. Resolves when requests can be answered; call `start` next. */
export async function createKubeApiServer(options: KubeApiServerOptions): Promise<KubeApiServer> {
  const { backend, clock, random, logger, metrics, version } = options;
  const issuerName = options.serviceAccountIssuer ?? defaultIssuer;
  const apiAudiences = options.apiAudiences ?? [issuerName];
  const scheme = builtinScheme();
  const { parsedBytesMax } = options;
  const storage = new ApiStorage({
    backend,
    clock,
    logger,
    metrics,
    ...(parsedBytesMax === undefined ? {} : { parsedBytesMax }),
    ...(options.transformers ? { transformers: options.transformers } : {}),
  });
  const lister = {
    namespaces: storage.lister(namespaces),
    nodes: storage.lister(nodes),
    pods: storage.lister(pods),
    secrets: storage.lister(secrets),
    serviceAccounts: storage.lister(serviceAccounts),
    services: storage.lister(services),
    priorityClasses: storage.lister(priorityClasses),
  };
  const keys = await Promise.all(options.serviceAccountKeys.map(nameTokenKey));
  const issuer = new ServiceAccountTokenIssuer({ issuer: issuerName, key: signingKey(keys), clock, random });
  const tokenAuthenticators = [
    new ServiceAccountTokenAuthenticator({
      issuers: [issuerName],
      keys,
      audiences: apiAudiences,
      objects: lister,
      clock,
    }),
    new BootstrapTokenAuthenticator({ secrets: lister.secrets, clock }),
    await StaticTokenAuthenticator.create(options.staticTokens ?? new Map()),
  ];
  const rbac = new RbacIndex();
  const nodeAuthorizer = new NodeAuthorizer();
  const authorizer = new UnionAuthorizer([
    new PrivilegedGroupsAuthorizer(["system:masters"]),
    nodeAuthorizer,
    new RbacAuthorizer(rbac),
  ]);
  const range = options.serviceNodePortRange ?? { min: 30_000, max: 32_767 };
  const allocators: ServiceAllocators = {
    clusterIps: new IpAllocator(options.serviceCidr ?? "10.96.0.0/16", random),
    nodePorts: new PortAllocator({ ...range, random }),
  };
  const resolver = new ServiceResolver({
    services: lister.services,
    endpointSlices: storage.lister(endpointSlices),
    random,
  });
  const webhooks = new WebhookClient({ dialer: options.webhookDialer, services: resolver, clock });
  const metricsServer =
    options.metricsKubelets &&
    createMetricsServer({
      kubelets: options.metricsKubelets,
      nodes: lister.nodes,
      serviceAccounts: lister.serviceAccounts,
      issuer,
      apiAudiences,
      clock,
      logger,
      metrics,
    });
  const environments = new AdmissionEnvironments();
  const finished = new Set<StartStep>();
  const registrations = builtinRegistrations({
    scheme,
    strategies: builtinStrategies({
      allocators,
      environments,
      ...(options.eventTtlSeconds === undefined ? {} : { eventTtlSeconds: options.eventTtlSeconds }),
    }),
    readers: {
      ...(metricsServer ? metricsReaders(metricsServer, clock) : {}),
      "/componentstatuses": componentStatusReader({
        ...options.componentProbes,
        "etcd-0": async () => {
          const why = storage.notReady();
          return { isHealthy: why === undefined, message: why ?? "ok" };
        },
      }),
    },
    reviews: reviewHandlers({ authorizer, tokenAuthenticators, apiAudiences }),
    issuer,
    apiAudiences,
    kubelets: options.kubelets,
    proxy: options.proxy,
    random,
  });
  const openApi = options.openApi && new CustomResourceOpenApi(options.openApi, scheme);
  const aggregator = new Aggregator({
    apiServices: storage.lister(apiServices),
    definitions: storage.lister(customResourceDefinitions),
    services: lister.services,
    endpointSlices: storage.lister(endpointSlices),
    resolver,
    connector: options.aggregator?.connector,
    routesToEndpoints: options.aggregator?.routesToEndpoints ?? false,
    clock,
    logger,
    metrics,
  });
  const flowControl = flowControlOf(options, storage);
  const flowListers: FlowControlListers = {
    schemas: storage.lister(flowSchemas),
    levels: storage.lister(priorityLevelConfigurations),
  };
  const generic: GenericApiServer = await createGenericApiServer({
    scheme,
    storage,
    registrations,
    authenticators: [
      ...(options.requestHeaders ? [new RequestHeaderAuthenticator(options.requestHeaders)] : []),
      new X509Authenticator(),
      new BearerTokenAuthenticator(tokenAuthenticators),
    ],
    authorizer,
    admission: admissionPlugins({
      ...lister,
      roles: storage.lister(roles),
      clusterRoles: storage.lister(clusterRoles),
      limitRanges: storage.lister(limitRanges),
      mutatingWebhooks: storage.lister(mutatingWebhookConfigurations),
      validatingWebhooks: storage.lister(validatingWebhookConfigurations),
      mutatingPolicies: storage.lister(mutatingAdmissionPolicies),
      mutatingPolicyBindings: storage.lister(mutatingAdmissionPolicyBindings),
      validatingPolicies: storage.lister(validatingAdmissionPolicies),
      validatingPolicyBindings: storage.lister(validatingAdmissionPolicyBindings),
      environments,
      webhooks,
      scheme,
      persistentVolumes: storage.lister(persistentVolumes),
      persistentVolumeClaims: storage.lister(persistentVolumeClaims),
      csiDrivers: storage.lister(csiDrivers),
      storageClasses: storage.lister(storageClasses),
      ingressClasses: storage.lister(ingressClasses),
      runtimeClasses: storage.lister(runtimeClasses),
      registry: () => generic.registry,
      authorizer,
      clock,
      random,
      metrics,
      minorVersion: Number.parseInt(version.minor, 10),
      disabled: options.disabledAdmissionPlugins ?? [],
    }),
    clock,
    random,
    logger,
    metrics,
    version,
    anonymous: "health",
    routes: [...(await openIdRoutes(issuerName, keys)), ...(flowControl ? dumpRoutes(flowControl, clock) : [])],
    ...(flowControl ? { flowControl } : {}),
    healthChecks: startChecks(finished),
    ...(openApi ? { openApi: aggregator.openApi(openApi) } : {}),
    aggregation: aggregator,
    ...(options.audit ? { audit: options.audit } : {}),
    ...(options.advertiseAddress
      ? { advertiseAddress: `${options.advertiseAddress}:${options.securePort ?? 6443}` }
      : {}),
    ...options.server,
  });
  finished.add("storage");
  follow(storage.lister(clusterRoles), rbac);
  follow(storage.lister(roles), rbac);
  follow(storage.lister(clusterRoleBindings), rbac);
  follow(storage.lister(roleBindings), rbac);
  follow(lister.pods, nodeAuthorizer.pods);
  follow(storage.lister(persistentVolumes), nodeAuthorizer.persistentVolumes);
  follow(storage.lister(volumeAttachments), nodeAuthorizer.volumeAttachments);
  follow(storage.lister(resourceSlices), nodeAuthorizer.resourceSlices);
  follow(storage.lister(ingresses), nodeAuthorizer.ingresses);
  for (const service of lister.services.list()) restoreAllocations(allocators, service);
  const ranges = storage.lister(serviceCIDRs);
  const followRanges = (): void => allocators.clusterIps.setOthers(usableRanges(ranges.list()));
  ranges.onChange(followRanges);
  followRanges();

  const definitions = new DefinitionController({ server: generic, scheme, openApi, webhooks, clock, random, logger });
  await definitions.start();
  finished.add("definitions");
  const tasks = new TaskGroup({
    onFailure: (error) => logger.error("a background task of the API server failed", { error }),
  });
  tasks.spawn((signal) => definitions.run(signal));
  const writer = new SystemWriter({ scheme, registry: generic.registry, clock });
  const flowController =
    flowControl && new FlowControlController({ flowControl, listers: flowListers, writer, clock, logger });
  const ensureService = (): Promise<void> =>
    ensureKubernetesService(writer, {
      clusterIp: allocators.clusterIps.first,
      address: options.advertiseAddress,
      port: options.securePort ?? 6443,
    });
  return {
    handler: generic.handler,
    registry: generic.registry,
    tokenIssuer: issuer,
    install: (resource) => generic.install(resource),
    uninstall: (resource) => generic.uninstall(resource),
    ownGroups: () => generic.ownGroups(),
    forgetOpenApi: (paths) => generic.forgetOpenApi(paths),
    startShutdown: () => generic.startShutdown(),
    async start(): Promise<void> {
      const [aggregation] = await Promise.all([
        aggregator.start(generic),
        bootstrap(writer, options, allocators.clusterIps.cidr, ensureService, flowListers),
      ]);
      await flowController?.start();
      finished.add("bootstrap");
      tasks.spawn((signal) => aggregation.run(signal));
      finished.add("aggregation");
      const service = {
        namespace: "default",
        name: "kubernetes",
        listers: [lister.services, storage.lister(endpoints), storage.lister(endpointSlices)],
        ensure: ensureService,
      };
      const authentication = {
        ...extensionAuthentication,
        listers: [storage.lister(configMaps)],
        ensure: () => publishExtensionAuthentication(writer, options),
      };
      if (flowController) tasks.spawn((signal) => flowController.run(signal));
      tasks.spawn((signal) => keepFlowControl({ writer, listers: flowListers, clock, logger }, signal));
      for (const kept of [service, authentication])
        tasks.spawn((signal) => keepObjects({ ...kept, clock, logger }, signal));
      if (metricsServer) tasks.spawn((signal) => metricsServer.run(signal));
      tasks.spawn((signal) =>
        new ServiceIpAddresses({ registry: generic.registry, writer, clock, logger }).run(signal),
      );
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await tasks[Symbol.asyncDispose]();
      await generic[Symbol.asyncDispose]();
    },
  };
}

/** Undefined where plain limits of requests in flight are asked for. */
function flowControlOf(options: KubeApiServerOptions, storage: ApiStorage): FlowControl | undefined {
  if (options.hasPriorityAndFairness === false) return undefined;
  const { maxReadOnlyInFlight = 400, maxMutatingInFlight = 200 } = options.server ?? {};
  const { clock, logger, metrics } = options;
  return new FlowControl({
    clock,
    logger,
    metrics,
    concurrencyLimit: maxReadOnlyInFlight + maxMutatingInFlight,
    statsOf: (group, resource) => storage.statsOf(group, resource),
  });
}

const noPolicy = { roles: [], bindings: [] };

function signingKey(keys: readonly NamedTokenKey[]): NamedTokenKey {
  const [first] = keys;
  if (!first?.privateKey) throw new TypeError("the first service account key needs its private half");
  return first;
}

/** Gives an index everything stored, then every change. To be called once the storage is loaded, before requests. */
function follow<T>(lister: StorageLister<T>, index: { set(object: T): void; delete(object: T): void }): void {
  lister.onChange((current, previous) => {
    if (current) index.set(current);
    else if (previous) index.delete(previous);
  });
  for (const object of lister.list()) index.set(object);
}

async function bootstrap(
  writer: SystemWriter,
  options: KubeApiServerOptions,
  cidr: string,
  ensureService: () => Promise<void>,
  flowListers: FlowControlListers,
): Promise<void> {
  await Promise.all(systemNamespaces.map((name) => writer.ensure(namespaces, { metadata: { name } })));
  await Promise.all([
    bootstrapRbac(writer, options.controllerRoles ?? [], options.metricsKubelets ? metricsPolicy : noPolicy),
    ...(options.metricsKubelets ? [writer.ensure(serviceAccounts, { metadata: metricsAccount })] : []),
    ...systemPriorityClasses.map(({ name, value, description }) =>
      writer.ensure(priorityClasses, { metadata: { name }, value, description }),
    ),
    ensureFlowControl(writer, flowListers),
    // Tells since when the server notes which legacy tokens are in use.
    writer.ensure(configMaps, {
      metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
      data: { since: formatTime(options.clock.now()).slice(0, "2006-01-02".length) },
    }),
    ensureServiceCidr(writer, cidr, options.clock.now()),
    ensureService(),
    publishExtensionAuthentication(writer, options),
  ]);
}

/** The subnets Services may have addresses of: those that are said to be ready and are not on their way out. */
function usableRanges(cidrs: readonly ServiceCIDR[]): readonly string[] {
  const isUsable = ({ metadata, status }: ServiceCIDR): boolean =>
    metadata.deletionTimestamp === undefined &&
    status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
  return cidrs.filter(isUsable).flatMap(({ spec }) => spec.cidrs ?? []);
}

async function ensureServiceCidr(writer: SystemWriter, cidr: string, nowMs: number): Promise<void> {
  const name = "kubernetes";
  const { status } = await writer.ensure(serviceCIDRs, { metadata: { name }, spec: { cidrs: [cidr] } });
  if (status.conditions?.some((condition) => condition.type === "Ready")) return;
  await writer.updateStatus(serviceCIDRs, "", name, (object) => {
    object.status.conditions = [
      {
        type: "Ready",
        status: "True",
        reason: "",
        message: "Kubernetes default Service CIDR is ready",
        lastTransitionTime: formatTime(nowMs),
      },
    ];
  });
}
