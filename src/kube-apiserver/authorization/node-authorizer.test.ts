import assert from "node:assert/strict";
import { test } from "node:test";

import type { PersistentVolume, Pod } from "../../api/core/v1/types.gen.ts";
import type { Ingress } from "../../api/networking/v1/types.gen.ts";
import type { ResourceSlice } from "../../api/resource/v1/types.gen.ts";
import type { VolumeAttachment } from "../../api/storage/v1/types.gen.ts";
import { parseFieldSelector } from "../../apimachinery/fields/selector.ts";
import type { AuthorizationAttributes } from "../../apiserver/authorization/authorizer.ts";
import { NodeAuthorizer } from "./node-authorizer.ts";

const user = { name: "system:node:n1", groups: ["system:nodes"] };

function pod(name: string, node: string, more: object = {}): Pod {
  const spec = { nodeName: node, containers: [], ...more };
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "a" }, spec } as unknown as Pod;
}

function claimed(claimName: string): object {
  return { volumes: [{ name: "v", persistentVolumeClaim: { claimName } }] };
}

function volume(name: string, claim: string | undefined): PersistentVolume {
  const csi = {
    driver: "d",
    volumeHandle: name,
    nodeStageSecretRef: { namespace: "s", name: `${name}-stage` },
    controllerPublishSecretRef: { namespace: "s", name: `${name}-controller` },
  };
  const claimRef = claim === undefined ? {} : { claimRef: { namespace: "a", name: claim } };
  return { metadata: { name }, spec: { csi, ...claimRef } } as unknown as PersistentVolume;
}

/** Two nodes with a pod each, and what these need. */
function authorizer(): NodeAuthorizer {
  const authorizer = new NodeAuthorizer();
  for (const [name, node] of [
    ["own", "n1"],
    ["other", "n2"],
  ] as const) {
    const spec = {
      ...claimed(`${name}-claim`),
      serviceAccountName: `${name}-account`,
      imagePullSecrets: [{ name: `${name}-secret` }],
      resourceClaims: [{ name: "gpu", resourceClaimName: `${name}-gpu` }],
    };
    authorizer.pods.set(pod(name, node, spec));
    authorizer.persistentVolumes.set(volume(`${name}-volume`, `${name}-claim`));
    const meta = { metadata: { name: `${name}-object` } };
    authorizer.volumeAttachments.set({ ...meta, spec: { nodeName: node } } as VolumeAttachment);
    authorizer.resourceSlices.set({ ...meta, spec: { nodeName: node } } as ResourceSlice);
  }
  return authorizer;
}

type Question = Partial<Omit<AuthorizationAttributes, "fieldSelector">> & { readonly fields?: string };

function ask({ fields, ...more }: Question): AuthorizationAttributes {
  return {
    user,
    verb: "get",
    isResourceRequest: true,
    namespace: "",
    apiGroup: "",
    apiVersion: "v1",
    resource: "",
    subresource: "",
    name: "",
    path: "",
    ...more,
    ...(fields === undefined ? {} : { fieldSelector: parseFieldSelector(fields).requirements }),
  };
}

/** The reason of a refusal, or "allow". */
async function answer(to: NodeAuthorizer, question: Question): Promise<string> {
  const { decision, reason = "" } = await to.authorize(ask(question));
  assert.notEqual(decision, "deny", "others may still allow it");
  return decision === "allow" ? "allow" : reason;
}

const unrelated = "no relationship found between node 'n1' and this object";

test("a node reads its own Node and no other", async () => {
  const nodes = { resource: "nodes" };
  const cases: readonly (readonly [Question, string])[] = [
    [{ name: "n1" }, "allow"],
    [{ verb: "list", name: "n1", fields: "metadata.name=n1" }, "allow"],
    [{ verb: "watch", name: "n1", fields: "metadata.name=n1" }, "allow"],
    [{ name: "n2" }, "node 'n1' cannot read 'n2', only its own Node object"],
    [{ verb: "watch", name: "n2" }, "node 'n1' cannot read 'n2', only its own Node object"],
    [{ verb: "list" }, "node 'n1' cannot read all nodes, only its own Node object"],
    [{ verb: "watch" }, "node 'n1' cannot read all nodes, only its own Node object"],
    // Writes are NodeRestriction's to narrow.
    [{ verb: "create" }, "allow"],
    [{ verb: "update", name: "n2" }, "allow"],
    [{ verb: "patch", name: "n1", subresource: "status" }, "allow"],
    [{ verb: "get", name: "n1", subresource: "status" }, ""],
    [{ verb: "get", name: "n1", subresource: "proxy" }, ""],
    [{ verb: "delete", name: "n1" }, ""],
    [{ verb: "deletecollection" }, ""],
  ];
  const to = authorizer();
  for (const [question, expected] of cases)
    assert.equal(await answer(to, { ...nodes, ...question }), expected, JSON.stringify(question));
});

test("a node reads pods bound to it and no others", async () => {
  const onlyOwn = "can only list/watch pods with spec.nodeName field selector";
  const cases: readonly (readonly [Question, string])[] = [
    [{ name: "own", namespace: "a" }, "allow"],
    [{ name: "other", namespace: "a" }, unrelated],
    [{ name: "absent", namespace: "a" }, unrelated],
    [{ name: "own", namespace: "b" }, unrelated],
    [{ verb: "list", fields: "spec.nodeName=n1" }, "allow"],
    [{ verb: "watch", fields: "spec.nodeName==n1,status.phase!=Failed" }, "allow"],
    [{ verb: "watch", fields: "spec.nodeName!=n1" }, onlyOwn],
    [{ verb: "list", fields: "spec.nodeName=n2" }, onlyOwn],
    [{ verb: "list", fields: "status.phase=a\\,spec.nodeName\\=n1" }, onlyOwn],
    [{ verb: "list" }, onlyOwn],
    [{ verb: "list", namespace: "a" }, onlyOwn],
    [{ verb: "watch", namespace: "a", name: "own" }, "allow"],
    [{ verb: "watch", namespace: "a", name: "other" }, unrelated],
    [{ verb: "create", namespace: "a" }, "allow"],
    [{ verb: "delete", namespace: "a", name: "other" }, "allow"],
    [{ verb: "patch", namespace: "a", name: "own", subresource: "status" }, "allow"],
    [{ verb: "create", namespace: "a", name: "own", subresource: "eviction" }, "allow"],
    [{ verb: "get", namespace: "a", name: "own", subresource: "log" }, ""],
    [{ verb: "update", namespace: "a", name: "own" }, ""],
    [{ verb: "deletecollection", namespace: "a", fields: "spec.nodeName=n1" }, ""],
  ];
  const to = authorizer();
  for (const [question, expected] of cases)
    assert.equal(await answer(to, { resource: "pods", ...question }), expected, JSON.stringify(question));
});

test("what pods need is read by their node alone, one by one", async () => {
  const inA = { namespace: "a" };
  const stored = { apiGroup: "storage.k8s.io" };
  const cases: readonly (readonly [Question, string])[] = [
    [{ ...inA, resource: "secrets", name: "own-secret" }, "allow"],
    [{ ...inA, resource: "secrets", verb: "watch", name: "own-secret" }, "allow"],
    [{ ...inA, resource: "secrets", name: "other-secret" }, unrelated],
    [{ ...inA, resource: "secrets", verb: "list" }, "No Object name found"],
    [{ resource: "secrets", name: "own-secret" }, "can only read namespaced object of this type"],
    [{ ...inA, resource: "configmaps", verb: "delete", name: "x" }, "can only read resources of this type"],
    [{ ...inA, resource: "serviceaccounts", name: "own-account" }, "allow"],
    [{ ...inA, resource: "serviceaccounts", name: "other-account" }, unrelated],
    [{ ...inA, resource: "serviceaccounts", verb: "create", name: "own-account", subresource: "token" }, "allow"],
    [{ ...inA, resource: "serviceaccounts", verb: "create", name: "other-account", subresource: "token" }, unrelated],
    [{ ...inA, resource: "serviceaccounts", verb: "create" }, "can only create tokens for individual service accounts"],
    [{ ...inA, resource: "persistentvolumeclaims", name: "own-claim" }, "allow"],
    [{ ...inA, resource: "persistentvolumeclaims", name: "other-claim" }, unrelated],
    [{ ...inA, resource: "persistentvolumeclaims", verb: "list" }, "can only get individual resources of this type"],
    [{ ...inA, resource: "persistentvolumeclaims", verb: "patch", name: "own-claim", subresource: "status" }, "allow"],
    [
      { ...inA, resource: "persistentvolumeclaims", verb: "patch", name: "other-claim", subresource: "status" },
      unrelated,
    ],
    [{ resource: "persistentvolumes", name: "own-volume" }, "allow"],
    [{ resource: "persistentvolumes", name: "other-volume" }, unrelated],
    [{ resource: "secrets", namespace: "s", name: "own-volume-stage" }, "allow"],
    [{ resource: "secrets", namespace: "s", name: "own-volume-controller" }, unrelated],
    [{ resource: "secrets", namespace: "s", name: "other-volume-stage" }, unrelated],
    [{ ...inA, apiGroup: "resource.k8s.io", resource: "resourceclaims", name: "own-gpu" }, "allow"],
    [{ ...inA, apiGroup: "resource.k8s.io", resource: "resourceclaims", name: "other-gpu" }, unrelated],
    [{ ...stored, resource: "volumeattachments", name: "own-object" }, "allow"],
    [{ ...stored, resource: "volumeattachments", name: "other-object" }, unrelated],
    [{ ...stored, resource: "csinodes", name: "n1", verb: "patch" }, "allow"],
    [
      { ...stored, resource: "csinodes", name: "n2" },
      "can only access CSINode with the same name as the requesting node",
    ],
    [{ ...stored, resource: "csinodes", verb: "list" }, "can only get, create, update, patch, or delete a CSINode"],
  ];
  const to = authorizer();
  for (const [question, expected] of cases)
    assert.equal(await answer(to, question), expected, JSON.stringify(question));
});

test("leases and resource slices are a node's own", async () => {
  const lease = { apiGroup: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease" };
  const slice = { apiGroup: "resource.k8s.io", resource: "resourceslices" };
  const cases: readonly (readonly [Question, string])[] = [
    [{ ...lease, name: "n1" }, "allow"],
    [{ ...lease, verb: "create" }, "allow"],
    [{ ...lease, name: "n2" }, "can only access node lease with the same name as the requesting node"],
    [{ ...lease, verb: "list" }, "can only get, create, update, patch, or delete a node lease"],
    [
      { ...lease, namespace: "kube-system", name: "n1" },
      'can only access leases in the "kube-node-lease" system namespace',
    ],
    [{ ...slice, verb: "create" }, "allow"],
    [{ ...slice, name: "own-object" }, "allow"],
    [{ ...slice, verb: "delete", name: "other-object" }, unrelated],
    [{ ...slice, verb: "watch", fields: "spec.nodeName=n1" }, "allow"],
    [{ ...slice, verb: "list" }, "can only list/watch/deletecollection resourceslices with nodeName field selector"],
    [{ ...slice, name: "x", subresource: "status" }, "cannot authorize ResourceSlice subresources"],
  ];
  const to = authorizer();
  for (const [question, expected] of cases)
    assert.equal(await answer(to, question), expected, JSON.stringify(question));
});

test("what no rule names is refused, and everybody else is left to others", async () => {
  const to = authorizer();
  assert.equal(await answer(to, { resource: "services", verb: "list" }), "allow");
  assert.equal(await answer(to, { resource: "services", verb: "update", name: "x" }), "");
  assert.equal(
    await answer(to, { user: { name: "jane", groups: ["system:nodes"] }, resource: "pods", name: "own" }),
    "",
  );
  assert.equal(await answer(to, { user: { ...user, groups: [] }, resource: "nodes", name: "n1" }), "");
  const nameless = { name: "system:node:", groups: ["system:nodes"] };
  assert.equal(await answer(to, { user: nameless, resource: "nodes" }), 'unknown node for user "system:node:"');
});

test("access ends with what gave it, and mirror pods give none", async () => {
  const to = new NodeAuthorizer();
  const secret = { resource: "secrets", namespace: "a", name: "shared" };
  const spec = { imagePullSecrets: [{ name: "shared" }] };
  const [first, second] = [pod("first", "n1", spec), pod("second", "n1", spec)];
  to.pods.set(first);
  to.pods.set(first);
  to.pods.set(second);
  to.pods.delete(first);
  assert.equal(await answer(to, secret), "allow");
  to.pods.delete(second);
  assert.equal(await answer(to, secret), unrelated);

  const mirror = { ...first, metadata: { ...first.metadata, annotations: { "kubernetes.io/config.mirror": "x" } } };
  to.pods.set(mirror);
  assert.equal(await answer(to, secret), unrelated);
  assert.equal(await answer(to, { resource: "pods", namespace: "a", name: "first" }), "allow");

  const ofVolume = { resource: "persistentvolumes", name: "v" };
  to.pods.set(pod("claimant", "n1", claimed("c")));
  to.persistentVolumes.set(volume("v", undefined));
  assert.equal(await answer(to, ofVolume), unrelated);
  to.persistentVolumes.set(volume("v", "c"));
  assert.equal(await answer(to, ofVolume), "allow");
  to.persistentVolumes.delete(volume("v", "c"));
  assert.equal(await answer(to, ofVolume), unrelated);

  const ingress = {
    metadata: { name: "i", namespace: "a" },
    spec: { tls: [{ secretName: "shared" }] },
  } as unknown as Ingress;
  to.ingresses.set(ingress);
  assert.equal(await answer(to, secret), "allow");
  to.ingresses.delete(ingress);
  assert.equal(await answer(to, secret), unrelated);
});
