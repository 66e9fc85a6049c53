import assert from "node:assert/strict";
import { test } from "node:test";

import { isTooManyRequests } from "../apimachinery/errors/status-error.ts";
import { parseYaml, YamlError } from "../apimachinery/yaml/parse.ts";
import { YamlThread } from "./yaml-thread.ts";

test("texts are read as on this thread, in order, failures included", async () => {
  await using thread = new YamlThread();
  const texts = ["a: 1\nb: [x, 9007199254740993]\n__proto__: {c: d}\n", "a: 1\na: 2\n", "", "- é\n"];
  const readings = await Promise.all(texts.map((text) => thread.read(text)));
  assert.deepEqual(
    readings,
    texts.map((text) => parseYaml(text)),
  );
  await assert.rejects(thread.read("a: *unknown"), (error: unknown) => {
    return error instanceof YamlError && error.message === "yaml: unknown anchor 'unknown' referenced";
  });
  const long = Array.from({ length: 100_000 }, (_, i) => `key-${i}: value`).join("\n");
  const { value } = await thread.read(long);
  assert.equal(Object.keys(value as object).length, 100_000);
});

test("a text that takes too long is given up; the next one is read", async () => {
  await using thread = new YamlThread({ timeoutMs: 300 });
  const hostile = `a:\n${"- - - - a\n".repeat(300_000)}`;
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  await assert.rejects(thread.read(hostile), /^YamlError: yaml: document takes too long to read$/);
  clearInterval(timer);
  assert.ok(turns > 10, "this thread goes on meanwhile");
  // A thread that has to be started anew must not run into the same limit.
  await using patient = new YamlThread();
  assert.deepEqual((await patient.read("a: b")).value, { a: "b" });
});

test("too many waiting texts are refused", async () => {
  await using thread = new YamlThread();
  const all = await Promise.allSettled(Array.from({ length: 30 }, () => thread.read("a: b")));
  const refused = all.filter((each) => each.status === "rejected");
  assert.equal(refused.length, 13);
  for (const { reason } of refused) assert.ok(isTooManyRequests(reason));
});
