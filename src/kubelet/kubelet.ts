import type { Node, Pod, Service } from "../api/core/v1/types.gen.ts";
import { csiDrivers, nodes, pods, runtimeClasses, services } from "../api/resources.gen.ts";
import { isNotFound } from "../apimachinery/errors/status-error.ts";
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
import { isCriticalPod, isMirrorPod, isStaticPod, podKey } from "./api/pods.ts";
import { MirrorPods } from "./config/mirror-pods.ts";
import { ObjectStore } from "./config/object-store.ts";
import { StaticPods } from "./config/static-pods.ts";
import { latestContainer, readPodRecord } from "./container/pod-record.ts";
import type { DownwardFacts } from "./environment/downward-api.ts";
import { makeEnvironment, servicesFor } from "./environment/environment.ts";
import { CredentialStore } from "./images/credentials.ts";
import { EvictionManager } from "./eviction/eviction-manager.ts";
import { evictionThresholds, pressures } from "./eviction/thresholds.ts";
import { ImageGc } from "./images/image-gc.ts";
import { ImageManager } from "./images/image-manager.ts";
import { CsiNodeObject } from "./csi/csi-node-object.ts";
import { CsiVolumes } from "./csi/csi-volumes.ts";
import { PluginManager } from "./csi/plugin-manager.ts";
import { ContainerLogManager } from "./logs/container-log-manager.ts";
import { ContainerKiller } from "./kuberuntime/container-killer.ts";
import { KuberuntimeManager, type RuntimeHelper } from "./kuberuntime/kuberuntime-manager.ts";
import { Semaphore } from "./kuberuntime/semaphore.ts";
import { HandlerRunner } from "./lifecycle/handler-runner.ts";
import { lacksClusterDns, podDnsConfig } from "./network/dns.ts";
import { podHostName } from "./network/host-name.ts";
import {
  type AdmissionInput,
  failedPredicate,
  lacks,
  pressureRejection,
  type Rejection,
  rejection,
} from "./lifecycle/pod-admission.ts";
import { podsToPreempt } from "./lifecycle/preemption.ts";
import { NodeAgent } from "./nodestatus/node-agent.ts";
import { nodeResources, podsTogether, reservedPids } from "./nodestatus/node-allocatable.ts";
import { unregisteredNode } from "./nodestatus/node-object.ts";
import { RuntimeState } from "./nodestatus/runtime-state.ts";
import { Pleg, type RuntimePod } from "./pleg/pleg.ts";
import { PodRecordCache } from "./pleg/pod-record-cache.ts";
import { ensurePodCgroup, PodSyncer, widenPodCgroup } from "./pod-syncer.ts";
import { PodWorkers } from "./pod-workers.ts";
import type { CsiPort, HostFacts, KubeletPorts } from "./ports.ts";
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

// How soon the API is asked again for what drivers need there.
const pluginRetryMs = 1_000;

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
  /** The static pod of each name, and the one that waits for it to end. */
  readonly #staticByKey = new Map<string, { readonly pod: Pod; next: Pod | undefined }>();
  readonly #csi: CsiParts | undefined;
  readonly #agent: NodeAgent;
  readonly #pleg: Pleg;
  readonly #allocations: AllocationManager;
  readonly #evictions: EvictionManager;
  readonly #imageGc: ImageGc;
  readonly #logs: ContainerLogManager;
  readonly #stopped = new AbortController();
  #knowsAllPods = false;
  /** The pods that hold something of the node, by uid. */
  readonly #admitted = new Set<string>();
  #host: HostFacts | undefined;
  #hostIps: readonly string[] | undefined;
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
    this.#csi = ports.csi && this.#createCsi(ports.csi, options.informers, tasks.signal);
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
        return found && { record: found, podIp: record.ips[0] ?? (await this.#nodeIps())[0] ?? "" };
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
      helper: this.#runtimeHelper(objects),
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
      hostIps: () => this.#nodeIps(),
      downwardFacts: (podIps) => this.#downwardFacts(podIps),
      admit: (pod) => this.#admit(pod),
      syncMirror: (pod, signal) => this.#mirrors.sync(pod, signal),
      wake: (uid) => this.#workers.wake(uid),
    }));
    this.#workers = new PodWorkers({
      lifecycle,
      clock,
      logger,
      tasks,
      onForget: (uid) => this.#onForget(uid),
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
      onAdd: (pod) => this.#addStatic(pod),
      onRemove: (uid) => this.#removeStatic(uid),
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
    this.#host = await ports.host.facts();
    await this.#limitPods(this.#host);
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
      this.#runPlugins(signal),
    ]);
  }

  /** Storage drivers are told of in the API, and so wait for the node to be there. */
  async #runPlugins(signal: AbortSignal): Promise<void> {
    if (!this.#csi) return;
    const { clock, logger } = this.#options;
    for (;;) {
      try {
        await this.#csi.node.ensure();
        break;
      } catch (error) {
        if (signal.aborted) return;
        logger.debug("the CSINode could not be created yet", { error });
        await sleep(clock, pluginRetryMs, signal);
      }
    }
    await this.#csi.plugins.run(signal);
  }

  #createCsi(port: CsiPort, informers: InformerFactory, signal: AbortSignal): CsiParts {
    const { client, clock, logger, recorder, nodeName, ports } = this.#options;
    const { rootDirectory } = this.#config;
    const { fileSystem, mounter } = ports;
    const driverObjects = informers.for(csiDrivers);
    const node = new CsiNodeObject(client, nodeName, signal);
    const directory = `${rootDirectory}/plugins_registry`;
    const plugins = new PluginManager({ port, fileSystem, clock, logger, node, directory });
    const volumes = new CsiVolumes({
      signal,
      fileSystem,
      mounter,
      client,
      clock,
      logger,
      recorder,
      nodeName,
      rootDirectory,
      driver: (name) => plugins.driver(name),
      driverObject: (name) => driverObjects.lister.getByKey(name),
      reportInUse: (running) => this.#agent.reportNow(running),
      volumesAttached: async (running) => {
        const { status } = await client.resource(nodes).get(nodeName, { signal: running });
        return (status?.volumesAttached ?? []).map(({ name }) => name);
      },
    });
    return { plugins, volumes, node };
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
      this.#onMirror(pod);
      return;
    }
    this.#workers.update(pod);
    this.#statuses.observe(pod);
  }

  /** No pod is looked at twice, and none that was started by an earlier kubelet. */
  async #admit(pod: Pod): Promise<Rejection | undefined> {
    const { uid } = pod.metadata;
    if (this.#admitted.has(uid)) return undefined;
    if (pod.status.startTime === undefined) {
      const pressed = pressureRejection(
        pod,
        pressures.filter((pressure) => this.#evictions.isUnder(pressure)),
      );
      if (pressed) return pressed;
      const { nodeName, ports } = this.#options;
      const host = (this.#host ??= await ports.host.facts());
      const known = this.#agent.node ?? unregisteredNode(nodeName, host, await ports.host.addresses(), this.#config);
      let input = this.#admissionInput(known, host);
      let refusal = rejection(pod, input);
      if (refusal) {
        // It may be here because of what changed of the node since.
        const current = await this.#currentNode(known);
        input = this.#admissionInput(current, host);
        refusal = rejection(pod, input);
      }
      if (refusal) return lacks(pod, input).length > 0 && isCriticalPod(pod) ? this.#makeRoom(pod, input) : refusal;
    }
    // No await since the last look: two pods must not be given the same.
    this.#admitted.add(uid);
    return undefined;
  }

  #admissionInput(node: Node, { kernelVersion }: HostFacts): AdmissionInput {
    const others = this.#workers.pods().filter((other) => this.#holdsNode(other));
    return { node, others, kernelVersion, allowedUnsafeSysctls: this.#config.allowedUnsafeSysctls };
  }

  /** As the API has it now; `known` while nobody answers. */
  async #currentNode(known: Node): Promise<Node> {
    const { client, nodeName, logger } = this.#options;
    try {
      return await client.resource(nodes).get(nodeName);
    } catch (error) {
      logger.warn("Failed to synchronously fetch node info", { node: nodeName, error });
      return known;
    }
  }

  /**
   * A critical pod is not refused for want of resources: others are ended for it. Throws while they end, so that the pod is
   * looked at again.
   */
  #makeRoom(pod: Pod, input: AdmissionInput): Rejection | undefined {
    const failed = failedPredicate(pod, input);
    if (failed) return failed;
    const others = input.others.filter((other) => !this.#lifecycle.isCondemned(other.metadata.uid));
    const missing = lacks(pod, { ...input, others });
    const victims = podsToPreempt(pod, others, missing);
    if (!victims) {
      const wanted = missing.map((l) => `(res: ${l.name}, q: ${l.requested - (l.capacity - l.used)}), `).join("");
      const cause = `preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${wanted}]`;
      return {
        reason: "UnexpectedAdmissionError",
        message: `Unexpected error while attempting to recover from admission failure: ${cause}`,
      };
    }
    for (const victim of victims) this.#endPod(victim, preempted);
    throw new Error("waiting for preempted pods to end");
  }

  /** The node ends a pod for this reason; without a grace period the pod's own counts. */
  #endPod(pod: Pod, verdict: PodVerdict, gracePeriodSeconds?: number): void {
    const { uid } = pod.metadata;
    this.#options.recorder.event(pod, "Warning", verdict.reason, verdict.message);
    this.#lifecycle.condemn(uid, verdict);
    this.#workers.end(uid, gracePeriodSeconds);
  }

  #holdsNode({ metadata: { uid } }: Pod): boolean {
    const phase = this.#workers.phase(uid);
    return this.#admitted.has(uid) && (phase === "syncing" || phase === "terminating");
  }

  #onPodGone(pod: Pod): void {
    if (!isMirrorPod(pod)) {
      this.#workers.remove(pod.metadata.uid);
      return;
    }
    this.#mirrors.forget(pod);
    const found = this.#staticByKey.get(podKey(pod));
    if (found) this.#workers.wake(found.pod.metadata.uid);
  }

  #onMirror(mirror: Pod): void {
    this.#mirrors.observe(mirror);
    const found = this.#staticByKey.get(podKey(mirror));
    if (!found) this.#deleteMirror(mirror);
    else if (this.#mirrors.of(found.pod)) this.#statuses.observe(mirror, found.pod.metadata.uid);
    else this.#workers.wake(found.pod.metadata.uid);
  }

  /** Of a pod that is no more. */
  #deleteMirror(mirror: Pod): void {
    const { logger } = this.#options;
    this.#tasks.spawn(async (signal) => {
      try {
        await this.#mirrors.delete(mirror, signal);
      } catch (error) {
        if (!signal.aborted) logger.warn("Failed deleting a mirror pod", { pod: podKey(mirror), error });
      }
    });
  }

  /** A pod in the place of another waits until nothing is left of that. */
  #addStatic(pod: Pod): void {
    const before = this.#staticByKey.get(podKey(pod));
    if (before) before.next = pod;
    else {
      this.#staticByKey.set(podKey(pod), { pod, next: undefined });
      this.#workers.update(pod);
    }
  }

  #removeStatic(uid: string): void {
    for (const entry of this.#staticByKey.values()) {
      if (entry.next?.metadata.uid === uid) entry.next = undefined;
      if (entry.pod.metadata.uid === uid) this.#workers.remove(uid);
    }
  }

  #onForget(uid: string): void {
    this.#admitted.delete(uid);
    for (const [key, { pod, next }] of this.#staticByKey) {
      if (pod.metadata.uid !== uid) continue;
      this.#staticByKey.delete(key);
      const mirror = this.#mirrors.of(pod);
      if (mirror) this.#deleteMirror(mirror);
      if (next) this.#addStatic(next);
    }
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

  #runtimeHelper(objects: ObjectStore): RuntimeHelper {
    const { ports, recorder, client } = this.#options;
    const { clusterDns, clusterDomain, podPidsLimit } = this.#config;
    return {
      dnsConfig: async (pod) => {
        const settings = { clusterDns, clusterDomain, host: await ports.host.resolvConf() };
        if (lacksClusterDns(pod, settings)) {
          const policy = pod.spec.dnsPolicy ?? "ClusterFirst";
          const message = `pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})". kubelet does not have ClusterDNS IP configured and cannot create Pod using "${policy}" policy. Falling back to "Default" policy.`;
          recorder.event(pod, "Warning", "MissingClusterDNS", message);
        }
        return podDnsConfig(pod, settings);
      },
      hostname: (pod) => podHostName(pod, clusterDomain).hostname,
      cgroupParent: (pod) => ensurePodCgroup(ports.cgroups, pod, podPidsLimit),
      resizeCgroup: async (pod, isUnderWay) => {
        if (isUnderWay) await widenPodCgroup(ports.cgroups, pod, this.#allocations.former(pod), podPidsLimit);
        else await ensurePodCgroup(ports.cgroups, pod, podPidsLimit);
      },
      environment: async (pod, container, podIps) => {
        if (!this.#serviceInformer.hasSynced() && !isStaticPod(pod)) {
          throw new Error("services have not yet been read at least once, cannot construct envvars");
        }
        const list = (namespace: string): readonly Service[] => this.#serviceInformer.lister.list(namespace);
        const facts = await this.#downwardFacts(podIps);
        return makeEnvironment(pod, container, {
          objects,
          facts,
          services: servicesFor(pod, list),
          volumeFile: (volumeName, path) => this.#volumes.readFile(pod, volumeName, path),
        });
      },
      devices: (pod, container) => this.#volumes.devicesFor(pod, container),
      mounts: (pod, container, input) => {
        const canMountRecursiveReadOnly = this.#state.canMountRecursiveReadOnly(pod);
        return this.#volumes.mountsFor(pod, container, { ...input, canMountRecursiveReadOnly });
      },
      memoryCapacityBytes: () => this.#host?.memoryBytes ?? 0,
      // Differs from upstream: the class is read when a sandbox is made, instead of being watched.
      runtimeHandler: async ({ spec: { runtimeClassName } }) => {
        if (!runtimeClassName) return "";
        try {
          return (await client.resource(runtimeClasses).get(runtimeClassName)).handler;
        } catch (error) {
          if (!isNotFound(error)) throw error;
          throw new Error(`runtimeclass.node.k8s.io "${runtimeClassName}" not found`, { cause: error });
        }
      },
    };
  }

  async #downwardFacts(podIps: readonly string[]): Promise<DownwardFacts> {
    const host = (this.#host ??= await this.#options.ports.host.facts());
    const hostIps = await this.#nodeIps();
    return {
      podIps: podIps.length > 0 ? podIps : hostIps,
      hostIps,
      allocatable: nodeResources(host, this.#config).allocatable,
    };
  }

  async #nodeIps(): Promise<readonly string[]> {
    if (!this.#hostIps || this.#hostIps.length === 0) {
      const addresses = await this.#options.ports.host.addresses();
      this.#hostIps = addresses.filter((a) => a.type === "InternalIP").map((a) => a.address);
    }
    return this.#hostIps;
  }
}

interface CsiParts {
  readonly plugins: PluginManager;
  readonly volumes: CsiVolumes;
  readonly node: CsiNodeObject;
}

const preempted: PodVerdict = {
  reason: "Preempting",
  message: "Preempted in order to admit critical pod",
  disruption: "Pod was preempted by Kubelet to accommodate a critical pod.",
};

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
