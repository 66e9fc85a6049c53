import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";

import type { Pod, PodList } from "../../src/api/core/v1/types.gen.ts";
import { ClusterDirectory } from "../../src/cmd/cluster-directory.ts";
import { connectAdmin, type Connection } from "../../src/cmd/connect.ts";
import { writeIdentities } from "../../src/cmd/prepare-cluster.ts";
import { runningPid } from "../../src/cmd/process-file.ts";
import { containerdPaths } from "../../src/node/containerd/containerd-process.ts";
import { CriRuntimeService } from "../../src/node/cri-client/cri-client.ts";
import { CriConnection } from "../../src/node/cri-client/cri-connection.ts";
import { execChecked } from "../../src/node/exec.ts";
import { CliCluster } from "./cli.ts";
import { identities, mixedPods, ReadinessWatch } from "./mixed-pods.ts";
import { enterWorld, eventually } from "./world.ts";

// What breaks around running pods must not be felt in them. The same with 100 kills and 30 pods: benchmarks/node-kills.ts.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const image = "k8ts.local/busybox:1";

describe("robustness", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const cluster = new CliCluster(world);
  const directory = new ClusterDirectory(cluster.dataDir);
  let connection: Connection;

  before(async () => {
    await cluster.up();
    await cluster.loadBusybox(image);
    await cluster.apply(mixedPods(image, 1));
    connection = await connectAdmin(directory);
  });

  after(async () => {
    await connection[Symbol.asyncDispose]();
    await cluster.k8ts("delete");
  });

  const watchPods = (): Promise<ReadinessWatch> => ReadinessWatch.start(connection.client, "mixed=true", 60_000);

  async function pidOf(component: string): Promise<number> {
    const pid = await runningPid(directory.processFile(component));
    assert.ok(pid !== undefined, `${component} does not run`);
    return pid;
  }

  /** Kills it and resolves when another one runs in its place. */
  async function killComponent(component: string): Promise<void> {
    const pid = await pidOf(component);
    process.kill(pid, "SIGKILL");
    await eventually(`${component} runs again`, async () => {
      const now = await runningPid(directory.processFile(component));
      return now !== undefined && now !== pid;
    });
  }

  async function createdPodRuns(name: string): Promise<void> {
    await cluster.kubectl("run", name, `--image=${image}`, "--restart=Never", "--", "true");
    await cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", `pod/${name}`, "--timeout=20s");
  }

  test("killing the node process again and again touches no pod", async () => {
    await using watch = await watchPods();
    assert.ok(watch.before.length >= 9, String(watch.before.length));
    for (let i = 0; i < 5; i++) {
      await killComponent("node");
      await delay(1_500 * Math.random());
    }
    await createdPodRuns("after-node-kills");
    assert.deepEqual(watch.flaps, []);
    assert.deepEqual(identities(await watch.now()), identities(watch.before));
  });

  test("a killed containerd is back within 10 s, and touches no pod", async () => {
    await using watch = await watchPods();
    const pid = Number((await readFile(containerdPaths(directory.node.containerd).pid, "utf8")).trim());
    process.kill(pid, "SIGKILL");
    const startedMs = performance.now();
    await createdPodRuns("after-containerd");
    assert.ok(performance.now() - startedMs < 10_000, `${performance.now() - startedMs} ms`);
    assert.deepEqual(watch.flaps, []);
    assert.deepEqual(identities(await watch.now()), identities(watch.before));
  });

  test("without the API server containers are still restarted and pods stay", async () => {
    await using connectionToRuntime = new CriConnection(containerdPaths(directory.node.containerd).socket);
    const runtime = new CriRuntimeService(connectionToRuntime);
    const running = async (pod: string): Promise<readonly string[]> =>
      (await runtime.listContainers({ state: "running", labelSelector: { "io.kubernetes.pod.name": pod } })).map(
        (c) => c.id,
      );
    const { before: pods } = await watchPods();
    const victim = pods.find((p) => p.metadata.name === "state-0-0");
    assert.ok(victim);
    const [before_] = await running("state-0-0");
    const api = await pidOf("apiserver");
    process.kill(api, "SIGSTOP");
    try {
      // Its liveness probe fails from now on.
      await execChecked("sh", [
        "-c",
        `for d in /proc/[0-9]*; do grep -q "${victim.metadata.uid}" $d/cgroup 2>/dev/null && rm -f $d/root/alive; done; true`,
      ]);
      await eventually(
        "the container was replaced",
        async () => {
          const now = await running("state-0-0");
          return now.length === 1 && now[0] !== before_;
        },
        30_000,
      );
    } finally {
      process.kill(api, "SIGCONT");
    }
    await eventually(
      "the restart is reported",
      async () => {
        const pod = await cluster.json<Pod>("get", "pod", "state-0-0");
        return pod.status.containerStatuses?.[0]?.restartCount === 1;
      },
      30_000,
    );
    const others = (all: readonly Pod[]): readonly string[] =>
      identities(all.filter((p) => p.metadata.name !== "state-0-0"));
    await using watch = await watchPods();
    assert.deepEqual(others(watch.before), others(pods));
  });

  test("renewed certificates are taken while everything runs", async () => {
    const state = await directory.readState();
    assert.ok(state);
    const presented = async (): Promise<string> => {
      const socket = connect({ host: "127.0.0.1", port: state.apiServerPort, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const components = ["apiserver", "control", "node"];
    const pids = await Promise.all(components.map(pidOf));
    const before = await presented();
    // As the supervisor does when little of their time is left.
    const names = ["apiserver", "apiserver-kubelet-client", "controller-manager", "scheduler"];
    await Promise.all(names.map((name) => rm(`${directory.pki}/${name}.crt`)));
    await writeIdentities(directory, state);
    await eventually("the API server presents the new one", async () => (await presented()) !== before, 30_000);
    await eventually(
      "all have been read",
      async () => {
        const logs = await Promise.all(["apiserver", "control"].map((c) => readFile(directory.logFile(c), "utf8")));
        return names.every((name) =>
          logs.some((log) => log.includes("reloaded a certificate") && log.includes(`${name}.crt`)),
        );
      },
      30_000,
    );
    await createdPodRuns("after-renewal");
    assert.equal(await cluster.kubectl("exec", "state-0-0", "--", "echo", "there"), "there\n");
    assert.deepEqual(await Promise.all(components.map(pidOf)), pids);
  });

  test("after a power cut the next up brings every pod back", async () => {
    const { before: pods } = await watchPods();
    await powerCut(cluster, directory);
    await cluster.up();
    // A node that is Ready again tells of its pods a moment later; until then they look as they did before.
    await eventually(
      "every container was started again",
      async () => {
        const { items } = await cluster.json<PodList>("get", "pods", "-l", "mixed=true");
        return items.every((pod) => (pod.status.containerStatuses ?? []).every((c) => c.restartCount >= 1));
      },
      30_000,
    );
    await using watch = await watchPods();
    const uids = (all: readonly Pod[]): readonly string[] => all.map((p) => p.metadata.uid).sort();
    assert.deepEqual(uids(watch.before), uids(pods));
    await createdPodRuns("after-power-cut");
    assert.deepEqual(watch.flaps, []);
  });
});

/** Leaves of the cluster what a reboot leaves: its files on disk, but no process, mount, link, route or rule. */
async function powerCut(cluster: CliCluster, directory: ClusterDirectory): Promise<void> {
  const script = `
    for file in "$1"/run/*.json; do kill -9 $(sed 's/.*"pid":\\([0-9]*\\).*/\\1/' "$file"); done
    kill -9 $(cat "$1"/containerd/containerd.pid)
    for d in /proc/[0-9]*; do
      if grep -q "$2" $d/cgroup 2>/dev/null || grep -qs "containerd-shim.*$1" $d/cmdline; then kill -9 \${d#/proc/}; fi
    done
    sleep 0.3
    for mount in $(cut -d' ' -f5 /proc/self/mountinfo | grep "^$1/" | sort -r); do umount -l "$mount"; done
    rm -rf "$1"/containerd/state "$1"/run/*.json
    for link in $(ip -o link | cut -d: -f2 | cut -d@ -f1 | grep -v lo); do ip link delete $link; done
    ip route flush table main; nft flush ruleset; true`;
  const state = await directory.readState();
  await execChecked("sh", ["-c", script, "sh", cluster.dataDir, state?.nodes[0].cgroupRoot ?? ""]);
}
