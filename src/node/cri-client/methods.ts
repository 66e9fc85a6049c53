import type {
  AttachRequest,
  AuthConfig,
  Container,
  ContainerConfig,
  ContainerFilter,
  ContainerMetadata,
  ContainerStats,
  ContainerStatsFilter,
  ContainerStatus,
  ExecSyncResponse,
  FilesystemUsage,
  Image,
  ImageSpec,
  Labels,
  LinuxContainerResources,
  NamespaceOption,
  PodSandbox,
  PodSandboxConfig,
  PodSandboxFilter,
  PodSandboxStatus,
  RuntimeStatus,
  VersionResponse,
} from "../../cri-api/runtime/v1/types.ts";
import type { CriMethod } from "./cri-connection.ts";

// Reading is answered from the runtime's memory; changing things waits for the kernel; a sandbox waits for its network.
const readMs = 10_000;
const changeMs = 120_000;
const sandboxMs = 240_000;
// Long enough for a large image on a slow line. Upstream sets no deadline; a runtime that hangs must not hold a pod for ever.
const pullMs = 30 * 60_000;

/** The messages whose shape on the wire nests what `cri-api` has flat. */
export interface WirePodSandboxStatus extends Omit<PodSandboxStatus, "namespaceOptions"> {
  readonly linux?: { readonly namespaces?: { readonly options?: NamespaceOption } };
}
export interface WireContainerStatus extends Omit<ContainerStatus, "user"> {
  readonly user?: { readonly linux?: NonNullable<ContainerStatus["user"]> };
}
export interface WireContainerStats extends Omit<ContainerStats, "id" | "metadata" | "labels" | "annotations"> {
  readonly attributes: {
    readonly id: string;
    readonly metadata: ContainerMetadata;
    readonly labels: Labels;
    readonly annotations: Labels;
  };
}

interface SandboxId {
  readonly podSandboxId: string;
}
interface ContainerId {
  readonly containerId: string;
}
interface Url {
  readonly url: string;
}
type Empty = object;

function runtimeMethod<Request extends object, Response extends object>(
  name: string,
  timeoutMs: number,
): CriMethod<Request, Response> {
  return { service: "RuntimeService", name, timeoutMs };
}

function imageMethod<Request extends object, Response extends object>(
  name: string,
  timeoutMs: number,
): CriMethod<Request, Response> {
  return { service: "ImageService", name, timeoutMs };
}

/** Every method of the protocol in use, with its deadline. */
export const methods = {
  version: runtimeMethod<Empty, VersionResponse>("Version", readMs),
  status: runtimeMethod<
    { readonly verbose?: boolean },
    {
      readonly status?: Pick<RuntimeStatus, "conditions">;
      readonly info: Readonly<Record<string, string>>;
      readonly runtimeHandlers: NonNullable<RuntimeStatus["handlers"]>;
    }
  >("Status", readMs),
  runPodSandbox: runtimeMethod<{ readonly config: PodSandboxConfig; readonly runtimeHandler: string }, SandboxId>(
    "RunPodSandbox",
    sandboxMs,
  ),
  stopPodSandbox: runtimeMethod<SandboxId, Empty>("StopPodSandbox", changeMs),
  removePodSandbox: runtimeMethod<SandboxId, Empty>("RemovePodSandbox", changeMs),
  podSandboxStatus: runtimeMethod<SandboxId, { readonly status?: WirePodSandboxStatus }>("PodSandboxStatus", readMs),
  listPodSandbox: runtimeMethod<{ readonly filter?: PodSandboxFilter }, { readonly items: readonly PodSandbox[] }>(
    "ListPodSandbox",
    readMs,
  ),
  createContainer: runtimeMethod<
    { readonly podSandboxId: string; readonly config: ContainerConfig; readonly sandboxConfig: PodSandboxConfig },
    ContainerId
  >("CreateContainer", changeMs),
  startContainer: runtimeMethod<ContainerId, Empty>("StartContainer", changeMs),
  stopContainer: runtimeMethod<ContainerId & { readonly timeout: number }, Empty>("StopContainer", changeMs),
  removeContainer: runtimeMethod<ContainerId, Empty>("RemoveContainer", changeMs),
  listContainers: runtimeMethod<{ readonly filter?: ContainerFilter }, { readonly containers: readonly Container[] }>(
    "ListContainers",
    readMs,
  ),
  containerStatus: runtimeMethod<ContainerId, { readonly status?: WireContainerStatus }>("ContainerStatus", readMs),
  updateContainerResources: runtimeMethod<ContainerId & { readonly linux: LinuxContainerResources }, Empty>(
    "UpdateContainerResources",
    changeMs,
  ),
  reopenContainerLog: runtimeMethod<ContainerId, Empty>("ReopenContainerLog", readMs),
  execSync: runtimeMethod<
    ContainerId & { readonly cmd: readonly string[]; readonly timeout: number },
    ExecSyncResponse
  >("ExecSync", changeMs),
  exec: runtimeMethod<
    { readonly containerId: string; readonly cmd: readonly string[] } & Omit<AttachRequest, "containerId">,
    Url
  >("Exec", changeMs),
  attach: runtimeMethod<AttachRequest, Url>("Attach", changeMs),
  portForward: runtimeMethod<SandboxId & { readonly port: readonly number[] }, Url>("PortForward", changeMs),
  containerStats: runtimeMethod<ContainerId, { readonly stats?: WireContainerStats }>("ContainerStats", readMs),
  listContainerStats: runtimeMethod<
    { readonly filter?: ContainerStatsFilter },
    { readonly stats: readonly WireContainerStats[] }
  >("ListContainerStats", readMs),
  updateRuntimeConfig: runtimeMethod<
    { readonly runtimeConfig: { readonly networkConfig: { readonly podCidr: string } } },
    Empty
  >("UpdateRuntimeConfig", readMs),

  listImages: imageMethod<Empty, { readonly images: readonly Image[] }>("ListImages", readMs),
  imageStatus: imageMethod<{ readonly image: ImageSpec }, { readonly image?: Image }>("ImageStatus", readMs),
  pullImage: imageMethod<{ readonly image: ImageSpec; readonly auth?: AuthConfig }, { readonly imageRef: string }>(
    "PullImage",
    pullMs,
  ),
  removeImage: imageMethod<{ readonly image: ImageSpec }, Empty>("RemoveImage", changeMs),
  imageFsInfo: imageMethod<
    Empty,
    { readonly imageFilesystems: readonly FilesystemUsage[]; readonly containerFilesystems: readonly FilesystemUsage[] }
  >("ImageFsInfo", readMs),
} as const;
