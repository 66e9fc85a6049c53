import type { Pod } from "../../api/core/v1/types.gen.ts";
import { isHostNetwork } from "../api/pods.ts";

/** Kernel parameters a pod may set without harm to others, and the first kernel that keeps them per namespace. */
const safeSysctls: ReadonlyMap<string, string> = new Map([
  ["kernel.shm_rmid_forced", ""],
  ["net.ipv4.ip_local_port_range", ""],
  ["net.ipv4.tcp_syncookies", ""],
  ["net.ipv4.ping_group_range", ""],
  ["net.ipv4.ip_unprivileged_port_start", ""],
  ["net.ipv4.ip_local_reserved_ports", "3.16"],
  ["net.ipv4.tcp_keepalive_time", "4.5"],
  ["net.ipv4.tcp_fin_timeout", "4.6"],
  ["net.ipv4.tcp_keepalive_intvl", "4.5"],
  ["net.ipv4.tcp_keepalive_probes", "4.5"],
  ["net.ipv4.tcp_rmem", "4.15"],
  ["net.ipv4.tcp_wmem", "4.15"],
]);

/**
 * The name with dots between its parts. A name may be written with slashes instead: then a dot is part of a name
 * (`net/ipv4/conf/eno2.100/rp_filter`), and becomes a slash.
 */
export function normalizedSysctl(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== "/") return name;
  return name.replaceAll(/[./]/g, (separator) => (separator === "/" ? "." : "/"));
}

/** Why the pod's first forbidden sysctl is one; undefined when all may be set. `allowed` may hold patterns that end in `*`. */
export function forbiddenSysctl(pod: Pod, kernelVersion: string, allowed: readonly string[]): string | undefined {
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const problem = sysctlProblem(pod, normalizedSysctl(name), kernelVersion, allowed);
    if (problem !== undefined) return `forbidden sysctl: ${problem}`;
  }
  return undefined;
}

function sysctlProblem(pod: Pod, name: string, kernelVersion: string, allowed: readonly string[]): string | undefined {
  const needs = safeSysctls.get(name);
  const isSafe = needs !== undefined && (needs === "" || isAtLeast(kernelVersion, needs));
  const isAllowed = allowed.map(normalizedSysctl).some((pattern) => matches(name, pattern));
  if (!isSafe && !isAllowed) return `${JSON.stringify(name)} not allowlisted`;
  if (name.startsWith("net.") && isHostNetwork(pod)) {
    return `${JSON.stringify(name)} not allowed with host Net enabled`;
  }
  if (/^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(name) && pod.spec.hostIPC === true) {
    return `${JSON.stringify(name)} not allowed with host IPC enabled`;
  }
  return undefined;
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** Compares `major.minor`. A version that cannot be read (a simulated node has none) is taken to be new. */
function isAtLeast(version: string, needed: string): boolean {
  const parse = (text: string): readonly number[] => (/^(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  const [major, minor] = parse(version);
  const [neededMajor = 0, neededMinor = 0] = parse(needed);
  if (major === undefined || minor === undefined || major === 0) return true;
  return major > neededMajor || (major === neededMajor && minor >= neededMinor);
}
