import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { execChecked } from "../../src/node/exec.ts";
import type { Pod, PodList, Service } from "../../src/api/core/v1/types.gen.ts";
import { CliCluster } from "./cli.ts";
import { enterWorld, eventually, type World } from "./world.ts";

// Stock kubectl against a cluster started as a user starts it: real processes, real containerd, a network of its own.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const skip = typeof world === "string" ? world : false;
const image = "k8ts.local/busybox:1";
let cluster: CliCluster;

before(async () => {
  if (typeof world === "string") return;
  cluster = new CliCluster(world satisfies World);
  await cluster.up();
  await cluster.loadBusybox(image, "docker.io/library/busybox:1.25");
  await cluster.loadNode("k8ts.local/node:24");
});

after(async () => {
  if (typeof world !== "string") await cluster.k8ts("delete");
});

async function podsOf(selector: string): Promise<readonly Pod[]> {
  return (await cluster.json<PodList>("get", "pods", "-l", selector)).items;
}

async function running(selector: string, count: number): Promise<readonly Pod[]> {
  let pods: readonly Pod[] = [];
  await eventually(
    `${count} Running pods of ${selector}`,
    async () => {
      pods = await podsOf(selector);
      return (
        pods.length === count &&
        pods.every((p) => p.metadata.deletionTimestamp === undefined && p.status.containerStatuses?.[0]?.ready === true)
      );
    },
    60_000,
  );
  return pods;
}

function shell(name: string, command: string, replicas: number): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: ${image}
          command: ["sh", "-c", ${JSON.stringify(command)}]
`;
}

/** Ends a pod's process as the kernel would: by SIGKILL from outside of its namespaces. */
async function killProcess(podUid: string, program: string): Promise<void> {
  const script = `for d in /proc/[0-9]*; do
    grep -q "${podUid}" $d/cgroup 2>/dev/null && grep -q "${program}" $d/cmdline 2>/dev/null && kill -9 \${d#/proc/}
  done; true`;
  await execChecked("sh", ["-c", script]);
}

const web = `mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www`;

test("the node is Ready", { skip }, async () => {
  assert.match(await cluster.kubectl("get", "nodes"), /\bReady\b/);
});

test("kubectl create deployment makes pods with addresses of their own", { skip }, async () => {
  await cluster.kubectl("create", "deployment", "plain", `--image=${image}`, "--replicas=3", "--", "sleep", "1000000");
  const pods = await running("app=plain", 3);
  assert.equal(new Set(pods.map((p) => p.status.podIP)).size, 3);
  await cluster.kubectl("delete", "deployment", "plain", "--wait=false");
});

test("two containers of a pod share network, IPC and hostname, not files and processes", { skip }, async () => {
  await cluster.apply(`apiVersion: v1
kind: Pod
metadata: { name: pair }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - { name: a, image: ${image}, command: [sh, -c, "echo a > /only-a; httpd -p 8080 -h /; exec sleep 1000000"] }
    - { name: b, image: ${image}, command: [sh, -c, "echo b > /only-b; exec sleep 1000000"] }
`);
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/pair", "--timeout=60s");
  const run = (container: string, command: string): Promise<string> =>
    cluster.kubectl("exec", "pair", "-c", container, "--", "sh", "-c", command);
  await eventually(
    "a's server answers b",
    async () => (await run("b", "wget -q -O - http://127.0.0.1:8080/only-a")) === "a\n",
  );
  for (const namespace of ["net", "ipc", "uts"]) {
    const link = `readlink /proc/self/ns/${namespace}`;
    assert.equal(await run("a", link), await run("b", link), namespace);
  }
  for (const namespace of ["pid", "mnt"]) {
    const link = `readlink /proc/self/ns/${namespace}`;
    assert.notEqual(await run("a", link), await run("b", link), namespace);
  }
  assert.equal(await run("a", "hostname"), "pair\n");
  assert.equal(await run("b", "hostname"), "pair\n");
  assert.equal(await run("a", "ls /only-b 2>/dev/null || echo none"), "none\n");
  await cluster.kubectl("delete", "pod", "pair");
});

test("a deleted pod is replaced and a killed process restarted", { skip }, async () => {
  await cluster.apply(shell("web", web, 3));
  const [first] = await running("app=web", 3);
  assert.ok(first);
  await cluster.kubectl("delete", "pod", first.metadata.name);
  const pods = await running("app=web", 3);
  assert.ok(!pods.some((p) => p.metadata.uid === first.metadata.uid));

  const victim = pods[0];
  assert.ok(victim);
  await killProcess(victim.metadata.uid, "httpd");
  await eventually(
    "the container was restarted",
    async () => {
      const now = (await podsOf("app=web")).find((p) => p.metadata.uid === victim.metadata.uid);
      const status = now?.status.containerStatuses?.[0];
      return status?.restartCount === 1 && status.ready;
    },
    60_000,
  );
});

test("scaling goes up and down", { skip }, async () => {
  await cluster.kubectl("scale", "deployment/web", "--replicas=10");
  await running("app=web", 10);
  await cluster.kubectl("scale", "deployment/web", "--replicas=1");
  await running("app=web", 1);
});

test("a new image rolls out and undo rolls back", { skip }, async () => {
  await cluster.kubectl("scale", "deployment/web", "--replicas=3");
  await cluster.kubectl("set", "image", "deployment/web", "main=docker.io/library/busybox:1.25");
  assert.match(
    await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s"),
    /successfully rolled out/,
  );
  for (const pod of await running("app=web", 3)) {
    assert.equal(pod.spec.containers[0]?.image, "docker.io/library/busybox:1.25");
  }
  await cluster.kubectl("rollout", "undo", "deployment/web");
  await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
  for (const pod of await running("app=web", 3)) assert.equal(pod.spec.containers[0]?.image, image);
});

test("a Service name resolves in a pod and balances over the pods", { skip }, async () => {
  await cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080");
  const { spec } = await cluster.json<Service>("get", "service", "web");
  await cluster.kubectl("run", "client", `--image=${image}`, "--", "sleep", "1000000");
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s");
  assert.match(
    await cluster.kubectl("exec", "client", "--", "nslookup", "web.default.svc.cluster.local"),
    new RegExp(spec.clusterIP ?? "none"),
  );
  const loop = "for i in $(seq 60); do wget -q -O - http://web; done | sort | uniq -c";
  let seen = "";
  await eventually("every pod answers", async () => {
    const result = await cluster.tryKubectl(["exec", "client", "--", "sh", "-c", loop]);
    seen = result.stdout;
    return result.exitCode === 0 && seen.trim().split("\n").length === 3;
  });
  const counts = seen
    .trim()
    .split("\n")
    .map((line) => Number(line.trim().split(" ")[0]));
  assert.equal(
    counts.reduce((a, b) => a + b),
    60,
  );
  assert.ok(Math.min(...counts) >= 5, seen);
  await cluster.kubectl("delete", "pod", "client", "--grace-period=1");
});

test("NodePort reaches the pods from the node", { skip }, async () => {
  await cluster.kubectl("patch", "service", "web", "-p", '{"spec":{"type":"NodePort"}}');
  const { spec } = await cluster.json<Service>("get", "service", "web");
  const [node] = (
    await cluster.kubectl(
      "get",
      "nodes",
      "-o",
      "jsonpath={.items[*].status.addresses[?(@.type=='InternalIP')].address}",
    )
  ).split(" ");
  await eventually("the node port answers", async () => {
    const url = `http://${node}:${spec.ports?.[0]?.nodePort}/`;
    return (
      await execChecked("busybox", ["timeout", "2", "busybox", "wget", "-q", "-O", "-", url]).catch(() => "")
    ).startsWith("web-");
  });
});

test("logs can be followed, exec passes input and exit codes", { skip }, async () => {
  await cluster.apply(shell("ticker", "i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.2; done", 1));
  await running("app=ticker", 1);
  const log = cluster.follow("logs", "-f", "deploy/ticker");
  await eventually("ten lines arrive", async () => log.lines.length >= 10);
  await log.stop();
  assert.deepEqual(log.lines.slice(0, 3), ["tick 0", "tick 1", "tick 2"]);
  assert.equal((await cluster.kubectl("logs", "deploy/ticker", "--tail=1")).split("\n").length, 2);
  const [pod] = await podsOf("app=ticker");
  assert.ok(pod);
  const echoed = await cluster.tryKubectl(["exec", "-i", pod.metadata.name, "--", "cat"], "through standard input\n");
  assert.equal(echoed.stdout, "through standard input\n");
  const failed = await cluster.tryKubectl([
    "exec",
    pod.metadata.name,
    "--",
    "sh",
    "-c",
    "echo out; echo err >&2; exit 7",
  ]);
  assert.equal(failed.exitCode, 7);
  assert.equal(failed.stdout, "out\n");
  assert.match(failed.stderr, /^err$/m);
  await cluster.kubectl("delete", "deployment", "ticker", "--wait=false");
});

test("ConfigMap, Secret and service account token are files, and change in place", { skip }, async () => {
  await cluster.apply(`apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { color: blue }
---
apiVersion: v1
kind: Secret
metadata: { name: hidden }
stringData: { password: swordfish }
---
apiVersion: v1
kind: Pod
metadata: { name: reader }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: ${image}
      command: [sleep, "1000000"]
      env:
        - { name: COLOR, valueFrom: { configMapKeyRef: { name: settings, key: color } } }
      volumeMounts:
        - { name: settings, mountPath: /settings }
        - { name: hidden, mountPath: /hidden }
        - { name: scratch, mountPath: /scratch }
  volumes:
    - { name: settings, configMap: { name: settings } }
    - { name: hidden, secret: { secretName: hidden, defaultMode: 0400 } }
    - { name: scratch, emptyDir: {} }
`);
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/reader", "--timeout=60s");
  const run = (command: string): Promise<string> => cluster.kubectl("exec", "reader", "--", "sh", "-c", command);
  assert.equal(
    await run("cat /settings/color; echo; cat /hidden/password; echo; echo $COLOR"),
    "blue\nswordfish\nblue\n",
  );
  assert.match(await run("stat -L -c %a /hidden/password"), /^400/);
  assert.equal((await run("cat /var/run/secrets/kubernetes.io/serviceaccount/token")).split(".").length, 3);
  await run("touch /scratch/written");
  await cluster.kubectl("patch", "configmap", "settings", "-p", '{"data":{"color":"red"}}');
  await eventually("the file changes", async () => (await run("cat /settings/color")) === "red", 120_000);
  await cluster.kubectl("delete", "pod", "reader");
});

test("a liveness probe that fails restarts the container", { skip }, async () => {
  await cluster.apply(`apiVersion: v1
kind: Pod
metadata: { name: fragile }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: ${image}
      command: [sh, -c, "touch /alive; sleep 3; rm /alive; sleep 1000000"]
      livenessProbe: { exec: { command: [cat, /alive] }, periodSeconds: 1, failureThreshold: 1 }
`);
  await eventually(
    "it was restarted",
    async () =>
      ((await cluster.json<Pod>("get", "pod", "fragile")).status.containerStatuses?.[0]?.restartCount ?? 0) >= 1,
    60_000,
  );
  assert.match(await cluster.kubectl("describe", "pod", "fragile"), /Liveness probe failed/);
  await cluster.kubectl("delete", "pod", "fragile", "--force", "--grace-period=0");
});

test("a container without a command runs, completes and restarts with back-off", { skip }, async () => {
  await cluster.apply(`apiVersion: v1
kind: Pod
metadata:
  name: example
spec:
  containers:
  - name: busybox
    image: busybox:1.25
`);
  await eventually(
    "CrashLoopBackOff",
    async () => {
      const { status } = await cluster.json<Pod>("get", "pod", "example");
      const [container] = status.containerStatuses ?? [];
      return (
        container?.state.waiting?.reason === "CrashLoopBackOff" &&
        container.lastState.terminated?.reason === "Completed" &&
        container.restartCount >= 1
      );
    },
    60_000,
  );
  assert.match(await cluster.kubectl("get", "pod", "example"), /0\/1 +CrashLoopBackOff +[12]/);
  const description = await cluster.kubectl("describe", "pod", "example");
  for (const reason of ["Scheduled", "Pulled", "Created", "Started", "BackOff"])
    assert.match(description, new RegExp(`Normal +${reason}|Warning +${reason}`));
  await cluster.kubectl("delete", "pod", "example", "--grace-period=1");
});

test(
  "a ReplicaSet without template labels and with a misspelt field is refused with the causes",
  { skip },
  async () => {
    const manifest = `apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: frontend
spec:
  replicas: 3
  selector:
    matchLabels:
      app: frontend
  template:
    spec:
      containers:
      - name:: web
        image: ${image}
`;
    const strict = await cluster.tryKubectl(["apply", "-f", "-"], manifest);
    assert.notEqual(strict.exitCode, 0);
    assert.match(strict.stderr, /strict decoding error: unknown field "spec\.template\.spec\.containers\[0\]\.name:"/);
    const lax = await cluster.tryKubectl(["apply", "--validate=false", "-f", "-"], manifest);
    assert.notEqual(lax.exitCode, 0);
    assert.match(lax.stderr, /`selector` does not match template `labels`/);
    assert.match(lax.stderr, /spec\.template\.spec\.containers\[0\]\.name: Required value/);
  },
);

test("the steps of a pod's birth come in order", { skip }, async () => {
  const watch = cluster.follow("get", "pods", "-w", "-o", "json", "--output-watch-events");
  // Those that are there already come first: then nothing can be missed.
  await eventually("the watch has begun", async () => watch.lines.length > 0);
  await cluster.kubectl("create", "deployment", "born", `--image=${image}`, "--", "sleep", "1000000");
  await running("app=born", 1);
  await watch.stop();
  const events = JSON.parse(`[${watch.lines.join("\n").replaceAll(/\}\n\{/g, "},{")}]`) as readonly {
    readonly type: string;
    readonly object: Pod;
  }[];
  const born = events.filter(({ object }) => object.metadata.labels?.["app"] === "born");
  const steps = born.map(({ type, object }) => {
    const { spec, status } = object;
    if (type === "ADDED") return `created, node ${spec.nodeName ?? "none"}, ${status.phase}`;
    if (status.phase === "Running") return "Running";
    return spec.nodeName ? "bound" : "pending";
  });
  const order = ["created, node none, Pending", "bound", "Running"].map((step) => steps.indexOf(step));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  assert.ok(
    order.every((at) => at >= 0),
    steps.join("; "),
  );
  const [pod] = await podsOf("app=born");
  assert.ok(pod);
  const reasons = (
    await cluster.kubectl(
      "get",
      "events",
      "--sort-by=.metadata.creationTimestamp",
      "-o",
      'jsonpath={range .items[*]}{.involvedObject.name} {.reason}{"\\n"}{end}',
    )
  )
    .split("\n")
    .filter((line) => line.startsWith("born"))
    .map((line) => line.split(" ")[1]);
  for (const reason of ["ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Pulled", "Created", "Started"]) {
    assert.ok(reasons.includes(reason), `${reason} is not in ${reasons.join(", ")}`);
  }
  await cluster.kubectl("delete", "deployment", "born", "--wait=false");
});

test("kill -9 of every process loses no acknowledged write and restarts no container", { skip }, async () => {
  const before = await running("app=web", 3);
  const containersOf = (pods: readonly Pod[]): readonly string[] =>
    pods
      .map(
        (p) =>
          `${p.metadata.uid} ${p.status.podIP} ${p.status.containerStatuses?.[0]?.containerID} ${p.status.containerStatuses?.[0]?.restartCount}`,
      )
      .sort();
  const acknowledged: string[] = [];
  const enough = new AbortController();
  const writing = (async () => {
    for (let i = 0; !enough.signal.aborted; i++) {
      const result = await cluster.tryKubectl(["create", "configmap", `kept-${i}`, "--from-literal=a=b"]);
      if (result.exitCode === 0) acknowledged.push(`kept-${i}`);
    }
  })();
  await eventually("some writes are acknowledged", async () => acknowledged.length >= 5, 30_000);
  const status = JSON.parse(await cluster.k8ts("status", "--output", "json")) as {
    readonly processes: readonly { readonly pid: number }[];
  };
  for (const { pid } of status.processes) process.kill(pid, "SIGKILL");
  enough.abort();
  await writing;
  await cluster.up();
  const names = new Set(
    (await cluster.kubectl("get", "configmaps", "-o", "name")).split("\n").map((n) => n.replace("configmap/", "")),
  );
  assert.deepEqual(
    acknowledged.filter((name) => !names.has(name)),
    [],
  );
  assert.deepEqual(containersOf(await running("app=web", 3)), containersOf(before));
});

test("delete leaves nothing behind", { skip }, async () => {
  if (typeof world === "string") return;
  const second = new CliCluster(world, "second");
  await second.up("--name", "second");
  await second.loadBusybox(image);
  await second.kubectl("create", "deployment", "leftover", `--image=${image}`, "--", "sleep", "1000000");
  await second.kubectl("rollout", "status", "deployment/leftover", "--timeout=60s");
  await second.k8ts("delete");
  assert.equal((await execChecked("sh", ["-c", `ls -d ${second.dataDir} 2>/dev/null || true`])).trim(), "");
  const traces = await execChecked("sh", [
    "-c",
    `ps -ef; cat /proc/self/mountinfo; ip -o link; ip route show table all; nft list ruleset`,
  ]);
  assert.deepEqual(
    traces
      .split("\n")
      .filter((line) => line.includes("second") && !line.includes("ps -ef") && !line.includes("cluster.test.ts")),
    [],
  );
});
