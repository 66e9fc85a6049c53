import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import type { NodeList, PodList, Service } from "../../src/api/core/v1/types.gen.ts";
import type { Ingress } from "../../src/api/networking/v1/types.gen.ts";
import { exec } from "../../src/node/exec.ts";
import { CliCluster } from "./cli.ts";
import { enterWorld, eventually } from "./world.ts";

// Clients ask all the time, through the Service and through Ingress, from both nodes and from pods, while what serves them is
// replaced, scaled and drained: no request fails.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox", "nsenter"]);
const image = "k8ts.local/node:1";

/** As a careful user writes it: leaves the Service first (preStop), then asks its clients to go, then ends. */
const server = `
const server = require("http").createServer((request, response) => {
  if (leaving) response.setHeader("Connection", "close");
  let size = 0;
  request.on("data", (chunk) => (size += chunk.length));
  request.on("end", () => response.end(process.env.VERSION + " " + require("os").hostname() + " " + size));
});
let leaving = false;
server.keepAliveTimeout = 60000;
server.listen(8080);
process.on("SIGTERM", () => {
  leaving = true;
  setTimeout(() => server.close(() => process.exit(0)), 1500);
});`;

/** Asks each target in a loop, over one connection and over one each; a line for each failure, and one with the sum. */
const client = `
const http = require("http");
const counts = {};
let stopping = false;
function ask(target, agent, method) {
  return new Promise((resolve) => {
    const options = { agent, method, headers: { host: "web.example" }, timeout: 10000 };
    const request = http.request(target, options, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("error", (error) => resolve(error.message));
      response.on("end", () => resolve(response.statusCode === 200 ? undefined : response.statusCode + " " + text));
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", (error) => resolve((error.code || "") + " " + error.message));
    request.end(method === "POST" ? "x".repeat(1000) : undefined);
  });
}
async function loop(target, keepAlive, method) {
  const agent = keepAlive ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : new http.Agent({ keepAlive: false });
  const name = target + (keepAlive ? " kept " : " new ") + method;
  counts[name] = 0;
  while (!stopping) {
    const failure = await ask(target, agent, method);
    if (failure === undefined) counts[name]++;
    else console.log("FAILED " + new Date().toISOString() + " " + name + ": " + failure);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const all = process.env.TARGETS.split(",").flatMap((t) => [true, false].flatMap((k) => ["GET", "POST"].map((m) => loop(t, k, m))));
console.log("STARTED");
process.on("SIGTERM", async () => {
  stopping = true;
  await Promise.all(all);
  console.log("COUNTS " + JSON.stringify(counts));
  process.exit(0);
});`;

const indented = (text: string): string => text.trim().replaceAll("\n", "\n    ");

const web = (more: { readonly naive?: boolean } = {}): string => `apiVersion: v1
kind: ConfigMap
metadata: { name: programs }
data:
  server.js: |
    ${indented(server)}
  naive.js: |
    require("http").createServer((_, response) => response.end("ok")).listen(8080);
    process.on("SIGTERM", () => process.exit(0));
  client.js: |
    ${indented(client)}
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 4
  selector: { matchLabels: { app: web } }
  strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 2 } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 15
      containers:
        - name: main
          image: ${image}
          command: [node, /programs/${more.naive ? "naive" : "server"}.js]
          env: [{ name: VERSION, value: "1" }]
          readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
${more.naive ? "" : "          lifecycle: { preStop: { sleep: { seconds: 2 } } }\n"}          volumeMounts: [{ name: programs, mountPath: /programs }]
      volumes: [{ name: programs, configMap: { name: programs } }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec:
  minAvailable: 1
  selector: { matchLabels: { app: web } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec:
  rules:
    - host: web.example
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }] }
`;

/** Asks from pods of every node, through the Service's name. */
const clientPods = `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: client }
spec:
  selector: { matchLabels: { app: client } }
  template:
    metadata: { labels: { app: client } }
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: main
          image: ${image}
          command: [node, /programs/client.js]
          env: [{ name: TARGETS, value: "http://web.default.svc.cluster.local/" }]
          volumeMounts: [{ name: programs, mountPath: /programs }]
      volumes: [{ name: programs, configMap: { name: programs } }]
`;

describe("requests while everything changes", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const cluster = new CliCluster(world);
  let nodeNames: readonly string[] = [];
  let targets = "";

  before(async () => {
    await cluster.up("--nodes", "2");
    await cluster.loadNode(image);
    await cluster.apply(web());
    await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
    const { items } = await cluster.json<NodeList>("get", "nodes");
    nodeNames = items.map(({ metadata }) => metadata.name);
    const addresses = items.map(({ status }) => status.addresses?.[0]?.address ?? "");
    const { spec } = await cluster.json<Service>("get", "service", "web");
    targets = [spec.clusterIP ?? "", ...addresses].map((host) => `http://${host}/`).join();
    await eventually("the Ingress has the nodes' addresses, and they answer", async () => {
      const { spec: ingress, status } = await cluster.json<Ingress>("get", "ingress", "web");
      if (status.loadBalancer?.ingress?.map(({ ip }) => ip).join() !== [...addresses].sort().join()) return false;
      assert.equal(ingress.ingressClassName, "k8ts");
      const answers = await Promise.all(addresses.map((host) => fetchFrom(`http://${host}/`)));
      return answers.every((text) => text.startsWith("1 web-"));
    });
  });

  after(async () => {
    await cluster.k8ts("delete");
  });

  const fetchFrom = async (url: string): Promise<string> => {
    const wget = ["timeout", "2", "busybox", "wget", "-q", "-O", "-", "--header", "Host: web.example", url];
    return (await exec("busybox", wget)).stdout;
  };

  interface Asker {
    readonly process: ChildProcess;
    readonly lines: string[];
  }

  const startAsker = async (enter: readonly string[]): Promise<Asker> => {
    const child = spawn("env", [...enter, process.execPath, "-e", client], {
      env: { PATH: process.env["PATH"] ?? "", TARGETS: targets },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => lines.push(...text.trim().split("\n")));
    await once(child.stdout, "data");
    return { process: child, lines };
  };

  const stopAsker = async ({ process: child, lines }: Asker): Promise<readonly string[]> => {
    child.kill("SIGTERM");
    await once(child, "close");
    return lines;
  };

  /** All requests made while `work` went on: how many there were, and what failed. */
  const under = async (work: () => Promise<void>): Promise<{ readonly count: number; readonly failures: string[] }> => {
    const namespaceOfSecond = `${cluster.dataDir}/nodes/${nodeNames[1]}/namespaces/net`;
    const askers = await Promise.all([startAsker([]), startAsker(["nsenter", `--net=${namespaceOfSecond}`])]);
    await delay(500);
    await work();
    await delay(500);
    const lines = (await Promise.all(askers.map(stopAsker))).flat();
    const sums = lines.filter((line) => line.startsWith("COUNTS ")).map((line) => line.slice("COUNTS ".length));
    assert.equal(sums.length, 2, "both clients came to their end");
    const counts = sums.flatMap((sum) => Object.values(JSON.parse(sum) as Record<string, number>));
    assert.ok(
      counts.every((count) => count > 10),
      sums.join("\n"),
    );
    return { count: counts.reduce((a, b) => a + b), failures: lines.filter((line) => line.startsWith("FAILED")) };
  };

  const runningPods = async (): Promise<PodList["items"]> => {
    const { items } = await cluster.json<PodList>("get", "pods", "-l", "app=web");
    return items.filter((pod) => !pod.metadata.deletionTimestamp);
  };

  const whenLeft = (count: number): Promise<void> =>
    eventually(
      `${count} pods are left`,
      async () => (await cluster.json<PodList>("get", "pods", "-l", "app=web")).items.length === count,
      40_000,
    );

  test("a rolling update, scaling up and down, and draining a node: no request fails", async (t) => {
    await cluster.apply(clientPods);
    await cluster.kubectl("rollout", "status", "daemonset/client", "--timeout=60s");
    const { count, failures } = await under(async () => {
      await cluster.kubectl("set", "env", "deployment/web", "VERSION=2");
      await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
      await whenLeft(4);
      await cluster.kubectl("scale", "deployment/web", "--replicas=7");
      await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
      await cluster.kubectl("scale", "deployment/web", "--replicas=3");
      await whenLeft(3);
      // Scaling down may leave all on one node.
      const before = await runningPods();
      const [drained = ""] = before.map((pod) => pod.spec.nodeName);
      t.diagnostic(`${before.filter((pod) => pod.spec.nodeName === drained).length} of 3 pods are on ${drained}`);
      await cluster.kubectl("drain", drained, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s");
      await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
      await whenLeft(3);
      assert.ok((await runningPods()).every((pod) => pod.spec.nodeName !== drained));
      await cluster.kubectl("uncordon", drained);
    });
    t.diagnostic(`${count} requests from the nodes`);
    assert.deepEqual(failures, []);
    const { items } = await cluster.json<PodList>("get", "pods", "-l", "app=client");
    assert.equal(items.length, 2);
    for (const pod of items) {
      const log = await cluster.kubectl("logs", pod.metadata.name);
      assert.deepEqual(
        log.split("\n").filter((line) => line.startsWith("FAILED")),
        [],
        pod.metadata.name,
      );
      assert.match(log, /^STARTED$/m);
    }
    await cluster.kubectl("delete", "daemonset/client");
  });

  test("a server that ends at once: through Ingress no GET fails, the rest has the kernel's moment", async (t) => {
    await cluster.apply(web({ naive: true }));
    await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
    await whenLeft(4);
    const { count, failures } = await under(async () => {
      await cluster.kubectl("rollout", "restart", "deployment/web");
      await cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
      await whenLeft(4);
    });
    const { spec } = await cluster.json<Service>("get", "service", "web");
    const throughService = failures.filter((line) => line.includes(`http://${spec.clusterIP}/`));
    const posts = failures.filter((line) => !throughService.includes(line) && line.includes(" POST"));
    t.diagnostic(
      `of ${count} failed: ${throughService.length} through the Service, ${posts.length} POSTs through Ingress`,
    );
    assert.deepEqual(
      failures.filter((line) => !throughService.includes(line) && !posts.includes(line)),
      [],
    );
  });
});
