import assert from "node:assert/strict";
import { test } from "node:test";

import { EncryptionConfiguration } from "../../apiserver/storage/value/encryption-configuration.ts";
import type { ResourceTransformers } from "../../apiserver/storage/value/transforming-backend.ts";
import { base64Encode, utf8Decode } from "../../component-base/bytes.ts";
import { SystemRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { prefixRange } from "../../mvcc/backend.ts";
import { createMemoryBackend } from "../../mvcc/memory-backend.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const secrets = "/api/v1/namespaces/default/secrets";

function configuration(...names: readonly string[]): EncryptionConfiguration {
  const providers = names.map((name) => {
    if (name === "identity") return { identity: {} };
    return { aesgcm: { keys: [{ name, secret: base64Encode(new Uint8Array(32).fill(name.charCodeAt(0))) }] } };
  });
  const document = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [{ resources: ["secrets"], providers }],
  };
  return EncryptionConfiguration.parse(document, new SystemRandom());
}

test("Secrets are encrypted in the store and nowhere else: read, watched, listed, after a restart and at a past revision", async () => {
  const backend = createMemoryBackend({ clock: new SteppingClock() });
  const transformers = configuration("a", "identity");
  const stored = async (): Promise<string> => {
    const { entries } = await backend.range(prefixRange("/registry/secrets/"));
    return entries.map(({ value }) => utf8Decode(value)).join("\n");
  };
  let revision = "";
  {
    await using server = await TestApiServer.start({ backend, transformers });
    const created = await server.request("POST", secrets, { metadata: { name: "s" }, stringData: { a: "hidden" } });
    assert.equal(created.status, 201);
    revision = created.json<{ metadata: { resourceVersion: string } }>().metadata.resourceVersion;
    await server.request("PUT", `${secrets}/s`, { metadata: { name: "s" }, stringData: { a: "changed" } });
    await server.request("POST", "/api/v1/namespaces/default/configmaps", {
      metadata: { name: "c" },
      data: { a: "open" },
    });
    const text = await stored();
    assert.match(text, /^k8s:enc:aesgcm:v1:a:/);
    assert.doesNotMatch(text, /Secret|resourceVersion/);
    const [configMap] = (await backend.range(prefixRange("/registry/configmaps/default/c"))).entries;
    assert.match(utf8Decode(configMap?.value ?? new Uint8Array()), /"open"/);
  }
  await using server = await TestApiServer.start({ backend, transformers });
  const read = await server.request("GET", `${secrets}/s`);
  assert.equal(read.json<{ data: { a: string } }>().data.a, btoa("changed"));
  const past = await server.request("GET", `${secrets}?resourceVersion=${revision}&resourceVersionMatch=Exact`);
  assert.equal(past.json<{ items: readonly { data: { a: string } }[] }>().items[0]?.data.a, btoa("hidden"));
  const watching = server.request("GET", `${secrets}?watch=1&resourceVersion=${revision}&timeoutSeconds=1`);
  await new Promise((resolve) => setImmediate(resolve));
  server.clock.step(1000);
  assert.ok((await watching).text.includes(btoa("changed")));
});

test("what is stored in another form is written again by an update that changes nothing, and only then", async () => {
  const backend = createMemoryBackend({ clock: new SteppingClock() });
  let current = configuration("identity");
  const transformers: ResourceTransformers = {
    transformerOf: (group, resource) => current.transformerOf(group, resource),
  };
  await using server = await TestApiServer.start({ backend, transformers });
  await server.request("POST", secrets, { metadata: { name: "s" }, stringData: { a: "b" } });
  const replace = async (): Promise<string> => {
    const object = (await server.request("GET", `${secrets}/s`)).json<{ metadata: { resourceVersion: string } }>();
    const answer = await server.request("PUT", `${secrets}/s`, object);
    assert.equal(answer.status, 200);
    const [entry] = (await backend.range(prefixRange("/registry/secrets/default/s"))).entries;
    const form = utf8Decode(entry?.value ?? new Uint8Array()).slice(0, 20);
    const isNew = answer.json<typeof object>().metadata.resourceVersion !== object.metadata.resourceVersion;
    return `${isNew ? "written" : "kept"} ${form}`;
  };
  assert.match(await replace(), /^kept \{"kind"/);
  current = configuration("a", "identity");
  assert.equal(await replace(), "written k8s:enc:aesgcm:v1:a:");
  assert.equal(await replace(), "kept k8s:enc:aesgcm:v1:a:");
  current = configuration("b", "a", "identity");
  assert.equal(await replace(), "written k8s:enc:aesgcm:v1:b:");
  current = configuration("identity", "b");
  assert.match(await replace(), /^written \{"kind"/);
});

test("a server that cannot read what is stored does not start, and says why", async () => {
  const backend = createMemoryBackend({ clock: new SteppingClock() });
  {
    await using server = await TestApiServer.start({ backend, transformers: configuration("a") });
    await server.request("POST", secrets, { metadata: { name: "s" } });
  }
  await assert.rejects(
    TestApiServer.start({ backend, transformers: configuration("b", "identity") }),
    /unable to transform key "\/registry\/secrets\/default\/s": no matching key was found for the provided AES transformer/,
  );
});
