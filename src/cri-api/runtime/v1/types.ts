/**
 * Messages of the Container Runtime Interface, v1, as plain data. Field names are the protocol's in camel case.
 *
 * Differs from upstream:
 * - Points in time are milliseconds since the Unix epoch (`…AtMs`, `timestampMs`, 0 = never) instead of nanoseconds,
 *   which do not fit a number; whoever speaks the protocol converts at that edge.
 * - 64-bit counts (bytes, nanoseconds of CPU) are numbers: exact up to 2^53.
 * - Enums are string unions, wrappers (`Int64Value`) are optional fields, and an absent field means the protocol's zero.
 */

export type Labels = Readonly<Record<string, string>>;

export interface VersionResponse {
  /** Of the kubelet runtime API: `0.1.0`. */
  readonly version: string;
  /** For example `containerd`. */
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly runtimeApiVersion: string;
}

export interface RuntimeCondition {
  /** `RuntimeReady`, `NetworkReady`, or a runtime's own. */
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** One way to run containers, and what it can do. */
export interface RuntimeHandler {
  /** Empty for the default. */
  readonly name: string;
  readonly features?: { readonly recursiveReadOnlyMounts?: boolean; readonly userNamespaces?: boolean };
}

export interface RuntimeStatus {
  readonly conditions: readonly RuntimeCondition[];
  /** Absent or empty where the runtime does not tell. */
  readonly handlers?: readonly RuntimeHandler[];
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp?: string;
}

export type MountPropagation = "private" | "hostToContainer" | "bidirectional";

export interface Mount {
  readonly containerPath: string;
  /** Empty when an image is mounted. */
  readonly hostPath: string;
  readonly readonly?: boolean;
  /** Read only with everything mounted below it; needs `readonly` and a runtime handler that can. */
  readonly recursiveReadOnly?: boolean;
  readonly selinuxRelabel?: boolean;
  readonly propagation?: MountPropagation;
  /** Mounts an image that is on the node, read only, in place of `hostPath`. */
  readonly image?: ImageSpec;
  /** The part of the image that is mounted; the whole unless given. */
  readonly imageSubPath?: string;
}

export type NamespaceMode = "pod" | "container" | "node" | "target";

export interface NamespaceOption {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  /** The container whose pid namespace is joined when `pid` is `target`. */
  readonly targetId?: string;
}

export interface SecurityProfile {
  readonly profileType: "runtimeDefault" | "unconfined" | "localhost";
  readonly localhostRef?: string;
}

export interface LinuxSandboxSecurityContext {
  readonly namespaceOptions: NamespaceOption;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly readonlyRootfs?: boolean;
  readonly supplementalGroups?: readonly number[];
  readonly privileged?: boolean;
  readonly seccomp?: SecurityProfile;
  readonly apparmor?: SecurityProfile;
}

export interface LinuxPodSandboxConfig {
  readonly cgroupParent?: string;
  readonly securityContext: LinuxSandboxSecurityContext;
  readonly sysctls?: Labels;
  readonly overhead?: LinuxContainerResources;
  readonly resources?: LinuxContainerResources;
}

export interface PodSandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  /** Counts the sandboxes made for one pod; name, namespace, uid and attempt together are unique. */
  readonly attempt: number;
}

export interface PodSandboxConfig {
  readonly metadata: PodSandboxMetadata;
  /** Empty for pods in the host's network. */
  readonly hostname: string;
  /** Container log paths are relative to it. */
  readonly logDirectory: string;
  readonly dnsConfig?: DnsConfig;
  readonly portMappings: readonly PortMapping[];
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly linux: LinuxPodSandboxConfig;
}

export type PodSandboxState = "ready" | "notReady";

export interface PodSandbox {
  readonly id: string;
  readonly metadata: PodSandboxMetadata;
  readonly state: PodSandboxState;
  readonly createdAtMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly runtimeHandler: string;
}

export interface PodSandboxStatus extends PodSandbox {
  /** Absent or with an empty `ip` for pods in the host's network. */
  readonly network?: { readonly ip: string; readonly additionalIps: readonly string[] };
  readonly namespaceOptions?: NamespaceOption;
}

export interface PodSandboxFilter {
  readonly id?: string;
  readonly state?: PodSandboxState;
  readonly labelSelector?: Labels;
}

export interface ImageSpec {
  /** A reference or an image id. */
  readonly image: string;
  readonly annotations?: Labels;
  /** What the pod asked for, when `image` was resolved from it. */
  readonly userSpecifiedImage?: string;
}

export interface LinuxContainerResources {
  /** Microseconds. */
  readonly cpuPeriod?: number;
  /** Microseconds a period; -1 is no limit. */
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitInBytes?: number;
  readonly oomScoreAdj?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly unified?: Labels;
  readonly memorySwapLimitInBytes?: number;
}

export interface Capability {
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
}

export interface LinuxContainerSecurityContext {
  readonly capabilities?: Capability;
  readonly privileged?: boolean;
  readonly namespaceOptions: NamespaceOption;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsUsername?: string;
  readonly readonlyRootfs?: boolean;
  readonly supplementalGroups?: readonly number[];
  readonly noNewPrivs?: boolean;
  /** Absent means the protocol's empty list: nothing is masked. */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly seccomp?: SecurityProfile;
  readonly apparmor?: SecurityProfile;
}

export interface LinuxContainerConfig {
  readonly resources: LinuxContainerResources;
  readonly securityContext: LinuxContainerSecurityContext;
}

export interface ContainerMetadata {
  readonly name: string;
  /** The restart count the container was created with. */
  readonly attempt: number;
}

export interface Device {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly permissions: string;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface ContainerConfig {
  readonly metadata: ContainerMetadata;
  readonly image: ImageSpec;
  /** Replaces the image's entrypoint when not empty. */
  readonly command: readonly string[];
  /** Replaces the image's arguments when not empty. */
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly KeyValue[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Relative to the sandbox's log directory. The directory must exist before the container is started. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly linux: LinuxContainerConfig;
}

export type ContainerState = "created" | "running" | "exited" | "unknown";

export interface Container {
  readonly id: string;
  readonly podSandboxId: string;
  readonly metadata: ContainerMetadata;
  readonly image: ImageSpec;
  readonly imageRef: string;
  readonly imageId?: string;
  readonly state: ContainerState;
  readonly createdAtMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export interface ContainerFilter {
  readonly id?: string;
  readonly state?: ContainerState;
  readonly podSandboxId?: string;
  readonly labelSelector?: Labels;
}

export interface ContainerStatus {
  readonly id: string;
  readonly metadata: ContainerMetadata;
  readonly state: ContainerState;
  readonly createdAtMs: number;
  /** 0 while never started. */
  readonly startedAtMs: number;
  /** 0 while not exited. */
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly image: ImageSpec;
  readonly imageRef: string;
  readonly imageId?: string;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`; says something only once `state` is `exited`. */
  readonly reason: string;
  readonly message: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly mounts: readonly Mount[];
  /** Absolute. */
  readonly logPath: string;
  readonly resources?: { readonly linux?: LinuxContainerResources };
  /** The identity the first process runs under, where the runtime tells. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
}

export interface ExecSyncResponse {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exitCode: number;
}

export interface ExecRequest {
  readonly containerId: string;
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface AttachRequest {
  readonly containerId: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface Image {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  /** The user the image asks for: a number, or a name when it is not numeric. */
  readonly uid?: number;
  readonly username?: string;
  /** Must not be removed by image garbage collection. */
  readonly pinned: boolean;
}

export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

export interface FilesystemUsage {
  readonly timestampMs: number;
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

export interface ImageFsInfo {
  readonly imageFilesystems: readonly FilesystemUsage[];
  readonly containerFilesystems: readonly FilesystemUsage[];
}

export interface CpuUsage {
  readonly timestampMs: number;
  readonly usageCoreNanoSeconds: number;
  readonly usageNanoCores?: number;
}

export interface MemoryUsage {
  readonly timestampMs: number;
  readonly workingSetBytes: number;
  readonly availableBytes?: number;
  readonly usageBytes?: number;
  readonly rssBytes?: number;
  readonly pageFaults?: number;
  readonly majorPageFaults?: number;
}

export interface ContainerStats {
  readonly id: string;
  readonly metadata: ContainerMetadata;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly writableLayer?: FilesystemUsage;
}

export interface ContainerStatsFilter {
  readonly id?: string;
  readonly podSandboxId?: string;
  readonly labelSelector?: Labels;
}
