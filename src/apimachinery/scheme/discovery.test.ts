import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import {
  aggregatedDiscoveryDocument,
  apiGroupDiscovery,
  apiGroupDocument,
  apiGroupListDocument,
  apiResourceListDocument,
  apiVersionsDocument,
} from "./discovery.ts";

const scheme = builtinScheme();

test("groups are listed in discovery order with their preferred version, the legacy group apart", () => {
  const { groups } = apiGroupListDocument(scheme.groups);
  assert.deepEqual(
    groups.slice(0, 3).map(({ name }) => name),
    ["apiregistration.k8s.io", "apps", "events.k8s.io"],
  );
  assert.equal(groups.length, 21);
  const autoscaling = scheme.groups.find(({ group }) => group === "autoscaling");
  assert.deepEqual(autoscaling && apiGroupDocument(autoscaling), {
    kind: "APIGroup",
    apiVersion: "v1",
    name: "autoscaling",
    versions: [
      { groupVersion: "autoscaling/v2", version: "v2" },
      { groupVersion: "autoscaling/v1", version: "v1" },
    ],
    preferredVersion: { groupVersion: "autoscaling/v2", version: "v2" },
  });
});

test("resources and subresources are listed by name; a kind of another group says so", () => {
  const list = apiResourceListDocument("", "v1", scheme.resources("", "v1"));
  assert.equal(list.apiVersion, undefined);
  assert.deepEqual(
    list.resources.map(({ name }) => name).filter((name) => name.startsWith("po")),
    [
      "pods",
      "pods/attach",
      "pods/binding",
      "pods/ephemeralcontainers",
      "pods/eviction",
      "pods/exec",
      "pods/log",
      "pods/portforward",
      "pods/proxy",
      "pods/resize",
      "pods/status",
      "podtemplates",
    ],
  );
  assert.deepEqual(
    list.resources.find(({ name }) => name === "pods/eviction"),
    {
      name: "pods/eviction",
      singularName: "",
      namespaced: true,
      group: "policy",
      version: "v1",
      kind: "Eviction",
      verbs: ["create"],
    },
  );
  assert.deepEqual(
    list.resources.find(({ name }) => name === "services"),
    {
      name: "services",
      singularName: "service",
      namespaced: true,
      kind: "Service",
      verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
      shortNames: ["svc"],
      categories: ["all"],
      storageVersionHash: "0/CO1lhkEBI=",
    },
  );
});

test("the aggregated document nests subresources and leaves a version's own group and version empty", () => {
  const apps = scheme.groups.find(({ group }) => group === "apps");
  assert.ok(apps);
  const item = apiGroupDiscovery(apps, (group, version) => scheme.resources(group, version));
  const deployments = item.versions[0]?.resources?.find(({ resource }) => resource === "deployments");
  assert.deepEqual(deployments, {
    resource: "deployments",
    responseKind: { group: "", version: "", kind: "Deployment" },
    scope: "Namespaced",
    singularResource: "deployment",
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    shortNames: ["deploy"],
    categories: ["all"],
    subresources: [
      {
        subresource: "scale",
        responseKind: { group: "autoscaling", version: "v1", kind: "Scale" },
        verbs: ["get", "patch", "update"],
      },
      {
        subresource: "status",
        responseKind: { group: "", version: "", kind: "Deployment" },
        verbs: ["get", "patch", "update"],
      },
    ],
  });
  assert.equal(aggregatedDiscoveryDocument([item]).items[0]?.metadata.name, "apps");
});

test("/api names its only version", () => {
  assert.deepEqual(apiVersionsDocument("10.0.0.1:6443"), {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: "10.0.0.1:6443" }],
  });
});

test("a storage version hash is the hash of what is stored", () => {
  for (const { group, versions } of scheme.groups) {
    for (const resource of versions.flatMap((version) => scheme.resources(group, version))) {
      if (!resource.persisted || resource.storageVersionHash === "") continue;
      const { storage } = resource;
      const stored = `${storage.group}/${storage.version}/${storage.kind}`;
      const hash = createHash("sha256").update(stored).digest().subarray(0, 8).toString("base64");
      assert.equal(resource.storageVersionHash, hash, resource.resource);
    }
  }
});
