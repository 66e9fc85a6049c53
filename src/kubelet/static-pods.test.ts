import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../api/core/v1/types.gen.ts";
import { pods } from "../api/resources.gen.ts";
import { utf8Encode } from "../component-base/bytes.ts";
import { parseStaticPods } from "./config/static-pods.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

const directory = "/etc/manifests";
const config = { staticPodPath: directory };

function manifest(command: string): Uint8Array {
  return utf8Encode(`
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: "busybox:1.36", command: [sh, -c, ${JSON.stringify(command)}] }]
`);
}

async function start(): Promise<KubeletHarness> {
  const harness = new KubeletHarness({ config });
  await harness.fileSystem.makeDirectory(directory, 0o755);
  await harness.fileSystem.writeFile(`${directory}/web.yaml`, manifest("sleep inf"));
  await harness.startKubelet();
  await harness.until(async () => (await harness.pod("web-node-1"))?.status.phase === "Running");
  return harness;
}

async function mirror(harness: KubeletHarness): Promise<Pod> {
  const pod = await harness.pod("web-node-1");
  assert.ok(pod);
  return pod;
}

test("a manifest's pod runs, and its mirror in the API tells its status", async () => {
  await using harness = await start();
  const pod = await mirror(harness);
  const { annotations = {}, ownerReferences = [], labels } = pod.metadata;
  assert.match(annotations["kubernetes.io/config.hash"] ?? "", /^[0-9a-f]{32}$/);
  assert.equal(annotations["kubernetes.io/config.mirror"], annotations["kubernetes.io/config.hash"]);
  assert.equal(annotations["kubernetes.io/config.source"], "file");
  assert.deepEqual(
    ownerReferences.map((r) => `${r.kind}/${r.name} ${String(r.controller)}`),
    ["Node/node-1 true"],
  );
  assert.deepEqual(labels, { app: "web" });
  assert.equal(pod.spec.nodeName, "node-1");
  assert.deepEqual(pod.spec.tolerations, [{ operator: "Exists", effect: "NoExecute" }]);
  assert.equal(pod.status.conditions?.find((c) => c.type === "Ready")?.status, "True");
  const [sandbox] = await harness.runtime.listPodSandbox();
  assert.equal(sandbox?.metadata.uid, annotations["kubernetes.io/config.hash"]);
});

test("a deleted mirror comes back, and the pod does not notice", async () => {
  await using harness = await start();
  const before = await mirror(harness);
  await harness.deletePod("web-node-1");
  await harness.pass(5_000);
  const after = await mirror(harness);
  assert.notEqual(after.metadata.uid, before.metadata.uid);
  assert.equal(after.metadata.deletionTimestamp, undefined);
  assert.equal(after.status.phase, "Running");
  assert.equal(after.status.containerStatuses?.[0]?.containerID, before.status.containerStatuses?.[0]?.containerID);
});

test("a changed manifest is another pod in the place of the old one", async () => {
  await using harness = await start();
  const before = await mirror(harness);
  await harness.fileSystem.writeFile(`${directory}/web.yaml`, manifest("sleep infinity"));
  await harness.until(async () => {
    const { metadata, status } = (await harness.pod("web-node-1")) ?? before;
    return metadata.uid !== before.metadata.uid && status.phase === "Running";
  });
  const after = await mirror(harness);
  const hash = "kubernetes.io/config.hash";
  assert.notEqual(after.metadata.annotations?.[hash], before.metadata.annotations?.[hash]);
  assert.equal((await harness.runtime.listPodSandbox()).length, 1);
});

test("a removed manifest ends the pod and its mirror", async () => {
  await using harness = await start();
  await harness.fileSystem.remove(`${directory}/web.yaml`);
  await harness.pass(10_000);
  assert.equal(await harness.pod("web-node-1"), undefined);
  assert.equal((await harness.runtime.listPodSandbox()).length, 0);
});

test("a kubelet that starts again takes the pod over, and removes the mirror of one that is no more", async () => {
  await using harness = await start();
  const [before] = await harness.runtime.listContainers();
  await harness.stopKubelet();
  await harness.startKubelet();
  await harness.pass(10_000);
  assert.deepEqual(
    (await harness.runtime.listContainers()).map((c) => c.id),
    [before?.id],
  );
  await harness.stopKubelet();
  await harness.fileSystem.remove(`${directory}/web.yaml`);
  await harness.startKubelet();
  await harness.pass(30_000);
  assert.equal((await harness.client.resource(pods, "default").list()).items.length, 0);
  assert.equal((await harness.runtime.listPodSandbox()).length, 0);
});

test("an address gives pods, too", async () => {
  const harness = new KubeletHarness({ config: { staticPodUrl: "http://manifests.test/pod" } });
  await using _ = harness;
  harness.ports.fetchManifest = async (url) => manifest(`echo ${url}; sleep inf`);
  await harness.startKubelet();
  await harness.until(async () => (await harness.pod("web-node-1"))?.status.phase === "Running");
  assert.equal((await mirror(harness)).metadata.annotations?.["kubernetes.io/config.source"], "http");
});

const from = { source: "file", origin: "/f", nodeName: "Node-1", now: "2026-01-01T00:00:00Z" } as const;

test("a pod's uid is that of its content", () => {
  const uid = (command: string): string | undefined => parseStaticPods(manifest(command), from)[0]?.metadata.uid;
  assert.equal(uid("a"), uid("a"));
  assert.notEqual(uid("a"), uid("b"));
});

const refused: readonly [what: string, spec: string, message: RegExp][] = [
  ["a service account", "serviceAccountName: x", /static pods may not reference serviceaccounts/],
  ["a secret", "volumes: [{ name: v, secret: { secretName: x } }]", /may not reference secrets$/],
  ["a field of another type", "hostNetwork: 5", /cannot unmarshal number/],
];

for (const [what, spec, message] of refused) {
  test(`a manifest with ${what} is refused`, () => {
    const text = `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers: [{ name: c, image: i }]\n  ${spec}\n`;
    assert.throws(() => parseStaticPods(utf8Encode(text), from), message);
  });
}
