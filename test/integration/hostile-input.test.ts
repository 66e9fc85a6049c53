import assert from "node:assert/strict";
import { test } from "node:test";

import { TestApiServer } from "../../src/kube-apiserver/testing/test-cluster.ts";
import { YamlThread } from "../../src/node/yaml-thread.ts";

// What one client sends must not keep the others waiting. Time is that of this thread alone, so that a busy machine does
// not count; before long YAML was read on a thread of its own, and large bodies gave way between their steps, the worst
// of these held the server for seconds.

const longestTurnMs = 250;
const configMaps = "/api/v1/namespaces/default/configmaps";

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`key-${i}`, "v".repeat(20)]));
}

interface Attack {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly body: string;
  readonly type?: string;
  readonly status: number;
  readonly message: RegExp;
}

const operations = (count: number): string =>
  JSON.stringify(Array.from({ length: count }, (_, i) => ({ op: "add", path: `/data/x${i}`, value: "1" })));

const attacks: readonly Attack[] = [
  { name: "deep lists", body: "[".repeat(1_500_000), status: 400, message: /exceeded max depth/ },
  { name: "deep objects", body: '{"a":'.repeat(500_000), status: 400, message: /exceeded max depth/ },
  {
    name: "a megabyte of labels",
    body: JSON.stringify({ metadata: { name: "labels", labels: many(30_000) } }),
    status: 201,
    message: /^$/,
  },
  {
    name: "10,001 patch operations",
    method: "PATCH",
    path: `${configMaps}/a`,
    type: "application/json-patch+json",
    body: operations(10_001),
    status: 413,
    message: /The allowed maximum operations in a JSON patch is 10000, got 10001/,
  },
  {
    name: "10,000 patch operations",
    method: "PATCH",
    path: `${configMaps}/a`,
    type: "application/json-patch+json",
    body: operations(10_000),
    status: 200,
    message: /^$/,
  },
  {
    name: "a bomb of aliases",
    type: "application/yaml",
    body: [
      "a: &a [x,x,x,x,x,x,x,x,x]",
      ...["b", "c", "d", "e", "f", "g", "h", "i"].map(
        (name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[i]}`).join(",")}]`,
      ),
    ].join("\n"),
    status: 400,
    message: /excessive aliasing/,
  },
  {
    name: "half a megabyte of YAML mappings",
    type: "application/yaml",
    body: `metadata: {name: yaml}\ndata:\n${Array.from({ length: 30_000 }, (_, i) => `  k${i}: "x"`).join("\n")}`,
    status: 201,
    message: /^$/,
  },
  {
    name: "YAML that passes for JSON at its start",
    type: "application/yaml",
    body: ` {a: [${"1,".repeat(50_000)}]}`,
    status: 422,
    message: /name or generateName is required/,
  },
];

for (const { name, method = "POST", path = configMaps, body, type = "application/json", status, message } of attacks) {
  test(`${name} keeps nobody waiting`, async () => {
    await using yaml = new YamlThread();
    await using api = await TestApiServer.start({ server: { yaml } });
    await api.request("POST", configMaps, { metadata: { name: "a" }, data: { k: "v" } });
    const attack = api.request(method, path, body, { headers: { "content-type": type } });
    const state = { isOver: false };
    void attack.finally(() => (state.isOver = true));
    let longest = 0;
    while (!state.isOver) {
      const startedMs = cpuMs();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal((await api.request("GET", `${configMaps}/a`)).status, 200);
      longest = Math.max(longest, cpuMs() - startedMs);
    }
    const answer = await attack;
    assert.equal(answer.status, status, answer.text.slice(0, 300));
    if (status >= 400) assert.match(answer.message, message);
    assert.ok(longest <= longestTurnMs, `another client waited for ${longest} ms`);
  });
}

test("an object that would be larger than the store takes is refused in its words", async () => {
  await using api = await TestApiServer.start();
  const parts = { metadata: { name: "a", annotations: { a: "b" } }, data: { a: "x".repeat(1000 << 10) } };
  assert.equal((await api.request("POST", configMaps, parts)).status, 201);
  const labels = many(60_000);
  const answer = await api.request(
    "PATCH",
    `${configMaps}/a`,
    { metadata: { labels } },
    {
      headers: { "content-type": "application/merge-patch+json" },
    },
  );
  assert.deepEqual([answer.status, answer.message], [500, "etcdserver: request is too large"]);
});
