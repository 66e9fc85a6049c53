import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryBackend } from "../../mvcc/memory-backend.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import type { TransportResponse } from "../../component-base/http.ts";
import type { ProxyRequest } from "../../apiserver/proxy/proxy-connector.ts";
import type { KubeletConnector } from "../registry/core/pod/kubelet-connector.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const kubelet = { commonName: "system:node:n1", organizations: ["system:nodes"] };
const pods = "/api/v1/namespaces/default/pods";
const node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n1" },
  status: {
    addresses: [{ type: "InternalIP", address: "192.0.2.7" }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
  },
};
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: {
    nodeName: "n1",
    automountServiceAccountToken: false,
    containers: [{ name: "c", image: "i" }],
    volumes: [
      { name: "s", secret: { secretName: "used" } },
      { name: "t", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
    ],
  },
};

class FakeKubelet implements KubeletConnector {
  readonly identity = "kubelet-client";
  readonly urls: string[] = [];

  async send({ url }: ProxyRequest): Promise<TransportResponse> {
    this.urls.push(url);
    const body = (async function* () {
      yield new TextEncoder().encode("line one\nline two\n");
    })();
    return { status: 200, headers: { "content-type": "text/plain" }, body };
  }
}

async function prepare(api: TestApiServer): Promise<void> {
  const create = async (path: string, object: object): Promise<void> => {
    const answer = await api.request("POST", path, object);
    assert.equal(answer.status, 201, answer.text);
  };
  await create("/api/v1/namespaces/default/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default" },
  });
  for (const name of ["used", "unused"]) {
    await create("/api/v1/namespaces/default/secrets", { apiVersion: "v1", kind: "Secret", metadata: { name } });
  }
  const answer = await api.request("POST", "/api/v1/nodes", node, { as: kubelet });
  assert.equal(answer.status, 201, answer.text);
  await create(pods, pod);
}

test("a kubelet registers, reads what its pods use, and nothing of other nodes, also after a restart", async () => {
  const clock = new SteppingClock();
  await using backend = createMemoryBackend({ clock });
  const secret = (api: TestApiServer, name: string, as = kubelet) =>
    api.request("GET", `/api/v1/namespaces/default/secrets/${name}`, undefined, { as });
  {
    await using api = await TestApiServer.start({ backend });
    await prepare(api);
    const stored = (await api.request("GET", "/api/v1/nodes/n1")).json<{
      spec: unknown;
      status: { addresses: unknown };
    }>();
    assert.deepEqual(stored.spec, { taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }] });
    assert.deepEqual(stored.status.addresses, node.status.addresses);
    assert.equal((await secret(api, "used")).status, 200);
    const denied = await secret(api, "unused");
    assert.equal(denied.status, 403);
    assert.match(denied.message, /no relationship found between node 'n1' and this object/);
    const other = { commonName: "system:node:n2", organizations: ["system:nodes"] };
    assert.equal((await secret(api, "used", other)).status, 403);
    const foreign = await api.request("POST", "/api/v1/nodes", { ...node, metadata: { name: "n3" } }, { as: kubelet });
    assert.equal(foreign.message, 'nodes "n3" is forbidden: node "n1" is not allowed to modify node "n3"');
  }
  await using again = await TestApiServer.start({ backend });
  assert.equal((await secret(again, "used")).status, 200);
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { clusterIP: "10.96.0.1", ports: [{ port: 1 }] },
  };
  const taken = await again.request("POST", "/api/v1/namespaces/default/services", service);
  assert.match(taken.message, /failed to allocate IP 10\.96\.0\.1: provided IP is already allocated/);
});

test("a kubelet asks for a token bound to its pod, and the token says so", async () => {
  await using api = await TestApiServer.start();
  await prepare(api);
  const { metadata } = (await api.request("GET", `${pods}/p`)).json<{ metadata: { uid: string } }>();
  const ask = (boundObjectRef: object | null) =>
    api.request(
      "POST",
      "/api/v1/namespaces/default/serviceaccounts/default/token",
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: 3607, boundObjectRef },
      },
      { as: kubelet },
    );
  assert.match((await ask(null)).message, /node requested token not bound to a pod/);
  const answer = await ask({ kind: "Pod", apiVersion: "v1", name: "p", uid: metadata.uid });
  assert.equal(answer.status, 201, answer.text);
  const { token } = answer.json<{ status: { token: string } }>().status;
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
  const reviewed = await api.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review);
  const { status } = reviewed.json<{ status: { authenticated: boolean; user: { extra: Record<string, string[]> } } }>();
  assert.equal(status.authenticated, true);
  assert.deepEqual(status.user.extra["authentication.kubernetes.io/pod-name"], ["p"]);
  await api.request("DELETE", `${pods}/p`, { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 });
  const after = await api.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review);
  assert.deepEqual(after.json<{ status: unknown }>().status, {
    user: {},
    error: "[invalid bearer token, pod p has been deleted]",
  });
});

test("log streams from the kubelet; exec, attach and port-forward tunnel to it", async () => {
  const kubelets = new FakeKubelet();
  await using api = await TestApiServer.start({ kubelets });
  await prepare(api);
  const log = await api.request("GET", `${pods}/p/log?tailLines=2&follow=true`);
  assert.equal(log.text, "line one\nline two\n");
  assert.deepEqual(kubelets.urls, ["https://192.0.2.7:10250/containerLogs/default/p/c?follow=true&tailLines=2"]);
  const exec = await api.upgrade(`${pods}/p/exec?command=sh&command=-c&stdin=true&stdout=true&tty=true`);
  assert.deepEqual(exec.tunnel, {
    url: "https://192.0.2.7:10250/exec/default/p/c?command=sh&command=-c&input=1&output=1&tty=1",
    protocol: "remotecommand",
    identity: "kubelet-client",
  });
  const forward = await api.upgrade(`${pods}/p/portforward`);
  assert.equal(forward.tunnel?.url, "https://192.0.2.7:10250/portForward/default/p");
  const wrong = await api.request("GET", `${pods}/p/log?container=x`);
  assert.equal(wrong.message, "container x is not valid for pod p");
});

test("eviction asks the disruption budget", async () => {
  await using api = await TestApiServer.start();
  await prepare(api);
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  await api.request("PATCH", `${pods}/p`, { metadata: { labels: { app: "a" } } }, merge);
  const running = { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } };
  await api.request("PATCH", `${pods}/p/status`, running, merge);
  const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const budget = {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "b" },
    spec: { minAvailable: 1, selector: { matchLabels: { app: "a" } } },
  };
  assert.equal((await api.request("POST", budgets, budget)).status, 201);
  const evict = () =>
    api.request("POST", `${pods}/p/eviction`, { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "p" } });
  const early = await evict();
  assert.equal(early.status, 429, early.text);
  assert.equal(early.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  const status = {
    status: { observedGeneration: 1, disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 },
  };
  await api.request("PATCH", `${budgets}/b/status`, status, merge);
  const done = await evict();
  assert.equal(done.status, 201, done.text);
  const after = (await api.request("GET", `${budgets}/b`)).json<{ status: { disruptionsAllowed: number } }>();
  assert.equal(after.status.disruptionsAllowed, 0);
  const evicted = (await api.request("GET", `${pods}/p`)).json<{ metadata: { deletionTimestamp?: string } }>();
  assert.ok(evicted.metadata.deletionTimestamp);
});
