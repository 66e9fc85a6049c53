import assert from "node:assert/strict";
import { test } from "node:test";

import type { Ingress } from "../../api/networking/v1/types.gen.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const path = "/apis/networking.k8s.io/v1";
const ingress = (name: string, spec: object = {}, metadata: object = {}): object => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name, ...metadata },
  spec: { defaultBackend: { service: { name: "s", port: { number: 80 } } }, ...spec },
});

test("Ingresses that name no class get the newest default one", async () => {
  await using api = await TestApiServer.start();
  const create = async (name: string, spec?: object, metadata?: object): Promise<string | undefined> => {
    const answer = await api.request("POST", `${path}/namespaces/default/ingresses`, ingress(name, spec, metadata));
    assert.equal(answer.status, 201, answer.text);
    return answer.json<Ingress>().spec.ingressClassName;
  };
  assert.equal(await create("before"), undefined);
  for (const name of ["b", "a"]) {
    const annotations = { "ingressclass.kubernetes.io/is-default-class": "true" };
    await api.request("POST", `${path}/ingressclasses`, {
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name, annotations },
      spec: { controller: "example.com/c" },
    });
  }
  assert.equal(await create("without"), "a");
  assert.equal(await create("own", { ingressClassName: "other" }), "other");
  assert.equal(await create("legacy", {}, { annotations: { "kubernetes.io/ingress.class": "nginx" } }), undefined);
});

test("nodes may read the Secrets that Ingresses name, while they do", async () => {
  await using api = await TestApiServer.start();
  const node = { commonName: "system:node:n1", organizations: ["system:nodes"] };
  for (const name of ["cert", "private"]) {
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name } };
    assert.equal((await api.request("POST", "/api/v1/namespaces/default/secrets", secret)).status, 201);
  }
  const get = async (name: string, namespace = "default"): Promise<number> =>
    (await api.request("GET", `/api/v1/namespaces/${namespace}/secrets/${name}`, undefined, { as: node })).status;
  assert.equal(await get("cert"), 403);
  for (const name of ["one", "two"]) {
    const tls = [{ hosts: ["h"], secretName: "cert" }];
    await api.request("POST", `${path}/namespaces/default/ingresses`, ingress(name, { tls }));
  }
  assert.equal(await get("cert"), 200);
  assert.equal(await get("cert", "kube-system"), 403);
  assert.equal(await get("private"), 403);
  const watch = "/api/v1/namespaces/default/secrets?fieldSelector=metadata.name%3Dcert";
  assert.equal((await api.request("GET", watch, undefined, { as: node })).status, 200);
  assert.equal((await api.request("GET", "/api/v1/secrets", undefined, { as: node })).status, 403);
  await api.request("DELETE", `${path}/namespaces/default/ingresses/one`);
  assert.equal(await get("cert"), 200);
  await api.request("PUT", `${path}/namespaces/default/ingresses/two`, ingress("two"));
  assert.equal(await get("cert"), 403);
});
