import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../../client/testing/drain.ts";
import { concatBytes, utf8Decode } from "../../component-base/bytes.ts";
import type { ByteSink, HttpResponse } from "../../component-base/http.ts";
import { KubeletHarness } from "../testing/kubelet-harness.ts";

class Sink implements ByteSink {
  readonly #parts: Uint8Array[] = [];
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;

  write(chunks: readonly Uint8Array[]): boolean {
    this.#parts.push(...chunks);
    return true;
  }

  async drained(): Promise<void> {}

  close(): void {
    this.#controller.abort();
  }

  get text(): string {
    return utf8Decode(concatBytes(this.#parts));
  }
}

async function bodyText(response: HttpResponse): Promise<string> {
  if (typeof response.body === "function") {
    const sink = new Sink();
    await response.body(sink);
    return sink.text;
  }
  return utf8Decode(response.body instanceof Uint8Array ? response.body : concatBytes(response.body ?? []));
}

async function startWithLogs(): Promise<{ readonly harness: KubeletHarness; readonly id: string }> {
  const harness = await KubeletHarness.start({ runtime: { script: () => ({ output: ["one", "two", "three"] }) } });
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  const pod = await harness.untilPhase("p", "Running");
  return { harness, id: pod.status.containerStatuses?.[0]?.containerID?.slice("fake://".length) ?? "" };
}

test("container logs: whole, tail, timestamps, limit, and errors", async () => {
  const { harness } = await startWithLogs();
  await using _ = harness;
  const get = async (query: string): Promise<string> =>
    bodyText(await harness.request(`/containerLogs/default/p/main${query}`));
  assert.equal(await get(""), "one\ntwo\nthree\n");
  assert.equal(await get("?tailLines=1"), "three\n");
  assert.equal(await get("?tailLines=0"), "");
  assert.equal(await get("?tailLines=9"), "one\ntwo\nthree\n");
  assert.equal(await get("?limitBytes=5"), "one\nt");
  assert.match(await get("?timestamps=true&tailLines=1"), /^2026-01-01T00:.*Z three\n$/);
  assert.equal(await get("?sinceTime=2027-01-01T00:00:00Z"), "");
  assert.equal(await get("?previous=true"), 'previous terminated container "main" in pod "p" not found');
  assert.equal((await harness.request("/containerLogs/default/p/other")).status, 404);
  assert.equal((await harness.request("/containerLogs/default/q/main")).status, 404);
  assert.equal((await harness.request("/containerLogs/default/p/main?tailLines=-1")).status, 400);
});

test("followed logs show new lines and end with the container", async () => {
  const { harness, id } = await startWithLogs();
  await using _ = harness;
  const response = await harness.request("/containerLogs/default/p/main?follow=true");
  assert.ok(typeof response.body === "function");
  const sink = new Sink();
  let ended = false;
  const done = response.body(sink).then(() => {
    ended = true;
  });
  await settle();
  assert.equal(sink.text, "one\ntwo\nthree\n");
  await harness.runtime.writeLog(id, "four");
  await harness.pass(500);
  assert.ok(sink.text.endsWith("three\nfour\n"));
  assert.equal(ended, false);
  harness.runtime.exitContainer(id, 0);
  await harness.pass(1_000);
  await done;
  assert.equal(
    await bodyText(await harness.request("/containerLogs/default/p/main?previous=true")),
    "one\ntwo\nthree\nfour\n",
  );
});

test("exec, attach and port-forward hand the connection on to the runtime's URL", async () => {
  const { harness, id } = await startWithLogs();
  await using _ = harness;
  const exec = await harness.request("/exec/default/p/main?command=ls&output=1");
  assert.deepEqual(exec.tunnel, { url: `http://fake.invalid/exec/${id}`, protocol: "raw", identity: "cri" });
  assert.ok((await harness.request("/attach/default/p/main?output=1")).tunnel?.url.includes("/attach/"));
  assert.ok((await harness.request("/portForward/default/p")).tunnel?.url.includes("/portforward/"));
  assert.equal((await harness.request("/exec/default/p/main?command=ls")).status, 400);
  assert.equal((await harness.request("/exec/default/p/nope?command=ls&output=1")).status, 404);
});

test("health, pods, configuration, statistics, and what is not there", async () => {
  const { harness } = await startWithLogs();
  await using _ = harness;
  assert.equal(await bodyText(await harness.request("/healthz")), "ok");
  const list: { items: { metadata: { name: string } }[] } = JSON.parse(await bodyText(await harness.request("/pods")));
  assert.deepEqual(
    list.items.map((p) => p.metadata.name),
    ["p"],
  );
  assert.ok((await bodyText(await harness.request("/configz"))).includes('"clusterDomain":"cluster.local"'));
  assert.ok((await bodyText(await harness.request("/stats/summary"))).includes('"nodeName":"node-1"'));
  assert.equal((await harness.request("/nope")).status, 404);
  assert.equal((await harness.request("/constructor")).status, 404);
});
