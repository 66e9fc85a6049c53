import type { Taint } from "../api/core/v1/types.gen.ts";

/** The word of `enforceNodeAllocatable` for a limit on all pods together. */
export const nodeAllocatableEnforcement = "pods";

/** Upstream's `evictionHard`. */
export const defaultEvictionHard: Readonly<Record<string, string>> = {
  "memory.available": "100Mi",
  "nodefs.available": "10%",
  "nodefs.inodesFree": "5%",
  "imagefs.available": "15%",
  "imagefs.inodesFree": "5%",
};

export interface KubeletConfig {
  /** Addresses of the cluster's DNS; pods get the node's resolver without one. */
  readonly clusterDns?: readonly string[];
  /** `cluster.local` unless given. */
  readonly clusterDomain?: string;
  /** Holds `pods/`. `/var/lib/kubelet` unless given. */
  readonly rootDirectory?: string;
  /**
   * Where the volumes of the class `local-path` are kept. Directories in it whose volume is gone are removed, so it must be
   * this cluster's alone. Nothing is removed unless given.
   */
  readonly localPathDirectory?: string;
  /** `/var/log/pods` unless given. */
  readonly podLogsDirectory?: string;
  /** What `/logs/` serves; `/var/log` unless given. */
  readonly nodeLogsDirectory?: string;
  /** 110 unless given. */
  readonly maxPods?: number;
  /** Sandboxes started at a time; 8 unless given. 2 to 4 per core keeps a machine busy without choking it. */
  readonly parallelSandboxStarts?: number;
  /** 5 unless given. */
  readonly parallelImagePulls?: number;
  /** The port other components reach the kubelet's server at; 10250 unless given. */
  readonly port?: number;
  readonly nodeLabels?: Readonly<Record<string, string>>;
  readonly nodeAnnotations?: Readonly<Record<string, string>>;
  readonly registerWithTaints?: readonly Taint[];
  readonly providerId?: string;
  readonly kubeletVersion?: string;
  /** 5 s and 1 s unless given; a simulated runtime, whose events cannot get lost, may be looked at more rarely. */
  readonly relistPeriodMs?: number;
  readonly relistPeriodWithoutEventsMs?: number;
  /**
   * How often pods with content from the API are looked at; 20 s unless given.
   *
   * Differs from upstream, where it is a minute: only pods with such content are looked at, so it costs less.
   */
  readonly syncPeriodMs?: number;
  /** 10 s unless given. */
  readonly nodeStatusUpdateMs?: number;
  /** 5 min unless given. */
  readonly nodeStatusReportMs?: number;
  /** 40 unless given. */
  readonly nodeLeaseDurationSeconds?: number;
  /** Quantities by resource, kept from pods for the system and for the cluster's own programs. Nothing unless given. */
  readonly systemReserved?: Readonly<Record<string, string>>;
  readonly kubeReserved?: Readonly<Record<string, string>>;
  /** What is held to its limit by a control group: `pods`, or `none`. `pods` unless given. */
  readonly enforceNodeAllocatable?: readonly string[];
  /** Processes a pod may have; unlimited unless given, and when negative. */
  readonly podPidsLimit?: number;
  /** As many pods a core, `maxPods` at most; 0, which is no limit, unless given. */
  readonly podsPerCore?: number;
  /** Upstream's `evictionHard`: below which a signal makes the node end pods at once. Upstream's values unless given. */
  readonly evictionHard?: Readonly<Record<string, string>>;
  /** The same after a while, and with grace for the pods. None unless given. */
  readonly evictionSoft?: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriodMs?: Readonly<Record<string, number>>;
  /** The most grace a pod gets when a soft threshold is why; 0 unless given. */
  readonly evictionMaxPodGracePeriodSeconds?: number;
  /** How far beyond its threshold a signal has to be before it counts as resolved. Nothing unless given. */
  readonly evictionMinimumReclaim?: Readonly<Record<string, string>>;
  /** How often the node's memory and disk are looked at; 10 s unless given. */
  readonly evictionPeriodMs?: number;
  /** How long a pressure is told after it was last seen; 5 min unless given. */
  readonly evictionPressureTransitionMs?: number;
  /** Percent of the disk in use from which unused images are removed, and down to which; 85 and 80 unless given. */
  readonly imageGcHighThresholdPercent?: number;
  readonly imageGcLowThresholdPercent?: number;
  /** An unused image is kept so long; 2 min unless given. */
  readonly imageMinimumGcAgeMs?: number;
  /** An image nobody has used for so long goes, full disk or not; 0, which is never, unless given. */
  readonly imageMaximumGcAgeMs?: number;
  /** Whether containers that name no seccomp profile get the runtime's; they are unconfined unless given. */
  readonly seccompDefault?: boolean;
  /** The reference of the sandbox's image, which no container shows and the kubelet must keep; none unless given. */
  readonly sandboxImage?: string;
  /** From which size a container's log is put aside and how many files are kept of it; 10 Mi and 5 unless given. */
  readonly containerLogMaxBytes?: number;
  readonly containerLogMaxFiles?: number;
  /** How often logs are looked at; 10 s unless given. */
  readonly containerLogMonitorMs?: number;
  /** Under which identity streaming connections to the runtime are made; "cri" unless given. */
  readonly streamingIdentity?: string;
  /** A file, or a directory whose files hold one Pod each, that this node runs by itself. None unless given. */
  readonly staticPodPath?: string;
  /** An address that serves such a Pod or a list of them. None unless given. */
  readonly staticPodUrl?: string;
  /** 2 s and 20 s unless given. */
  readonly fileCheckFrequencyMs?: number;
  readonly httpCheckFrequencyMs?: number;
  /** Kernel parameters pods may set beside the safe ones; patterns may end in `*`. None unless given. */
  readonly allowedUnsafeSysctls?: readonly string[];
  /** As many images are told of the node, -1 for all; 50 unless given. */
  readonly nodeStatusMaxImages?: number;
  /** The longest pause before a crashed container is started again; 5 min unless given. */
  readonly maxContainerRestartPeriodMs?: number;
  /** What `/configz` answers: a whole KubeletConfiguration. One made from what is given here, unless given. */
  readonly configuration?: Readonly<Record<string, unknown>>;
}

export type ResolvedConfig = Required<KubeletConfig>;

export function resolveConfig(config: KubeletConfig): ResolvedConfig {
  return {
    clusterDns: config.clusterDns ?? [],
    clusterDomain: config.clusterDomain ?? "cluster.local",
    rootDirectory: config.rootDirectory ?? "/var/lib/kubelet",
    localPathDirectory: config.localPathDirectory ?? "",
    podLogsDirectory: config.podLogsDirectory ?? "/var/log/pods",
    nodeLogsDirectory: config.nodeLogsDirectory ?? "/var/log",
    maxPods: config.maxPods ?? 110,
    parallelSandboxStarts: config.parallelSandboxStarts ?? 8,
    parallelImagePulls: config.parallelImagePulls ?? 5,
    port: config.port ?? 10_250,
    nodeLabels: config.nodeLabels ?? {},
    nodeAnnotations: config.nodeAnnotations ?? {},
    registerWithTaints: config.registerWithTaints ?? [],
    providerId: config.providerId ?? "",
    kubeletVersion: config.kubeletVersion ?? "v1.36.0",
    relistPeriodMs: config.relistPeriodMs ?? 5_000,
    relistPeriodWithoutEventsMs: config.relistPeriodWithoutEventsMs ?? 1_000,
    syncPeriodMs: config.syncPeriodMs ?? 20_000,
    nodeStatusUpdateMs: config.nodeStatusUpdateMs ?? 10_000,
    nodeStatusReportMs: config.nodeStatusReportMs ?? 300_000,
    nodeLeaseDurationSeconds: config.nodeLeaseDurationSeconds ?? 40,
    systemReserved: config.systemReserved ?? {},
    kubeReserved: config.kubeReserved ?? {},
    enforceNodeAllocatable: config.enforceNodeAllocatable ?? [nodeAllocatableEnforcement],
    podPidsLimit: config.podPidsLimit ?? -1,
    podsPerCore: config.podsPerCore ?? 0,
    evictionHard: config.evictionHard ?? defaultEvictionHard,
    evictionSoft: config.evictionSoft ?? {},
    evictionSoftGracePeriodMs: config.evictionSoftGracePeriodMs ?? {},
    evictionMaxPodGracePeriodSeconds: config.evictionMaxPodGracePeriodSeconds ?? 0,
    evictionMinimumReclaim: config.evictionMinimumReclaim ?? {},
    evictionPeriodMs: config.evictionPeriodMs ?? 10_000,
    evictionPressureTransitionMs: config.evictionPressureTransitionMs ?? 300_000,
    imageGcHighThresholdPercent: config.imageGcHighThresholdPercent ?? 85,
    imageGcLowThresholdPercent: config.imageGcLowThresholdPercent ?? 80,
    imageMinimumGcAgeMs: config.imageMinimumGcAgeMs ?? 120_000,
    imageMaximumGcAgeMs: config.imageMaximumGcAgeMs ?? 0,
    seccompDefault: config.seccompDefault ?? false,
    sandboxImage: config.sandboxImage ?? "",
    containerLogMaxBytes: config.containerLogMaxBytes ?? 10 * 1024 * 1024,
    containerLogMaxFiles: config.containerLogMaxFiles ?? 5,
    containerLogMonitorMs: config.containerLogMonitorMs ?? 10_000,
    streamingIdentity: config.streamingIdentity ?? "cri",
    staticPodPath: config.staticPodPath ?? "",
    staticPodUrl: config.staticPodUrl ?? "",
    fileCheckFrequencyMs: config.fileCheckFrequencyMs ?? 2_000,
    httpCheckFrequencyMs: config.httpCheckFrequencyMs ?? 20_000,
    allowedUnsafeSysctls: config.allowedUnsafeSysctls ?? [],
    nodeStatusMaxImages: config.nodeStatusMaxImages ?? 50,
    maxContainerRestartPeriodMs: config.maxContainerRestartPeriodMs ?? 300_000,
    configuration: config.configuration ?? {},
  };
}
