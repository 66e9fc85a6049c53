import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createInProcessTransport } from "../../src/apiserver/server/in-process-transport.ts";
import { readBody } from "../../src/component-base/http.ts";
import { utf8Decode, utf8Encode } from "../../src/component-base/bytes.ts";
import { TestApiServer } from "../../src/kube-apiserver/testing/test-cluster.ts";

// Whatever a client sends, it gets upstream's refusal, quickly, and nothing is stored.

let api: TestApiServer;

before(async () => {
  api = await TestApiServer.start();
});

after(() => api[Symbol.asyncDispose]());

interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly { readonly field: string; readonly message: string }[];
}

/** Posts raw text, and says what came back; the collection must be as empty afterwards as it was before. */
async function refusalOf(path: string, text: string, contentType = "application/json"): Promise<Refusal> {
  const transport = createInProcessTransport(api.server.handler, {
    address: "127.0.0.1",
    certificate: { commonName: "admin", organizations: ["system:masters"] },
  });
  const stored = async (): Promise<number> =>
    (await api.request("GET", path)).json<{ items: unknown[] }>().items.length;
  const before_ = await stored();
  const startedMs = performance.now();
  const response = await transport.send({
    method: "POST",
    path: `${path}?fieldValidation=Strict`,
    headers: { "content-type": contentType, "content-length": String(text.length) },
    body: utf8Encode(text),
  });
  const answer = JSON.parse(utf8Decode(await readBody(response.body))) as {
    readonly reason?: string;
    readonly message?: string;
    readonly details?: { readonly causes?: Refusal["causes"] };
  };
  assert.ok(performance.now() - startedMs < 2_000, "a refusal must not take seconds");
  assert.equal(await stored(), before_);
  return {
    status: response.status,
    reason: answer.reason ?? "",
    message: answer.message ?? "",
    causes: answer.details?.causes ?? [],
  };
}

const configMaps = "/api/v1/namespaces/default/configmaps";
const deployments = "/apis/apps/v1/namespaces/default/deployments";

function deployment(overrides: Readonly<Record<string, unknown>> = {}, name = "web"): string {
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      ...overrides,
    },
  });
}

test("unknown and duplicate fields are named by their paths", async () => {
  const text = deployment({ replica: 3 }).replace('"replicas":1', '"replicas":1,"replicas":2');
  const { status, reason, message } = await refusalOf(deployments, text);
  assert.deepEqual([status, reason], [400, "BadRequest"]);
  assert.match(message, /strict decoding error: .*unknown field "spec\.replica"/);
  assert.match(message, /duplicate field "spec\.replicas"/);
});

test("a selector that does not match the template is Invalid", async () => {
  const { status, reason, causes } = await refusalOf(
    deployments,
    deployment({ selector: { matchLabels: { app: "db" } } }),
  );
  assert.deepEqual([status, reason], [422, "Invalid"]);
  assert.equal(causes[0]?.field, "spec.template.metadata.labels");
  assert.match(causes[0]?.message ?? "", /`selector` does not match template `labels`/);
});

test("a name with capitals is Invalid", async () => {
  const { status, message } = await refusalOf(deployments, deployment({}, "Web"));
  assert.equal(status, 422);
  assert.match(
    message,
    /^Deployment\.apps "Web" is invalid: metadata\.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of/,
  );
});

test("negative replicas are Invalid", async () => {
  const { status, message } = await refusalOf(deployments, deployment({ replicas: -1 }));
  assert.equal(status, 422);
  assert.equal(
    message,
    'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
});

test("a body of 4 MB is too large", async () => {
  const { status, reason } = await refusalOf(
    configMaps,
    JSON.stringify({ metadata: { name: "big" }, data: { a: "x".repeat(4 << 20) } }),
  );
  assert.deepEqual([status, reason], [413, "RequestEntityTooLarge"]);
});

test("JSON 100,000 deep is a bad request", async () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const { status, reason } = await refusalOf(configMaps, `{"metadata":{"name":"deep"},"data":${deep}}`);
  assert.deepEqual([status, reason], [400, "BadRequest"]);
});

test("a YAML bomb is a bad request", async () => {
  let bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (let i = 1; i < 12; i++) bomb += `a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(",")}]\n`;
  const { status, reason } = await refusalOf(configMaps, `metadata: {name: bomb}\n${bomb}`, "application/yaml");
  assert.deepEqual([status, reason], [400, "BadRequest"]);
});

test("__proto__ keys are plain data, kept where maps are open and unknown elsewhere", async () => {
  const strict = await refusalOf(configMaps, '{"metadata":{"name":"p"},"__proto__":{"polluted":true}}');
  assert.match(strict.message, /unknown field "__proto__"/);
  const body = '{"metadata":{"name":"p","labels":{"constructor":"c"}},"data":{"__proto__":"mine","toString":"t"}}';
  assert.equal((await api.request("POST", configMaps, body)).status, 201);
  const kept = await api.request("GET", `${configMaps}/p`);
  assert.match(kept.text, /"data":\{"__proto__":"mine","toString":"t"\}/);
  assert.match(kept.text, /"labels":\{"constructor":"c"\}/);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test("a value of the wrong type is named with field and type", async () => {
  const { status, message } = await refusalOf(deployments, deployment({ replicas: "three" }));
  assert.equal(status, 400);
  assert.match(
    message,
    /json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/,
  );
});
