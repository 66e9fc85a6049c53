import assert from "node:assert/strict";
import { test } from "node:test";
import * as gv from "./group-version.ts";

test("apiVersion parses and prints", () => {
  assert.deepEqual(gv.parseGroupVersion("v1"), { group: "", version: "v1" });
  assert.deepEqual(gv.parseGroupVersion("apps/v1"), { group: "apps", version: "v1" });
  assert.deepEqual(gv.parseGroupVersion(""), { group: "", version: "" });
  assert.throws(() => gv.parseGroupVersion("a/b/c"), { message: "unexpected GroupVersion string: a/b/c" });
  assert.deepEqual(gv.gvkFromApiVersion("a/b/c", "K"), { group: "", version: "", kind: "K" });
});

test("resources and kinds carry their group after the first dot", () => {
  assert.deepEqual(gv.parseGroupResource("ingresses.networking.k8s.io"), {
    group: "networking.k8s.io",
    resource: "ingresses",
  });
  assert.deepEqual(gv.parseGroupKind("Pod"), { group: "", kind: "Pod" });
  assert.deepEqual(gv.parseVersionedResource("deployments.v1.apps"), {
    group: "apps",
    version: "v1",
    resource: "deployments",
  });
  assert.equal(gv.parseVersionedResource("deployments.apps"), undefined);
  assert.equal(
    gv.formatGroupVersionKind({ group: "apps", version: "v1", kind: "Deployment" }),
    "apps/v1, Kind=Deployment",
  );
  assert.equal(gv.formatGroupVersionResource({ group: "", version: "v1", resource: "pods" }), "/v1, Resource=pods");
});
