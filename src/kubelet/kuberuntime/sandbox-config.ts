import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { DnsConfig, PodSandboxConfig, PortMapping } from "../../cri-api/runtime/v1/types.ts";
import { allContainers, isHostNetwork } from "../api/pods.ts";
import { normalizedSysctl } from "../lifecycle/sysctls.ts";
import { sandboxLabels } from "./labels.ts";
import { sandboxSecurityContext } from "./security-context.ts";

export interface SandboxConfigInput {
  readonly attempt: number;
  readonly hostname: string;
  readonly dnsConfig: DnsConfig;
  readonly logDirectory: string;
  readonly cgroupParent: string;
}

/** The directory of the pod's container logs: `<root>/<namespace>_<name>_<uid>`. */
export function podLogDirectory(root: string, pod: Pod): string {
  return `${root}/${pod.metadata.namespace}_${pod.metadata.name}_${pod.metadata.uid}`;
}

export function sandboxConfig(pod: Pod, input: SandboxConfigInput): PodSandboxConfig {
  const { name, namespace, uid, annotations = {} } = pod.metadata;
  const sysctls = Object.fromEntries(
    (pod.spec.securityContext?.sysctls ?? []).map((s) => [normalizedSysctl(s.name), s.value]),
  );
  return {
    metadata: { name, namespace, uid, attempt: input.attempt },
    // In the host's network the host's name shows; a runtime refuses another one there.
    hostname: isHostNetwork(pod) ? "" : input.hostname,
    logDirectory: input.logDirectory,
    dnsConfig: input.dnsConfig,
    portMappings: isHostNetwork(pod) ? [] : portMappings(pod),
    labels: sandboxLabels(pod),
    annotations,
    linux: { cgroupParent: input.cgroupParent, securityContext: sandboxSecurityContext(pod), sysctls },
  };
}

function portMappings(pod: Pod): PortMapping[] {
  return allContainers(pod).flatMap((container) =>
    (container.ports ?? []).map((port) => ({
      protocol: port.protocol ?? "TCP",
      containerPort: port.containerPort,
      hostPort: port.hostPort ?? 0,
      ...(port.hostIP ? { hostIp: port.hostIP } : {}),
    })),
  );
}
