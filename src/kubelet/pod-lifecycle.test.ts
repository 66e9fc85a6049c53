import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStatus } from "../api/core/v1/types.gen.ts";
import { CriError } from "../cri-api/runtime/v1/cri-error.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

async function status(harness: KubeletHarness, name: string): Promise<ContainerStatus> {
  const found = (await harness.pod(name))?.status.containerStatuses?.[0];
  assert.ok(found, `pod ${name} has no container status`);
  return found;
}

function sh(script: string, name = "main"): { name: string; image: string; command: string[] } {
  return { name, image: "busybox:1.36", command: ["sh", "-c", script] };
}

const outcomes = [
  { policy: "Always", exit: 0, phase: "Running", restarts: true },
  { policy: "Always", exit: 1, phase: "Running", restarts: true },
  { policy: "OnFailure", exit: 0, phase: "Succeeded", restarts: false },
  { policy: "OnFailure", exit: 1, phase: "Running", restarts: true },
  { policy: "Never", exit: 0, phase: "Succeeded", restarts: false },
  { policy: "Never", exit: 3, phase: "Failed", restarts: false },
] as const;

for (const { policy, exit, phase, restarts } of outcomes) {
  test(`restart policy ${policy}, exit code ${exit}: ${phase}${restarts ? ", restarted" : ""}`, async () => {
    await using harness = await KubeletHarness.start();
    await harness.createPod("p", { restartPolicy: policy, containers: [sh(`sleep 1; exit ${exit}`)] });
    await harness.pass(1_500);
    const pod = await harness.pod("p");
    assert.equal(pod?.status.phase, phase);
    const container = await status(harness, "p");
    assert.equal(container.restartCount, restarts ? 1 : 0);
    const ended = restarts ? container.lastState.terminated : container.state.terminated;
    assert.equal(ended?.exitCode, exit);
    assert.equal(ended?.reason, exit === 0 ? "Completed" : "Error");
  });
}

test("CrashLoopBackOff: at once, then 10 s, doubling to 5 min", async () => {
  await using harness = await KubeletHarness.start();
  const starts: number[] = [];
  harness.runtime.subscribe((event) => {
    if (event.type === "started" && event.containerId !== undefined) starts.push(harness.clock.monotonic());
  });
  await harness.createPod("p", { containers: [sh("exit 1")] });
  await harness.pass(5_000);
  const waiting = (await status(harness, "p")).state.waiting;
  assert.equal(waiting?.reason, "CrashLoopBackOff");
  assert.match(waiting?.message ?? "", /^back-off 10s restarting failed container=main pod=p_default\(/);
  assert.equal((await harness.pod("p"))?.status.phase, "Running");
  await harness.pass(1_200_000);
  // The first start is the sandbox's, the next two have no delay between them.
  const [, , ...rest] = starts;
  const gaps = rest.slice(1).map((at, i) => Math.round((at - (rest[i] ?? 0)) / 1000));
  assert.deepEqual(gaps.slice(0, 6), [10, 20, 40, 80, 160, 300]);
  assert.ok(
    harness
      .events("p")
      .some((e) => e.startsWith("BackOff Back-off restarting failed container main in pod p_default(")),
  );
  assert.equal((await status(harness, "p")).restartCount, rest.length);
});

test("a container that ran for ten minutes starts its back-off anew", async () => {
  let runs = 0;
  await using harness = await KubeletHarness.start({
    runtime: { script: () => ({ exitAfterMs: ++runs > 3 ? 700_000 : 0, exitCode: 1 }) },
  });
  await harness.createPod("p", { containers: [sh("x")] });
  await harness.pass(40_000);
  assert.ok((await status(harness, "p")).state.running);
  await harness.pass(700_000);
  assert.equal((await status(harness, "p")).restartCount, 4);
});

test("init containers run in order before the others; a failing one holds them back", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", {
    initContainers: [sh("sleep 5", "first"), sh("sleep 5", "second")],
    containers: [sh("sleep inf")],
  });
  await harness.pass(2_000);
  let pod = await harness.pod("p");
  assert.equal(pod?.status.phase, "Pending");
  assert.ok(pod?.status.initContainerStatuses?.[0]?.state.running);
  assert.equal(pod?.status.initContainerStatuses?.[1]?.state.waiting?.reason, "PodInitializing");
  const initialized = pod?.status.conditions?.find((c) => c.type === "Initialized");
  assert.equal(initialized?.reason, "ContainersNotInitialized");
  assert.equal(initialized?.message, "containers with incomplete status: [first second]");
  await harness.pass(5_000);
  pod = await harness.pod("p");
  assert.equal(pod?.status.initContainerStatuses?.[0]?.state.terminated?.reason, "Completed");
  assert.ok(pod?.status.initContainerStatuses?.[1]?.state.running);
  await harness.untilPhase("p", "Running");

  await harness.createPod("bad", {
    restartPolicy: "Never",
    initContainers: [sh("exit 1", "init")],
    containers: [sh("sleep inf")],
  });
  const bad = await harness.untilPhase("bad", "Failed");
  assert.equal(bad.status.initContainerStatuses?.[0]?.state.terminated?.exitCode, 1);
});

test("a sidecar starts before and ends after the containers, and does not keep the pod alive", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", {
    restartPolicy: "Never",
    initContainers: [{ ...sh("sleep inf", "side"), restartPolicy: "Always" }],
    containers: [sh("sleep 5")],
  });
  await harness.pass(2_000);
  const pod = await harness.pod("p");
  assert.ok(pod?.status.initContainerStatuses?.[0]?.state.running);
  assert.ok(pod?.status.containerStatuses?.[0]?.state.running);
  await harness.untilPhase("p", "Succeeded");
});

test("image pull failures back off, and the pod starts when the image can be had", async () => {
  await using harness = await KubeletHarness.start();
  harness.runtime.images.failPull("nginx:1", new CriError("notFound", "no such image"));
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  await harness.pass(0);
  const { waiting } = (await status(harness, "p")).state;
  assert.equal(waiting?.reason, "ImagePullBackOff");
  const why = "ErrImagePull: rpc error: code = NotFound desc = no such image";
  assert.equal(waiting?.message, `Back-off pulling image "nginx:1": ${why}`);
  await harness.pass(11_000);
  assert.equal(harness.runtime.images.pulls.length, 2);
  await harness.pass(5_000);
  harness.runtime.images.failPull("nginx:1", undefined);
  await harness.untilPhase("p", "Running");
  assert.deepEqual(harness.events("p").slice(0, 3), [
    'Pulling Pulling image "nginx:1"',
    'Failed Failed to pull image "nginx:1": rpc error: code = NotFound desc = no such image',
    "Failed Error: ErrImagePull",
  ]);
});

test("ErrImageNeverPull, and IfNotPresent does not pull what is there", async () => {
  await using harness = await KubeletHarness.start();
  harness.runtime.images.add("present:1");
  await harness.createPod("never", { containers: [{ name: "main", image: "absent:1", imagePullPolicy: "Never" }] });
  await harness.createPod("there", {
    containers: [{ name: "main", image: "present:1", imagePullPolicy: "IfNotPresent" }],
  });
  await harness.untilPhase("there", "Running");
  assert.equal((await status(harness, "never")).state.waiting?.reason, "ErrImageNeverPull");
  assert.equal(harness.runtime.images.pulls.length, 0);
  assert.ok(
    harness
      .events("there")
      .includes('Pulled Container image "present:1" already present on machine and can be accessed by the pod'),
  );
});

test("deletion: preStop, then SIGTERM with what is left of the grace period, then the object goes", async () => {
  await using harness = await KubeletHarness.start({
    runtime: { script: () => ({ onTerminate: "ignore" }) },
  });
  const lifecycle = { preStop: { sleep: { seconds: 10 } } };
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", lifecycle }] });
  await harness.untilPhase("p", "Running");
  await harness.deletePod("p");
  await harness.pass(9_000);
  assert.equal(harness.runtime.calls.filter((c) => c.startsWith("stopContainer")).length, 0);
  await harness.pass(2_000);
  assert.ok(harness.runtime.calls.includes("stopContainer main 20"));
  assert.ok((await status(harness, "p")).state.running);
  await harness.pass(18_000);
  assert.ok(await harness.pod("p"));
  await harness.pass(2_000);
  assert.equal(await harness.pod("p"), undefined);
  assert.ok(harness.events("p").includes("Killing Stopping container main"));
  assert.equal((await harness.runtime.listPodSandbox()).length, 0);
  assert.deepEqual(await harness.ports.cgroups.listPods(), []);
  assert.deepEqual(await harness.fileSystem.list("/var/lib/kubelet/pods"), []);
  assert.deepEqual(await harness.fileSystem.list("/var/log/pods"), []);
});

test("a pod deleted while its image is pulled goes at once", async () => {
  await using harness = await KubeletHarness.start();
  harness.runtime.images.pullDelayMs = 600_000;
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  await harness.pass(1_000);
  await harness.deletePod("p");
  await harness.pass(1_000);
  assert.equal(await harness.pod("p"), undefined);
});

test("a restarted kubelet takes running containers over: same ids, no restart, still ready", async () => {
  await using harness = await KubeletHarness.start();
  const readinessProbe = { httpGet: { port: 80 }, periodSeconds: 10 };
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", readinessProbe }] });
  await harness.until(async () => (await status(harness, "p")).ready);
  const before = await harness.pod("p");
  await harness.stopKubelet();
  const calls = harness.runtime.calls.length;
  await harness.startKubelet();
  await harness.pass(60_000);
  const after = await harness.pod("p");
  assert.deepEqual(after?.status, before?.status);
  assert.deepEqual(harness.runtime.calls.slice(calls), []);
});

test("a container that ended while no kubelet ran is counted once", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  await harness.untilPhase("p", "Running");
  const id = (await status(harness, "p")).containerID?.slice("fake://".length) ?? "";
  await harness.stopKubelet();
  harness.runtime.exitContainer(id, 9);
  await harness.startKubelet();
  await harness.until(async () => (await status(harness, "p")).restartCount === 1);
  assert.equal((await status(harness, "p")).lastState.terminated?.exitCode, 9);
});

test("pods deleted while no kubelet ran are ended, and pods of the runtime that nobody knows", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  await harness.untilPhase("p", "Running");
  await harness.stopKubelet();
  const { pods } = await import("../api/resources.gen.ts");
  await harness.client.resource(pods, "default").delete("p", { gracePeriodSeconds: 0 });
  await harness.startKubelet();
  await harness.pass(40_000);
  assert.equal((await harness.runtime.listPodSandbox()).length, 0);
  assert.deepEqual(await harness.fileSystem.list("/var/lib/kubelet/pods"), []);
});

test("a dead sandbox is replaced and its containers with it", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  const before = await harness.untilPhase("p", "Running");
  const [sandbox] = await harness.runtime.listPodSandbox();
  harness.runtime.crashSandbox(sandbox?.id ?? "");
  await harness.until(
    async () =>
      (await status(harness, "p")).restartCount === 1 && (await status(harness, "p")).state.running !== undefined,
  );
  const after = await harness.pod("p");
  assert.notEqual(after?.status.podIP, before.status.podIP);
  assert.ok(harness.events("p").includes("SandboxChanged Pod sandbox changed, it will be killed and re-created."));
  await harness.pass(60_000);
  assert.equal((await harness.runtime.listPodSandbox()).length, 2);
});

test("the active deadline ends a pod as Failed", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { activeDeadlineSeconds: 20, containers: [{ name: "main", image: "nginx:1" }] });
  await harness.untilPhase("p", "Running");
  await harness.pass(19_000);
  assert.equal((await harness.pod("p"))?.status.phase, "Running");
  const pod = await harness.untilPhase("p", "Failed");
  assert.equal(pod.status.reason, "DeadlineExceeded");
});

test("an API server that is away for minutes does not touch pods, and hears of everything afterwards", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  await harness.untilPhase("p", "Running");
  const id = (await status(harness, "p")).containerID?.slice("fake://".length) ?? "";
  harness.api.intercept = () => ({
    status: 503,
    body: { kind: "Status", status: "Failure", reason: "ServiceUnavailable" },
  });
  harness.api.cutWatches();
  await harness.pass(60_000);
  harness.runtime.exitContainer(id, 1);
  await harness.pass(120_000);
  harness.api.intercept = () => undefined;
  await harness.until(async () => (await status(harness, "p")).restartCount === 1);
  assert.ok((await status(harness, "p")).state.running);
});

test("a wrong start is reported as such", async () => {
  await using harness = await KubeletHarness.start({
    runtime: { script: () => ({ startError: 'exec: "nope": executable file not found in $PATH' }) },
  });
  await harness.createPod("p", { restartPolicy: "Never", containers: [{ name: "main", image: "nginx:1" }] });
  const pod = await harness.untilPhase("p", "Failed");
  assert.equal(pod.status.containerStatuses?.[0]?.state.terminated?.exitCode, 128);
  assert.equal(pod.status.containerStatuses?.[0]?.state.terminated?.reason, "StartError");
  assert.ok(harness.events("p").includes('Failed Error: exec: "nope": executable file not found in $PATH'));
});

test("all containers' hooks run at once; sidecars hear SIGTERM after the containers, last one first, in one grace period", async () => {
  const hooks: string[] = [];
  await using harness = await KubeletHarness.start({
    runtime: {
      script: ({ metadata }) => ({ onTerminate: metadata.name === "main" ? "ignore" : 0 }),
      exec: (name) => void hooks.push(`${harness.clock.monotonic() - deletedAt} ${name}`),
    },
  });
  const lifecycle = { preStop: { exec: { command: ["true"] } } };
  await harness.createPod("p", {
    initContainers: [
      { ...sh("sleep inf", "first"), restartPolicy: "Always", lifecycle },
      { ...sh("sleep inf", "second"), restartPolicy: "Always", lifecycle },
    ],
    containers: [{ ...sh("sleep inf"), lifecycle }],
  });
  await harness.untilPhase("p", "Running");
  await harness.until(async () => (await status(harness, "p")).ready);
  const names = new Map((await harness.runtime.listContainers()).map((c) => [c.id, c.metadata.name]));
  const stops: string[] = [];
  const stop = harness.runtime.stopContainer.bind(harness.runtime);
  harness.runtime.stopContainer = (id, seconds, options) => {
    stops.push(`${harness.clock.monotonic() - deletedAt} ${names.get(id)} ${seconds}`);
    return stop(id, seconds, options);
  };
  const deletedAt = harness.clock.monotonic();
  await harness.deletePod("p");
  await harness.until(async () => (await harness.pod("p")) === undefined);
  assert.deepEqual(hooks, ["0 main", "0 second", "0 first"]);
  // What runs on past its grace period is killed, and with it goes the grace of the others.
  assert.deepEqual(stops, ["0 main 30", "30000 second 2", "30000 first 2"]);
});

test("a rule restarts all containers of the pod in its sandbox, once, whatever their policies", async () => {
  let runs = 0;
  await using harness = await KubeletHarness.start({
    runtime: {
      script: ({ metadata: { name } }) => {
        if (name === "init") return { exitAfterMs: 0, exitCode: 0 };
        return name === "source" && ++runs === 1 ? { exitAfterMs: 1_000, exitCode: 42 } : {};
      },
    },
  });
  await harness.createPod("p", {
    restartPolicy: "Never",
    initContainers: [sh("true", "init"), { ...sh("sleep 1d", "side"), restartPolicy: "Always" }],
    containers: [
      {
        ...sh("x", "source"),
        restartPolicy: "Never",
        restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }],
      },
      sh("x", "other"),
    ],
  });
  const phases = new Set<string | undefined>();
  const all = async (): Promise<readonly ContainerStatus[]> => {
    const { status } = (await harness.pod("p")) ?? {};
    phases.add(status?.phase);
    return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  };
  await harness.until(async () => (await all()).filter((s) => s.restartCount === 1).length === 4);
  await harness.pass(60_000);
  for (const each of await all()) {
    assert.equal(each.restartCount, 1, each.name);
    assert.equal(each.lastState.terminated?.reason, "RestartingAllContainers", each.name);
    assert.equal(each.lastState.terminated?.exitCode, 137, each.name);
    assert.ok(each.name === "init" ? each.state.terminated : each.state.running, each.name);
  }
  assert.ok(!phases.has("Failed") && !phases.has("Succeeded"));
  const pod = await harness.pod("p");
  assert.equal(pod?.status.conditions?.find((c) => c.type === "AllContainersRestarting")?.status, "False");
  assert.equal(harness.runtime.calls.filter((c) => c.startsWith("runPodSandbox")).length, 1);
});
