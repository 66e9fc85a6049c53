import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node, Pod, PodSpec } from "../../api/core/v1/types.gen.ts";
import { testPod } from "../testing/pods.ts";
import { rejection } from "./pod-admission.ts";

function pod(spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}): Pod {
  return testPod({ containers: [], ...spec }, { labels });
}

const nodeInfo: Node["status"]["nodeInfo"] = {
  machineID: "",
  systemUUID: "",
  bootID: "",
  kernelVersion: "6.1.0",
  osImage: "",
  containerRuntimeVersion: "",
  kubeletVersion: "",
  kubeProxyVersion: "",
  operatingSystem: "linux",
  architecture: "amd64",
};

const node: Node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name: "n",
    uid: "n",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels: { "kubernetes.io/os": "linux", disk: "ssd" },
  },
  spec: { taints: [{ key: "gone", effect: "NoExecute" }] },
  status: {
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo,
    allocatable: { cpu: "2", memory: "1Gi", "ephemeral-storage": "10Gi", pods: "3", "example.com/gpu": "1" },
  },
};

const tolerations = [{ operator: "Exists" }] as const;

function requesting(requests: Record<string, string>): Partial<PodSpec> {
  return { tolerations, containers: [{ name: "c", image: "i", resources: { requests } }] };
}

function onPort(hostPort: number, hostIP?: string): Partial<PodSpec> {
  const port = { containerPort: 80, hostPort, ...(hostIP === undefined ? {} : { hostIP }) };
  return { tolerations, containers: [{ name: "c", image: "i", resources: {}, ports: [port] }] };
}

function withSysctl(name: string, more: Partial<PodSpec> = {}): Partial<PodSpec> {
  return { tolerations, securityContext: { sysctls: [{ name, value: "1" }] }, ...more };
}

const used = pod(requesting({ cpu: "1500m", memory: "512Mi", "example.com/gpu": "1" }));

const cases: readonly [what: string, pod: Pod, others: readonly Pod[], expected: string | undefined][] = [
  ["a pod that fits", pod(requesting({ cpu: "500m", memory: "512Mi" })), [used], undefined],
  [
    "too much CPU",
    pod(requesting({ cpu: "501m" })),
    [used],
    "OutOfcpu Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000",
  ],
  [
    "too much memory",
    pod(requesting({ memory: "1Gi" })),
    [used],
    "OutOfmemory Node didn't have enough resource: memory, requested: 1073741824, used: 536870912, capacity: 1073741824",
  ],
  [
    "too much storage",
    pod(requesting({ "ephemeral-storage": "11Gi" })),
    [],
    "OutOfephemeral-storage Node didn't have enough resource: ephemeral-storage, requested: 11811160064, used: 0, capacity: 10737418240",
  ],
  [
    "an extended resource that is used up",
    pod(requesting({ "example.com/gpu": "1" })),
    [used],
    "OutOfexample.com/gpu Node didn't have enough resource: example.com/gpu, requested: 1, used: 1, capacity: 1",
  ],
  ["an extended resource unknown to the node", pod(requesting({ "example.com/other": "1" })), [], undefined],
  [
    "too many pods",
    pod({ tolerations }),
    [pod(), pod(), pod()],
    "OutOfpods Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
  ],
  [
    "another node's label",
    pod({ tolerations, nodeSelector: { disk: "hdd" } }),
    [],
    "NodeAffinity Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  ],
  [
    "a host port that is taken",
    pod(onPort(8080, "10.0.0.1")),
    [pod(onPort(8080))],
    "NodePorts Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  ],
  ["a host port taken on another address", pod(onPort(8080, "10.0.0.1")), [pod(onPort(8080, "10.0.0.2"))], undefined],
  [
    "a taint that evicts",
    pod(),
    [],
    "TaintToleration Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
  ],
  [
    "another operating system",
    pod({ tolerations, os: { name: "windows" } }),
    [],
    "PodOSNotSupported Failed to admit pod as the OS field doesn't match node OS",
  ],
  [
    "another operating system by label",
    pod({ tolerations }, { "kubernetes.io/os": "windows" }),
    [],
    "PodOSSelectorNodeLabelDoesNotMatch Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
  ],
  [
    "strict groups",
    pod({ tolerations, securityContext: { supplementalGroupsPolicy: "Strict" } }),
    [],
    "SupplementalGroupsPolicyNotSupported SupplementalGroupsPolicy=Strict is not supported in this node",
  ],
  [
    "an AppArmor profile",
    pod({ tolerations, securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }),
    [],
    "AppArmor Cannot enforce AppArmor: AppArmor is not enabled on the host",
  ],
  ["a safe sysctl", pod(withSysctl("kernel.shm_rmid_forced")), [], undefined],
  ["a safe sysctl with slashes", pod(withSysctl("kernel/shm_rmid_forced")), [], undefined],
  ["a sysctl the node allows", pod(withSysctl("net.core.somaxconn")), [], undefined],
  [
    "an unsafe sysctl",
    pod(withSysctl("kernel.msgmax")),
    [],
    'SysctlForbidden forbidden sysctl: "kernel.msgmax" not allowlisted',
  ],
  [
    "a sysctl of the host's network",
    pod(withSysctl("net.ipv4.tcp_syncookies", { hostNetwork: true })),
    [],
    'SysctlForbidden forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
  ],
];

for (const [what, candidate, others, expected] of cases) {
  test(`admission to the node: ${what}`, () => {
    const found = rejection(candidate, {
      node,
      others,
      kernelVersion: "6.1.0",
      allowedUnsafeSysctls: ["net.core.*"],
    });
    assert.equal(found && `${found.reason} ${found.message}`, expected);
  });
}
