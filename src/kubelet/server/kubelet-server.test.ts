import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../../client/testing/drain.ts";
import { concatBytes, utf8Decode } from "../../component-base/bytes.ts";
import type { ByteSink, HttpResponse } from "../../component-base/http.ts";
import type { Summary } from "../stats/summary.ts";
import { KubeletHarness } from "../testing/kubelet-harness.ts";
import { volumeMetrics } from "./volume-metrics.ts";

class Sink implements ByteSink {
  readonly #parts: Uint8Array[] = [];
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;

  write(chunks: readonly Uint8Array[]): boolean {
    this.#parts.push(...chunks);
    return true;
  }

  async drained(): Promise<void> {}

  close(): void {
    this.#controller.abort();
  }

  get text(): string {
    return utf8Decode(concatBytes(this.#parts));
  }
}

async function bodyText(response: HttpResponse): Promise<string> {
  if (typeof response.body === "function") {
    const sink = new Sink();
    await response.body(sink);
    return sink.text;
  }
  return utf8Decode(response.body instanceof Uint8Array ? response.body : concatBytes(response.body ?? []));
}

async function startWithLogs(): Promise<{ readonly harness: KubeletHarness; readonly id: string }> {
  const harness = await KubeletHarness.start({ runtime: { script: () => ({ output: ["one", "two", "three"] }) } });
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  const pod = await harness.untilPhase("p", "Running");
  return { harness, id: pod.status.containerStatuses?.[0]?.containerID?.slice("fake://".length) ?? "" };
}

test("container logs: whole, tail, timestamps, limit, and errors", async () => {
  const { harness } = await startWithLogs();
  await using _ = harness;
  const get = async (query: string): Promise<string> =>
    bodyText(await harness.request(`/containerLogs/default/p/main${query}`));
  assert.equal(await get(""), "one\ntwo\nthree\n");
  assert.equal(await get("?tailLines=1"), "three\n");
  assert.equal(await get("?tailLines=0"), "");
  assert.equal(await get("?tailLines=9"), "one\ntwo\nthree\n");
  assert.equal(await get("?limitBytes=5"), "one\nt");
  assert.match(await get("?timestamps=true&tailLines=1"), /^2026-01-01T00:.*Z three\n$/);
  assert.equal(await get("?sinceTime=2027-01-01T00:00:00Z"), "");
  assert.equal(await get("?previous=true"), 'previous terminated container "main" in pod "p" not found');
  assert.equal((await harness.request("/containerLogs/default/p/other")).status, 404);
  assert.equal((await harness.request("/containerLogs/default/q/main")).status, 404);
  assert.equal((await harness.request("/containerLogs/default/p/main?tailLines=-1")).status, 400);
});

test("followed logs show new lines and end with the container", async () => {
  const { harness, id } = await startWithLogs();
  await using _ = harness;
  const response = await harness.request("/containerLogs/default/p/main?follow=true");
  assert.ok(typeof response.body === "function");
  const sink = new Sink();
  let ended = false;
  const done = response.body(sink).then(() => {
    ended = true;
  });
  await settle();
  assert.equal(sink.text, "one\ntwo\nthree\n");
  await harness.runtime.writeLog(id, "four");
  await harness.pass(500);
  assert.ok(sink.text.endsWith("three\nfour\n"));
  assert.equal(ended, false);
  harness.runtime.exitContainer(id, 0);
  await harness.pass(1_000);
  await done;
  assert.equal(
    await bodyText(await harness.request("/containerLogs/default/p/main?previous=true")),
    "one\ntwo\nthree\nfour\n",
  );
});

test("exec, attach and port-forward hand the connection on to the runtime's URL", async () => {
  const { harness, id } = await startWithLogs();
  await using _ = harness;
  const exec = await harness.request("/exec/default/p/main?command=ls&output=1");
  assert.deepEqual(exec.tunnel, { url: `http://fake.invalid/exec/${id}`, protocol: "raw", identity: "cri" });
  assert.ok((await harness.request("/attach/default/p/main?output=1")).tunnel?.url.includes("/attach/"));
  assert.ok((await harness.request("/portForward/default/p")).tunnel?.url.includes("/portforward/"));
  assert.equal((await harness.request("/exec/default/p/main?command=ls")).status, 400);
  assert.equal((await harness.request("/exec/default/p/nope?command=ls&output=1")).status, 404);
});

test("health, pods, configuration, statistics, and what is not there", async () => {
  const { harness } = await startWithLogs();
  await using _ = harness;
  assert.equal(await bodyText(await harness.request("/healthz")), "ok");
  const list: { items: { metadata: { name: string } }[] } = JSON.parse(await bodyText(await harness.request("/pods")));
  assert.deepEqual(
    list.items.map((p) => p.metadata.name),
    ["p"],
  );
  assert.ok((await bodyText(await harness.request("/configz"))).includes('"clusterDomain":"cluster.local"'));
  assert.ok((await bodyText(await harness.request("/stats/summary"))).includes('"nodeName":"node-1"'));
  assert.equal((await harness.request("/nope")).status, 404);
  assert.equal((await harness.request("/constructor")).status, 404);
});

/** A pod whose group has used 1.5 s of CPU and holds 64 MiB, on a node that has used 20 s. */
async function startWithUsage(): Promise<KubeletHarness> {
  const { harness, id } = await startWithLogs();
  const pod = await harness.pod("p");
  const timestampMs = Date.UTC(2026, 0, 1, 12);
  const usage = {
    cpu: { timestampMs, usageCoreNanoSeconds: 1_500_000_000, usageNanoCores: 250_000_000 },
    memory: { timestampMs, workingSetBytes: 64 << 20, usageBytes: 80 << 20 },
    pids: 3,
  };
  const uid = pod?.metadata.uid ?? "";
  harness.ports.cgroups.stats.set(uid, usage);
  harness.ports.cgroups.stats.set(`${uid}/${id}`, usage);
  harness.ports.machine.usage = { cpuUsageCoreNanoSeconds: 20e9, memoryWorkingSetBytes: 1 << 30 };
  harness.ports.disks.trees.set("/var/log/pods/default_p_" + uid + "/main", { usedBytes: 12_288, inodesUsed: 2 });
  return harness;
}

test("/metrics/resource has upstream's families, with the time each sample was measured at", async () => {
  await using harness = await startWithUsage();
  const response = await harness.request("/metrics/resource");
  assert.equal(response.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  const text = await bodyText(response);
  const noon = Date.UTC(2026, 0, 1, 12);
  for (const line of [
    `container_cpu_usage_seconds_total{container="main",namespace="default",pod="p"} 1.5 ${noon}`,
    `container_memory_working_set_bytes{container="main",namespace="default",pod="p"} 67108864 ${noon}`,
    `pod_cpu_usage_seconds_total{namespace="default",pod="p"} 1.5 ${noon}`,
    `pod_memory_working_set_bytes{namespace="default",pod="p"} 67108864 ${noon}`,
    "resource_scrape_error 0",
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
  assert.match(text, /^node_cpu_usage_seconds_total 20 \d{13}$/m);
  assert.match(text, /^node_memory_working_set_bytes 1073741824 \d{13}$/m);
  assert.match(text, /^container_start_time_seconds\{container="main",namespace="default",pod="p"\} 1767\d+$/m);
});

test("/stats/summary tells of containers, their logs, the pod's disk and the node's; the short form of CPU and memory alone", async () => {
  await using harness = await startWithUsage();
  const read = async (query: string): Promise<Summary> =>
    JSON.parse(await bodyText(await harness.request(`/stats/summary${query}`)));
  const { node, pods } = await read("");
  const [pod] = pods;
  const [container] = pod?.containers ?? [];
  assert.equal(container?.cpu?.usageNanoCores, 250_000_000);
  assert.equal(container.logs?.usedBytes, 12_288);
  assert.equal(pod?.["ephemeral-storage"]?.usedBytes, 12_288 + (container.rootfs?.usedBytes ?? 0));
  assert.equal(pod.process_stats?.process_count, 3);
  assert.equal(node.fs?.capacityBytes, 100 * 2 ** 30);
  assert.equal(node.memory.workingSetBytes, 1 << 30);
  const short = await read("?only_cpu_and_memory=true");
  assert.equal(short.node.fs, undefined);
  assert.equal(short.pods[0]?.containers[0]?.logs, undefined);
  assert.equal(short.pods[0]?.memory?.workingSetBytes, 64 << 20);
});

test("/metrics/cadvisor labels a container with its pod; /metrics/probes counts probes by result", async () => {
  await using harness = await startWithUsage();
  const text = await bodyText(await harness.request("/metrics/cadvisor"));
  assert.match(
    text,
    /^container_memory_working_set_bytes\{container="main",id="[^"]+",image="nginx:1",name="\w+",namespace="default",pod="p"\} 67108864 \d+$/m,
  );
  assert.match(text, /^container_cpu_usage_seconds_total\{container="",id="\/",.*,cpu="total"\} 20 \d+$/m);
  assert.match(text, /^machine_cpu_cores\{boot_id="node-1",machine_id="node-1",system_uuid="node-1"\} 8$/m);
  await harness.createPod("q", {
    containers: [{ name: "c", image: "nginx:1", livenessProbe: { tcpSocket: { port: 1 }, periodSeconds: 1 } }],
  });
  await harness.untilPhase("q", "Running");
  await harness.pass(2_000);
  const probes = await bodyText(await harness.request("/metrics/probes"));
  assert.match(
    probes,
    /^prober_probe_total\{container="c",namespace="default",pod="q",pod_uid="[^"]+",probe_type="Liveness",result="successful"\} [1-9]/m,
  );
});

test("/logs serves files and directories of the log directory, and nothing above it", async () => {
  await using harness = await KubeletHarness.start();
  await harness.fileSystem.makeDirectory("/var/log/sub");
  await harness.fileSystem.writeFile("/var/log/sub/a b.log", new TextEncoder().encode("line\n"));
  await harness.fileSystem.writeFile("/var/secret", new TextEncoder().encode("no\n"));
  assert.match(await bodyText(await harness.request("/logs/")), /<a href="sub\/">sub\/<\/a>/);
  assert.match(await bodyText(await harness.request("/logs/sub")), /<a href="a%20b.log">a b.log<\/a>/);
  assert.equal(await bodyText(await harness.request("/logs/sub/a%20b.log")), "line\n");
  for (const path of ["/logs/..%2Fsecret", "/logs/sub/..%2f..%2fsecret", "/logs/none"]) {
    assert.equal((await harness.request(path)).status, 404, path);
  }
});

test("volumes of claims are in /metrics, each once, as their driver tells", () => {
  const stats = { time: "2026-01-01T12:00:00Z", capacityBytes: 100, usedBytes: 40 };
  const pvcRef = { namespace: "default", name: "data" };
  const text = volumeMetrics([
    { name: "v", pvcRef, ...stats },
    { name: "w", pvcRef, ...stats },
    { name: "scratch", ...stats },
  ]);
  const labels = '{namespace="default",persistentvolumeclaim="data"}';
  assert.deepEqual(
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#")),
    [`kubelet_volume_stats_capacity_bytes${labels} 100`, `kubelet_volume_stats_used_bytes${labels} 40`],
  );
});

test("containers that end are counted once, by kind, exit code and reason", async () => {
  await using harness = await KubeletHarness.start();
  const container = (name: string, script: string) => ({ name, image: "busybox:1", command: ["sh", "-c", script] });
  await harness.createPod("ended", {
    restartPolicy: "Never",
    initContainers: [container("init", "exit 0")],
    containers: [container("main", "exit 139")],
  });
  await harness.untilPhase("ended", "Failed");
  await harness.pass(60_000);
  const lines = (await bodyText(await harness.request("/metrics"))).split("\n");
  assert.deepEqual(
    lines.filter((line) => line.startsWith("kubelet_terminated_containers_total")),
    [
      'kubelet_terminated_containers_total{container_type="init_container",exit_code="0",reason="Completed"} 1',
      'kubelet_terminated_containers_total{container_type="container",exit_code="139",reason="Error"} 1',
    ],
  );
});
