import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimeClasses } from "../api/resources.gen.ts";
import type { ServiceSpec } from "../api/core/v1/types.gen.ts";
import { services } from "../api/resources.gen.ts";
import { utf8Decode, utf8Encode } from "../component-base/bytes.ts";
import type { ContainerConfig, PodSandboxConfig } from "../cri-api/runtime/v1/types.ts";
import { FakeRuntime } from "../cri-api/testing/fake-runtime.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

/** What the runtime was told of the containers, by name. */
async function startCapturing(): Promise<{
  readonly harness: KubeletHarness;
  readonly configs: Map<string, ContainerConfig>;
  readonly sandboxes: PodSandboxConfig[];
}> {
  const configs = new Map<string, ContainerConfig>();
  const harness = await KubeletHarness.start({
    runtime: {
      script: (config) => {
        configs.set(config.metadata.name, config);
        return {};
      },
    },
  });
  const sandboxes: PodSandboxConfig[] = [];
  const run = harness.runtime.runPodSandbox.bind(harness.runtime);
  harness.runtime.runPodSandbox = (config, handler) => {
    sandboxes.push(config);
    return run(config, handler);
  };
  assert.ok(harness.runtime instanceof FakeRuntime);
  return { harness, configs, sandboxes };
}

function environment(config: ContainerConfig | undefined): Record<string, string> {
  return Object.fromEntries((config?.envs ?? []).map((e) => [e.key, e.value]));
}

async function service(harness: KubeletHarness, name: string, spec: Partial<ServiceSpec>): Promise<void> {
  await harness.client
    .resource(services, "default")
    .create({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec });
}

test("environment: values, expansion, fields, resources, config maps, secrets and Services", async () => {
  const { harness, configs } = await startCapturing();
  await using _ = harness;
  await service(harness, "my-db", { clusterIP: "10.96.1.2", ports: [{ name: "sql", port: 5432, protocol: "TCP" }] });
  await harness.createConfigMap("settings", { COLOR: "blue", SIZE: "big" });
  await harness.createSecret("keys", { token: btoa("s3cret") });
  await harness.pass(0);
  await harness.createPod("p", {
    serviceAccountName: "default",
    containers: [
      {
        name: "main",
        image: "nginx:1",
        command: ["serve", "$(NAME)", "$$(NAME)", "$(NOPE)"],
        resources: { requests: { cpu: "250m", memory: "64Mi" }, limits: { memory: "128Mi" } },
        envFrom: [{ prefix: "CFG_", configMapRef: { name: "settings" } }],
        env: [
          { name: "PLAIN", value: "1" },
          { name: "NAME", value: "a-$(PLAIN)-$(CFG_COLOR)-$(MY_DB_SERVICE_HOST)" },
          { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "CPU", valueFrom: { resourceFieldRef: { resource: "requests.cpu", divisor: "1m" } } },
          { name: "LIMIT", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
          { name: "CPULIMIT", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
          { name: "KEY", valueFrom: { secretKeyRef: { name: "keys", key: "token" } } },
          { name: "MAYBE", valueFrom: { configMapKeyRef: { name: "absent", key: "x", optional: true } } },
        ],
      },
    ],
  });
  const pod = await harness.untilPhase("p", "Running");
  const env = environment(configs.get("main"));
  assert.equal(env["CFG_COLOR"], "blue");
  assert.equal(env["NAME"], "a-1-blue-10.96.1.2");
  assert.equal(env["POD"], "p");
  assert.equal(env["IP"], pod.status.podIP);
  assert.equal(env["CPU"], "250");
  assert.equal(env["LIMIT"], "128");
  assert.equal(env["CPULIMIT"], "8");
  assert.equal(env["KEY"], "s3cret");
  assert.equal("MAYBE" in env, false);
  assert.equal(env["MY_DB_SERVICE_PORT_SQL"], "5432");
  assert.equal(env["MY_DB_PORT_5432_TCP_ADDR"], "10.96.1.2");
  assert.deepEqual(configs.get("main")?.command, ["serve", "a-1-blue-10.96.1.2", "$(NAME)", "$(NOPE)"]);
  const { resources } = configs.get("main")?.linux ?? {};
  assert.equal(resources?.cpuShares, 256);
  assert.equal(resources?.memoryLimitInBytes, 128 * 2 ** 20);
  assert.equal(resources?.oomScoreAdj, 997);
});

test("a missing Secret holds the container with CreateContainerConfigError until it is there", async () => {
  await using harness = await KubeletHarness.start();
  const env = [{ name: "KEY", valueFrom: { secretKeyRef: { name: "late", key: "k" } } }];
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", env }] });
  await harness.pass(1_000);
  const waiting = (await harness.pod("p"))?.status.containerStatuses?.[0]?.state.waiting;
  assert.equal(waiting?.reason, "CreateContainerConfigError");
  assert.equal(waiting?.message, 'secret "late" not found');
  assert.ok(harness.events("p").includes('Failed Error: secret "late" not found'));
  await harness.createSecret("late", { k: btoa("v") });
  await harness.untilPhase("p", "Running");
});

test("sandbox: hostname, DNS, log directory, namespaces, cgroup parent", async () => {
  const { harness, sandboxes, configs } = await startCapturing();
  await using _ = harness;
  await harness.createPod("p", {
    subdomain: "sub",
    shareProcessNamespace: true,
    securityContext: { fsGroup: 2000, runAsUser: 1000, supplementalGroups: [3000] },
    dnsConfig: { options: [{ name: "ndots", value: "2" }], searches: ["more.example"] },
    containers: [
      {
        name: "main",
        image: "nginx:1",
        securityContext: { capabilities: { add: ["NET_ADMIN"] }, allowPrivilegeEscalation: false },
      },
    ],
  });
  const pod = await harness.untilPhase("p", "Running");
  const [sandbox] = sandboxes;
  assert.equal(sandbox?.hostname, "p");
  assert.deepEqual(sandbox?.dnsConfig, {
    servers: ["10.96.0.10"],
    searches: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "more.example"],
    options: ["ndots:2"],
  });
  assert.equal(sandbox?.logDirectory, `/var/log/pods/default_p_${pod.metadata.uid}`);
  assert.equal(sandbox?.linux.cgroupParent, `/kubepods/besteffort/pod${pod.metadata.uid}`);
  assert.deepEqual(sandbox?.linux.securityContext.namespaceOptions, { network: "pod", pid: "pod", ipc: "pod" });
  const context = configs.get("main")?.linux.securityContext;
  assert.equal(context?.runAsUser, 1000);
  assert.deepEqual(context?.supplementalGroups, [3000, 2000]);
  assert.deepEqual(context?.capabilities?.addCapabilities, ["NET_ADMIN"]);
  assert.equal(context?.noNewPrivs, true);
  const hosts = configs.get("main")?.mounts.find((m) => m.containerPath === "/etc/hosts");
  const text = utf8Decode(await harness.fileSystem.readFile(hosts?.hostPath ?? ""));
  assert.ok(text.startsWith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
  assert.ok(text.endsWith(`${pod.status.podIP}\tp.sub.default.svc.cluster.local\tp\n`));
});

test("host network: the node's address, no hostname, the node's DNS", async () => {
  const { harness, sandboxes } = await startCapturing();
  await using _ = harness;
  await harness.createPod("p", { hostNetwork: true, containers: [{ name: "main", image: "nginx:1" }] });
  const pod = await harness.untilPhase("p", "Running");
  assert.equal(pod.status.podIP, "192.0.2.1");
  assert.equal(sandboxes[0]?.hostname, "");
  assert.deepEqual(sandboxes[0]?.dnsConfig?.servers, ["192.0.2.53"]);
});

test("runAsNonRoot refuses an image that runs as root", async () => {
  await using harness = await KubeletHarness.start();
  harness.runtime.images.add("root:1", { uid: 0 });
  await harness.createPod("p", {
    securityContext: { runAsNonRoot: true },
    containers: [{ name: "main", image: "root:1", imagePullPolicy: "IfNotPresent" }],
  });
  await harness.pass(1_000);
  const waiting = (await harness.pod("p"))?.status.containerStatuses?.[0]?.state.waiting;
  assert.equal(waiting?.reason, "CreateContainerConfigError");
  assert.match(waiting?.message ?? "", /^container has runAsNonRoot and image will run as root \(pod: "p_default\(/);
});

test("a variable from a file of a volume: the container waits for it", async () => {
  const { harness, configs } = await startCapturing();
  await using _ = harness;
  await harness.createPod("p", {
    volumes: [{ name: "settings", emptyDir: {} }],
    containers: [
      {
        name: "main",
        image: "nginx:1",
        env: [
          { name: "COLOR", valueFrom: { fileKeyRef: { volumeName: "settings", path: "a/env", key: "COLOR" } } },
          {
            name: "SIZE",
            valueFrom: { fileKeyRef: { volumeName: "settings", path: "a/env", key: "SIZE", optional: true } },
          },
        ],
      },
    ],
  });
  await harness.pass(1_000);
  const pod = await harness.pod("p");
  assert.equal(pod?.status.containerStatuses?.[0]?.state.waiting?.reason, "CreateContainerConfigError");
  const volume = `/var/lib/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~empty-dir/settings`;
  await harness.fileSystem.makeDirectory(`${volume}/a`, 0o755);
  await harness.fileSystem.writeFile(`${volume}/a/env`, utf8Encode("COLOR='blue'\n"), 0o644);
  await harness.untilPhase("p", "Running");
  const envs = configs.get("main")?.envs ?? [];
  assert.equal(envs.find((e) => e.key === "COLOR")?.value, "blue");
  assert.equal(
    envs.find((e) => e.key === "SIZE"),
    undefined,
  );
});

test("a RuntimeClass gives the sandbox its handler; an unknown class is told by an event", async () => {
  await using harness = await KubeletHarness.start();
  const classes = harness.client.resource(runtimeClasses);
  await classes.create({
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "fast" },
    handler: "runq",
  });
  const containers = [{ name: "main", image: "nginx:1" }];
  await harness.createPod("p", { runtimeClassName: "fast", containers });
  await harness.untilPhase("p", "Running");
  assert.equal((await harness.runtime.listPodSandbox())[0]?.runtimeHandler, "runq");
  await harness.createPod("q", { runtimeClassName: "slow", containers });
  await harness.pass(1_000);
  assert.ok(
    harness
      .events("q")
      .includes('FailedCreatePodSandBox Failed to create pod sandbox: runtimeclass.node.k8s.io "slow" not found'),
    harness.events("q").join("\n"),
  );
});
