import type { Node, Pod, Service } from "../api/core/v1/types.gen.ts";
import { pods, services } from "../api/resources.gen.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import type { EventRecorder } from "../client/record/event-recorder.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { type Clock, sleep } from "../component-base/clock.ts";
import type { HttpHandler } from "../component-base/http.ts";
import { errorText, type Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import type { ImageService, RuntimeEvents, RuntimeService } from "../cri-api/runtime/v1/services.ts";
import { AllocationManager } from "./allocation/allocation-manager.ts";
import { type KubeletConfig, type ResolvedConfig, resolveConfig } from "./config.ts";
import { isMirrorPod } from "./api/pods.ts";
import { StaticPodPlaces } from "./config/static-pod-places.ts";
import { MirrorPods } from "./config/mirror-pods.ts";
import { ObjectStore } from "./config/object-store.ts";
import { StaticPods } from "./config/static-pods.ts";
import { latestContainer, readPodRecord } from "./container/pod-record.ts";
import { CredentialStore } from "./images/credentials.ts";
import { EvictionManager } from "./eviction/eviction-manager.ts";
import { evictionThresholds } from "./eviction/thresholds.ts";
import { ImageGc } from "./images/image-gc.ts";
import { ImageManager } from "./images/image-manager.ts";
import { NodePlugins } from "./csi/node-plugins.ts";
import { ContainerLogManager } from "./logs/container-log-manager.ts";
import { ContainerKiller } from "./kuberuntime/container-killer.ts";
import { KuberuntimeManager } from "./kuberuntime/kuberuntime-manager.ts";
import { createRuntimeHelper } from "./kuberuntime/runtime-helper.ts";
import { Semaphore } from "./kuberuntime/semaphore.ts";
import { PodAdmitter } from "./lifecycle/pod-admitter.ts";
import { HandlerRunner } from "./lifecycle/handler-runner.ts";
import { HostCache } from "./nodestatus/host-cache.ts";
import { NodeAgent } from "./nodestatus/node-agent.ts";
import { podsTogether, reservedPids } from "./nodestatus/node-allocatable.ts";
import { RuntimeState } from "./nodestatus/runtime-state.ts";
import { Pleg, type RuntimePod } from "./pleg/pleg.ts";
import { PodRecordCache } from "./pleg/pod-record-cache.ts";
import { PodSyncer } from "./pod-syncer.ts";
import { PodWorkers } from "./pod-workers.ts";
import type { HostFacts, KubeletPorts } from "./ports.ts";
import { ProbeManager } from "./prober/probe-manager.ts";
import { ProbeRunner } from "./prober/probe-runner.ts";
import { createKubeletServer } from "./server/kubelet-server.ts";
import { StatsProvider } from "./stats/stats-provider.ts";
import type { PodVerdict } from "./status/generate-pod-status.ts";
import { StatusManager } from "./status/status-manager.ts";
import { removeReleased } from "./volumes/local-path.ts";
import { TokenManager } from "./volumes/token-manager.ts";
import { VolumeManager } from "./volumes/volume-manager.ts";

export interface KubeletOptions {
  readonly nodeName: string;
  /** Under the node's own identity (`system:node:<name>`). */
  readonly client: ApiClient;
  /** Gives the informers of this node's pods and of Services; may be shared between kubelets of one process. */
  readonly informers: InformerFactory;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly runtimeEvents: RuntimeEvents;
  readonly ports: KubeletPorts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly metrics: MetricRegistry;
  readonly config: KubeletConfig;
}

/** One node's agent. */
export interface Kubelet {
  /**
   * Registers the node and runs its pods until aborted; then resolves once nothing of the kubelet is left running.
   * Containers go on, and a kubelet that starts later takes them over. Rejects on a bug only.
   */
  run(signal: AbortSignal): Promise<void>;
  /** The kubelet's API. Whoever serves it authenticates and authorizes first. */
  readonly server: HttpHandler;
  /** The Node as last written; undefined before registration. */
  readonly node: () => Node | undefined;
}

const terminationsHelp = "[ALPHA] Cumulative number of container terminations.";
const terminationLabels = ["container_type", "exit_code", "reason"];
const evictionsHelp = "[ALPHA] Cumulative number of pod evictions by eviction signal";
const probeHelp = "[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.";
const probeLabels = ["container", "namespace", "pod", "pod_uid", "probe_type", "result"];

export function createKubelet(options: KubeletOptions): Kubelet {
  return new NodeKubelet(options);
}

class NodeKubelet implements Kubelet {
  readonly server: HttpHandler;
  readonly #options: KubeletOptions;
  readonly #config: ResolvedConfig;
  readonly #tasks: TaskGroup;
  readonly #podInformer: SharedInformer<Pod>;
  readonly #serviceInformer: SharedInformer<Service>;
  readonly #state: RuntimeState;
  readonly #lifecycle: PodSyncer;
  readonly #workers: PodWorkers;
  readonly #statuses: StatusManager;
  readonly #volumes: VolumeManager;
  readonly #static: StaticPods;
  readonly #mirrors: MirrorPods;
  readonly #places: StaticPodPlaces;
  readonly #admitter: PodAdmitter;
  readonly #csi: NodePlugins | undefined;
  readonly #agent: NodeAgent;
  readonly #pleg: Pleg;
  readonly #allocations: AllocationManager;
  readonly #evictions: EvictionManager;
  readonly #imageGc: ImageGc;
  readonly #logs: ContainerLogManager;
  readonly #host: HostCache;
  readonly #stopped = new AbortController();
  #knowsAllPods = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: KubeletOptions) {
    this.#options = options;
    const { client, clock, random, logger, recorder, runtime, images, ports, runtimeEvents, nodeName } = options;
    const config = (this.#config = resolveConfig(options.config));
    const tasks = (this.#tasks = new TaskGroup({
      onFailure: (error) => {
        this.#failure = { error };
        this.#stopped.abort();
      },
    }));
    this.#podInformer = options.informers.for(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
    this.#serviceInformer = options.informers.for(services);
    const state = (this.#state = new RuntimeState(runtime));
    const { fileSystem, prober, cgroups } = ports;
    const records = new PodRecordCache((uid, signal) => readPodRecord(runtime, fileSystem, uid, signal));
    const { rootDirectory, clusterDomain, podLogsDirectory } = config;
    const host = (this.#host = new HostCache(ports.host, config));
    const { informers } = options;
    this.#csi =
      ports.csi &&
      new NodePlugins({
        port: ports.csi,
        informers,
        client,
        clock,
        logger,
        recorder,
        nodeName,
        rootDirectory,
        ports,
        reportInUse: (running) => this.#agent.reportNow(running),
        signal: tasks.signal,
      });
    const csi = this.#csi ? { csi: this.#csi.volumes } : {};
    const volumes = (this.#volumes = new VolumeManager({
      ports,
      clock,
      random,
      logger,
      rootDirectory,
      clusterDomain,
      ...csi,
    }));
    const objects = new ObjectStore(client, clock, tasks.signal);
    const tokens = new TokenManager(client, clock, tasks.signal);
    const statuses = (this.#statuses = new StatusManager({
      client,
      clock,
      logger,
      tasks,
      terminations: options.metrics.counter("kubelet_terminated_containers_total", terminationsHelp, terminationLabels),
      mirrorOf: (pod) => this.#mirrors.of(pod),
    }));
    const hooks = new HandlerRunner({ runtime, prober, clock });
    const killer = new ContainerKiller({ runtime, hooks, recorder, clock, logger });
    const probeMetrics = new MetricRegistry();
    const probes = new ProbeManager({
      results: probeMetrics.counter("prober_probe_total", probeHelp, probeLabels),
      runner: new ProbeRunner({ runtime, prober }),
      recorder,
      clock,
      tasks,
      current: async (uid, name) => {
        const record = await records.get(uid);
        const found = latestContainer(record, name);
        return found && { record: found, podIp: record.ips[0] ?? (await host.ips())[0] ?? "" };
      },
      pod: (uid) => this.#workers.get(uid),
      onVerdict: (uid) => {
        const pod = this.#workers.get(uid);
        if (pod) this.#lifecycle.noteReadiness(pod);
        this.#workers.wake(uid);
      },
    });
    const imageManager = new ImageManager({
      images,
      credentials: new CredentialStore(objects, recorder),
      recorder,
      clock,
      parallelPulls: config.parallelImagePulls,
    });
    const kuberuntime = new KuberuntimeManager({
      runtime,
      images: imageManager,
      hooks,
      killer,
      helper: createRuntimeHelper({
        client,
        ports,
        recorder,
        config,
        host,
        services: this.#serviceInformer,
        volumes,
        objects,
        state,
        allocations: { former: (pod) => this.#allocations.former(pod) },
      }),
      probes,
      recorder,
      clock,
      logger,
      fileSystem,
      podLogsDirectory,
      seccomp: { root: `${rootDirectory}/seccomp`, isDefault: config.seccompDefault },
      crashBackoffMaxMs: config.maxContainerRestartPeriodMs,
      sandboxStarts: new Semaphore(config.parallelSandboxStarts),
    });
    const allocations = (this.#allocations = new AllocationManager({
      fileSystem,
      path: `${rootDirectory}/allocated_pods_state`,
      recorder,
      logger,
      pods: () => this.#workers.pods(),
      allocatable: () => this.#agent.allocatable,
    }));
    const lifecycle = (this.#lifecycle = new PodSyncer({
      allocations,
      runtime,
      state,
      records,
      kuberuntime,
      killer,
      probes,
      statuses,
      volumes,
      objects,
      tokens,
      cgroups,
      fileSystem,
      recorder,
      clock,
      podLogsDirectory,
      hostIps: () => host.ips(),
      downwardFacts: (podIps) => host.downwardFacts(podIps),
      admit: (pod) => this.#admitter.admit(pod),
      syncMirror: (pod, signal) => this.#mirrors.sync(pod, signal),
      wake: (uid) => this.#workers.wake(uid),
    }));
    this.#workers = new PodWorkers({
      lifecycle,
      clock,
      logger,
      tasks,
      onForget: (uid) => {
        this.#admitter.forget(uid);
        this.#places.forget(uid);
      },
    });
    this.#admitter = new PodAdmitter({
      nodeName,
      client,
      config,
      logger,
      host,
      node: () => this.#agent.node,
      isUnder: (pressure) => this.#evictions.isUnder(pressure),
      pods: () => this.#workers.pods(),
      phase: (uid) => this.#workers.phase(uid),
      isCondemned: (uid) => lifecycle.isCondemned(uid),
      end: (pod, verdict) => this.#endPod(pod, verdict),
    });
    this.#pleg = new Pleg({
      runtime,
      events: runtimeEvents,
      clock,
      logger,
      relistPeriodMs: config.relistPeriodMs,
      relistPeriodWithoutEventsMs: config.relistPeriodWithoutEventsMs,
      onChange: (uid) => {
        records.invalidate(uid);
        this.#workers.wake(uid);
      },
      onRelist: (found) => this.#terminateOrphans(found),
    });
    const stats = new StatsProvider({
      nodeName,
      runtime,
      images,
      ports,
      clock,
      logger,
      rootDirectory,
      podLogsDirectory,
      pods: () => this.#workers.pods(),
      driverUsage: async (uid, name) => this.#csi?.volumes.usage(uid, name),
      podRecord: (uid) => records.get(uid),
    });
    this.#logs = new ContainerLogManager({
      fileSystem,
      runtime,
      clock,
      logger,
      pods: () => this.#workers.pods(),
      podRecord: (uid) => records.get(uid),
      periodMs: config.containerLogMonitorMs,
      maxBytes: config.containerLogMaxBytes,
      maxFiles: config.containerLogMaxFiles,
    });
    this.#imageGc = new ImageGc({
      images,
      runtime,
      pods: () => this.#workers.pods(),
      clock,
      logger,
      imageFileSystem: () => stats.imageFileSystem(),
      highThresholdPercent: config.imageGcHighThresholdPercent,
      lowThresholdPercent: config.imageGcLowThresholdPercent,
      minAgeMs: config.imageMinimumGcAgeMs,
      maxAgeMs: config.imageMaximumGcAgeMs,
      isSandboxImage: ({ repoTags }) => repoTags.includes(config.sandboxImage),
    });
    this.#evictions = new EvictionManager({
      nodeName,
      ports,
      stats,
      clock,
      logger,
      recorder,
      rootDirectory,
      thresholds: evictionThresholds(config),
      periodMs: config.evictionPeriodMs,
      pressureTransitionMs: config.evictionPressureTransitionMs,
      maxPodGraceSeconds: config.evictionMaxPodGracePeriodSeconds,
      isCleanedUp: (uid) => (this.#workers.phase(uid) ?? "finished") === "finished",
      evictions: options.metrics.counter("kubelet_evictions", evictionsHelp, ["eviction_signal"]),
      pods: () => this.#workers.pods().filter(({ metadata }) => this.#workers.phase(metadata.uid) === "syncing"),
      podRecord: (uid) => records.get(uid),
      evict: (pod, { message, gracePeriodSeconds, isNodePressure }) => {
        const verdict = { reason: "Evicted", message, ...(isNodePressure ? { disruption: message } : {}) };
        this.#endPod(pod, verdict, gracePeriodSeconds);
      },
      reclaimDisk: async (signal) => {
        await this.#imageGc.removeUnused(signal);
      },
    });
    this.#agent = new NodeAgent({
      isUnder: (pressure) => this.#evictions.isUnder(pressure),
      volumesInUse: () => this.#csi?.volumes.volumesInUse() ?? [],
      nodeName,
      client,
      runtime,
      images,
      state,
      host: ports.host,
      clock,
      random,
      logger,
      recorder,
      config,
      problem: () => this.#pleg.problem(),
    });
    this.#mirrors = new MirrorPods({ client, logger, node: () => this.#agent.node });
    const places = (this.#places = new StaticPodPlaces({
      logger,
      tasks,
      mirrors: this.#mirrors,
      statuses,
      workers: this.#workers,
    }));
    this.#static = new StaticPods({
      nodeName,
      fileSystem,
      fetchManifest: ports.fetchManifest,
      clock,
      logger,
      path: config.staticPodPath,
      url: config.staticPodUrl,
      pathPeriodMs: config.fileCheckFrequencyMs,
      urlPeriodMs: config.httpCheckFrequencyMs,
      onAdd: (pod) => places.add(pod),
      onRemove: (uid) => places.remove(uid),
    });
    this.server = createKubeletServer({
      nodeName,
      runtime,
      ports,
      clock,
      records,
      pods: () => this.#workers.pods(),
      podRecord: (uid) => records.get(uid),
      status: (uid) => statuses.get(uid),
      metrics: options.metrics,
      probeMetrics,
      stats,
      config,
      problem: () => this.#pleg.problem(),
    });
  }

  node(): Node | undefined {
    return this.#agent.node;
  }

  async run(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#stopped.signal]);
    try {
      await this.#start(either);
      await new Promise<void>((resolve) => {
        if (either.aborted) resolve();
        else either.addEventListener("abort", () => resolve(), { once: true });
      });
    } catch (error) {
      if (!either.aborted) throw error;
    } finally {
      await this.#tasks[Symbol.asyncDispose]();
    }
    if (this.#failure) throw this.#failure.error;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { informers, ports } = this.#options;
    const { rootDirectory, podLogsDirectory } = this.#config;
    await ports.fileSystem.makeDirectory(`${rootDirectory}/pods`, 0o750);
    await ports.fileSystem.makeDirectory(podLogsDirectory, 0o755);
    await this.#allocations.load();
    await this.#csi?.volumes.recover();
    await this.#limitPods(await this.#host.facts());
    await this.#state.refresh(signal);
    this.#tasks.spawn((own) => this.#agent.run(AbortSignal.any([own, signal])));
    informers.start();
    this.#tasks.spawn((own) => this.#runPods(AbortSignal.any([own, signal])));
  }

  /** Holds all pods together to what the node leaves them. Throws RangeError when it leaves less than nothing. */
  async #limitPods(host: HostFacts): Promise<void> {
    const { ports, recorder, logger, nodeName: name } = this.#options;
    const node = { apiVersion: "v1", kind: "Node", metadata: { name, uid: name } };
    const reserved = reservedPids(this.#config);
    const pids = reserved > 0 ? (await ports.host.usage()).pids : undefined;
    const limits = podsTogether(host, this.#config);
    try {
      await ports.cgroups.limitPods(pids ? { ...limits, pidsLimit: Math.max(1, pids.max - reserved) } : limits);
      if (limits.memoryLimitInBytes !== undefined) {
        recorder.event(node, "Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods");
      }
    } catch (error) {
      const message = `Failed to update Node Allocatable Limits: ${errorText(error)}`;
      logger.error("Failed to update node allocatable limits", { error });
      recorder.event(node, "Warning", "FailedNodeAllocatableEnforcement", message);
    }
  }

  /** What the node runs on its own account needs no API server. */
  async #runPods(signal: AbortSignal): Promise<void> {
    await this.#static.start();
    await Promise.all([
      this.#pleg.run(signal),
      this.#static.run(signal),
      this.#runApiPods(signal),
      this.#evictions.run(signal),
      this.#imageGc.run(signal),
      this.#logs.run(signal),
      this.#csi?.run(signal),
    ]);
  }

  async #runApiPods(signal: AbortSignal): Promise<void> {
    await this.#options.informers.waitForSync(signal);
    const removeHandler = this.#podInformer.addEventHandler({
      onAdd: (pod) => this.#onPod(pod),
      onUpdate: (previous, pod) => {
        if (previous.metadata.uid !== pod.metadata.uid) this.#onPodGone(previous);
        this.#onPod(pod);
      },
      onDelete: (pod) => this.#onPodGone(pod),
    });
    // Nothing of the runtime may be called an orphan before all of the node's pods are known.
    this.#knowsAllPods = true;
    try {
      await this.#housekeep(signal);
    } finally {
      removeHandler();
    }
  }

  #onPod(pod: Pod): void {
    if (isMirrorPod(pod)) {
      this.#places.observeMirror(pod);
      return;
    }
    this.#workers.update(pod);
    this.#statuses.observe(pod);
  }

  /** The node ends a pod for this reason; without a grace period the pod's own counts. */
  #endPod(pod: Pod, verdict: PodVerdict, gracePeriodSeconds?: number): void {
    const { uid } = pod.metadata;
    this.#options.recorder.event(pod, "Warning", verdict.reason, verdict.message);
    this.#lifecycle.condemn(uid, verdict);
    this.#workers.end(uid, gracePeriodSeconds);
  }

  #onPodGone(pod: Pod): void {
    if (isMirrorPod(pod)) this.#places.forgetMirror(pod);
    else this.#workers.remove(pod.metadata.uid);
  }

  #terminateOrphans(found: readonly RuntimePod[]): void {
    if (!this.#knowsAllPods) return;
    for (const { uid, name, namespace } of found) {
      if (!this.#workers.has(uid)) this.#workers.addOrphan(orphanPod(uid, name, namespace));
    }
  }

  /** Once a period: pods with content from the API are looked at, and what dead pods left behind is removed. */
  async #housekeep(signal: AbortSignal): Promise<void> {
    const { clock, logger, ports } = this.#options;
    while (!signal.aborted) {
      try {
        for (const uid of await this.#volumes.listPods()) {
          if (!this.#workers.has(uid)) await this.#volumes.tearDown(uid);
        }
        await this.#csi?.volumes.sweep();
        for (const uid of await ports.cgroups.listPods()) {
          if (!this.#workers.has(uid)) await ports.cgroups.removePod(uid);
        }
      } catch (error) {
        logger.warn("Failed cleaning up orphaned pods", { error });
      }
      await removeReleased(this.#config.localPathDirectory, this.#options);
      await sleep(clock, this.#config.syncPeriodMs, signal);
      for (const pod of this.#workers.pods()) {
        const { uid } = pod.metadata;
        if (this.#workers.phase(uid) === "syncing" && this.#volumes.hasLiveVolumes(pod)) this.#workers.wake(uid);
      }
    }
  }
}

/** As much of a pod as its labels in the runtime tell; enough to end it. */
function orphanPod(uid: string, name: string, namespace: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, uid, resourceVersion: "0", creationTimestamp: "1970-01-01T00:00:00Z" },
    spec: { containers: [] },
    status: {},
  };
}
