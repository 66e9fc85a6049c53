import assert from "node:assert/strict";
import { test } from "node:test";

import type { ProxyConnector, ProxyRequest } from "../../apiserver/proxy/proxy-connector.ts";
import { createInProcessTransport } from "../../apiserver/server/in-process-transport.ts";
import { base64Encode, utf8Encode } from "../../component-base/bytes.ts";
import type { HttpHeaders, HttpPeer, TransportResponse } from "../../component-base/http.ts";
import { readBody, TransportError } from "../../component-base/http.ts";
import { builtinScheme } from "../../api/scheme.ts";
import { openApiProvider } from "../../cluster/open-api.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const apiServices = "/apis/apiregistration.k8s.io/v1/apiservices";
const group = "/apis/stable.example.com/v1";
const requestHeaders = {
  clientCa: "-----BEGIN CERTIFICATE-----\nfront\n-----END CERTIFICATE-----\n",
  allowedNames: ["front-proxy-client"],
  usernameHeaders: ["x-remote-user"],
  uidHeaders: ["x-remote-uid"],
  groupHeaders: ["x-remote-group"],
  extraHeaderPrefixes: ["x-remote-extra-"],
};
const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "flunders.stable.example.com" },
  spec: {
    group: "stable.example.com",
    scope: "Namespaced",
    names: { plural: "flunders", singular: "flunder", kind: "Flunder", shortNames: ["fl"] },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};
const apiService = {
  apiVersion: "apiregistration.k8s.io/v1",
  kind: "APIService",
  metadata: { name: "v1.stable.example.com" },
  spec: {
    group: "stable.example.com",
    version: "v1",
    service: { namespace: "default", name: "flunders", port: 7443 },
    caBundle: base64Encode(utf8Encode("the authority")),
    groupPriorityMinimum: 2000,
    versionPriority: 200,
  },
};
const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "flunders" },
  spec: { ports: [{ port: 7443, targetPort: 443 }], clusterIP: "10.96.0.77" },
};
const slice = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: "flunders-1", labels: { "kubernetes.io/service-name": "flunders" } },
  addressType: "IPv4",
  ports: [{ name: "", port: 443 }],
  endpoints: [{ addresses: ["10.0.0.9"], conditions: { ready: true } }],
};

/** Calls another server in this process, as a front proxy. */
class BackendConnector implements ProxyConnector {
  readonly identity = "front-proxy";
  readonly asked: ProxyRequest[] = [];
  backend: TestApiServer | undefined;
  failure: string | undefined;

  async send(request: ProxyRequest): Promise<TransportResponse> {
    this.asked.push(request);
    if (this.failure !== undefined || !this.backend)
      throw new TransportError(this.failure ?? "connect: connection refused", { notSent: true });
    const peer: HttpPeer = { address: "10.0.0.1", frontProxy: "front-proxy-client" };
    const { pathname, search } = new URL(request.url);
    return createInProcessTransport(this.backend.server.handler, peer).send({
      method: request.method,
      path: `${pathname}${search}`,
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join("\n")]),
      ),
      ...(request.body ? { body: await readBody(request.body) } : {}),
      signal: request.signal,
    });
  }
}

/** A server, and another behind it that serves flunders. */
class Aggregated implements AsyncDisposable {
  readonly front: TestApiServer;
  readonly behind: TestApiServer;
  readonly connector: BackendConnector;

  private constructor(front: TestApiServer, behind: TestApiServer, connector: BackendConnector) {
    this.front = front;
    this.behind = behind;
    this.connector = connector;
  }

  static async start(): Promise<Aggregated> {
    const openApi = openApiProvider(builtinScheme());
    const connector = new BackendConnector();
    const front = await TestApiServer.start({ openApi, requestHeaders, aggregator: { connector } });
    const behind = await TestApiServer.start({ openApi, requestHeaders });
    await post(behind, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
    await eventually(async () => (await behind.request("GET", `${group}/flunders`)).status === 200);
    connector.backend = behind;
    return new Aggregated(front, behind, connector);
  }

  async register(): Promise<void> {
    await post(this.front, "/api/v1/namespaces/default/services", service);
    await post(this.front, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", slice);
    await post(this.front, apiServices, apiService);
    await eventually(async () => (await this.condition())?.status === "True");
  }

  async condition(): Promise<{ status: string; reason: string; message: string } | undefined> {
    const answer = await this.front.request("GET", `${apiServices}/v1.stable.example.com`);
    return answer.json<{ status?: { conditions?: { status: string; reason: string; message: string }[] } }>().status
      ?.conditions?.[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.front[Symbol.asyncDispose]();
    await this.behind[Symbol.asyncDispose]();
  }
}

async function post(api: TestApiServer, path: string, object: unknown): Promise<void> {
  const answer = await api.request("POST", path, object);
  assert.equal(answer.status, 201, answer.text);
}

/** What controllers do takes some turns of the event loop. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (await isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail("it did not come to be");
}

interface Group {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly {
    readonly version: string;
    readonly freshness: string;
    readonly resources?: readonly { readonly resource: string }[];
  }[];
}

async function aggregatedGroup(api: TestApiServer, name: string): Promise<Group | undefined> {
  const headers: HttpHeaders = { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" };
  const answer = await api.request("GET", "/apis", undefined, { headers });
  return answer.json<{ items: readonly Group[] }>().items.find(({ metadata }) => metadata.name === name);
}

async function names(api: TestApiServer): Promise<readonly string[]> {
  const answer = await api.request("GET", apiServices);
  return answer.json<{ items: { metadata: { name: string } }[] }>().items.map(({ metadata }) => metadata.name);
}

test("each version this server serves has an APIService; those of custom resources come and go with them", async () => {
  await using api = await TestApiServer.start();
  const own = await names(api);
  for (const name of ["v1.", "v1.apps", "v2.autoscaling", "v1.autoscaling", "v1.rbac.authorization.k8s.io"])
    assert.ok(own.includes(name), name);
  assert.ok(!own.includes("v1.apiregistration.k8s.io"));
  const core = await api.request("GET", `${apiServices}/v1.`);
  const { metadata, spec, status } = core.json<Record<"metadata" | "spec" | "status", Record<string, unknown>>>();
  assert.deepEqual(metadata["labels"], { "kube-aggregator.kubernetes.io/automanaged": "onstart" });
  assert.deepEqual(spec, { version: "v1", groupPriorityMinimum: 18_000, versionPriority: 1 });
  const [condition] = status["conditions"] as Record<string, unknown>[];
  assert.equal(condition?.["reason"], "Local");
  const [row] = await api.table(apiServices);
  assert.deepEqual(Object.keys(row ?? {}), ["Name", "Service", "Available", "Age"]);
  assert.deepEqual({ ...row, Age: "" }, { Name: "v1.", Service: "Local", Available: "True", Age: "" });

  const name = "v1.stable.example.com";
  await post(api, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
  await eventually(async () => (await names(api)).includes(name));
  await api.request("DELETE", `${apiServices}/${name}`);
  await eventually(async () => (await names(api)).includes(name));
  // What is registered at start only is its users' afterwards.
  await api.request("DELETE", `${apiServices}/v1.apps`);
  await api.request("DELETE", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition.metadata.name}`);
  await eventually(async () => !(await names(api)).includes(name));
  assert.ok(!(await names(api)).includes("v1.apps"));
});

test("groups are told in upstream's order, custom ones behind, by their priorities", async () => {
  await using api = await TestApiServer.start();
  await post(api, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
  await eventually(async () => (await names(api)).includes("v1.stable.example.com"));
  const list = (await api.request("GET", "/apis")).json<{
    groups: { name: string; versions: { version: string }[] }[];
  }>();
  assert.deepEqual(
    list.groups.map(({ name }) => name),
    [
      "apiregistration.k8s.io",
      "apps",
      "events.k8s.io",
      "authentication.k8s.io",
      "authorization.k8s.io",
      "autoscaling",
      "batch",
      "certificates.k8s.io",
      "networking.k8s.io",
      "policy",
      "rbac.authorization.k8s.io",
      "storage.k8s.io",
      "admissionregistration.k8s.io",
      "apiextensions.k8s.io",
      "scheduling.k8s.io",
      "coordination.k8s.io",
      "node.k8s.io",
      "discovery.k8s.io",
      "resource.k8s.io",
      "flowcontrol.apiserver.k8s.io",
      "stable.example.com",
    ],
  );
  const autoscaling = list.groups.find(({ name }) => name === "autoscaling");
  assert.deepEqual(
    autoscaling?.versions.map(({ version }) => version),
    ["v2", "v1"],
  );
});

test("another server's version is served in the users' names, told and described", async () => {
  await using both = await Aggregated.start();
  const { front, behind, connector } = both;
  await both.register();
  assert.deepEqual(
    { ...(await both.condition()), lastTransitionTime: "" },
    { type: "Available", status: "True", lastTransitionTime: "", reason: "Passed", message: "all checks passed" },
  );
  const sent = connector.asked[0];
  assert.equal(sent?.url, "https://10.96.0.77:7443/apis/stable.example.com/v1");
  assert.deepEqual(sent?.trust, { serverName: "flunders.default.svc", ca: "the authority" });
  assert.deepEqual(sent?.headers["x-remote-group"], ["system:masters"]);

  const flunder = { apiVersion: "stable.example.com/v1", kind: "Flunder", metadata: { name: "a" } };
  await post(front, `${group}/namespaces/default/flunders`, flunder);
  assert.equal((await behind.request("GET", `${group}/namespaces/default/flunders/a`)).status, 200);
  assert.equal((await front.request("GET", `${group}/namespaces/default/flunders/a`)).status, 200);
  assert.equal(
    (await front.request("GET", `${group}/namespaces/default/flunders/b`)).message,
    'flunders.stable.example.com "b" not found',
  );

  // Both servers have to allow it; the one behind learns who asks, a comma in a group's name and all.
  const jane = { commonName: "jane", organizations: ["cn=dev,ou=x", "ops"], sha256: "ab" };
  const refused = await front.request("GET", `${group}/flunders`, undefined, { as: jane });
  assert.equal(refused.status, 403);
  const readers = {
    metadata: { name: "readers" },
    rules: [{ apiGroups: ["stable.example.com"], resources: ["flunders"], verbs: ["list", "watch"] }],
  };
  const binding = {
    metadata: { name: "readers" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "readers" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "cn=dev,ou=x" }],
  };
  for (const api of [front, behind]) {
    await post(api, "/apis/rbac.authorization.k8s.io/v1/clusterroles", readers);
    if (api === behind) {
      const stillRefused = await front.request("GET", `${group}/flunders`, undefined, { as: jane });
      assert.match(stillRefused.message, /User "jane" cannot list resource "flunders" in API group/);
    }
    await post(api, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding);
  }
  const allowed = await front.request("GET", `${group}/flunders`, undefined, { as: jane });
  assert.equal(allowed.json<{ items: unknown[] }>().items.length, 1);
  const last = connector.asked.at(-1)?.headers ?? {};
  assert.equal(last["x-remote-user"], "jane");
  assert.deepEqual(last["x-remote-group"], ["cn=dev,ou=x", "ops", "system:authenticated"]);
  assert.deepEqual(last["x-remote-extra-authentication.kubernetes.io%2Fcredential-id"], ["X509SHA256=ab"]);
  assert.equal(last["authorization"], undefined);

  await eventually(async () => (await aggregatedGroup(front, "stable.example.com")) !== undefined);
  const told = await aggregatedGroup(front, "stable.example.com");
  assert.equal(told?.versions[0]?.freshness, "Current");
  assert.deepEqual(
    told.versions[0].resources?.map(({ resource }) => resource),
    ["flunders"],
  );
  assert.match((await front.request("GET", group)).text, /"flunders"/);
  const path = "apis/stable.example.com/v1";
  const index = async (): Promise<Record<string, { serverRelativeURL: string }>> =>
    (await front.request("GET", "/openapi/v3")).json<{ paths: Record<string, { serverRelativeURL: string }> }>().paths;
  await eventually(async () => path in (await index()));
  const document = await front.request("GET", (await index())[path]?.serverRelativeURL ?? "");
  assert.ok("com.example.stable.v1.Flunder" in document.json<{ components: { schemas: object } }>().components.schemas);
  const v2 = (await front.request("GET", "/openapi/v2")).json<Record<"paths" | "definitions", object>>();
  assert.ok(`${group}/namespaces/{namespace}/flunders` in v2.paths);
  assert.ok("com.example.stable.v1.Flunder" in v2.definitions);
  assert.ok("/api/v1/pods" in v2.paths);
});

test("a watch of another server's resource delivers as things happen, and ends with its client", async () => {
  await using both = await Aggregated.start();
  await both.register();
  const gone = new AbortController();
  const peer = { address: "127.0.0.1", certificate: { commonName: "admin", organizations: ["system:masters"] } };
  const path = `${group}/flunders?watch=true`;
  const watch = await createInProcessTransport(both.front.server.handler, peer).send({
    method: "GET",
    path,
    headers: {},
    signal: gone.signal,
  });
  assert.equal(watch.status, 200);
  const events = watch.body[Symbol.asyncIterator]();
  for (const name of ["a", "b"]) {
    const next = events.next();
    const flunder = { apiVersion: "stable.example.com/v1", kind: "Flunder", metadata: { name } };
    await post(both.behind, `${group}/namespaces/default/flunders`, flunder);
    const chunk = await next;
    const { type, object } = JSON.parse(new TextDecoder().decode(chunk.value)) as {
      type: string;
      object: { metadata: { name: string } };
    };
    assert.deepEqual([type, object.metadata.name], ["ADDED", name]);
  }
  gone.abort();
  await assert.rejects(async () => events.next());
});

test("an upgrade becomes a tunnel to the server behind, in the user's name", async () => {
  await using both = await Aggregated.start();
  await both.register();
  const answer = await both.front.upgrade(`${group}/namespaces/default/flunders/a/exec?command=sh`);
  assert.equal(answer.tunnel?.url, `https://10.96.0.77:7443${group}/namespaces/default/flunders/a/exec?command=sh`);
  assert.equal(answer.tunnel.identity, "front-proxy");
  assert.deepEqual(answer.tunnel.trust, { serverName: "flunders.default.svc", ca: "the authority" });
  assert.equal(answer.tunnel.headers?.["x-remote-user"], "kubernetes-admin");
});

test("what is missing is told in upstream's words, and the version is not served until it is there", async () => {
  await using both = await Aggregated.start();
  const { front, connector } = both;
  const becomes = (reason: string): Promise<void> =>
    eventually(async () => (await both.condition())?.reason === reason);
  await post(front, apiServices, apiService);
  await becomes("ServiceNotFound");
  assert.equal((await both.condition())?.message, 'service/flunders in "default" is not present');
  const refused = await front.request("GET", `${group}/flunders`);
  assert.deepEqual([refused.status, refused.text], [503, "service unavailable\n"]);
  const [row] = (await front.table(apiServices)).filter((each) => each["Name"] === apiService.metadata.name);
  assert.equal(row?.["Available"], "False (ServiceNotFound)");
  assert.equal(row["Service"], "default/flunders");
  await eventually(async () => (await aggregatedGroup(front, "stable.example.com")) !== undefined);
  assert.deepEqual(await aggregatedGroup(front, "stable.example.com"), {
    metadata: { name: "stable.example.com" },
    versions: [{ version: "v1", freshness: "Stale" }],
  });

  await post(front, "/api/v1/namespaces/default/services", {
    ...service,
    spec: { ports: [{ port: 80 }], clusterIP: "10.96.0.77" },
  });
  await becomes("ServicePortError");
  assert.equal((await both.condition())?.message, 'service/flunders in "default" is not listening on port 7443');
  const ports = { spec: { ports: [{ port: 7443, targetPort: 443 }] } };
  const patch = { headers: { "content-type": "application/merge-patch+json" } };
  await front.request("PATCH", "/api/v1/namespaces/default/services/flunders", ports, patch);
  await becomes("EndpointsNotFound");
  assert.equal((await both.condition())?.message, 'cannot find endpointslices for service/flunders in "default"');
  const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
  await post(front, slices, { ...slice, endpoints: [{ addresses: ["10.0.0.9"], conditions: { ready: false } }] });
  await becomes("MissingEndpoints");
  assert.equal(
    (await both.condition())?.message,
    'endpointslices for service/flunders in "default" have no addresses with port name ""',
  );
  connector.failure = "dial tcp 10.96.0.77:7443: connect: connection refused";
  await front.request("PATCH", `${slices}/flunders-1`, { endpoints: slice.endpoints }, patch);
  await becomes("FailedDiscoveryCheck");
  const url = "https://10.96.0.77:7443/apis/stable.example.com/v1";
  assert.equal(
    (await both.condition())?.message,
    `failing or missing response from ${url}: Get "${url}": ${connector.failure}`,
  );
  // Nothing but time tells that the server answers now.
  connector.failure = undefined;
  front.clock.step(30_000);
  await becomes("Passed");
  await eventually(
    async () => (await aggregatedGroup(front, "stable.example.com"))?.versions[0]?.freshness === "Current",
  );
  assert.equal((await front.request("GET", `${group}/flunders`)).status, 200);

  connector.failure = "EOF";
  const broken = await front.request("GET", `${group}/flunders`);
  assert.deepEqual([broken.status, broken.text], [503, "error trying to reach service: EOF\n"]);
  await front.request("DELETE", `${apiServices}/v1.stable.example.com`);
  await eventually(async () => (await aggregatedGroup(front, "stable.example.com")) === undefined);
  assert.equal((await front.request("GET", `${group}/flunders`)).status, 404);
});

test("a metrics server of the user's own takes the place of the bundled one, and gives it back", async () => {
  const name = "v1beta1.metrics.k8s.io";
  const metricsKubelets = { send: () => Promise.reject(new TransportError("no kubelets", { notSent: true })) };
  const connector = new BackendConnector();
  await using api = await TestApiServer.start({ metricsKubelets, aggregator: { connector } });
  assert.ok((await names(api)).includes(name));
  const path = "/apis/metrics.k8s.io/v1beta1/nodes";
  const bundled = await api.request("GET", path);
  const patch = { headers: { "content-type": "application/merge-patch+json" } };
  const spec = { service: { namespace: "kube-system", name: "metrics-server" }, insecureSkipTLSVerify: true };
  await api.request("PATCH", `${apiServices}/${name}`, { spec }, patch);
  await eventually(async () => (await api.request("GET", path)).text === "service unavailable\n");
  assert.equal((await api.request("DELETE", `${apiServices}/${name}`)).status, 200);
  assert.equal((await api.request("GET", path)).text, bundled.text);
});

test("APIServices are validated with upstream's messages", async () => {
  await using api = await TestApiServer.start();
  const cases: readonly (readonly [object, object, string])[] = [
    [
      {},
      { version: "v2" },
      'metadata.name: Invalid value: "v1.stable.example.com": must be `spec.version+"."+spec.group`: "v2.stable.example.com"',
    ],
    [
      {},
      { groupPriorityMinimum: 0 },
      "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
    ],
    [{}, { versionPriority: 1001 }, "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000"],
    [{}, { service: { name: "x" } }, "spec.service.namespace: Required value"],
    [{}, { service: null }, 'spec.caBundle: Invalid value: "13 bytes": local APIServices may not have a caBundle'],
    [
      {},
      { insecureSkipTLSVerify: true },
      "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
    ],
    [
      { name: "v2." },
      { group: "", version: "v2" },
      "spec.group: Required value: only v1 may have an empty group and it better be legacy kube",
    ],
  ];
  for (const [metadata, spec, message] of cases) {
    const object = {
      ...apiService,
      metadata: { ...apiService.metadata, ...metadata },
      spec: { ...apiService.spec, ...spec },
    };
    const answer = await api.request("POST", apiServices, object);
    assert.equal(answer.status, 422, answer.text);
    assert.ok(answer.message.includes(message), `${answer.message}\n${message}`);
  }
});

test("aggregated servers read whom to trust, and only front proxies are believed", async () => {
  await using api = await TestApiServer.start({ requestHeaders, clientCa: requestHeaders.clientCa });
  const path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
  const { data } = (await api.request("GET", path)).json<{ data: Record<string, string> }>();
  assert.deepEqual(data, {
    "client-ca-file": requestHeaders.clientCa,
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-client-ca-file": requestHeaders.clientCa,
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-username-headers": '["X-Remote-User"]',
  });
  await api.request("DELETE", path);
  await eventually(async () => (await api.request("GET", path)).status === 200);

  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const who = async (peer: Partial<HttpPeer>, headers: HttpHeaders): Promise<unknown> => {
    const answer = await createInProcessTransport(api.server.handler, { address: "10.0.0.1", ...peer }).send({
      method: "POST",
      path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      headers: { "content-type": "application/json", ...headers },
      body: utf8Encode(JSON.stringify(review)),
    });
    const text = new TextDecoder().decode(await readBody(answer.body));
    return answer.status === 201
      ? (JSON.parse(text) as { status: { userInfo: unknown } }).status.userInfo
      : answer.status;
  };
  const headers = {
    "x-remote-user": "j\u00c3\u00bcrgen",
    "x-remote-uid": "42",
    "x-remote-group": "a,b\nc",
    "x-remote-extra-example.org%2fteam": "x\ny",
  };
  assert.deepEqual(await who({ frontProxy: "front-proxy-client" }, headers), {
    username: "j\u00fcrgen",
    uid: "42",
    groups: ["a,b", "c", "system:authenticated"],
    extra: { "example.org/team": ["x", "y"] },
  });
  assert.equal(await who({ frontProxy: "somebody" }, headers), 401);
  assert.equal(await who({ frontProxy: "front-proxy-client" }, {}), 401);
  const certificate = { commonName: "jane", organizations: [] };
  assert.deepEqual(await who({ certificate }, headers), { username: "jane", groups: ["system:authenticated"] });
});
