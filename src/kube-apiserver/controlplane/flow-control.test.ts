import assert from "node:assert/strict";
import { test } from "node:test";

import type { TestAnswer } from "../testing/test-cluster.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const group = "/apis/flowcontrol.apiserver.k8s.io/v1";
const levels = `${group}/prioritylevelconfigurations`;
const schemas = `${group}/flowschemas`;

interface Configured {
  readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: { readonly conditions?: readonly Readonly<Record<string, string>>[] };
}

const level = (name: string): unknown => ({
  metadata: { name },
  spec: { type: "Limited", limited: { nominalConcurrencyShares: 1, limitResponse: { type: "Reject" } } },
});
const schema = (name: string, levelName: string, user: string): unknown => ({
  metadata: { name },
  spec: {
    matchingPrecedence: 1000,
    priorityLevelConfiguration: { name: levelName },
    rules: [
      {
        subjects: [{ kind: "User", user: { name: user } }],
        nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
      },
    ],
  },
});

/** Lets time go by, and what waits for it be done. */
async function pass(server: TestApiServer, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    server.clock.step(Math.min(left, 100));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function until<T>(server: TestApiServer, read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 200; i++) {
    const value = await read();
    if (holds(value)) return value;
    await pass(server, 100);
  }
  return assert.fail("it never holds");
}

test("schemas and levels count as soon as they are there, and schemas tell whether their level is", async () => {
  await using server = await TestApiServer.start();
  const dangling = async (): Promise<readonly (string | undefined)[]> => {
    const { status } = (await server.request("GET", `${schemas}/mine`)).json<Configured>();
    return (status.conditions ?? []).flatMap(({ type, status: is, reason, message }) => [type, is, reason, message]);
  };
  const created = (await server.request("POST", schemas, schema("mine", "mine", "jane"))).json<Configured>();
  const references = 'This FlowSchema references the PriorityLevelConfiguration object named "mine"';
  const missing = ["Dangling", "True", "NotFound", `${references} but there is no such object`];
  assert.deepEqual(await until(server, dangling, (told) => told.length > 0), missing);
  const made = (await server.request("POST", levels, level("mine"))).json<Configured>();
  const found = ["Dangling", "False", "Found", `${references} and it exists`];
  assert.deepEqual(await until(server, dangling, (told) => told[1] === "False"), found);

  const asJane = (): Promise<TestAnswer> =>
    server.request("GET", "/version", undefined, { as: { commonName: "jane", organizations: [] } });
  const answer = await asJane();
  assert.equal(answer.headers["x-kubernetes-pf-flowschema-uid"], created.metadata.uid);
  assert.equal(answer.headers["x-kubernetes-pf-prioritylevel-uid"], made.metadata.uid);
  const pages = await Promise.all(
    ["dump_priority_levels", "dump_queues", "dump_requests?includeRequestDetails=1"].map(
      async (page) => (await server.request("GET", `/debug/api_priority_and_fairness/${page}`)).text,
    ),
  );
  assert.match(pages[0] ?? "", /^PriorityLevelName, +ActiveQueues, +IsIdle, +IsQuiescing, +WaitingRequests,/);
  assert.match(pages[0] ?? "", /\nmine, +0, +true, +false, +0, +0, +1, +0, +0, +0\n/);
  assert.match(pages[1] ?? "", /\nworkload-low, +127, +0, +0, +0, +0\.00000000ss, +0, +0, +0\.00000000ss\n/);
  // The request for the page itself.
  assert.match(
    pages[2] ?? "",
    /\nexempt, +exempt, +-1, +-1, +, +2026-\S+Z, +1, +0, +0s, +2026-\S+Z, +\S+, +get, +\/debug/,
  );
  const { paths } = (await server.request("GET", "/")).json<{ paths: readonly string[] }>();
  assert.equal(
    paths.some((path) => path.startsWith("/debug")),
    false,
  );

  await server.request("DELETE", `${levels}/mine`);
  assert.equal((await until(server, dangling, (told) => told[1] === "True"))[2], "NotFound");
  const other = (await server.request("GET", `${schemas}/global-default`)).json<Configured>();
  assert.equal((await asJane()).headers["x-kubernetes-pf-flowschema-uid"], other.metadata.uid);
});

test("defaults come back and are kept, as far as their administrator lets", async () => {
  await using server = await TestApiServer.start();
  await server.request("DELETE", `${levels}/catch-all`);
  await server.request("DELETE", `${schemas}/exempt`);
  const get = (path: string): Promise<TestAnswer> => server.request("GET", path);
  await until(
    server,
    () => get(`${levels}/catch-all`),
    ({ status }) => status === 200,
  );
  await until(
    server,
    () => get(`${schemas}/exempt`),
    ({ status }) => status === 200,
  );

  const shares = async (): Promise<unknown> => {
    const { spec } = (await get(`${levels}/system`)).json<{
      spec: { limited: { nominalConcurrencyShares: number } };
    }>();
    return spec.limited.nominalConcurrencyShares;
  };
  const patch = (annotation: string | null): Promise<TestAnswer> =>
    server.request(
      "PATCH",
      `${levels}/system`,
      {
        metadata: { annotations: { "apf.kubernetes.io/autoupdate-spec": annotation } },
        spec: { limited: { nominalConcurrencyShares: 77 } },
      },
      { headers: { "content-type": "application/merge-patch+json" } },
    );
  await patch("true");
  await until(server, shares, (told) => told === 30);
  await patch("false");
  await pass(server, 5000);
  assert.equal(await shares(), 77);
  // Who changed it without a word is taken to mean it.
  await patch(null);
  const told = await until(
    server,
    async () => (await get(`${levels}/system`)).json<Configured>(),
    ({ metadata }) => metadata.annotations?.["apf.kubernetes.io/autoupdate-spec"] === "false",
  );
  assert.equal((told.spec["limited"] as { nominalConcurrencyShares: number }).nominalConcurrencyShares, 77);

  // One of an earlier version.
  await server.request("POST", levels, {
    ...(level("former") as object),
    metadata: { name: "former", annotations: { "apf.kubernetes.io/autoupdate-spec": "true" } },
  });
  await until(
    server,
    () => get(`${levels}/former`),
    ({ status }) => status === 404,
  );
});

test("plain limits of requests in flight instead", async () => {
  await using server = await TestApiServer.start({ hasPriorityAndFairness: false });
  const { status, headers } = await server.request("GET", "/version");
  assert.equal(status, 200);
  assert.equal("x-kubernetes-pf-flowschema-uid" in headers, false);
  assert.equal((await server.request("GET", "/debug/api_priority_and_fairness/dump_queues")).status, 404);
});
