import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configMaps,
  deployments,
  endpoints,
  endpointSlices,
  namespaces,
  nodes,
  pods,
  replicaSets,
  serviceAccounts,
  services,
} from "../api/resources.gen.ts";
import { randomInt, SeededRandom } from "../component-base/random.ts";
import { startControllers, type ControllerHarness } from "../controller-runtime/testing/controller-harness.ts";
import { kubeControllers } from "./controllers.ts";

const served = [
  configMaps,
  deployments,
  endpoints,
  endpointSlices,
  namespaces,
  nodes,
  pods,
  replicaSets,
  serviceAccounts,
  services,
];

const template = (image: string) => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "c", image, ports: [{ name: "http", containerPort: 8080 }] }] },
});

const start = (): Promise<ControllerHarness> =>
  startControllers(kubeControllers({ rootCa: "PEM" }), async (client, server) => {
    server.served = served;
    await client.resource(namespaces).create({ metadata: { name: "a" }, spec: { finalizers: ["kubernetes"] } });
    await client.resource(nodes).create({ metadata: { name: "n" } });
    await client.resource(services, "a").create({
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, clusterIP: "10.96.0.1", ports: [{ name: "p", port: 80, targetPort: "http" }] },
    });
    await client.resource(deployments, "a").create({
      metadata: { name: "web" },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "web" } },
        template: template("v0"),
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
        revisionHistoryLimit: 2,
        progressDeadlineSeconds: 600,
      },
    });
  });

/** Plays kubelet for one pod, chosen at random: readies it, or lets it end when it is asked to go. */
async function workOnPod(h: ControllerHarness, random: SeededRandom, serial: number): Promise<void> {
  const client = h.client.resource(pods, "a");
  const all = (await client.list()).items.filter((p) => p.status.phase !== "Running" || p.metadata.deletionTimestamp);
  const pod = all[randomInt(random, all.length)];
  if (!pod) return;
  if (pod.metadata.deletionTimestamp) {
    await client.delete(pod.metadata.name, { gracePeriodSeconds: 0 });
    return;
  }
  await client.createSubresource(pod.metadata.name, "binding", { target: { name: "n" } });
  const fresh = await client.get(pod.metadata.name);
  const lastTransitionTime = new Date(h.clock.now()).toISOString();
  const status = {
    phase: "Running" as const,
    podIPs: [{ ip: `10.0.${serial >> 8}.${serial & 255}` }],
    conditions: [{ type: "Ready", status: "True", lastTransitionTime }],
  };
  await client.updateStatus({ ...fresh, status });
}

/** One thing a user, a node or bad luck may do. */
async function disturb(h: ControllerHarness, random: SeededRandom, serial: number): Promise<void> {
  const client = h.client.resource(deployments, "a");
  switch (randomInt(random, 8)) {
    case 0:
      await client.patch("web", "merge", { spec: { replicas: randomInt(random, 8) } });
      return;
    case 1:
      await client.patch("web", "merge", { spec: { template: template(`v${randomInt(random, 4)}`) } });
      return;
    case 2: {
      const [victim] = (await h.client.resource(pods, "a").list()).items;
      if (victim) await h.client.resource(pods, "a").delete(victim.metadata.name);
      return;
    }
    case 3:
      h.server.cutWatches();
      return;
    case 4:
      h.server.cutWatches();
      h.server.compact();
      return;
    case 5:
      await h.pass(randomInt(random, 3000));
      return;
    default:
      await workOnPod(h, random, serial);
  }
}

for (let seed = 1; seed <= Number(process.env["SEEDS"] ?? 4); seed++) {
  test(`whatever happens, the world ends as declared and then rests, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    await using h = await start();
    let isFaulty = true;
    h.server.intercept = ({ method, path }) => {
      if (!isFaulty || random.next() > 0.15) return undefined;
      const reason = method === "GET" || path.includes("watch=") ? "InternalError" : "Conflict";
      const code = reason === "Conflict" ? 409 : 500;
      return { status: code, body: { kind: "Status", status: "Failure", reason, code, message: "bad luck" } };
    };
    for (let i = 0; i < 60; i++) {
      await disturb(h, random, i + 1).catch(() => undefined);
      if (random.next() < 0.5) await h.settle();
    }
    isFaulty = false;
    for (let i = 0; i < 40; i++) {
      await h.pass(30_000);
      for (let n = 0; n < 10; n++) await workOnPod(h, random, 1000 + 10 * i + n).catch(() => undefined);
    }
    await h.pass(600_000);

    const d = await h.client.resource(deployments, "a").get("web");
    const wanted = d.spec.replicas ?? 0;
    const running = (await h.client.resource(pods, "a").list()).items;
    assert.deepEqual(
      running.map((p) => p.spec.containers[0]?.image),
      Array.from({ length: wanted }, () => d.spec.template.spec?.containers[0]?.image),
    );
    assert.equal(d.status.availableReplicas ?? 0, wanted);
    assert.equal(d.status.observedGeneration, d.metadata.generation);
    const sets = (await h.client.resource(replicaSets, "a").list()).items;
    assert.equal(sets.filter((rs) => (rs.spec.replicas ?? 0) > 0).length, wanted > 0 ? 1 : 0);
    assert.ok(sets.length <= 4);
    const addresses = running.map((p) => p.status.podIPs?.[0]?.ip).sort();
    const slices = (await h.client.resource(endpointSlices, "a").list()).items;
    assert.equal(slices.length, 1);
    assert.deepEqual((slices[0]?.endpoints ?? []).map((e) => e.addresses[0]).sort(), addresses);
    const legacy = await h.client.resource(endpoints, "a").get("web");
    assert.deepEqual((legacy.subsets?.[0]?.addresses ?? []).map((x) => x.ip).sort(), addresses);
    h.takeWrites();
    await h.pass(3_600_000);
    assert.deepEqual(h.takeWrites(), []);
  });
}
