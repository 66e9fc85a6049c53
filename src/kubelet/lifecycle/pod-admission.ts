import type { Node, Pod, Taint } from "../../api/core/v1/types.gen.ts";
import { podQosClass } from "../../component-helpers/pod-qos.ts";
import { podRequests, resourceAmount } from "../../component-helpers/resource/pod-requests.ts";
import { hostPorts, hostPortsConflict } from "../../component-helpers/scheduling/host-ports.ts";
import { requiredNodeAffinity } from "../../component-helpers/scheduling/node-affinity.ts";
import { findUntoleratedTaint } from "../../component-helpers/scheduling/taints.ts";
import { containersWithEphemeral, isCriticalPod, isStaticPod } from "../api/pods.ts";
import type { Pressure } from "../eviction/thresholds.ts";
import { forbiddenSysctl } from "./sysctls.ts";

/** Why the node does not take a pod: its status' reason, and the text behind `Pod was rejected: `. */
export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

export interface AdmissionInput {
  readonly node: Node;
  /** The pods that hold something of the node already, without this one. */
  readonly others: readonly Pod[];
  readonly kernelVersion: string;
  /** Kernel parameters allowed beside the safe ones; patterns may end in `*`. */
  readonly allowedUnsafeSysctls: readonly string[];
}

const memoryPressureTaint: Taint = { key: "node.kubernetes.io/memory-pressure", effect: "NoSchedule" };
const osLabel = "kubernetes.io/os";

/**
 * A node that runs short of something takes no more, but critical pods; short of memory alone, it takes pods that ask for
 * some, or that tolerate it. `under` is in the order of the message.
 */
export function pressureRejection(pod: Pod, under: readonly Pressure[]): Rejection | undefined {
  if (under.length === 0 || isCriticalPod(pod)) return undefined;
  if (under.length === 1 && under[0] === "MemoryPressure") {
    const isTolerated = !findUntoleratedTaint([memoryPressureTaint], pod.spec.tolerations, ["NoSchedule"]);
    if (podQosClass(pod) !== "BestEffort" || isTolerated) return undefined;
  }
  return { reason: "Evicted", message: `The node had condition: [${under.join(" ")}]. ` };
}

/**
 * What the node refuses although somebody bound the pod to it: kernel parameters that harm others, another operating
 * system, and, because a binding may be older than what the node knows, all that the scheduler checks of one node. Pure.
 */
export function rejection(pod: Pod, input: AdmissionInput): Rejection | undefined {
  const { node } = input;
  const sysctl = forbiddenSysctl(pod, input.kernelVersion, input.allowedUnsafeSysctls);
  if (sysctl !== undefined) return { reason: "SysctlForbidden", message: sysctl };
  if (wantsAppArmor(pod)) {
    return { reason: "AppArmor", message: "Cannot enforce AppArmor: AppArmor is not enabled on the host" };
  }
  const os = node.metadata.labels?.[osLabel] ?? "linux";
  if ((pod.metadata.labels?.[osLabel] ?? os) !== os) {
    return {
      reason: "PodOSSelectorNodeLabelDoesNotMatch",
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  }
  if (pod.spec.os && pod.spec.os.name !== os) {
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const isStrict = pod.spec.securityContext?.supplementalGroupsPolicy === "Strict";
  if (isStrict && node.status.features?.supplementalGroupsPolicy !== true) {
    return {
      reason: "SupplementalGroupsPolicyNotSupported",
      message: "SupplementalGroupsPolicy=Strict is not supported in this node",
    };
  }
  const [lack] = lacks(pod, input);
  return lack ? lackRejection(lack) : failedPredicate(pod, input);
}

/** A resource of which the node has not enough left: CPU in milli-cores, everything else in its unit. */
export interface Lack {
  readonly name: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

function lackRejection({ name, requested, used, capacity }: Lack): Rejection {
  const numbers = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, ${numbers}` };
}

/** Runtimes are run without AppArmor, so no node enforces a profile. */
function wantsAppArmor(pod: Pod): boolean {
  const profiles = [pod.spec, ...containersWithEphemeral(pod)].map((part) => part.securityContext?.appArmorProfile);
  return profiles.some((profile) => profile !== undefined && profile.type !== "Unconfined");
}

/** What the node lacks for the pod, the number of pods first. */
export function lacks(pod: Pod, { node, others }: Pick<AdmissionInput, "node" | "others">): readonly Lack[] {
  const { allocatable = {} } = node.status;
  const capacityOf = (name: string): number => resourceAmount(name, allocatable[name] ?? "0");
  const out: Lack[] = [];
  if (others.length + 1 > capacityOf("pods")) {
    out.push({ name: "pods", requested: 1, used: others.length, capacity: capacityOf("pods") });
  }
  for (const [name, requested] of inOrder(podRequests(pod))) {
    // A resource the node does not know at all is somebody else's to check.
    if (requested === 0 || allocatable[name] === undefined) continue;
    const used = others.reduce((sum, other) => sum + (podRequests(other).get(name) ?? 0), 0);
    const capacity = capacityOf(name);
    if (requested > capacity - used) out.push({ name, requested, used, capacity });
  }
  return out;
}

/** CPU, memory and storage first, as upstream: the first resource that is short gives the reason. */
function inOrder(requests: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  const first = ["cpu", "memory", "ephemeral-storage"];
  const rank = (name: string): number => (first.includes(name) ? first.indexOf(name) : first.length);
  return [...requests].sort(([a], [b]) => rank(a) - rank(b));
}

export function failedPredicate(pod: Pod, { node, others }: AdmissionInput): Rejection | undefined {
  const failed = (name: string, text: string): Rejection => ({
    reason: name,
    message: `Predicate ${name} failed: ${text}`,
  });
  if (requiredNodeAffinity(pod)?.(node) === false) {
    return failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  }
  const wanted = hostPorts(pod);
  if (others.some((other) => hostPortsConflict(wanted, hostPorts(other)))) {
    return failed("NodePorts", "node(s) didn't have free ports for the requested pod ports");
  }
  if (!isStaticPod(pod) && findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, ["NoExecute"])) {
    return failed("TaintToleration", "node(s) had taints that the pod didn't tolerate");
  }
  return undefined;
}
