import { builtinScheme } from "../api/scheme.ts";
import { createInProcessTransport } from "../apiserver/server/in-process-transport.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import type { Clock } from "../component-base/clock.ts";
import { type HttpHandler, type Transport, TransportError } from "../component-base/http.ts";
import { silentLogger, type Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { randomUuid, type Random } from "../component-base/random.ts";
import { createKubeApiServer } from "../kube-apiserver/controlplane/create-kube-apiserver.ts";
import { metricsIdentity, type MetricsKubelets } from "../kube-apiserver/controlplane/metrics-server.ts";
import type { ComponentHealth } from "../kube-apiserver/registry/core/component-status.ts";
import { createMemoryBackend, type MemoryBackend } from "../mvcc/memory-backend.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import { ComponentProcess } from "./component-process.ts";
import { defaultClusterConfig, type ClusterConfig } from "./config.ts";
import { subjectOf, type ComponentIdentity, type TransportFor } from "./identities.ts";
import { openApiProvider } from "./open-api.ts";
import { clusterControllers, runControllerManager, runScheduler } from "./run-control.ts";
import {
  createSimulatedMachine,
  runSimulatedNode,
  type SimulatedKubelets,
  type SimulatedMachine,
} from "./simulated-nodes.ts";
import { kubernetesVersion } from "./version.ts";

export interface CreateClusterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  readonly config?: ClusterConfig;
  /** Names of the simulated nodes; one called `node-1` unless given. */
  readonly nodes?: readonly string[];
  /**
   * How many kube-controller-managers and kube-schedulers there are. One unless given; of more, those that hold the
   * leases work, and the others wait for them.
   */
  readonly controlReplicas?: number;
  /** Informers freeze what they cache, so that a writer to a shared object is found. */
  readonly freeze?: boolean;
  /** The store, which becomes the cluster's; an empty one unless given. */
  readonly backend?: MemoryBackend;
  /** Signs service account tokens; a new one unless given, so that tokens are worth nothing elsewhere. */
  readonly signingKey?: SigningKey;
  /** Whether nodes and pods are metered and `metrics.k8s.io` is served. True unless given. */
  readonly metrics?: boolean;
  /** The nodes' machines, in place of new ones. */
  readonly machines?: readonly SimulatedMachine[];
  /** Wraps a component's way to the API server, to watch or disturb it. `component` is the name of its process. */
  readonly wrapTransport?: (transport: Transport, component: string) => Transport;
}

export interface SigningKey {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
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
  readonly backend: MemoryBackend;
  readonly signingKey: SigningKey;
  readonly machines: readonly SimulatedMachine[];
  /**
   * `kube-controller-manager`, `kube-scheduler`, and `kubelet/<node>` for each node. Of several replicas the second is
   * called `kube-scheduler-2` and so on.
   */
  readonly components: ReadonlyMap<string, ComponentProcess>;
}

/** Starts a cluster. Resolves when the API server answers; nodes and default objects follow by themselves. */
export async function createCluster(options: CreateClusterOptions): Promise<Cluster> {
  const { clock, random } = options;
  const logger = options.logger ?? silentLogger;
  const config = options.config ?? defaultClusterConfig;
  const metrics = new MetricRegistry();
  const backend = options.backend ?? createMemoryBackend({ clock });
  const signingKey = options.signingKey ?? (await createSigningKey());
  const wrap = options.wrapTransport ?? ((transport: Transport) => transport);
  const kubelets = new InProcessKubelets();
  const isMetered = options.metrics ?? true;
  const components = new Map<string, ComponentProcess>();
  const controllers = clusterControllers({ config, rootCa: "", dnsPort: undefined });
  const server = await createKubeApiServer({
    backend,
    clock,
    random,
    logger,
    metrics,
    version: kubernetesVersion,
    serviceAccountKeys: [signingKey],
    serviceCidr: config.serviceCidr,
    controllerRoles: controllers,
    openApi: openApiProvider(builtinScheme()),
    componentProbes: {
      "controller-manager": async () => healthOf(components.get("kube-controller-manager")),
      scheduler: async () => healthOf(components.get("kube-scheduler")),
    },
    ...(isMetered ? { metricsKubelets: kubelets.connector((transport) => wrap(transport, "metrics-server")) } : {}),
  });
  await server.start();
  const transportFor: TransportFor = (identity) => {
    const certificate = subjectOf(identity);
    return createInProcessTransport(server.handler, { address: "in-process", ...(certificate ? { certificate } : {}) });
  };
  const clientFor = (identity: ComponentIdentity): ApiClient =>
    createApiClient({ transport: wrap(transportFor(identity), "client"), userAgent: "k8ts", clock, random });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const machines = options.machines ?? createMachines(options.nodes ?? ["node-1"], clock, config);

  const add = (name: string, run: (environment: ComponentEnvironment, signal: AbortSignal) => Promise<void>): void => {
    const environment: ComponentEnvironment = {
      transportFor: (identity) => wrap(transportFor(identity), name),
      clock,
      random,
      logger,
      metrics,
      freeze: options.freeze ?? false,
    };
    const onFailure = (error: unknown): void => {
      logger.error("a component of the cluster failed", { component: name, error });
      failure.reject(error);
    };
    components.set(name, new ComponentProcess({ name, environment, run, onFailure }));
  };
  const replicas = options.controlReplicas ?? 1;
  for (let n = 1; n <= replicas; n++) {
    const suffix = n === 1 ? "" : `-${n}`;
    // An identity belongs to one life of a process: who is started again is another candidate.
    const election = () =>
      replicas > 1 ? { leaderElection: { identity: `control${suffix}_${randomUuid(random)}` } } : {};
    add(`kube-controller-manager${suffix}`, (own, signal) =>
      runControllerManager({ ...own, ...election(), controllers }, signal),
    );
    add(`kube-scheduler${suffix}`, (own, signal) => runScheduler({ ...own, ...election() }, signal));
  }
  for (const machine of machines) {
    add(`kubelet/${machine.nodeName}`, (own, signal) =>
      runSimulatedNode({ ...own, config, machine, kubelets: kubelets.at(machine.address) }, signal),
    );
  }
  for (const component of components.values()) component.start();
  return {
    handler: server.handler,
    client: clientFor("admin"),
    clientFor,
    failed: failure.promise,
    backend,
    signingKey,
    machines,
    components,
    async [Symbol.asyncDispose]() {
      await Promise.all([...components.values()].map((component) => component[Symbol.asyncDispose]()));
      await server[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

function healthOf(component: ComponentProcess | undefined): ComponentHealth {
  return component?.isRunning ? { isHealthy: true, message: "ok" } : { isHealthy: false, message: "it does not run" };
}

function createMachines(names: readonly string[], clock: Clock, config: ClusterConfig): readonly SimulatedMachine[] {
  return names.map((nodeName, index) => createSimulatedMachine({ nodeName, index, clock, config }));
}

async function createSigningKey(): Promise<SigningKey> {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

const kubeletPort = 10_250;

/** The servers of kubelets in this process, by the address of their machine. */
class InProcessKubelets {
  readonly #handlers = new Map<string, HttpHandler>();

  /** Where the kubelet of that machine serves. */
  at(address: string): Pick<SimulatedKubelets, "add" | "port"> {
    return {
      port: kubeletPort,
      add: async (handler) => {
        this.#handlers.set(address, handler);
        return { [Symbol.asyncDispose]: async () => void this.#handlers.delete(address) };
      },
    };
  }

  /** The way to them for the metrics server. */
  connector(wrap: (transport: Transport) => Transport): MetricsKubelets {
    return {
      hasIdentity: true,
      // The metrics server sends no headers worth passing on.
      send: async ({ method, url, signal }) => {
        const { hostname, port, pathname, search } = new URL(url);
        const handler = Number(port) === kubeletPort ? this.#handlers.get(hostname) : undefined;
        if (!handler)
          throw new TransportError(`dial tcp ${hostname}:${port}: connect: connection refused`, { notSent: true });
        const transport = createInProcessTransport(handler, { address: "in-process", certificate: metricsIdentity });
        return wrap(transport).send({ method, path: pathname + search, headers: {}, signal });
      },
    };
  }
}
