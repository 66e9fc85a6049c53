import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import { buildOpenApiV2, buildOpenApiV3, buildOpenApiV3Root, openApiV3Index, openApiV3Paths } from "./document.ts";

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly definitions: Readonly<Record<string, Schema>>;
}

interface Schema extends Readonly<Record<string, unknown>> {
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const scheme = builtinScheme();
const core = buildOpenApiV3(scheme, "", "v1") as Document;
const apps = buildOpenApiV3(scheme, "apps", "v1") as Document;

function schemaOf(document: Document, name: string): Schema {
  const schema = document.components.schemas[name];
  assert.ok(schema, name);
  return schema;
}

test("operations are named and described by rule", () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ["/api/v1/namespaces/{namespace}/pods", "get", "listCoreV1NamespacedPod", "list"],
    ["/api/v1/namespaces/{namespace}/pods", "delete", "deleteCoreV1CollectionNamespacedPod", "deletecollection"],
    ["/api/v1/pods", "get", "listCoreV1PodForAllNamespaces", "list"],
    ["/api/v1/namespaces/{namespace}/pods/{name}", "put", "replaceCoreV1NamespacedPod", "put"],
    ["/api/v1/namespaces/{namespace}/pods/{name}/exec", "post", "connectCoreV1PostNamespacedPodExec", "connect"],
    ["/api/v1/nodes/{name}/proxy/{path}", "get", "connectCoreV1GetNodeProxyWithPath", "connect"],
    ["/api/v1/watch/namespaces/{namespace}/pods/{name}", "get", "watchCoreV1NamespacedPod", "watch"],
    ["/api/v1/watch/nodes", "get", "watchCoreV1NodeList", "watchlist"],
    ["/api/v1/namespaces/{namespace}/pods/{name}/eviction", "post", "createCoreV1NamespacedPodEviction", "post"],
  ];
  for (const [path, method, id, action] of cases) {
    const operation = core.paths[path]?.[method];
    assert.deepEqual([operation?.operationId, operation?.["x-kubernetes-action"]], [id, action], path);
  }
  const scale = apps.paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]?.patch;
  assert.deepEqual(scale?.["x-kubernetes-group-version-kind"], { group: "autoscaling", version: "v1", kind: "Scale" });
});

test("schemas tell list semantics, defaults, enum values and kinds", () => {
  const container = schemaOf(core, "io.k8s.api.core.v1.Container");
  assert.deepEqual(container.required, ["name"]);
  assert.deepEqual(container.properties.imagePullPolicy?.enum, ["Always", "IfNotPresent", "Never"]);
  const { ports } = container.properties;
  assert.deepEqual(ports?.["x-kubernetes-list-map-keys"], ["containerPort", "protocol"]);
  assert.equal(ports?.["x-kubernetes-patch-merge-key"], "containerPort");
  assert.deepEqual(ports?.items, {
    default: {},
    allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.ContainerPort" }],
  });
  assert.deepEqual(schemaOf(apps, "io.k8s.api.apps.v1.Deployment")["x-kubernetes-group-version-kind"], [
    { group: "apps", version: "v1", kind: "Deployment" },
  ]);
  assert.equal(schemaOf(core, "io.k8s.api.core.v1.ServicePort").properties.protocol?.default, "TCP");
  assert.equal(schemaOf(core, "io.k8s.api.core.v1.ObjectReference")["x-kubernetes-map-type"], "atomic");
});

test("every reference leads somewhere", () => {
  const v2 = buildOpenApiV2(scheme) as Document;
  const lost = (document: object, schemas: object) =>
    [...JSON.stringify(document).matchAll(/"\$ref":"#\/(?:components\/schemas|definitions)\/([^"]+)"/g)]
      .map(([, name]) => name ?? "")
      .filter((name) => !Object.hasOwn(schemas, name));
  assert.deepEqual(lost(v2, v2.definitions), []);
  assert.deepEqual(lost(core, core.components.schemas), []);
  assert.deepEqual(lost(apps, apps.components.schemas), []);
});

test("every path of the index has a document", () => {
  const paths = openApiV3Paths(scheme);
  for (const path of paths) {
    const [root, group, version] = path.split("/");
    const document =
      (root === "api" && group !== undefined ? buildOpenApiV3(scheme, "", group) : undefined) ??
      (version !== undefined && group !== undefined ? buildOpenApiV3(scheme, group, version) : undefined) ??
      buildOpenApiV3Root(scheme, path);
    assert.ok(document, path);
  }
  assert.deepEqual(openApiV3Index(new Map([["apis/apps/v1", "ABC"]])), {
    paths: { "apis/apps/v1": { serverRelativeURL: "/openapi/v3/apis/apps/v1?hash=ABC" } },
  });
});
