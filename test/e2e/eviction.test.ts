import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { after, before, describe, test } from "node:test";

import type { Node, Pod } from "../../src/api/core/v1/types.gen.ts";
import { CliCluster } from "./cli.ts";
import { matches, outputLines } from "./transcript/transcript.ts";
import { enterWorld, eventually } from "./world.ts";

// Pods that a real node ends: for what they hold on its disk, and because its memory runs short. So that the machine's does
// not, nearly all of it is kept from pods.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const image = "k8ts.local/busybox:1";
const mebibyte = 1 << 20;
const leftForPodsMi = 400;

/** Holds `megabytes` in a volume: on disk, or in memory. */
function holder(name: string, emptyDir: string, megabytes: number, resources = "{}"): string {
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 60
  containers:
    - name: main
      image: ${image}
      command: [sh, -c, "dd if=/dev/zero of=/held/file bs=1M count=${megabytes} 2>/dev/null; sleep 1000000"]
      resources: ${resources}
      volumeMounts: [{ name: held, mountPath: /held }]
  volumes:
    - { name: held, emptyDir: ${emptyDir} }
`;
}

describe("eviction", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const cluster = new CliCluster(world);

  const podOf = (name: string): Promise<Pod> => cluster.json<Pod>("get", "pod", name);
  const hasFailed = async (name: string): Promise<boolean> => (await podOf(name)).status.phase === "Failed";
  async function describes(pod: string, expected: string): Promise<void> {
    const actual = outputLines(await cluster.kubectl("describe", "pod", pod), 0);
    assert.ok(matches(outputLines(expected, 0), actual), `expected\n${expected}\nprinted\n${actual.join("\n")}`);
  }
  async function condition(type: string): Promise<string | undefined> {
    const { items } = await cluster.json<{ readonly items: readonly Node[] }>("get", "nodes");
    return items[0]?.status.conditions?.find((c) => c.type === type)?.status;
  }

  before(async () => {
    const file = `${world.directory}/kubelet.yaml`;
    await writeFile(
      file,
      `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
systemReserved: { memory: "${totalmem() - leftForPodsMi * mebibyte}" }
podPidsLimit: 200
maxPods: 50
evictionPressureTransitionPeriod: 5s
nodeStatusUpdateFrequency: 1s
`,
    );
    await cluster.up(`--kubelet-arg=config=${file}`, "--kubelet-arg=max-pods=60");
    await cluster.loadBusybox(image);
  });
  after(() => cluster.k8ts("delete").then(() => {}));

  test("the configuration file is what the node runs by, and flags count more", async () => {
    const { items } = await cluster.json<{ readonly items: readonly Node[] }>("get", "nodes");
    const [node] = items;
    const { capacity, allocatable } = node?.status ?? {};
    assert.equal(capacity?.["pods"], "60");
    // Beside what is reserved, the eviction threshold.
    assert.equal(allocatable?.["memory"], `${leftForPodsMi - 100}Mi`);
    const raw = await cluster.kubectl("get", "--raw", `/api/v1/nodes/${node?.metadata.name}/proxy/configz`);
    const { kubeletconfig } = JSON.parse(raw) as { readonly kubeletconfig: Readonly<Record<string, unknown>> };
    assert.deepEqual(
      [kubeletconfig["podPidsLimit"], kubeletconfig["maxPods"], kubeletconfig["evictionPressureTransitionPeriod"]],
      [200, 60, "5s"],
    );
  });

  test("a pod that keeps more in a volume than that may hold is evicted, at once", async () => {
    await cluster.apply(holder("hoarder", "{ sizeLimit: 10Mi }", 20));
    await eventually("it is evicted", () => hasFailed("hoarder"), 100_000);
    await describes("hoarder", hoarderDescription);
    assert.equal(await condition("DiskPressure"), "False");
  });

  test("memory runs short: who uses more than it asked for goes, and the node says why", async () => {
    const asked = "{ requests: { cpu: 10m, memory: 60Mi }, limits: { cpu: 100m, memory: 60Mi } }";
    await cluster.apply(holder("modest", "{ medium: Memory }", 20, asked));
    await cluster.kubectl("wait", "--for=condition=Ready", "pod/modest", "--timeout=60s");
    await cluster.apply(holder("greedy", "{ medium: Memory }", 310));
    await eventually("the node says so", async () => (await condition("MemoryPressure")) === "True", 30_000);
    await eventually("it is evicted", () => hasFailed("greedy"), 30_000);
    await describes("greedy", greedyDescription);
    const { status } = await podOf("greedy");
    const target = status.conditions?.find((c) => c.type === "DisruptionTarget");
    assert.deepEqual([target?.reason, target?.message], ["TerminationByKubelet", status.message]);
    const events = await cluster.kubectl(
      "get",
      "events",
      "-o",
      'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}',
    );
    assert.match(events, /^EvictionThresholdMet: Attempting to reclaim memory$/m);
    assert.match(events, /^NodeHasInsufficientMemory: Node \S+ status is now: NodeHasInsufficientMemory$/m);
    await eventually("the pressure is over", async () => (await condition("MemoryPressure")) === "False", 30_000);
    assert.equal((await podOf("modest")).status.phase, "Running");
    assert.equal((await podOf("modest")).status.containerStatuses?.[0]?.restartCount, 0);
  });
});

const hoarderDescription = `Name:             hoarder
Namespace:        default
Priority:         0
Service Account:  default
Node:             <any>/<ip>
Start Time:       <date>
Labels:           <none>
Annotations:      <none>
Status:           Failed
Reason:           Evicted
Message:          Usage of EmptyDir volume "held" exceeds the limit "10Mi".
IP:               <ip>
IPs:
  IP:  <ip>
Containers:
  main:
    Container ID:  containerd://<digest>
    Image:         k8ts.local/busybox:1
    Image ID:      sha256:<digest>
    Port:          <none>
    Host Port:     <none>
    Command:
      sh
      -c
      dd if=/dev/zero of=/held/file bs=1M count=20 2>/dev/null; sleep 1000000
    State:          Terminated
      Reason:       Error
      Exit Code:    137
      Started:      <date>
      Finished:     <date>
    Ready:          False
    Restart Count:  0
    Environment:    <none>
    Mounts:
      /held from held (rw)
      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-<suffix> (ro)
Conditions:
  Type                        Status
  PodReadyToStartContainers   False
  Initialized                 True
  Ready                       False
  ContainersReady             False
  PodScheduled                True
Volumes:
  held:
    Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
    Medium:
    SizeLimit:  10Mi
...
Events:
  Type     Reason     Age   From               Message
  ----     ------     ----  ----               -------
  Normal   Scheduled  <age>    default-scheduler  Successfully assigned default/hoarder to <any>
  Normal   Pulled     <age>    kubelet            Container image "k8ts.local/busybox:1" already present on machine and can be accessed by the pod
  Normal   Created    <age>    kubelet            Container created
  Normal   Started    <age>    kubelet            Container started
  Warning  Evicted    <age>    kubelet            Usage of EmptyDir volume "held" exceeds the limit "10Mi".
  Normal   Killing    <age>    kubelet            Stopping container main
`;

const greedyDescription = `Name:             greedy
Namespace:        default
Priority:         0
Service Account:  default
Node:             <any>/<ip>
Start Time:       <date>
Labels:           <none>
Annotations:      <none>
Status:           Failed
Reason:           Evicted
Message:          The node was low on resource: memory. Threshold quantity: 100Mi, available: <amount>. Container main was using <amount>, request is 0, has larger consumption of memory.
IP:               <ip>
IPs:
  IP:  <ip>
Containers:
  main:
    Container ID:  containerd://<digest>
    Image:         k8ts.local/busybox:1
    Image ID:      sha256:<digest>
    Port:          <none>
    Host Port:     <none>
    Command:
      sh
      -c
      dd if=/dev/zero of=/held/file bs=1M count=310 2>/dev/null; sleep 1000000
    State:          Terminated
      Reason:       Error
      Exit Code:    137
      Started:      <date>
      Finished:     <date>
    Ready:          False
    Restart Count:  0
    Environment:    <none>
    Mounts:
      /held from held (rw)
      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-<suffix> (ro)
Conditions:
  Type                        Status
  PodReadyToStartContainers   False
  DisruptionTarget            True
  Initialized                 True
  Ready                       False
  ContainersReady             False
  PodScheduled                True
Volumes:
  held:
    Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
    Medium:     Memory
    SizeLimit:  <unset>
...
Events:
  Type     Reason     Age   From               Message
  ----     ------     ----  ----               -------
  Normal   Scheduled  <age>    default-scheduler  Successfully assigned default/greedy to <any>
  Normal   Pulled     <age>    kubelet            Container image "k8ts.local/busybox:1" already present on machine and can be accessed by the pod
  Normal   Created    <age>    kubelet            Container created
  Normal   Started    <age>    kubelet            Container started
  Warning  Evicted    <age>    kubelet            The node was low on resource: memory. Threshold quantity: 100Mi, available: <amount>. Container main was using <amount>, request is 0, has larger consumption of memory.
  Normal   Killing    <age>    kubelet            Stopping container main
`;
