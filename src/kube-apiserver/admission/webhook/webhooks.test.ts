import { AuditPolicy } from "../../../apiserver/audit/audit-policy.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdmissionRequest, AdmissionResponse } from "../../../api/admission/v1/types.gen.ts";
import type { ConfigMap } from "../../../api/core/v1/types.gen.ts";
import type { AuditEvent } from "../../../apiserver/audit/audit-sink.ts";
import type { WebhookDialer, WebhookTarget } from "../../../apiserver/webhook/webhook-dialer.ts";
import { abortReason } from "../../../component-base/clock.ts";
import { TransportError } from "../../../component-base/http.ts";
import { TestApiServer } from "../../testing/test-cluster.ts";

type Answer = Partial<AdmissionResponse> | "never" | "refused connection" | { readonly raw: unknown };

interface Call {
  readonly target: WebhookTarget;
  readonly path: string;
  readonly request: AdmissionRequest;
}

/** A world of webhooks by host; each answers by the function given for its path. */
class Webhooks implements WebhookDialer {
  readonly calls: Call[] = [];
  readonly answers = new Map<string, (request: AdmissionRequest) => Answer>();

  async send(
    target: WebhookTarget,
    { path, body, signal }: Parameters<WebhookDialer["send"]>[1],
  ): ReturnType<WebhookDialer["send"]> {
    const { request } = JSON.parse(new TextDecoder().decode(body)) as { request: AdmissionRequest };
    this.calls.push({ target, path, request });
    const answer = this.answers.get(path.split("?")[0] ?? "")?.(request) ?? {};
    if (answer === "refused connection") throw new TransportError("connect: connection refused", { notSent: true });
    if (answer === "never") {
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(abortReason(signal)), { once: true });
      });
    }
    const review =
      "raw" in answer
        ? answer.raw
        : {
            apiVersion: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: { uid: request.uid, allowed: true, ...answer },
          };
    const bytes = new TextEncoder().encode(JSON.stringify(review));
    return {
      status: 200,
      headers: {},
      body: (async function* () {
        yield bytes;
      })(),
    };
  }
}

const patchOf = (...operations: object[]): Answer => ({
  patchType: "JSONPatch",
  patch: btoa(JSON.stringify(operations)),
});

interface World extends AsyncDisposable {
  readonly api: TestApiServer;
  readonly hooks: Webhooks;
  readonly audit: AuditEvent[];
  configure(kind: "Mutating" | "Validating", name: string, ...hooks: object[]): Promise<void>;
  create(name: string, query?: string, metadata?: object): ReturnType<TestApiServer["request"]>;
}

async function start(): Promise<World> {
  const hooks = new Webhooks();
  const audit: AuditEvent[] = [];
  const api = await TestApiServer.start({
    webhookDialer: hooks,
    audit: {
      policy: AuditPolicy.parse({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules: [{ level: "Metadata" }] }),
      sink: { record: (events) => audit.push(...events) > 0 },
    },
  });
  return {
    api,
    hooks,
    audit,
    configure: async (kind, name, ...webhooks) => {
      const plural = `${kind.toLowerCase()}webhookconfigurations`;
      const answer = await api.request("POST", `/apis/admissionregistration.k8s.io/v1/${plural}`, {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: `${kind}WebhookConfiguration`,
        metadata: { name },
        webhooks: webhooks.map((hook, i) => ({
          name: `h${i}.${name}.example.com`,
          // The path is cleaned, as a server that cleans it itself would answer with a redirect.
          clientConfig: { url: `https://hooks.example.com//${name}${i}/` },
          rules: [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }],
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
          ...hook,
        })),
      });
      assert.equal(answer.status, 201, answer.text);
      assert.equal(answer.headers["warning"], undefined);
    },
    create: (name, query = "", metadata = {}) =>
      api.request("POST", `/api/v1/namespaces/default/configmaps${query}`, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name, ...metadata },
        data: { a: "1" },
      }),
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

test("a mutating webhook's patch is applied at once, with warnings and audit annotations", async () => {
  await using w = await start();
  w.hooks.answers.set("/m0", () => ({
    ...(patchOf({ op: "add", path: "/data/b", value: "2" }) as AdmissionResponse),
    warnings: ["mind the gap"],
    auditAnnotations: { why: "because" },
  }));
  await w.configure("Mutating", "m", {});
  const answer = await w.create("c");
  assert.deepEqual(answer.json<ConfigMap>().data, { a: "1", b: "2" });
  assert.equal(answer.headers["warning"], '299 - "mind the gap"');
  const annotations = w.audit.findLast(({ objectRef }) => objectRef?.resource === "configmaps")?.annotations;
  assert.equal(annotations?.["h0.m.example.com/why"], "because");
  assert.equal(
    annotations?.["mutation.webhook.admission.k8s.io/round_0_index_0"],
    '{"configuration":"m","webhook":"h0.m.example.com","mutated":true}',
  );
  const [call] = w.hooks.calls;
  assert.deepEqual(call?.target, { host: "hooks.example.com", port: 443, serverName: "hooks.example.com" });
  assert.equal(call?.path, "/m0?timeout=10s");
  const { uid: _uid, object: _object, ...request } = call?.request ?? ({} as AdmissionRequest);
  assert.deepEqual(request, {
    kind: { group: "", version: "v1", kind: "ConfigMap" },
    resource: { group: "", version: "v1", resource: "configmaps" },
    requestKind: { group: "", version: "v1", kind: "ConfigMap" },
    requestResource: { group: "", version: "v1", resource: "configmaps" },
    name: "c",
    namespace: "default",
    operation: "CREATE",
    userInfo: { username: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] },
    oldObject: null,
    dryRun: false,
    options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
  });
});

test("a validating webhook's refusal carries its name, message and code; deletion is asked, too", async () => {
  await using w = await start();
  let response: Answer = { allowed: false, status: { message: "no", code: 403, reason: "Forbidden" } as never };
  w.hooks.answers.set("/v0", ({ operation }) => (operation === "UPDATE" ? {} : response));
  await w.configure("Validating", "v", {});
  let answer = await w.create("c");
  assert.equal(answer.status, 403);
  assert.equal(answer.message, 'admission webhook "h0.v.example.com" denied the request: no');
  response = { allowed: false };
  answer = await w.create("c");
  assert.equal(answer.status, 400);
  assert.equal(answer.message, 'admission webhook "h0.v.example.com" denied the request without explanation');
  response = {};
  assert.equal((await w.create("c")).status, 201);
  response = { allowed: false, status: { reason: "Sacred" } as never };
  answer = await w.api.request("DELETE", "/api/v1/namespaces/default/configmaps/c");
  assert.equal(answer.message, 'admission webhook "h0.v.example.com" denied the request: Sacred');
  assert.equal((w.hooks.calls.at(-1)?.request.oldObject as ConfigMap | undefined)?.metadata.name, "c");
});

test("a call that fails is refused or passed over, as the failure policy says", async () => {
  await using w = await start();
  w.hooks.answers.set("/f0", () => "refused connection");
  await w.configure("Validating", "f", {});
  const failed = await w.create("c");
  assert.equal(failed.status, 500);
  assert.equal(
    failed.message,
    'Internal error occurred: failed calling webhook "h0.f.example.com": failed to call webhook: Post "https://hooks.example.com/f0?timeout=10s": connect: connection refused',
  );
  w.hooks.answers.set("/f0", () => ({ raw: { kind: "Pod" } }));
  assert.equal(
    (await w.create("c")).message,
    'Internal error occurred: failed calling webhook "h0.f.example.com": received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got , Kind=Pod',
  );
  await w.api.request("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/f");
  await w.configure("Validating", "g", { failurePolicy: "Ignore" });
  w.hooks.answers.set("/g0", () => "refused connection");
  assert.equal((await w.create("c")).status, 201);
});

test("a webhook that does not answer in time fails", async () => {
  await using w = await start();
  w.hooks.answers.set("/t0", () => "never");
  await w.configure("Validating", "t", { timeoutSeconds: 2 });
  const creating = w.create("c");
  for (let i = 0; i < 1000 && w.hooks.calls.length === 0; i++) await new Promise((resolve) => setImmediate(resolve));
  w.api.clock.step(2000);
  assert.equal(
    (await creating).message,
    'Internal error occurred: failed calling webhook "h0.t.example.com": failed to call webhook: Post "https://hooks.example.com/t0?timeout=2s": context deadline exceeded',
  );
});

test("rules and selectors choose what a webhook hears of; webhook configurations never", async () => {
  await using w = await start();
  const everything = { operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] };
  await w.configure("Validating", "a", { rules: [everything], objectSelector: { matchLabels: { watch: "me" } } });
  await w.configure("Validating", "b", { namespaceSelector: { matchLabels: { absent: "label" } } });
  const before = w.hooks.calls.length;
  assert.equal(before, 0);
  await w.create("plain");
  assert.equal(w.hooks.calls.length, 0);
  await w.create("labelled", "", { labels: { watch: "me" } });
  assert.deepEqual(
    w.hooks.calls.map(({ path }) => path),
    ["/a0?timeout=10s"],
  );
});

test("a service is reached through its endpoints, under its name", async () => {
  await using w = await start();
  await w.configure("Validating", "s", {
    clientConfig: { service: { namespace: "default", name: "hook", path: "/check" }, caBundle: btoa("PEM") },
  });
  assert.match(
    (await w.create("c")).message,
    /failed calling webhook "h0\.s\.example\.com": services "hook" not found$/,
  );
  await w.api.request("POST", "/api/v1/namespaces/default/services", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "hook" },
    spec: { ports: [{ name: "https", port: 443, targetPort: 8443 }] },
  });
  assert.match((await w.create("c")).message, /no endpoints available for service "hook"$/);
  await w.api.request("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "hook-1", labels: { "kubernetes.io/service-name": "hook" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.1.2.3"], conditions: { ready: true } }],
    ports: [{ name: "https", port: 8443 }],
  });
  assert.equal((await w.create("c")).status, 201);
  const call = w.hooks.calls.at(-1);
  assert.equal(call?.path, "/check?timeout=10s");
  assert.deepEqual(call?.target, { host: "10.1.2.3", port: 8443, serverName: "hook.default.svc", caBundle: "PEM" });
});

test("a webhook hears of a resource under another of its names, in the version its rules name", async () => {
  await using w = await start();
  const rules = (group: string): object[] => [
    { operations: ["CREATE"], apiGroups: [group], apiVersions: ["v1"], resources: ["events"] },
  ];
  w.hooks.answers.set("/e0", () => patchOf({ op: "add", path: "/metadata/labels", value: { seen: "yes" } }));
  await w.configure("Mutating", "e", { rules: rules("events.k8s.io") });
  await w.configure("Validating", "x", { rules: rules("events.k8s.io"), matchPolicy: "Exact" });
  const answer = await w.api.request("POST", "/api/v1/namespaces/default/events", {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e" },
    involvedObject: { kind: "Pod", namespace: "default", name: "p" },
    message: "hello",
  });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.json<{ apiVersion: string }>().apiVersion, "v1");
  assert.deepEqual(answer.json<ConfigMap>().metadata.labels, { seen: "yes" });
  assert.equal(w.hooks.calls.length, 1);
  const { request } = w.hooks.calls[0] ?? { request: {} as AdmissionRequest };
  assert.deepEqual(request.kind, { group: "events.k8s.io", version: "v1", kind: "Event" });
  assert.deepEqual(request.requestKind, { group: "", version: "v1", kind: "Event" });
  assert.equal((request.object as { note?: string }).note, "hello");
});

test("a webhook that wants to is asked again when a later one changed the object", async () => {
  await using w = await start();
  const seen: string[] = [];
  w.hooks.answers.set("/r0", ({ object }) => {
    seen.push(Object.keys((object as ConfigMap).data ?? {}).join());
    return {};
  });
  w.hooks.answers.set("/r1", () => patchOf({ op: "add", path: "/data/b", value: "2" }));
  await w.configure("Mutating", "r", { reinvocationPolicy: "IfNeeded" }, {});
  assert.equal((await w.create("c")).status, 201);
  assert.deepEqual(seen, ["a", "a,b"]);
  assert.equal(w.hooks.calls.length, 3);
});

test("a dry run asks webhooks without side effects alone", async () => {
  await using w = await start();
  await w.configure("Validating", "d", { sideEffects: "NoneOnDryRun" });
  assert.equal((await w.create("c", "?dryRun=All")).status, 201);
  assert.equal(w.hooks.calls[0]?.request.dryRun, true);
});

test("configurations that could not work are refused", async () => {
  await using api = await TestApiServer.start();
  const answer = await api.request("POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "bad" },
    webhooks: [
      {
        name: "short.name",
        clientConfig: { url: "http://example.com" },
        sideEffects: "Some",
        timeoutSeconds: 31,
        admissionReviewVersions: ["v1"],
        matchConditions: [{ name: "m", expression: "1 + 1" }],
      },
    ],
  });
  assert.equal(answer.status, 422);
  for (const part of [
    'webhooks[0].name: Invalid value: "short.name": should be a domain with at least three segments separated by dots',
    'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
    "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
    "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme",
    'webhooks[0].matchConditions[0].expression: Invalid value: "1 + 1": must evaluate to bool but got int',
  ]) {
    assert.ok(answer.message.includes(part), answer.message);
  }
});

test("what a webhook adds to a custom resource is pruned and defaulted by its schema before it is stored", async () => {
  await using w = await start();
  const properties = {
    a: { type: "string" },
    b: { type: "object", properties: { c: { type: "string", default: "d" } } },
  };
  const created = await w.api.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "widgets", kind: "Widget" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } },
        },
      ],
    },
  });
  assert.equal(created.status, 201, created.text);
  const widgets = "/apis/example.com/v1/widgets";
  for (let turn = 0; turn < 5000 && (await w.api.request("GET", widgets)).status !== 200; turn++)
    await new Promise((resolve) => setImmediate(resolve));
  w.hooks.answers.set("/m0", () =>
    patchOf(
      { op: "add", path: "/spec/unknown", value: 1 },
      { op: "add", path: "/spec/b", value: { x: 1 } },
      { op: "add", path: "/spec/a", value: "webhook" },
    ),
  );
  const rules = [{ operations: ["*"], apiGroups: ["example.com"], apiVersions: ["v1"], resources: ["widgets"] }];
  await w.configure("Mutating", "m", { rules });
  await w.configure("Validating", "v", { rules });
  const answer = await w.api.request("POST", widgets, { kind: "Widget", metadata: { name: "w" }, spec: {} });
  assert.equal(answer.status, 201, answer.text);
  const expected = { a: "webhook", b: { c: "d" } };
  const seen = w.hooks.calls.findLast(({ path }) => path.startsWith("/v0"))?.request.object;
  assert.deepEqual((seen as { spec?: unknown } | undefined)?.spec, expected);
  assert.deepEqual(answer.json<{ spec: unknown }>().spec, expected);
  const again = await w.api.request("PUT", `${widgets}/w`, answer.json<object>());
  assert.deepEqual(again.json<{ metadata: { generation: number } }>().metadata.generation, 1);
});

test("a webhook sees how somebody wants to connect, in the types of the options", async () => {
  await using w = await start();
  const create = (path: string, object: object) => w.api.request("POST", `/api/v1/namespaces/default/${path}`, object);
  await create("serviceaccounts", { metadata: { name: "default" } });
  await create("pods", { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
  const resources = ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"];
  const rules = [{ operations: ["CONNECT"], apiGroups: [""], apiVersions: ["v1"], resources }];
  await w.configure("Validating", "v", { rules });
  const pod = "/api/v1/namespaces/default/pods/p";
  await w.api.upgrade(`${pod}/attach?stdin=true&stdout=1&stderr=false&tty=&container=c`);
  await w.api.upgrade(`${pod}/exec?command=sh&command=-c&stdout=true`);
  await w.api.upgrade(`${pod}/portforward?ports=80&ports=81`);
  await w.api.request("GET", `${pod}/proxy/a/b?path=/other`);
  assert.deepEqual(
    w.hooks.calls.map(({ request }) => request.object),
    [
      { apiVersion: "v1", kind: "PodAttachOptions", stdin: true, stdout: true, tty: true, container: "c" },
      { apiVersion: "v1", kind: "PodExecOptions", command: ["sh", "-c"], stdout: true },
      { apiVersion: "v1", kind: "PodPortForwardOptions", ports: [80, 81] },
      { apiVersion: "v1", kind: "PodProxyOptions", path: "/a/b" },
    ],
  );
});

test("a webhook is asked only about what its match conditions hold for", async () => {
  await using w = await start();
  const conditions = [
    { name: "not-skipped", expression: "object.metadata.name != 'skip-me'" },
    { name: "flagged", expression: "has(object.data) && object.data.flag == 'yes'" },
  ];
  await w.configure("Validating", "ask", { matchConditions: conditions });
  const send = async (name: string, data?: object): Promise<number> => {
    const answer = await w.api.request("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name }, data });
    return answer.status;
  };
  assert.equal(await send("skip-me", {}), 201);
  assert.equal(await send("unflagged", { flag: "no" }), 201);
  assert.equal(w.hooks.calls.length, 0);
  assert.equal(await send("asked", { flag: "yes" }), 201);
  assert.equal(w.hooks.calls.length, 1);
  assert.equal(await send("failing", { other: "x" }), 403);
});
