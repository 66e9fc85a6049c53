import { builtinScheme } from "../api/scheme.ts";
import { createInProcessTransport } from "../apiserver/server/in-process-transport.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import type { Clock } from "../component-base/clock.ts";
import type { HttpHandler } from "../component-base/http.ts";
import { silentLogger, type Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { createKubeApiServer } from "../kube-apiserver/controlplane/create-kube-apiserver.ts";
import { createMemoryBackend } from "../mvcc/memory-backend.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import { defaultClusterConfig, type ClusterConfig } from "./config.ts";
import { subjectOf, type ComponentIdentity, type TransportFor } from "./identities.ts";
import { openApiProvider } from "./open-api.ts";
import { clusterControllers, runControl } from "./run-control.ts";
import { runSimulatedNodes } from "./simulated-nodes.ts";
import { kubernetesVersion } from "./version.ts";

export interface CreateClusterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  readonly config?: ClusterConfig;
  /** Names of the simulated nodes; one called `node-1` unless given. */
  readonly nodes?: readonly string[];
  /** Informers freeze what they cache, so that a writer to a shared object is found. */
  readonly freeze?: boolean;
}

/** A whole cluster in one process: memory store, API server, controllers, scheduler, simulated nodes. */
export interface Cluster extends AsyncDisposable {
  /** The API server, to be bound to a socket or called. */
  readonly handler: HttpHandler;
  /** As the administrator. */
  readonly client: ApiClient;
  /** As any component or person. */
  clientFor(identity: ComponentIdentity): ApiClient;
  /** Rejects when a component fails; never resolves before dispose. */
  readonly failed: Promise<never>;
}

/** Starts a cluster. Resolves when the API server answers; nodes and default objects follow by themselves. */
export async function createCluster(options: CreateClusterOptions): Promise<Cluster> {
  const { clock, random } = options;
  const logger = options.logger ?? silentLogger;
  const config = options.config ?? defaultClusterConfig;
  const metrics = new MetricRegistry();
  const backend = createMemoryBackend({ clock });
  const controllers = clusterControllers({ config, rootCa: "", dnsPort: undefined });
  const server = await createKubeApiServer({
    backend,
    clock,
    random,
    logger,
    metrics,
    version: kubernetesVersion,
    serviceAccountKeys: [await signingKey()],
    serviceCidr: config.serviceCidr,
    controllerRoles: controllers,
    openApi: openApiProvider(builtinScheme()),
  });
  await server.start();
  const transportFor: TransportFor = (identity) => {
    const certificate = subjectOf(identity);
    return createInProcessTransport(server.handler, { address: "in-process", ...(certificate ? { certificate } : {}) });
  };
  const clientFor = (identity: ComponentIdentity): ApiClient =>
    createApiClient({ transport: transportFor(identity), userAgent: "k8ts", clock, random });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const tasks = new TaskGroup({
    onFailure: (error) => {
      logger.error("a component of the cluster failed", { error });
      failure.reject(error);
    },
  });
  const environment: ComponentEnvironment = {
    transportFor,
    clock,
    random,
    logger,
    metrics,
    freeze: options.freeze ?? false,
  };
  tasks.spawn((signal) => runControl({ ...environment, controllers }, signal));
  const names = options.nodes ?? ["node-1"];
  if (names.length > 0) tasks.spawn((signal) => runSimulatedNodes({ ...environment, config, names }, signal));
  return {
    handler: server.handler,
    client: clientFor("admin"),
    clientFor,
    failed: failure.promise,
    async [Symbol.asyncDispose]() {
      await tasks[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** A key of its own for each cluster: its tokens are worth nothing elsewhere. */
async function signingKey(): Promise<{ readonly publicKey: CryptoKey; readonly privateKey: CryptoKey }> {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}
