import assert from "node:assert/strict";
import { test } from "node:test";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const claim = (name: string, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...more },
});

test("claims get the default class and their protection, volumes theirs", async () => {
  await using api = await TestApiServer.start();
  const create = async (name: string, more?: object): Promise<PersistentVolumeClaim> => {
    const answer = await api.request("POST", "/api/v1/namespaces/default/persistentvolumeclaims", claim(name, more));
    assert.equal(answer.status, 201, answer.text);
    return answer.json();
  };
  assert.equal((await create("before")).spec.storageClassName, undefined);
  const storageClass = {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "fast", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "example.com/p",
  };
  assert.equal((await api.request("POST", "/apis/storage.k8s.io/v1/storageclasses", storageClass)).status, 201);
  const made = await create("after");
  assert.equal(made.spec.storageClassName, "fast");
  assert.deepEqual(made.metadata.finalizers, ["kubernetes.io/pvc-protection"]);
  assert.equal((await create("none", { storageClassName: "" })).spec.storageClassName, "");
  const volume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "v" },
    spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" } },
  };
  const stored = (await api.request("POST", "/api/v1/persistentvolumes", volume)).json<PersistentVolume>();
  assert.deepEqual(stored.metadata.finalizers, ["kubernetes.io/pv-protection"]);
});

test("a RuntimeClass adds its overhead and scheduling; what contradicts it is refused", async () => {
  await using api = await TestApiServer.start();
  await api.request("POST", "/api/v1/namespaces/default/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default" },
  });
  await api.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "sandboxed" },
    handler: "runsc",
    overhead: { podFixed: { cpu: "250m" } },
    scheduling: { nodeSelector: { gvisor: "yes" }, tolerations: [{ key: "gvisor", operator: "Exists" }] },
  });
  const create = (name: string, spec: object): ReturnType<TestApiServer["request"]> =>
    api.request("POST", "/api/v1/namespaces/default/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { containers: [{ name: "c", image: "i" }], ...spec },
    });
  const { spec } = (await create("a", { runtimeClassName: "sandboxed" })).json<Pod>();
  assert.deepEqual(spec.overhead, { cpu: "250m" });
  assert.deepEqual(spec.nodeSelector, { gvisor: "yes" });
  assert.ok(spec.tolerations?.some(({ key }) => key === "gvisor"));
  const refused = async (more: object, why: string): Promise<void> => {
    const answer = await create("b", more);
    assert.equal(answer.message, `pods "b" is forbidden: ${why}`);
  };
  await refused({ runtimeClassName: "absent" }, 'pod rejected: RuntimeClass "absent" not found');
  await refused(
    { runtimeClassName: "sandboxed", overhead: { cpu: "1" } },
    "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
  );
  await refused(
    { overhead: { cpu: "1" } },
    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
  );
  await refused(
    { runtimeClassName: "sandboxed", nodeSelector: { gvisor: "no" } },
    "conflict: runtimeClass.scheduling.nodeSelector[gvisor] = yes; pod.spec.nodeSelector[gvisor] = no",
  );
});

test("a claim grows only when it is bound and its class allows it, and never below what it has", async () => {
  await using api = await TestApiServer.start();
  for (const [name, allowVolumeExpansion] of [
    ["grows", true],
    ["stays", false],
  ]) {
    const storageClass = { metadata: { name }, provisioner: "example.com/p", allowVolumeExpansion };
    const body = { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", ...storageClass };
    assert.equal((await api.request("POST", "/apis/storage.k8s.io/v1/storageclasses", body)).status, 201);
  }
  const path = "/api/v1/namespaces/default/persistentvolumeclaims";
  const resize = async (name: string, storage: string): Promise<string> => {
    const found = (await api.request("GET", `${path}/${name}`)).json<PersistentVolumeClaim>();
    const spec = { ...found.spec, resources: { requests: { storage } } };
    const answer = await api.request("PUT", `${path}/${name}`, { ...found, spec });
    return answer.status === 200 ? "" : answer.json<{ message: string }>().message;
  };
  const bind = async (name: string): Promise<void> => {
    const found = (await api.request("GET", `${path}/${name}`)).json<PersistentVolumeClaim>();
    const status = { phase: "Bound", capacity: { storage: "1Gi" } };
    assert.equal((await api.request("PUT", `${path}/${name}/status`, { ...found, status })).status, 200);
  };
  for (const name of ["grows", "stays"]) {
    assert.equal((await api.request("POST", path, claim(name, { storageClassName: name }))).status, 201);
  }
  const prefix = (name: string): string => `persistentvolumeclaims "${name}" is forbidden: `;
  assert.match(await resize("grows", "2Gi"), /spec is immutable after creation except resources\.requests/);
  await bind("grows");
  await bind("stays");
  const why =
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
  assert.equal(await resize("stays", "2Gi"), `${prefix("stays")}${why}`);
  assert.equal(await resize("grows", "5Gi"), "");
  // What could not be had may be taken back, down to what there is.
  assert.equal(await resize("grows", "2Gi"), "");
  assert.match(
    await resize("grows", "1Gi"),
    /spec\.resources\.requests\.storage: Forbidden: field can not be less than status\.capacity/,
  );
});
