import assert from "node:assert/strict";
import { test } from "node:test";
import { isNotFound, StatusError } from "../../apimachinery/errors/status-error.ts";
import { configMaps, deployments, pods } from "../../api/resources.gen.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import { TransportError, type TransportRequest } from "../../component-base/http.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { stepUntil } from "../testing/drain.ts";
import { createApiClient } from "./rest-client.ts";
import { decodeWatchStream } from "./watch-decoder.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

function clientOf(answers: readonly (Answer | Error)[]) {
  const clock = new SteppingClock();
  const sent: TransportRequest[] = [];
  const transport = {
    send: async (request: TransportRequest) => {
      const answer = answers[Math.min(sent.length, answers.length - 1)];
      sent.push(request);
      if (answer instanceof Error || !answer) throw answer ?? new Error("no answer");
      const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {});
      const body = (async function* () {
        yield utf8Encode(text);
      })();
      return { status: answer.status, headers: { "content-type": "application/json", ...answer.headers }, body };
    },
  };
  const client = createApiClient({ transport, userAgent: "test/1", clock, random: new SeededRandom(1) });
  return { client, clock, sent };
}

test("paths, queries, content types and bodies are upstream's", async () => {
  const { client, sent } = clientOf([{ status: 200 }]);
  const d = client.resource(deployments, "n s");
  await d.get("web");
  await d.patch("web", "strategic", { spec: {} }, { subresource: "scale", fieldManager: "me" });
  await client.resource(pods).list({ labelSelector: "a=b,c", limit: 5 });
  await client.resource(pods).create({ metadata: { name: "p", namespace: "x" } });
  await d.updateStatus({ metadata: { name: "web" } });
  await client.resource(pods, "x").createSubresource("p", "binding", { target: { name: "n" } });
  await d.delete("web", { propagationPolicy: "Foreground" });
  assert.deepEqual(
    sent.map((r) => `${r.method} ${r.path}`),
    [
      "GET /apis/apps/v1/namespaces/n%20s/deployments/web",
      "PATCH /apis/apps/v1/namespaces/n%20s/deployments/web/scale?fieldManager=me",
      "GET /api/v1/pods?labelSelector=a%3Db%2Cc&limit=5",
      "POST /api/v1/namespaces/x/pods",
      "PUT /apis/apps/v1/namespaces/n%20s/deployments/web/status",
      "POST /api/v1/namespaces/x/pods/p/binding",
      "DELETE /apis/apps/v1/namespaces/n%20s/deployments/web",
    ],
  );
  assert.equal(sent[1]?.headers["content-type"], "application/strategic-merge-patch+json");
  const created = JSON.parse(new TextDecoder().decode(sent[3]?.body));
  assert.deepEqual([created.apiVersion, created.kind], ["v1", "Pod"]);
});

test("list items get their apiVersion and kind; null items are no items", async () => {
  const { client } = clientOf([
    { status: 200, body: { metadata: { resourceVersion: "7" }, items: [{ metadata: { name: "a" } }] } },
    { status: 200, body: { metadata: {}, items: null } },
  ]);
  const list = await client.resource(deployments).list();
  assert.deepEqual(list.items[0], { metadata: { name: "a" }, apiVersion: "apps/v1", kind: "Deployment" });
  assert.deepEqual((await client.resource(deployments).list()).items, []);
});

test("a Status becomes a StatusError; other failures get a reason from their code", async () => {
  const { client } = clientOf([
    { status: 404, body: { kind: "Status", reason: "NotFound", message: 'configmaps "x" not found', code: 404 } },
    { status: 502, headers: { "content-type": "text/html" }, body: "<html>" },
  ]);
  const maps = client.resource(configMaps, "a");
  await assert.rejects(maps.get("x"), (e) => isNotFound(e) && (e as Error).message === 'configmaps "x" not found');
  await assert.rejects(maps.get("x"), (e) => e instanceof StatusError && e.reason === "InternalError");
});

test("only what may be repeated is repeated: Retry-After, and requests never sent", async () => {
  const unsent = new TransportError("refused", { notSent: true });
  const lost = new TransportError("reset", { notSent: false });
  const busy: Answer = { status: 429, headers: { "retry-after": "2" } };
  const { client, clock, sent } = clientOf([busy, unsent, { status: 200, body: { metadata: { name: "x" } } }]);
  let done = false;
  const result = client
    .resource(configMaps, "a")
    .get("x")
    .finally(() => (done = true));
  await stepUntil(clock, () => done);
  assert.equal((await result).metadata.name, "x");
  assert.equal(sent.length, 3);
  assert.ok(clock.monotonic() >= 2000);

  const second = clientOf([lost]);
  await assert.rejects(second.client.resource(configMaps, "a").get("x"), lost);
  assert.equal(second.sent.length, 1);

  const third = clientOf([{ status: 503 }]);
  await assert.rejects(third.client.resource(configMaps, "a").get("x"), StatusError);
  assert.equal(third.sent.length, 1);
});

test("retries end after ten", async () => {
  const { client, clock, sent } = clientOf([{ status: 503, headers: { "retry-after": "1" } }]);
  let failed = false;
  client
    .resource(configMaps, "a")
    .get("x")
    .catch(() => (failed = true));
  await stepUntil(clock, () => failed);
  assert.equal(sent.length, 11);
});

test("watch events survive any cut of the stream", async () => {
  const text = ["ä", "b", "c"].map((name) => JSON.stringify({ type: "ADDED", object: { name } })).join("\n");
  const bytes = utf8Encode(`${text}\n{"type":"ADDED","obj`);
  for (const size of [1, 2, 3, 7, 1000]) {
    async function* chunks() {
      for (let i = 0; i < bytes.length; i += size) yield bytes.slice(i, i + size);
    }
    const names: string[] = [];
    for await (const event of decodeWatchStream<{ name: string }>(chunks())) {
      if (event.type !== "ERROR") names.push(event.object.name);
    }
    assert.deepEqual(names, ["ä", "b", "c"]);
  }
});

test("a request without an answer is given up in time", async () => {
  const clock = new SteppingClock();
  const transport = {
    send: (request: TransportRequest) =>
      new Promise<never>((_, reject) =>
        request.signal?.addEventListener("abort", () => reject(new TransportError("cut", { notSent: false }))),
      ),
  };
  const client = createApiClient({ transport, userAgent: "test", clock, random: new SeededRandom(1) });
  const outcome = assert.rejects(client.resource(configMaps, "a").get("x"), { name: "TimeoutError" });
  clock.step(70_000);
  await outcome;
});
