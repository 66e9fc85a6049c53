import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, Service } from "../../api/core/v1/types.gen.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const pod = (name: string, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [{ name: "c", image: "busybox:1.25" }], ...more },
});

const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };

async function withAccount(): Promise<TestApiServer> {
  const api = await TestApiServer.start();
  assert.equal((await api.request("POST", "/api/v1/namespaces/default/serviceaccounts", account)).status, 201);
  return api;
}

test("a new cluster has its namespaces, roles, priority classes and the kubernetes Service", async () => {
  await using api = await TestApiServer.start();
  const names = async (path: string): Promise<readonly string[]> => {
    const list = (await api.request("GET", path)).json<{ items: { metadata: { name: string } }[] }>();
    return list.items.map((item) => item.metadata.name);
  };
  assert.deepEqual(await names("/api/v1/namespaces"), ["default", "kube-node-lease", "kube-public", "kube-system"]);
  assert.deepEqual(await names("/apis/scheduling.k8s.io/v1/priorityclasses"), [
    "system-cluster-critical",
    "system-node-critical",
  ]);
  const roles = await names("/apis/rbac.authorization.k8s.io/v1/clusterroles");
  for (const role of ["admin", "cluster-admin", "edit", "system:node", "view"]) assert.ok(roles.includes(role), role);
  assert.deepEqual(await names("/apis/rbac.authorization.k8s.io/v1/namespaces/kube-public/roles"), [
    "system:controller:bootstrap-signer",
  ]);
  const service = (await api.request("GET", "/api/v1/namespaces/default/services/kubernetes")).json<Service>();
  assert.equal(service.spec.clusterIP, "10.96.0.1");
  assert.deepEqual(service.spec.ports, [{ name: "https", protocol: "TCP", port: 443, targetPort: 6443 }]);
  const checks = (await api.request("GET", "/readyz?verbose")).text.split("\n");
  for (const name of [
    "log",
    "informer-sync",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/bootstrap-controller",
    "autoregister-completion",
    "shutdown",
  ])
    assert.ok(checks.includes(`[+]${name} ok`), name);
  assert.equal((await api.request("GET", "/livez/poststarthook/crd-informer-synced")).text, "ok");
});

test("the kubernetes Service comes back with its address, and addresses have objects", async () => {
  await using api = await TestApiServer.start();
  const path = "/api/v1/namespaces/default/services/kubernetes";
  await api.request("DELETE", path);
  let service = await api.request("GET", path);
  // The server works on it meanwhile; each request is a turn for it, each step lets it try again.
  for (let i = 0; i < 100 && service.status === 404; i++) {
    api.clock.step(100);
    service = await api.request("GET", path);
  }
  assert.equal(service.json<Service>().spec.clusterIP, "10.96.0.1");
  const addresses = "/apis/networking.k8s.io/v1/ipaddresses/10.96.0.1";
  let address = await api.request("GET", addresses);
  for (let i = 0; i < 100 && address.status === 404; i++) address = await api.request("GET", addresses);
  assert.deepEqual(address.json<{ spec: unknown }>().spec, {
    parentRef: { resource: "services", namespace: "default", name: "kubernetes" },
  });
});

test("a pod gets its account, token volume, tolerations, priority and defaults", async () => {
  await using api = await withAccount();
  const answer = await api.request("POST", "/api/v1/namespaces/default/pods", pod("example"));
  assert.equal(answer.status, 201, answer.text);
  const { spec, status, metadata } = answer.json<Pod>();
  assert.equal(spec.serviceAccountName, "default");
  assert.equal(spec.serviceAccount, "default");
  assert.equal(spec.priority, 0);
  assert.equal(spec.preemptionPolicy, "PreemptLowerPriority");
  assert.deepEqual(
    spec.tolerations?.map((t) => `${t.key}:${t.effect}:${t.operator}:${t.tolerationSeconds}`),
    ["node.kubernetes.io/not-ready:NoExecute:Exists:300", "node.kubernetes.io/unreachable:NoExecute:Exists:300"],
  );
  const [volume] = spec.volumes ?? [];
  assert.match(volume?.name ?? "", /^kube-api-access-[a-z0-9]{5}$/);
  assert.deepEqual(volume?.projected, {
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
    defaultMode: 420,
  });
  assert.deepEqual(spec.containers[0]?.volumeMounts, [
    { name: volume?.name, readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
  ]);
  assert.equal(status.phase, "Pending");
  assert.equal(status.qosClass, "BestEffort");
  assert.equal(metadata.generation, 1);
});

test("refusals have upstream's texts and change nothing", async () => {
  await using api = await withAccount();
  const refused = async (path: string, body: unknown, status: number, message: string): Promise<void> => {
    const answer = await api.request("POST", path, body);
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.message, message);
  };
  const web = (spec: object): object => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec,
  });
  const template = { metadata: { labels: { app: "other" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const deployments = "/apis/apps/v1/namespaces/default/deployments";
  await refused(
    deployments,
    web({ selector: { matchLabels: { app: "web" } }, template }),
    422,
    'Deployment.apps "web" is invalid: spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
  );
  await refused(
    deployments,
    web({ replicas: -1, selector: { matchLabels: { app: "other" } }, template }),
    422,
    'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
  await refused(
    "/api/v1/namespaces/default/pods",
    pod("Example"),
    422,
    `Pod "Example" is invalid: metadata.name: Invalid value: "Example": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  );
  await refused(
    "/apis/apps/v1/namespaces/default/replicasets",
    {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: "frontend" },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "frontend" } },
        template: { spec: { containers: [{ "name:": "web", image: "nginx" }] } },
      },
    },
    422,
    'ReplicaSet.apps "frontend" is invalid: [spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`, spec.template.spec.containers[0].name: Required value]',
  );
  await refused("/api/v1/namespaces/absent/pods", pod("x"), 404, 'namespaces "absent" not found');
  await refused(
    "/api/v1/namespaces/default/pods",
    pod("x", { serviceAccountName: "robot" }),
    403,
    'pods "x" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found',
  );
  await refused(
    "/api/v1/namespaces/default/pods",
    pod("x", { priorityClassName: "high" }),
    403,
    'pods "x" is forbidden: no PriorityClass with name high was found',
  );
});

test("a pod is bound once, then only its fence fields change", async () => {
  await using api = await withAccount();
  const pods = "/api/v1/namespaces/default/pods";
  await api.request("POST", pods, pod("p"));
  const binding = (node: string): object => ({
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: "p" },
    target: { kind: "Node", name: node },
  });
  assert.equal((await api.request("POST", `${pods}/p/binding`, binding("a"))).status, 201);
  const again = await api.request("POST", `${pods}/p/binding`, binding("b"));
  assert.equal(again.status, 409);
  assert.equal(
    again.message,
    'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "a"',
  );
  const bound = (await api.request("GET", `${pods}/p`)).json<Pod>();
  assert.equal(bound.spec.nodeName, "a");
  assert.equal(bound.metadata.generation, 1);
  assert.equal(bound.status.conditions?.find((c) => c.type === "PodScheduled")?.status, "True");
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  const image = { spec: { containers: [{ ...bound.spec.containers[0], image: "busybox:2" }] } };
  assert.equal((await api.request("PATCH", `${pods}/p`, image, merge)).status, 200);
  const moved = await api.request("PATCH", `${pods}/p`, { spec: { nodeName: "b" } }, merge);
  assert.equal(moved.status, 422);
  assert.match(
    moved.message,
    /spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`/,
  );
});

test("deletion of a bound pod waits for the kubelet, of an unbound one does not", async () => {
  await using api = await withAccount();
  const pods = "/api/v1/namespaces/default/pods";
  await api.request("POST", pods, pod("free"));
  await api.request("POST", pods, pod("bound", { nodeName: "n" }));
  assert.equal((await api.request("DELETE", `${pods}/free`)).status, 200);
  assert.equal((await api.request("GET", `${pods}/free`)).status, 404);
  await api.request("DELETE", `${pods}/bound`);
  const bound = (await api.request("GET", `${pods}/bound`)).json<Pod>();
  assert.equal(bound.metadata.deletionGracePeriodSeconds, 30);
  await api.request("DELETE", `${pods}/bound`, { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 });
  assert.equal((await api.request("GET", `${pods}/bound`)).status, 404);
});

test("a namespace terminates, takes nothing new, and goes when finalized", async () => {
  await using api = await TestApiServer.start();
  await api.request("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } });
  await api.request("DELETE", "/api/v1/namespaces/a");
  const namespace = (await api.request("GET", "/api/v1/namespaces/a")).json<{ status: unknown; spec: object }>();
  assert.deepEqual(namespace.status, { phase: "Terminating" });
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" } };
  const refused = await api.request("POST", "/api/v1/namespaces/a/configmaps", map);
  assert.equal(refused.status, 403);
  assert.equal(
    refused.message,
    'configmaps "m" is forbidden: unable to create new content in namespace a because it is being terminated',
  );
  assert.equal(
    refused.json<{ details: { causes: { reason: string }[] } }>().details.causes[0]?.reason,
    "NamespaceTerminating",
  );
  const finalized = await api.request("PUT", "/api/v1/namespaces/a/finalize", {
    ...namespace,
    spec: { finalizers: [] },
  });
  assert.equal(finalized.status, 200, finalized.text);
  assert.equal((await api.request("GET", "/api/v1/namespaces/a")).status, 404);
  assert.equal(
    (await api.request("DELETE", "/api/v1/namespaces/kube-system")).message,
    'namespaces "kube-system" is forbidden: this namespace may not be deleted',
  );
});

test("Services get addresses and ports, keep them, and give them back", async () => {
  await using api = await TestApiServer.start();
  const services = "/api/v1/namespaces/default/services";
  const service = (name: string, spec: object): object => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { ports: [{ port: 80 }], ...spec },
  });
  const created = (await api.request("POST", services, service("web", { type: "NodePort" }))).json<Service>();
  const ip = created.spec.clusterIP ?? "";
  const nodePort = created.spec.ports?.[0]?.nodePort ?? 0;
  assert.match(ip, /^10\.96\./);
  assert.ok(nodePort >= 30000 && nodePort <= 32767);
  const taken = await api.request("POST", services, service("other", { clusterIP: ip }));
  assert.equal(taken.status, 422);
  assert.equal(
    taken.message,
    `Service "other" is invalid: spec.clusterIPs: Invalid value: ["${ip}"]: failed to allocate IP ${ip}: provided IP is already allocated`,
  );
  const put = await api.request("PUT", `${services}/web`, service("web", { type: "ClusterIP" }));
  assert.equal(put.status, 200, put.text);
  assert.equal(put.json<Service>().spec.clusterIP, ip);
  assert.equal(put.json<Service>().spec.ports?.[0]?.nodePort, undefined);
  const external = await api.request(
    "PUT",
    `${services}/web`,
    service("web", { type: "ExternalName", externalName: "example.com" }),
  );
  assert.equal(external.json<Service>().spec.clusterIP, undefined, external.text);
  const reuse = await api.request(
    "POST",
    services,
    service("other", { clusterIP: ip, type: "NodePort", ports: [{ port: 1, nodePort }] }),
  );
  assert.equal(reuse.status, 201, reuse.text);
});

test("a service account's token is accepted until the account is gone", async () => {
  await using api = await withAccount();
  const token = async (): Promise<string> => {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 600 } };
    const answer = await api.request("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", body);
    assert.equal(answer.status, 201, answer.text);
    return answer.json<{ status: { token: string } }>().status.token;
  };
  const as = await token();
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const who = await api.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, { as });
  assert.equal(who.status, 201, who.text);
  const { userInfo } = who.json<{ status: { userInfo: { username: string; groups: string[] } } }>().status;
  assert.equal(userInfo.username, "system:serviceaccount:default:default");
  assert.deepEqual(userInfo.groups, [
    "system:serviceaccounts",
    "system:serviceaccounts:default",
    "system:authenticated",
  ]);
  const denied = await api.request("GET", "/api/v1/namespaces/default/pods", undefined, { as });
  assert.equal(denied.status, 403);
  assert.equal(
    denied.message,
    'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  const binding = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "view" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "ServiceAccount", name: "default", namespace: "default" }],
  };
  const bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
  assert.equal((await api.request("POST", bindings, binding)).status, 201);
  assert.equal((await api.request("GET", "/api/v1/namespaces/default/pods", undefined, { as })).status, 200);
  await api.request("DELETE", "/api/v1/namespaces/default/serviceaccounts/default");
  assert.equal((await api.request("GET", "/api/v1/namespaces/default/pods", undefined, { as })).status, 401);
});

test("tables print as kubectl get", async () => {
  await using api = await withAccount();
  await api.request("POST", "/api/v1/namespaces/default/pods", pod("example"));
  const [row] = await api.table("/api/v1/namespaces/default/pods");
  assert.deepEqual(row, {
    Name: "example",
    Ready: "0/1",
    Status: "Pending",
    Restarts: "0",
    Age: "0s",
    IP: "<none>",
    Node: "<none>",
    "Nominated Node": "<none>",
    "Readiness Gates": "<none>",
  });
});

test("events of both groups are one storage", async () => {
  await using api = await TestApiServer.start();
  const event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e" },
    involvedObject: { kind: "Pod", namespace: "default", name: "p" },
    reason: "Started",
    message: "Started container c",
    type: "Normal",
    source: { component: "kubelet", host: "n" },
  };
  const created = await api.request("POST", "/api/v1/namespaces/default/events", event);
  assert.equal(created.status, 201, created.text);
  const read = await api.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e");
  assert.equal(read.status, 200, read.text);
  const { note, regarding, apiVersion } = read.json<{
    note: string;
    regarding: { name: string };
    apiVersion: string;
  }>();
  assert.deepEqual([apiVersion, note, regarding.name], ["events.k8s.io/v1", "Started container c", "p"]);
});

test("nobody grants what they do not hold", async () => {
  await using api = await TestApiServer.start();
  const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
  const binding = (name: string, role: string): object => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "jane" }],
  });
  assert.equal((await api.request("POST", `${rbac}/rolebindings`, binding("jane", "admin"))).status, 201);
  const as = { commonName: "jane", organizations: ["dev"] };
  assert.equal((await api.request("POST", `${rbac}/rolebindings`, binding("view", "view"), { as })).status, 201);
  const refused = await api.request("POST", `${rbac}/rolebindings`, binding("more", "cluster-admin"), { as });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.message,
    'rolebindings.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
  );
  const role = (verbs: string[]): object => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "r" },
    rules: [{ verbs, apiGroups: [""], resources: ["pods"] }],
  });
  assert.equal((await api.request("POST", `${rbac}/roles`, role(["proxy"]), { as })).status, 403);
  assert.equal((await api.request("POST", `${rbac}/roles`, role(["get", "list"]), { as })).status, 201);
});

test("a server nobody else can reach is in the Service kubernetes, and has no endpoints", async () => {
  await using api = await TestApiServer.start({ advertiseAddress: "127.0.0.1" });
  assert.equal((await api.request("GET", "/api/v1/namespaces/default/services/kubernetes")).status, 200);
  assert.equal((await api.request("GET", "/api/v1/namespaces/default/endpoints/kubernetes")).status, 404);
});

test("Services get addresses of a ServiceCIDR as soon as it is ready, until it goes", async () => {
  await using api = await TestApiServer.start();
  const path = "/apis/networking.k8s.io/v1/servicecidrs";
  const create = async (name: string, clusterIP: string): Promise<number> => {
    const spec = { clusterIP, ports: [{ port: 80 }] };
    return (await api.request("POST", "/api/v1/namespaces/default/services", { metadata: { name }, spec })).status;
  };
  const made = await api.request("POST", path, { metadata: { name: "more" }, spec: { cidrs: ["10.50.0.0/24"] } });
  assert.equal(made.status, 201, made.text);
  assert.equal(await create("early", "10.50.0.5"), 422);
  const status = { conditions: [{ type: "Ready", status: "True", reason: "", message: "", lastTransitionTime: null }] };
  const ready = { ...made.json<object>(), status };
  const told = await api.request("PUT", `${path}/more/status`, ready);
  assert.equal(told.status, 200, told.text);
  assert.equal(await create("a", "10.50.0.5"), 201);
  assert.equal(await create("b", "10.50.0.5"), 422);
  await api.request("DELETE", `${path}/more`);
  assert.equal(await create("late", "10.50.0.6"), 422);
});
