import type { ContainerPort, Pod } from "../../api/core/v1/types.gen.ts";
import { isSidecar } from "../resource/pod-requests.ts";

/** The node's ports a pod takes for as long as it lives: those of its containers and sidecars. */
export function hostPorts(pod: Pick<Pod, "spec">): readonly ContainerPort[] {
  const lasting = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? []).filter(isSidecar)];
  return lasting.flatMap((container) => (container.ports ?? []).filter((port) => (port.hostPort ?? 0) > 0));
}

/** Whether one of the wanted ports is used: equal number and protocol, on the same address or on all addresses. */
export function hostPortsConflict(wanted: readonly ContainerPort[], used: readonly ContainerPort[]): boolean {
  return wanted.some((a) => used.some((b) => isSamePort(a, b)));
}

function isSamePort(a: ContainerPort, b: ContainerPort): boolean {
  if (a.hostPort !== b.hostPort || (a.protocol ?? "TCP") !== (b.protocol ?? "TCP")) return false;
  const [left, right] = [a.hostIP || allAddresses, b.hostIP || allAddresses];
  return left === right || left === allAddresses || right === allAddresses;
}

const allAddresses = "0.0.0.0";
