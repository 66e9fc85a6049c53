import assert from "node:assert/strict";
import { test } from "node:test";

import { TestApiServer, type TestAnswer } from "../testing/test-cluster.ts";

const kubelet = { commonName: "system:node:n1", organizations: ["system:nodes"] };
const pods = "/api/v1/namespaces/default/pods";
const refused = (kind: string, name: string, why: string): string => `${kind} "${name}" is forbidden: ${why}`;

async function created(api: TestApiServer, path: string, object: object): Promise<void> {
  const answer = await api.request("POST", path, object);
  assert.equal(answer.status, 201, answer.text);
}

async function start(): Promise<TestApiServer> {
  const api = await TestApiServer.start();
  await created(api, "/api/v1/namespaces/default/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default" },
  });
  for (const name of ["n1", "n2"]) {
    const metadata = { name, labels: { "kubernetes.io/os": "linux", role: "x" } };
    await created(api, "/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata });
    const volumes = [
      { name: "v", projected: { sources: [{ serviceAccountToken: { path: "t", audience: "vault" } }] } },
      { name: "c", persistentVolumeClaim: { claimName: "claim" } },
    ];
    await created(api, pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `on-${name}` },
      spec: { nodeName: name, containers: [{ name: "c", image: "i" }], volumes },
    });
  }
  return api;
}

type As = (method: string, path: string, body?: unknown) => Promise<TestAnswer>;

function asKubelet(api: TestApiServer): As {
  return (method, path, body) =>
    api.request(method, path, body, {
      as: kubelet,
      headers: method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {},
    });
}

/** Sends a merge patch of each and expects its answer; undefined for success. */
async function expectPatches(
  send: As,
  path: string,
  cases: readonly (readonly [patch: object, why: string | undefined])[],
): Promise<void> {
  for (const [patch, why] of cases) {
    const answer = await send("PATCH", path, patch);
    if (why === undefined) assert.equal(answer.status, 200, answer.text);
    else assert.deepEqual([answer.status, answer.message], [403, why], JSON.stringify(patch));
  }
}

test("a node changes of itself what kubelets say, not what others ask of it", async () => {
  await using api = await start();
  const why = (text: string): string => refused("nodes", "n1", text);
  const label = (key: string, value: string | null = "y") => ({ metadata: { labels: { [key]: value } } });
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
  await expectPatches(asKubelet(api), "/api/v1/nodes/n1", [
    [label("role"), undefined],
    [label("topology.kubernetes.io/zone"), undefined],
    [label("foo.node.kubernetes.io/x"), undefined],
    [label("kubelet.kubernetes.io/x"), undefined],
    [label("kubernetes.io/os"), undefined],
    [label("node-role.kubernetes.io/x"), why("is not allowed to modify labels: node-role.kubernetes.io/x")],
    [label("team.k8s.io/x"), why("is not allowed to modify labels: team.k8s.io/x")],
    [
      { metadata: { labels: { "node-restriction.kubernetes.io/a": "1", "x.node-restriction.kubernetes.io/b": "1" } } },
      why("is not allowed to modify labels: node-restriction.kubernetes.io/a, x.node-restriction.kubernetes.io/b"),
    ],
    [{ spec: { taints: [] } }, why('node "n1" is not allowed to modify taints')],
    [{ metadata: { ownerReferences: [owner] } }, why('node "n1" is not allowed to modify ownerReferences')],
  ]);
  const other = await asKubelet(api)("PATCH", "/api/v1/nodes/n2", label("role"));
  assert.equal(other.message, refused("nodes", "n2", 'node "n1" is not allowed to modify node "n2"'));
  await api.request("DELETE", "/api/v1/nodes/n1");
  const labels = { "node-role.kubernetes.io/control-plane": "", "kubernetes.io/os": "linux" };
  const again = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", labels } };
  assert.equal(
    (await asKubelet(api)("POST", "/api/v1/nodes", again)).message,
    why('node "n1" is not allowed to set the following labels: node-role.kubernetes.io/control-plane'),
  );
});

test("a node makes mirror pods of its own that refer to nothing", async () => {
  await using api = await start();
  const { uid } = (await api.request("GET", "/api/v1/nodes/n1")).json<{ metadata: { uid: string } }>().metadata;
  const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid, controller: true };
  const mirror = (more: { metadata?: object; spec?: object }): object => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "m",
      annotations: { "kubernetes.io/config.mirror": "x" },
      ownerReferences: [owner],
      ...more.metadata,
    },
    spec: { nodeName: "n1", containers: [{ name: "c", image: "i" }], ...more.spec },
  });
  const env = [{ name: "E", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }];
  const references = 'node "n1" can not create pods that reference';
  const cases: readonly (readonly [Parameters<typeof mirror>[0], string])[] = [
    [
      { metadata: { annotations: {} } },
      'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    ],
    [{ spec: { nodeName: "n2" } }, 'node "n1" can only create pods with spec.nodeName set to itself'],
    [{ metadata: { ownerReferences: [] } }, 'node "n1" can only create pods with an owner reference set to itself'],
    [
      { metadata: { ownerReferences: [{ ...owner, name: "n2" }] } },
      'node "n1" can only create pods with an owner reference set to itself',
    ],
    [
      { metadata: { ownerReferences: [{ ...owner, controller: false }] } },
      'node "n1" can only create pods with a controller owner reference set to itself',
    ],
    [
      { metadata: { ownerReferences: [{ ...owner, blockOwnerDeletion: true }] } },
      'node "n1" must not set blockOwnerDeletion on an owner reference',
    ],
    [
      { metadata: { ownerReferences: [{ ...owner, uid: "other" }] } },
      `node n1 UID mismatch: expected other got ${uid}`,
    ],
    [{ spec: { containers: [{ name: "c", image: "i", env }] } }, `${references} secrets`],
    [{ spec: { volumes: [{ name: "v", configMap: { name: "m" } }] } }, `${references} configmaps`],
    [
      { spec: { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] } },
      `${references} persistentvolumeclaims`,
    ],
  ];
  for (const [more, why] of cases) {
    const answer = await asKubelet(api)("POST", pods, mirror(more));
    assert.equal(answer.message, refused("pods", "m", why));
  }
  const made = await asKubelet(api)("POST", pods, mirror({}));
  assert.equal(made.status, 201, made.text);
});

test("a node writes the status of its pods and of nothing else of them, and ends none of another's", async () => {
  await using api = await start();
  const status = (patch: object) => ({ status: patch });
  const own = (why: string): string => refused("pods", "on-n1", why);
  await expectPatches(asKubelet(api), `${pods}/on-n1/status`, [
    [status({ phase: "Running" }), undefined],
    [{ metadata: { labels: { app: "db" } } }, own('node "n1" cannot update labels through pod status')],
    [
      status({ resourceClaimStatuses: [{ name: "gpu", resourceClaimName: "of-another" }] }),
      own('node "n1" cannot update resource claim statues'),
    ],
  ]);
  const only = (act: string): string => `node "n1" can only ${act} with spec.nodeName set to itself`;
  await expectPatches(asKubelet(api), `${pods}/on-n2/status`, [
    [status({ phase: "Failed" }), refused("pods", "on-n2", only("update pod status for pods"))],
  ]);
  const deletion = await asKubelet(api)("DELETE", `${pods}/on-n2`);
  assert.equal(deletion.message, refused("pods", "on-n2", only("delete pods")));
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "on-n2", namespace: "default" } };
  const evicted = await asKubelet(api)("POST", `${pods}/on-n2/eviction`, eviction);
  assert.equal(
    evicted.message,
    refused("pods", "on-n2", "node n1 can only evict pods with spec.nodeName set to itself"),
  );
  assert.equal((await asKubelet(api)("DELETE", `${pods}/none`)).status, 404);
});

test("a node asks for tokens that its pods want", async () => {
  await using api = await start();
  const uidOf = async (name: string): Promise<string> =>
    (await api.request("GET", `${pods}/${name}`)).json<{ metadata: { uid: string } }>().metadata.uid;
  const token = async (pod: string, audiences: readonly string[], uid?: string): Promise<TestAnswer> =>
    asKubelet(api)("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences, boundObjectRef: { apiVersion: "v1", kind: "Pod", name: pod, uid: uid ?? (await uidOf(pod)) } },
    });
  const why = (text: string): string => refused("serviceaccounts", "default", text);
  assert.equal((await token("on-n1", ["vault"])).status, 201);
  assert.equal((await token("on-n1", [])).status, 201, "the account's own volume");
  assert.equal(
    (await token("on-n1", ["bank"])).message,
    why(
      'audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
    ),
  );
  assert.equal((await token("on-n1", ["a", "b"])).message, why("node may only request 0 or 1 audiences"));
  assert.equal((await token("on-n1", [], "")).message, why("node requested token with a pod binding without a uid"));
  assert.equal(
    (await token("on-n2", [])).message,
    why("node requested token bound to a pod scheduled on a different node"),
  );

  // The driver of a claim's volume may need one.
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, volumeName: "pv" };
  await created(api, "/api/v1/namespaces/default/persistentvolumeclaims", {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "claim" },
    spec: { ...spec, storageClassName: "" },
  });
  await created(api, "/api/v1/persistentvolumes", {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "pv" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "1Gi" },
      csi: { driver: "d.example", volumeHandle: "h" },
    },
  });
  await created(api, "/apis/storage.k8s.io/v1/csidrivers", {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSIDriver",
    metadata: { name: "d.example" },
    spec: { tokenRequests: [{ audience: "bank" }] },
  });
  assert.equal((await token("on-n1", ["bank"])).status, 201);
});

test("a node reports sizes and conditions of its pods' claims alone", async () => {
  await using api = await start();
  const claims = "/api/v1/namespaces/default/persistentvolumeclaims";
  await created(api, claims, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "claim" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "" },
  });
  const why = refused(
    "persistentvolumeclaims",
    "claim",
    'node "n1" is not allowed to update fields other than status.quantity and status.conditions',
  );
  await expectPatches(asKubelet(api), `${claims}/claim/status`, [
    [{ status: { capacity: { storage: "1Gi" } } }, undefined],
    [{ status: { phase: "Bound" } }, why],
    [{ metadata: { labels: { a: "b" } } }, why],
  ]);
});
