import { AdmissionEnvironments } from "../../src/kube-apiserver/admission/expressions/admission-environment.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../src/api/scheme.ts";
import {
  configMaps,
  controllerRevisions,
  cronJobs,
  daemonSets,
  deployments,
  endpoints,
  endpointSlices,
  events,
  jobs,
  namespaces,
  nodes,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from "../../src/api/resources.gen.ts";
import type { Deployment } from "../../src/api/apps/v1/types.gen.ts";
import type { PolicyRule } from "../../src/api/rbac/v1/types.gen.ts";
import type { Transport, TransportRequest } from "../../src/component-base/http.ts";
import type { ControllerDescriptor } from "../../src/controller-runtime/controller.ts";
import type { Input } from "../../src/apimachinery/resource-type.ts";
import { TestServer } from "../../src/apiserver/testing/test-server.ts";
import { createInProcessTransport } from "../../src/apiserver/server/in-process-transport.ts";
import { createInformerFactory } from "../../src/client/cache/informer-factory.ts";
import type { ApiClient } from "../../src/client/rest/api-client.ts";
import { createApiClient } from "../../src/client/rest/rest-client.ts";
import { createLogger, formatLogRecord } from "../../src/component-base/logger.ts";
import { MetricRegistry } from "../../src/component-base/metrics.ts";
import { SeededRandom } from "../../src/component-base/random.ts";
import { SteppingClock } from "../../src/component-base/stepping-clock.ts";
import { runControllers } from "../../src/controller-runtime/manager.ts";
import { kubeControllers } from "../../src/kube-controller-manager/controllers.ts";
import { builtinStrategies } from "../../src/kube-apiserver/registry/strategies.ts";
import {
  namespaceFinalizeStrategy,
  namespaceStrategy,
} from "../../src/kube-apiserver/registry/core/namespace-strategy.ts";
import { createBinding } from "../../src/kube-apiserver/registry/core/pod/binding.ts";
import { podStatusStrategy } from "../../src/kube-apiserver/registry/core/pod/status-strategy.ts";
import { podStrategy } from "../../src/kube-apiserver/registry/core/pod/strategy.ts";
import { IpAllocator } from "../../src/kube-apiserver/registry/core/service/ip-allocator.ts";
import { PortAllocator } from "../../src/kube-apiserver/registry/core/service/port-allocator.ts";

interface World extends AsyncDisposable {
  readonly clock: SteppingClock;
  readonly client: ApiClient;
  /** Steps time in small steps until the condition holds. */
  until(what: string, condition: () => Promise<boolean>): Promise<void>;
}

/** All controllers against the real API server over a memory store, in one process, on a stepped clock. */
async function start(): Promise<World> {
  const clock = new SteppingClock();
  const random = new SeededRandom(7);
  const metrics = new MetricRegistry();
  const allocators = {
    clusterIps: new IpAllocator("10.96.0.0/16", random),
    nodePorts: new PortAllocator({ min: 30000, max: 32767, random }),
  };
  const strategies = Object.fromEntries(
    Object.entries(builtinStrategies({ environments: new AdmissionEnvironments(), allocators })).map(([name, s]) => [
      name.replace(/^.*\//, ""),
      s,
    ]),
  );
  const server = await TestServer.start({
    scheme: builtinScheme(),
    clock,
    strategies,
    replaced: {
      namespaces: {
        strategy: namespaceStrategy,
        subresources: { finalize: { type: "object", strategy: namespaceFinalizeStrategy } },
      },
      pods: {
        strategy: podStrategy,
        subresources: {
          binding: { type: "create", create: createBinding },
          status: { type: "object", strategy: podStatusStrategy },
        },
      },
    },
  });
  const transport = createInProcessTransport(server.server.handler, { address: "127.0.0.1" });
  const client = createApiClient({ transport, userAgent: "test", clock, random });
  const bugs: string[] = [];
  const logger = createLogger((record) => {
    if (record.fields["error"] instanceof TypeError)
      bugs.push(`${formatLogRecord(record)} ${record.fields["error"].stack}`);
    if (process.env["VERBOSE"]) console.log(formatLogRecord(record));
  }, "debug");
  const informers = createInformerFactory({ client, clock, random, logger, metrics, freeze: true });
  const stop = new AbortController();
  const denied = new Set<string>();
  const clientFor = ({ name, rules }: ControllerDescriptor): ApiClient => {
    const guarded: Transport = {
      send: (request) => {
        const attributes = attributesOf(request);
        if (attributes && !isAllowed(rules, attributes)) denied.add(`${name}: ${attributes.join(" ")}`);
        return transport.send(request);
      },
    };
    return createApiClient({ transport: guarded, userAgent: name, clock, random });
  };
  const controllers = kubeControllers({ rootCa: "PEM", clusterCidr: "10.244.0.0/16" });
  const running = runControllers({ controllers, clientFor, informers, clock, random, logger, metrics }, stop.signal);
  return {
    clock,
    client,
    until: async (what, condition) => {
      for (let i = 0; i < 3000; i++) {
        if (await condition()) return;
        await new Promise((resolve) => setImmediate(resolve));
        clock.step(10);
      }
      assert.fail(`never: ${what}; ${bugs.join("\n")}`);
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      assert.deepEqual(bugs, []);
      assert.deepEqual([...denied], []);
    },
  };
}

type Attributes = readonly [verb: string, group: string, resource: string];

/** What RBAC would be asked; undefined for discovery, which everybody may read. */
function attributesOf({ method, path }: TransportRequest): Attributes | undefined {
  const [pathname = ""] = path.split("?");
  const parts = pathname.split("/").slice(1);
  const group = parts[0] === "apis" ? (parts[1] ?? "") : "";
  let rest = parts.slice(parts[0] === "apis" ? 3 : 2);
  if (rest.length === 0) return undefined;
  if (rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "status" && rest[2] !== "finalize")
    rest = rest.slice(2);
  const [resource = "", name, subresource] = rest;
  const verbs: Readonly<Record<string, string>> = {
    POST: "create",
    PUT: "update",
    PATCH: "patch",
    GET: "get",
    DELETE: "delete",
  };
  let verb = verbs[method] ?? method;
  if (verb === "get" && !name) verb = "list";
  if (verb === "delete" && !name) verb = "deletecollection";
  return [verb, group, subresource ? `${resource}/${subresource}` : resource];
}

function isAllowed(rules: readonly PolicyRule[], [verb, group, resource]: Attributes): boolean {
  const has = (list: readonly string[] | undefined, value: string): boolean =>
    list?.some((item) => item === "*" || item === value) ?? false;
  return rules.some((r) => has(r.verbs, verb) && has(r.apiGroups, group) && has(r.resources, resource));
}

function web(replicas: number): Input<Deployment> {
  const labels = { app: "web" };
  return {
    metadata: { name: "web" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "v1" }] } },
    },
  };
}

const count = async (list: Promise<{ readonly items: readonly unknown[] }>): Promise<number> =>
  (await list).items.length;

/** Plays scheduler and kubelet for every pod that is not running yet. */
async function runPods(client: ApiClient): Promise<void> {
  const all = client.resource(pods, "demo");
  let n = 0;
  for (const pod of (await all.list()).items) {
    n++;
    if (pod.metadata.deletionTimestamp && pod.spec.nodeName) {
      await all.delete(pod.metadata.name, { gracePeriodSeconds: 0 });
      continue;
    }
    if (pod.status.phase !== "Pending") continue;
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: pod.metadata.name },
      target: { kind: "Node", name: "n1" },
    };
    if (!pod.spec.nodeName) await all.createSubresource(pod.metadata.name, "binding", binding);
    const fresh = await all.get(pod.metadata.name);
    const ip = `10.1.${fresh.metadata.uid.length}.${n}`;
    await all.updateStatus({
      ...fresh,
      status: {
        ...fresh.status,
        phase: "Running",
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }],
      },
    });
  }
}

test("a Deployment and its Service live and die on the real API server", async () => {
  await using w = await start();
  const { client } = w;
  await client.resource(namespaces).create({ metadata: { name: "demo" } });
  await w.until("default ServiceAccount and CA", async () => {
    const accounts = await client.resource(serviceAccounts, "demo").list();
    const maps = await client.resource(configMaps, "demo").list();
    return accounts.items[0]?.metadata.name === "default" && maps.items[0]?.metadata.name === "kube-root-ca.crt";
  });
  await client.resource(nodes).create({ metadata: { name: "n1" } });
  await client.resource(services, "demo").create({
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await client.resource(deployments, "demo").create(web(3));
  await w.until("three pods", async () => (await count(client.resource(pods, "demo").list())) === 3);
  await w.until("rollout complete", async () => {
    await runPods(client);
    const d = await client.resource(deployments, "demo").get("web");
    return d.status.conditions?.find((c) => c.type === "Progressing")?.reason === "NewReplicaSetAvailable";
  });
  await w.until("three endpoints", async () => {
    const slices = (await client.resource(endpointSlices, "demo").list()).items;
    const legacy = (await client.resource(endpoints, "demo").list()).items;
    const ready = slices.flatMap((s) => s.endpoints ?? []).filter((e) => e.conditions.ready);
    return ready.length === 3 && legacy[0]?.subsets?.[0]?.addresses?.length === 3;
  });

  await client
    .resource(deployments, "demo")
    .patch("web", "strategic", { spec: { template: { spec: { containers: [{ name: "c", image: "v2" }] } } } });
  await w.until("new image everywhere", async () => {
    await runPods(client);
    const d = await client.resource(deployments, "demo").get("web");
    const images = (await client.resource(pods, "demo").list()).items.map((p) => p.spec.containers[0]?.image);
    return d.metadata.annotations?.["deployment.kubernetes.io/revision"] === "2" && images.join() === "v2,v2,v2";
  });
  assert.equal(await count(client.resource(replicaSets, "demo").list()), 2);
  const reasons = new Set((await client.resource(events, "demo").list()).items.map((e) => e.reason));
  assert.ok(reasons.has("ScalingReplicaSet") && reasons.has("SuccessfulCreate") && reasons.has("SuccessfulDelete"));

  // kubectl delete deployment: in the background, by the garbage collector.
  await client.resource(deployments, "demo").delete("web", { propagationPolicy: "Background" });
  await w.until("sets and pods collected", async () => {
    await runPods(client).catch(() => undefined);
    const sets = await count(client.resource(replicaSets, "demo").list());
    return sets === 0 && (await count(client.resource(pods, "demo").list())) === 0;
  });

  await client.resource(secrets, "demo").create({ metadata: { name: "s" } });
  await client.resource(namespaces).delete("demo");
  await w.until("namespace gone", async () => {
    const left = (await client.resource(namespaces).list()).items;
    return left.every((n) => n.metadata.name !== "demo");
  });
  assert.equal(await count(client.resource(secrets, "demo").list()), 0);
});

test("foreground deletion of a Deployment waits for its pods", async () => {
  await using w = await start();
  const { client } = w;
  await client.resource(namespaces).create({ metadata: { name: "demo" } });
  await client.resource(deployments, "demo").create(web(2));
  await w.until("two pods", async () => (await count(client.resource(pods, "demo").list())) === 2);
  await client.resource(deployments, "demo").delete("web", { propagationPolicy: "Foreground" });
  await w.until("all gone", async () => {
    const left = await Promise.all(
      [deployments, replicaSets, pods].map((type) => count(client.resource<unknown>(type, "demo").list())),
    );
    return left.every((n) => n === 0);
  });
});

const labelled = (app: string, restartPolicy: "Always" | "Never" = "Always") => ({
  metadata: { labels: { app } },
  spec: { restartPolicy, containers: [{ name: "c", image: "v1" }] },
});

/** Ends the pods of jobs as soon as they run. */
async function endJobPods(client: ApiClient): Promise<void> {
  const all = client.resource(pods, "demo");
  for (const pod of (await all.list()).items) {
    if (pod.spec.restartPolicy !== "Never" || pod.status.phase !== "Running") continue;
    const conditions = [{ type: "Ready", status: "False", lastTransitionTime: "2026-01-01T00:00:00Z" }];
    await all.updateStatus({ ...pod, status: { ...pod.status, phase: "Succeeded", conditions } });
  }
}

test("ReplicationController, DaemonSet and StatefulSet live on the real API server", async () => {
  await using w = await start();
  const { client } = w;
  await client.resource(namespaces).create({ metadata: { name: "demo" } });
  await client.resource(nodes).create({ metadata: { name: "n1" } });
  const status = { conditions: [{ type: "Ready", status: "True" }] };
  await client.resource(nodes).patch("n1", "strategic", { status }, { subresource: "status" });
  await client.resource(replicationControllers, "demo").create({
    metadata: { name: "rc" },
    spec: { replicas: 2, selector: { app: "rc" }, template: labelled("rc") },
  });
  await client.resource(daemonSets, "demo").create({
    metadata: { name: "ds" },
    spec: { selector: { matchLabels: { app: "ds" } }, template: labelled("ds") },
  });
  await client.resource(statefulSets, "demo").create({
    metadata: { name: "sts" },
    spec: {
      replicas: 2,
      serviceName: "sts",
      selector: { matchLabels: { app: "sts" } },
      template: labelled("sts"),
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
        },
      ],
    },
  });
  await client.resource(podDisruptionBudgets, "demo").create({
    metadata: { name: "sts" },
    spec: { maxUnavailable: "50%", selector: { matchLabels: { app: "sts" } } },
  });
  await w.until("all available", async () => {
    await runPods(client);
    const rc = await client.resource(replicationControllers, "demo").get("rc");
    const ds = await client.resource(daemonSets, "demo").get("ds");
    const sts = await client.resource(statefulSets, "demo").get("sts");
    return rc.status.availableReplicas === 2 && ds.status.numberAvailable === 1 && sts.status.availableReplicas === 2;
  });
  await w.until("a disruption allowed", async () => {
    const { status } = await client.resource(podDisruptionBudgets, "demo").get("sts");
    return status.disruptionsAllowed === 1 && status.expectedPods === 2;
  });
  await w.until("a range for the node", async () => {
    const { spec } = await client.resource(nodes).get("n1");
    return spec.podCIDR === "10.244.0.0/24";
  });
  const template = { spec: { containers: [{ name: "c", image: "v2" }] } };
  await client.resource(statefulSets, "demo").patch("sts", "strategic", { spec: { template } });
  await client.resource(daemonSets, "demo").patch("ds", "strategic", { spec: { template } });
  await w.until("rolled out", async () => {
    await runPods(client);
    const images = (await client.resource(pods, "demo").list()).items
      .filter((p) => p.metadata.labels?.["app"] !== "rc")
      .map((p) => p.spec.containers[0]?.image);
    const { status } = await client.resource(statefulSets, "demo").get("sts");
    return images.join() === "v2,v2,v2" && status.currentRevision === status.updateRevision;
  });
  assert.equal(await count(client.resource(controllerRevisions, "demo").list()), 4);
  assert.equal(await count(client.resource(persistentVolumeClaims, "demo").list()), 2);
  await client.resource(statefulSets, "demo").delete("sts", { propagationPolicy: "Background" });
  await w.until("claims gone with the set", async () => {
    await runPods(client);
    return (await count(client.resource(persistentVolumeClaims, "demo").list())) === 0;
  });
});

test("Jobs and CronJobs run on the real API server", async () => {
  await using w = await start();
  const { client } = w;
  await client.resource(namespaces).create({ metadata: { name: "demo" } });
  await client.resource(nodes).create({ metadata: { name: "n1" } });
  await client.resource(jobs, "demo").create({
    metadata: { name: "sums" },
    spec: {
      completions: 3,
      parallelism: 2,
      completionMode: "Indexed",
      backoffLimitPerIndex: 1,
      ttlSecondsAfterFinished: 5,
      template: { spec: labelled("sums", "Never").spec },
    },
  });
  await w.until("complete", async () => {
    await runPods(client);
    await endJobPods(client);
    const { status } = await client.resource(jobs, "demo").get("sums");
    return status.conditions?.at(-1)?.type === "Complete" && status.completedIndexes === "0-2";
  });
  await w.until("gone by its time to live, and its pods", async () => {
    const left = await count(client.resource(jobs, "demo").list());
    return left === 0 && (await count(client.resource(pods, "demo").list())) === 0;
  });
  await client.resource(cronJobs, "demo").create({
    metadata: { name: "tick" },
    spec: { schedule: "@every 2s", jobTemplate: { spec: { template: { spec: labelled("t", "Never").spec } } } },
  });
  await w.until("a job was started and has succeeded", async () => {
    await runPods(client);
    await endJobPods(client);
    const { status } = await client.resource(cronJobs, "demo").get("tick");
    return status.lastSuccessfulTime !== undefined;
  });
});

test("Endpoints written by hand become slices on the real API server", async () => {
  await using w = await start();
  const { client } = w;
  await client.resource(namespaces).create({ metadata: { name: "demo" } });
  await client.resource(services, "demo").create({ metadata: { name: "db" }, spec: { ports: [{ port: 80 }] } });
  await client.resource(endpoints, "demo").create({
    metadata: { name: "db" },
    subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 8080 }] }],
  });
  await w.until("mirrored", async () => {
    const [slice] = (await client.resource(endpointSlices, "demo").list()).items;
    return slice?.endpoints?.[0]?.addresses[0] === "192.0.2.1" && slice.ports?.[0]?.port === 8080;
  });
  // Without a Service they mean nothing to the cluster, but they are somebody's.
  const lone = await client.resource(endpoints, "demo").create({ metadata: { name: "lone" }, subsets: [] });
  await client.resource(endpoints, "demo").delete("db");
  await w.until("gone", async () => (await count(client.resource(endpointSlices, "demo").list())) === 0);
  assert.equal((await client.resource(endpoints, "demo").get("lone")).metadata.uid, lone.metadata.uid);
});
