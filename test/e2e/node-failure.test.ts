import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import type { Node, Pod, PodList } from "../../src/api/core/v1/types.gen.ts";
import { ClusterDirectory } from "../../src/cmd/cluster-directory.ts";
import { execChecked } from "../../src/node/exec.ts";
import { enterArguments, nodeNamespaces } from "../../src/node/node-namespaces.ts";
import { CliCluster } from "./cli.ts";
import { enterWorld, eventually } from "./world.ts";
import { webApp } from "./web-app.ts";

// A node that falls silent, with shorter times than upstream's defaults; with these the same is simulated, see node-lifecycle.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const image = "k8ts.local/busybox:1";
const graceSeconds = 4;
const tolerationSeconds = 3;

const web = webApp({ image, replicas: 4, graceSeconds: 1, tolerationSeconds });

describe("a node that falls silent", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const cluster = new CliCluster(world);
  let lost = "";
  let cutAtMs = 0;

  /** Pulls the node's cable, or puts it back. */
  const setLink = async (state: "up" | "down"): Promise<void> => {
    const directory = new ClusterDirectory(cluster.dataDir);
    const clusterState = await directory.readState();
    const node = clusterState?.nodes[1];
    assert.ok(clusterState && node);
    lost = node.name;
    const namespaces = nodeNamespaces(directory.nodeDirectory(clusterState, node).namespaces);
    const commands =
      state === "down"
        ? ["link set eth0 down"]
        : ["link set eth0 up", `route replace default via ${clusterState.nodes[0].ip}`];
    await execChecked("nsenter", enterArguments(namespaces, ["ip", "-batch", "-"]), {
      input: `${commands.join("\n")}\n`,
    });
  };
  const podsOf = async (): Promise<readonly Pod[]> =>
    (await cluster.json<PodList>("get", "pods", "-l", "app=web")).items;
  const isReady = (pod: Pod): boolean => pod.status.conditions?.find((c) => c.type === "Ready")?.status === "True";
  const readyOf = async (): Promise<string | undefined> =>
    (await cluster.json<Node>("get", "node", lost)).status.conditions?.find((c) => c.type === "Ready")?.status;

  before(async () => {
    await cluster.up(
      "--nodes=2",
      `--kube-controller-manager-arg=node-monitor-grace-period=${graceSeconds}s`,
      "--kubelet-arg=node-status-update-frequency=1s",
    );
    await cluster.loadBusybox(image);
    await cluster.apply(web);
    await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
  });

  after(() => cluster.k8ts("delete").then(() => {}));

  test("turns NotReady after the grace period, with upstream's taints, and its pods leave the Service", async () => {
    assert.equal(new Set((await podsOf()).map((p) => p.spec.nodeName)).size, 2, "pods spread over both nodes");
    await setLink("down");
    cutAtMs = performance.now();
    await eventually("the node's state is unknown", async () => (await readyOf()) === "Unknown", 20_000);
    const afterMs = performance.now() - cutAtMs;
    // The last sign of life is up to a second (and its jitter) old; the rest is for a busy machine.
    assert.ok(afterMs > (graceSeconds - 2) * 1000 && afterMs < (graceSeconds + 8) * 1000, `${afterMs} ms`);
    await eventually("the taints are there", async () => {
      const { spec } = await cluster.json<Node>("get", "node", lost);
      const taints = (spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).sort();
      return taints.join() === "node.kubernetes.io/unreachable:NoExecute,node.kubernetes.io/unreachable:NoSchedule";
    });
    const { status } = await cluster.json<Node>("get", "node", lost);
    const condition = status.conditions?.find((c) => c.type === "Ready");
    assert.equal(condition?.reason, "NodeStatusUnknown");
    assert.equal(condition?.message, "Kubelet stopped posting node status.");
    await eventually("its pods are not ready", async () =>
      (await podsOf()).filter((p) => p.spec.nodeName === lost).every((p) => !isReady(p)),
    );
  });

  test("its pods are replaced on the other node when they no longer tolerate it", async () => {
    await eventually(
      "four pods are ready elsewhere",
      async () => (await podsOf()).filter((p) => p.spec.nodeName !== lost && isReady(p)).length === 4,
      30_000,
    );
    const afterMs = performance.now() - cutAtMs;
    assert.ok(afterMs > (graceSeconds - 2 + tolerationSeconds) * 1000, `${afterMs} ms`);
    // They cannot be said to have ended while nobody hears of their node.
    const left = (await podsOf()).filter((p) => p.spec.nodeName === lost);
    assert.ok(left.length > 0 && left.every((p) => p.metadata.deletionTimestamp !== undefined));
  });

  test("rejoins when it is healed: Ready, no taints, and the pods that were given up are gone", async () => {
    await setLink("up");
    await eventually("the node is Ready", async () => (await readyOf()) === "True", 60_000);
    await eventually(
      "it has no taints",
      async () => (await cluster.json<Node>("get", "node", lost)).spec.taints === undefined,
    );
    await eventually(
      "the pods that were given up are gone",
      async () => (await podsOf()).every((p) => p.metadata.deletionTimestamp === undefined),
      30_000,
    );
    assert.equal((await podsOf()).length, 4);
    // It takes pods again, with a network that works.
    await cluster.kubectl("scale", "deployment/web", "--replicas=8");
    await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
    const pods = await podsOf();
    assert.ok(pods.some((p) => p.spec.nodeName === lost));
    for (const pod of pods) {
      const url = `http://${pod.status.podIP}:8080/`;
      const { stdout } = await cluster.tryKubectl([
        "exec",
        pods[0]?.metadata.name ?? "",
        "--",
        "timeout",
        "2",
        "wget",
        "-q",
        "-O",
        "-",
        url,
      ]);
      assert.equal(stdout.trim(), pod.metadata.name);
    }
  });
});
