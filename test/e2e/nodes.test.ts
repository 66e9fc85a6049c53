import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import type { NodeList, Pod, PodList, Service } from "../../src/api/core/v1/types.gen.ts";
import { exec, execChecked } from "../../src/node/exec.ts";
import { CliCluster } from "./cli.ts";
import { enterWorld, eventually } from "./world.ts";
import { webApp } from "./web-app.ts";

// Several nodes on one machine, as `k8ts up --nodes N` makes them.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const image = "k8ts.local/busybox:1";

const web = webApp({ image, replicas: "each node", graceSeconds: 0, serviceType: "NodePort" });

describe("nodes of one machine", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const cluster = new CliCluster(world);
  let untouched: readonly string[];
  let pods: readonly Pod[] = [];

  /** What a machine's network, mounts and groups look like, to be compared. */
  const traces = async (): Promise<readonly string[]> => {
    const seen = await execChecked("sh", [
      "-c",
      `ip -o link | cut -d: -f2; ip route show table all; nft list ruleset; cut -d' ' -f5 /proc/self/mountinfo
       find /sys/fs/cgroup -path "*${world.cgroupRoot}/*" -type d`,
    ]);
    // By itself: of a pipe, ps would see the other programs when they have begun, and not when they are about to.
    const processes = await execChecked("ps", ["-e", "-o", "args="]);
    return [...seen.split("\n"), ...processes.split("\n").filter((line) => !line.startsWith("ps -e"))];
  };

  const fetchFrom = async (pod: Pod, url: string): Promise<string> => {
    const command = ["exec", pod.metadata.name, "--", "timeout", "2", "wget", "-q", "-O", "-", url];
    return (await cluster.tryKubectl(command)).stdout.trim();
  };

  before(async () => {
    untouched = await traces();
    await cluster.up("--nodes", "2");
    await cluster.loadBusybox(image);
    await cluster.apply(web);
    await cluster.kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
    pods = (await cluster.json<PodList>("get", "pods", "-l", "app=web")).items;
  });

  after(async () => {
    await cluster.k8ts("delete");
    const left = (await traces()).filter((line) => !untouched.includes(line));
    assert.deepEqual(left, []);
  });

  test("each is Ready with an address and a range of its own", async () => {
    const { items } = await cluster.json<NodeList>("get", "nodes");
    assert.equal(items.length, 2);
    for (const node of items)
      assert.equal(node.status.conditions?.find((c) => c.type === "Ready")?.status, "True", node.metadata.name);
    assert.equal(new Set(items.map((n) => n.status.addresses?.[0]?.address)).size, 2);
    assert.equal(new Set(items.map((n) => n.spec.podCIDR)).size, 2);
  });

  test("a DaemonSet has a pod with an address of the node's range on each", async () => {
    const { items } = await cluster.json<NodeList>("get", "nodes");
    assert.equal(pods.length, 2);
    for (const pod of pods) {
      const range = items.find((n) => n.metadata.name === pod.spec.nodeName)?.spec.podCIDR ?? "";
      assert.equal(pod.status.podIP?.replace(/\d+$/, ""), range.replace(/\d+\/24$/, ""));
    }
  });

  test("pods reach each other, Services, node ports and the API server from every node", async () => {
    const { spec } = await cluster.json<Service>("get", "service", "web");
    const { items } = await cluster.json<NodeList>("get", "nodes");
    const nodePort = spec.ports?.[0]?.nodePort;
    for (const pod of pods) {
      for (const other of pods)
        assert.equal(await fetchFrom(pod, `http://${other.status.podIP}:8080/`), other.metadata.name);
      // Random choice between two: that one is never chosen in 20 tries happens once in 500,000.
      const loop = "for i in $(seq 20); do wget -q -O - http://web; done | sort -u";
      await eventually("both pods answer behind the Service's name", async () => {
        const { stdout } = await cluster.tryKubectl(["exec", pod.metadata.name, "--", "sh", "-c", loop]);
        return (
          stdout.trim() ===
          pods
            .map((p) => p.metadata.name)
            .sort()
            .join("\n")
        );
      });
      for (const node of items) {
        await eventually(`node port of ${node.metadata.name} answers from ${pod.spec.nodeName}`, async () =>
          (await fetchFrom(pod, `http://${node.status.addresses?.[0]?.address}:${nodePort}/`)).startsWith("web-"),
        );
        // Wherever the endpoint is, also when the way leads back to where it came from: one of two is never chosen in 10 tries
        // once in 500 times.
        const tries = `for i in $(seq 10); do timeout 2 wget -q -O - http://${node.status.addresses?.[0]?.address}:${nodePort}/ || echo failed; done`;
        const { stdout } = await cluster.tryKubectl(["exec", pod.metadata.name, "--", "sh", "-c", tries]);
        assert.doesNotMatch(stdout, /failed/, `from ${pod.spec.nodeName} through ${node.metadata.name}`);
      }
      const api = [
        "exec",
        pod.metadata.name,
        "--",
        "sh",
        "-c",
        "nc -w 2 kubernetes.default 443 </dev/null && echo open",
      ];
      assert.equal((await cluster.tryKubectl(api)).stdout.trim(), "open");
    }
  });

  test("the machine reaches pods, Services and node ports of every node", async () => {
    const { spec } = await cluster.json<Service>("get", "service", "web");
    const { items } = await cluster.json<NodeList>("get", "nodes");
    const urls = [
      ...pods.map((pod) => `http://${pod.status.podIP}:8080/`),
      ...items.map((node) => `http://${node.status.addresses?.[0]?.address}:${spec.ports?.[0]?.nodePort}/`),
      ...Array.from({ length: 5 }, () => `http://${spec.clusterIP}/`),
    ];
    for (const url of urls) {
      const { stdout } = await exec("busybox", ["timeout", "2", "busybox", "wget", "-q", "-O", "-", url]);
      assert.match(stdout, /^web-/, url);
    }
  });

  test("logs and exec work on every node, and a pod of the node's network has its name", async () => {
    for (const pod of pods)
      assert.equal(await cluster.kubectl("exec", pod.metadata.name, "--", "hostname"), `${pod.metadata.name}\n`);
    const { items } = await cluster.json<NodeList>("get", "nodes");
    for (const { metadata } of items) {
      await cluster.apply(`apiVersion: v1
kind: Pod
metadata: { name: on-${metadata.name} }
spec:
  nodeName: ${metadata.name}
  hostNetwork: true
  restartPolicy: Never
  containers: [{ name: main, image: ${image}, command: [hostname] }]
`);
      await cluster.kubectl(
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        `pod/on-${metadata.name}`,
        "--timeout=30s",
      );
      assert.equal(await cluster.kubectl("logs", `on-${metadata.name}`), `${metadata.name}\n`);
    }
  });

  test("up again changes nothing, and status knows every process", async () => {
    await cluster.up("--nodes", "2");
    const { processes } = JSON.parse(await cluster.k8ts("status", "--output", "json")) as {
      readonly processes: readonly { readonly component: string; readonly pid?: number }[];
    };
    assert.deepEqual(
      processes.filter((p) => p.pid !== undefined).map((p) => p.component),
      ["supervisor", "apiserver", "control", "node", "node-2"],
    );
    // Upstream's columns, and its warning.
    const told = await cluster.tryKubectl(["get", "cs"]);
    assert.match(told.stderr, /Warning: v1 ComponentStatus is deprecated in v1\.19\+/);
    assert.deepEqual(
      told.stdout
        .trim()
        .split("\n")
        .map((line) => line.trim().split(/ {2,}/).slice(0, 3)),
      [
        ["NAME", "STATUS", "MESSAGE"],
        ...["controller-manager", "etcd-0", "scheduler"].map((name) => [name, "Healthy", "ok"]),
      ],
    );
    const now = (await cluster.json<PodList>("get", "pods", "-l", "app=web")).items;
    const ids = (list: readonly Pod[]): unknown =>
      list.map((p) => `${p.status.containerStatuses?.[0]?.containerID}`).sort();
    assert.deepEqual(ids(now), ids(pods));
  });
});
