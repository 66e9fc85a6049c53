import type { Container, Pod, SeccompProfile } from "../../api/core/v1/types.gen.ts";
import type {
  Image,
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceOption,
  SecurityProfile,
} from "../../cri-api/runtime/v1/types.ts";
import { formatPod, isHostNetwork } from "../api/pods.ts";

const maskedPaths = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Throws for a user namespace: no runtime is known to give one that volumes follow. */
export function namespaceOptions(pod: Pod): NamespaceOption {
  const { spec } = pod;
  if (spec.hostUsers === false) {
    throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  }
  const pid = spec.hostPID ? "node" : spec.shareProcessNamespace ? "pod" : "container";
  return { network: isHostNetwork(pod) ? "node" : "pod", pid, ipc: spec.hostIPC ? "node" : "pod" };
}

export interface SeccompSettings {
  /** The directory `localhostProfile` is relative to. */
  readonly root: string;
  /** Whether the runtime's profile is that of who names none. */
  readonly isDefault: boolean;
}

function seccompProfile(profile: SeccompProfile | undefined, { root, isDefault }: SeccompSettings): SecurityProfile {
  switch (profile?.type) {
    case "RuntimeDefault":
      return { profileType: "runtimeDefault" };
    case "Localhost":
      return { profileType: "localhost", localhostRef: `${root}/${profile.localhostProfile ?? ""}` };
    case "Unconfined":
      return { profileType: "unconfined" };
    case undefined:
      return { profileType: isDefault ? "runtimeDefault" : "unconfined" };
  }
}

function supplementalGroups(pod: Pod): readonly number[] {
  const { fsGroup, supplementalGroups: groups = [] } = pod.spec.securityContext ?? {};
  return fsGroup === undefined ? groups : [...groups, fsGroup];
}

/** The sandbox is privileged when one of its containers is. */
export function sandboxSecurityContext(pod: Pod): LinuxSandboxSecurityContext {
  const context = pod.spec.securityContext;
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return {
    namespaceOptions: namespaceOptions(pod),
    ...(context?.runAsUser === undefined ? {} : { runAsUser: context.runAsUser }),
    ...(context?.runAsUser === undefined || context.runAsGroup === undefined ? {} : { runAsGroup: context.runAsGroup }),
    supplementalGroups: supplementalGroups(pod),
    privileged: containers.some((c) => c.securityContext?.privileged === true),
    // The sandbox's own process is always confined by the runtime's default, as upstream's.
    seccomp: { profileType: "runtimeDefault" },
  };
}

export interface SecurityContextInput {
  /** Gives the user where neither pod nor container name one. */
  readonly image: Pick<Image, "uid" | "username">;
  readonly seccomp: SeccompSettings;
  /** The container whose process namespace is joined. */
  readonly targetId?: string;
}

/** Where pod and container disagree, the container wins. */
export function containerSecurityContext(
  pod: Pod,
  container: Container,
  { image, seccomp, targetId }: SecurityContextInput,
): LinuxContainerSecurityContext {
  const own = container.securityContext;
  const shared = pod.spec.securityContext;
  const askedUser = own?.runAsUser ?? shared?.runAsUser;
  // A user by name is for the runtime to look up in the image. Neither a number nor a name is root.
  const username = askedUser === undefined && image.uid === undefined ? image.username : undefined;
  const runAsUser = askedUser ?? image.uid ?? (username ? undefined : 0);
  const runAsGroup = own?.runAsGroup ?? shared?.runAsGroup;
  const isPrivileged = own?.privileged === true;
  const isUnmasked = isPrivileged || own?.procMount === "Unmasked";
  return {
    capabilities: {
      addCapabilities: own?.capabilities?.add ?? [],
      dropCapabilities: own?.capabilities?.drop ?? [],
    },
    privileged: isPrivileged,
    namespaceOptions: {
      ...namespaceOptions(pod),
      ...(targetId === undefined ? {} : { pid: "target", targetId }),
    },
    ...(username ? { runAsUsername: username } : {}),
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    readonlyRootfs: own?.readOnlyRootFilesystem === true,
    supplementalGroups: supplementalGroups(pod),
    noNewPrivs: own?.allowPrivilegeEscalation === false,
    maskedPaths: isUnmasked ? [] : maskedPaths,
    readonlyPaths: isUnmasked ? [] : readonlyPaths,
    seccomp: isPrivileged
      ? { profileType: "unconfined" }
      : seccompProfile(own?.seccompProfile ?? shared?.seccompProfile, seccomp),
  };
}

/** The reason why `runAsNonRoot` forbids this image, or undefined when it does not. */
export function runAsNonRootViolation(pod: Pod, container: Container, image: Image | undefined): string | undefined {
  const own = container.securityContext;
  const shared = pod.spec.securityContext;
  if ((own?.runAsNonRoot ?? shared?.runAsNonRoot) !== true) return undefined;
  const where = `(pod: "${formatPod(pod)}", container: ${container.name})`;
  const runAsUser = own?.runAsUser ?? shared?.runAsUser;
  if (runAsUser !== undefined) {
    return runAsUser === 0 ? `container's runAsUser breaks non-root policy ${where}` : undefined;
  }
  if (image?.uid !== undefined) {
    return image.uid === 0 ? `container has runAsNonRoot and image will run as root ${where}` : undefined;
  }
  if (image?.username) {
    return `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`;
  }
  return `container has runAsNonRoot and image will run as root ${where}`;
}
