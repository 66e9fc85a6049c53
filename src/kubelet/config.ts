import type { Taint } from "../api/core/v1/types.gen.ts";

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
  /** Memory kept from pods: the hard eviction threshold, 100 Mi unless given. */
  readonly memoryReservedBytes?: number;
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
    memoryReservedBytes: config.memoryReservedBytes ?? 100 * 1024 * 1024,
    streamingIdentity: config.streamingIdentity ?? "cri",
    staticPodPath: config.staticPodPath ?? "",
    staticPodUrl: config.staticPodUrl ?? "",
    fileCheckFrequencyMs: config.fileCheckFrequencyMs ?? 2_000,
    httpCheckFrequencyMs: config.httpCheckFrequencyMs ?? 20_000,
    allowedUnsafeSysctls: config.allowedUnsafeSysctls ?? [],
  };
}
