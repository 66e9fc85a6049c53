import assert from "node:assert/strict";
import { test } from "node:test";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { builtinScheme } from "../../api/scheme.ts";
import { forbidden } from "../../apimachinery/errors/new.ts";
import type { AdmissionPlugin } from "../admission/admission-plugin.ts";
import type { Authenticator } from "../authentication/authenticator.ts";
import type { UserInfo } from "../authentication/user-info.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import { TestServer } from "../testing/test-server.ts";
import type { Json } from "../testing/test-server.ts";

const scheme = builtinScheme();

/** `Authorization: Bearer name` is the user of that name. */
const byName: Authenticator = {
  authenticate: async ({ headers }) => {
    const name = headers.authorization?.replace("Bearer ", "");
    return name && name !== "bad" ? { user: { name, groups: [] } } : undefined;
  },
};

const admins: Authorizer = {
  authorize: async ({ user }) => ({ decision: user.name === "admin" ? "allow" : "no-opinion" }),
};

test("who may not is told so in upstream's words", async () => {
  await using server = await TestServer.start({
    scheme,
    authenticators: [byName],
    authorizer: admins,
    anonymous: "health",
  });
  const get = (path: string, headers: Record<string, string> = {}): ReturnType<TestServer["request"]> =>
    server.request("GET", path, undefined, headers);
  const jane = { authorization: "Bearer jane" };
  const admin = { authorization: "Bearer admin" };
  const cases: [string, Record<string, string>, number, string | undefined][] = [
    ["/api/v1/pods", {}, 401, "Unauthorized"],
    ["/api/v1/pods", { authorization: "Bearer bad" }, 401, "Unauthorized"],
    [
      "/api/v1/namespaces/default/pods",
      jane,
      403,
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      "/apis/apps/v1/deployments?watch=true",
      jane,
      403,
      'deployments.apps is forbidden: User "jane" cannot watch resource "deployments" in API group "apps" at the cluster scope',
    ],
    ["/metrics", jane, 403, 'forbidden: User "jane" cannot get path "/metrics"'],
    ["/readyz", {}, 403, 'forbidden: User "system:anonymous" cannot get path "/readyz"'],
    ["/api/v1/namespaces/default/pods", admin, 200, undefined],
    [
      "/api/v1/pods",
      { ...jane, "impersonate-user": "admin" },
      403,
      'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope',
    ],
    [
      "/api/v1/pods",
      { ...admin, "impersonate-user": "jane" },
      403,
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope',
    ],
  ];
  for (const [path, headers, status, message] of cases) {
    const response = await get(path, headers);
    assert.equal(response.status, status, path);
    assert.equal((response.json as Partial<Record<string, unknown>> | undefined)?.message, message);
  }
});

test("somebody else's identity is had in the mode that allows the least, and groups come with it", async () => {
  const list = "/api/v1/namespaces/default/pods";
  const account = "system:serviceaccount:ns:bot";
  const jane: UserInfo = { name: "jane", groups: [] };
  const onNode = { name: account, extra: { "authentication.kubernetes.io/node-name": ["n1"] }, groups: [] };
  // Who asks, for whom, what the authorizer allows, and who it is then; or why not.
  const cases: readonly [UserInfo, Record<string, string>, readonly string[], UserInfo | string][] = [
    [
      onNode,
      { "impersonate-user": "system:node:n1" },
      ["impersonate-on:associated-node:list pods", "impersonate:associated-node nodes/*"],
      { name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
    ],
    [
      onNode,
      { "impersonate-user": "system:node:n2" },
      ["impersonate-on:associated-node:list pods", "impersonate:associated-node nodes/*"],
      `pods is forbidden: User "${account}" cannot impersonate-on:arbitrary-node:list resource "pods" in API group "" in the namespace "default"`,
    ],
    [
      jane,
      { "impersonate-user": "system:node:n2" },
      ["impersonate-on:arbitrary-node:list pods", "impersonate:arbitrary-node nodes/n2"],
      { name: "system:node:n2", groups: ["system:nodes", "system:authenticated"] },
    ],
    [
      jane,
      { "impersonate-user": account },
      ["impersonate-on:serviceaccount:list pods", "impersonate:serviceaccount serviceaccounts/bot"],
      { name: account, groups: ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"] },
    ],
    [
      jane,
      { "impersonate-user": "bob", "impersonate-group": "a,b\nc" },
      [
        "impersonate-on:user-info:list pods",
        "impersonate:user-info users/bob",
        "impersonate:user-info groups/a,b",
        "impersonate:user-info groups/c",
      ],
      { name: "bob", groups: ["a,b", "c", "system:authenticated"] },
    ],
    [
      jane,
      { "impersonate-user": "bob" },
      ["impersonate-on:user-info:list pods"],
      'users.authentication.k8s.io "bob" is forbidden: User "jane" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
    ],
    [
      jane,
      { "impersonate-user": "bob", "impersonate-group": "system:masters" },
      [
        "impersonate-on:user-info:list pods",
        "impersonate:user-info users/bob",
        "impersonate:user-info groups/system:masters",
      ],
      'groups.authentication.k8s.io "system:masters" is forbidden: User "jane" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed',
    ],
    // What has been allowed all along is allowed as before, whatever is asked for.
    [
      jane,
      { "impersonate-user": "bob", "impersonate-group": "system:masters" },
      ["impersonate users/bob", "impersonate groups/system:masters"],
      { name: "bob", groups: ["system:masters", "system:authenticated"] },
    ],
  ];
  for (const [user, headers, allowed, expected] of cases) {
    let served: UserInfo | undefined;
    await using server = await TestServer.start({
      scheme,
      authenticators: [{ authenticate: async () => ({ user }) }],
      authorizer: {
        authorize: async ({ user: who, verb, resource, name }) => {
          if (verb === "list") served = who;
          const isAllowed =
            verb === "list" || allowed.includes(`${verb} ${name === "" ? resource : `${resource}/${name}`}`);
          return { decision: isAllowed ? "allow" : "no-opinion" };
        },
      },
    });
    const response = await server.request("GET", list, undefined, headers);
    if (typeof expected === "string") assert.equal((response.json as Json).message, expected);
    else assert.deepEqual(served, expected);
    assert.equal(response.status, typeof expected === "string" ? 403 : 200);
  }
});

test("too many requests at once are refused, administrators excepted", async () => {
  const gate = Promise.withResolvers<void>();
  const slow: AdmissionPlugin = { name: "Slow", handles: () => true, admit: () => gate.promise };
  await using server = await TestServer.start({ scheme, admission: [slow], maxMutatingInFlight: 2 });
  const create = (name: string): Promise<{ status: number; headers: Readonly<Record<string, string>> }> =>
    server.request("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name } });
  const waiting = [create("a"), create("b")];
  const refused = await create("c");
  assert.equal(refused.status, 429);
  assert.equal(refused.headers["retry-after"], "1");
  gate.resolve();
  assert.deepEqual(
    (await Promise.all(waiting)).map((r) => r.status),
    [201, 201],
  );
});

test("a request that takes too long is answered 504", async () => {
  const clock = new SteppingClock();
  const stuck: AdmissionPlugin = { name: "Stuck", handles: () => true, admit: () => new Promise(() => {}) };
  await using server = await TestServer.start({ scheme, clock, admission: [stuck], shutdownGraceMs: 0 });
  const answer = server.request("POST", "/api/v1/namespaces/default/configmaps?timeout=5s", {
    metadata: { name: "a" },
  });
  while (clock.nextTimerIn() === undefined) await Promise.resolve();
  clock.step(5000);
  const { status, json } = await answer;
  assert.equal(status, 504);
  assert.equal((json as Json).message, "Timeout: request did not complete within the allotted timeout");
});

test("admission changes, is defaulted after, and refuses; unexpected failures are 500", async () => {
  const label: AdmissionPlugin = {
    name: "Label",
    handles: (operation) => operation === "CREATE",
    admit: async ({ object }) => {
      if (object) object.metadata.labels = { ...object.metadata.labels, added: "yes" };
    },
  };
  const guard: AdmissionPlugin = {
    name: "Guard",
    handles: () => true,
    validate: async ({ name, operation, resource, group, oldObject }) => {
      if (name === "bug") throw new TypeError("oops");
      if (operation === "DELETE" && oldObject?.metadata.labels?.added)
        throw forbidden({ group, resource }, name, "it is guarded");
    },
  };
  await using server = await TestServer.start({ scheme, admission: [label, guard] });
  const path = "/api/v1/namespaces/default/configmaps";
  const created = (await server.request("POST", path, { metadata: { name: "a" } })).json as Json;
  assert.equal(created.metadata?.labels?.added, "yes");
  const refused = await server.request("DELETE", `${path}/a`);
  assert.equal(refused.status, 403);
  assert.equal((refused.json as Json).message, 'configmaps "a" is forbidden: it is guarded');
  const bug = await server.request("POST", path, { metadata: { name: "bug" } });
  assert.equal(bug.status, 500);
  assert.equal((bug.json as Json).message, "Internal error occurred: oops");
});

test("health, version, discovery and metrics", async () => {
  await using server = await TestServer.start({
    scheme,
    readyChecks: [{ name: "late", check: () => Promise.reject(new Error("not yet")) }],
    openApi: { v2: () => ({ swagger: "2.0" }), v3Paths: () => ["api/v1"], v3: () => ({ openapi: "3.0.0" }) },
  });
  const get = (path: string, headers: Record<string, string> = {}) => server.request("GET", path, undefined, headers);
  assert.equal((await get("/livez")).text, "ok");
  assert.equal((await get("/livez?verbose")).text, "[+]ping ok\n[+]log ok\n[+]etcd ok\nlivez check passed\n");
  assert.equal((await get("/readyz")).status, 500);
  assert.match((await get("/readyz")).text, /\[-\]late failed: reason withheld\n.*readyz check failed\n$/s);
  assert.equal((await get("/readyz/ping")).text, "ok");
  const slis = (await get("/metrics/slis")).text;
  assert.match(slis, /^kubernetes_healthcheck\{name="late",type="readyz"\} 0$/m);
  assert.match(slis, /^kubernetes_healthchecks_total\{name="ping",type="readyz",status="success"\} 3$/m);
  assert.equal(((await get("/version")).json as Json).minor, "36");
  const core = (await get("/api/v1")).json as Json;
  const names = core.resources?.map((r) => String(r.name)) ?? [];
  assert.ok(names.includes("pods") && names.includes("pods/status") && !names.includes("pods/exec"));
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  const aggregated = await get("/apis", { accept });
  assert.equal((aggregated.json as Json).kind, "APIGroupDiscoveryList");
  const etag = aggregated.headers.etag ?? "";
  assert.equal((await get("/apis", { accept, "if-none-match": etag })).status, 304);
  const index = (await get("/openapi/v3")).json as Json;
  const url = String(index.paths?.["api/v1"]?.serverRelativeURL);
  assert.match(url, /^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{64}$/);
  assert.equal(((await get(url)).json as Json).openapi, "3.0.0");
  assert.equal((await get("/openapi/v2")).status, 200);
  // Asked for with an at sign, answered with a dot, which is a valid media type: as upstream.
  const protobuf = (sign: string): string => `application/com.github.proto-openapi.spec.v2${sign}v1.0+protobuf`;
  assert.equal((await get("/openapi/v2", { accept: protobuf("@") })).headers["content-type"], protobuf("."));
  assert.equal((await get("/openapi/v2", { accept: "text/html" })).status, 406);
  const metrics = (await get("/metrics")).text;
  assert.match(metrics, /apiserver_request_total\{verb="GET".*code="200"\} \d+/);
});

test("requests, watches and objects are counted under upstream's names", async () => {
  await using server = await TestServer.start({ scheme });
  const configMaps = "/api/v1/namespaces/default/configmaps";
  await server.request("POST", configMaps, { metadata: { name: "a" } });
  const apply = { "content-type": "application/apply-patch+yaml" };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };
  await server.request("PATCH", `${configMaps}/a?fieldManager=m`, object, apply);
  await server.request("GET", configMaps);
  const watch = await server.send("GET", `${configMaps}?watch=true`);
  const reader = watch.body[Symbol.asyncIterator]();
  await reader.next();
  const metrics = async (): Promise<string> => (await server.request("GET", "/metrics")).text;
  const resource = 'group="",version="v1",resource="configmaps",subresource=""';
  const during = await metrics();
  for (const line of [
    `apiserver_request_total{verb="POST",dry_run="",${resource},scope="resource",component="apiserver",code="201"} 1`,
    `apiserver_request_total{verb="APPLY",dry_run="",${resource},scope="resource",component="apiserver",code="200"} 1`,
    `apiserver_request_total{verb="LIST",dry_run="",${resource},scope="namespace",component="apiserver",code="200"} 1`,
    `apiserver_request_duration_seconds_count{verb="LIST",dry_run="",${resource},scope="namespace",component="apiserver"} 1`,
    `apiserver_response_sizes_count{verb="LIST",${resource},scope="namespace",component="apiserver"} 1`,
    `apiserver_longrunning_requests{verb="WATCH",${resource},scope="namespace",component="apiserver"} 1`,
    'apiserver_watch_events_total{group="",version="v1",resource="configmaps"} 1',
    'apiserver_storage_objects{resource="configmaps"} 1',
    'apiserver_storage_objects{resource="deployments.apps"} 0',
    'apiserver_resource_objects{group="apps",resource="deployments"} 0',
    'apiserver_current_inflight_requests{request_kind="readOnly"} 1',
  ])
    assert.ok(during.includes(`${line}\n`), line);
  await reader.return?.();
  assert.match(await metrics(), /apiserver_longrunning_requests\{verb="WATCH".*\} 0\n/);
});
