import assert from "node:assert/strict";
import { createDecipheriv } from "node:crypto";
import { test } from "node:test";

import { base64Encode, utf8Decode, utf8Encode } from "../../../component-base/bytes.ts";
import { SeededRandom, SystemRandom } from "../../../component-base/random.ts";
import { SteppingClock } from "../../../component-base/stepping-clock.ts";
import { createMemoryBackend } from "../../../mvcc/memory-backend.ts";
import { backendSuite, put, write } from "../../../mvcc/testing/backend-suite.ts";
import { prefixRange } from "../../../mvcc/backend.ts";
import { EncryptionConfiguration } from "./encryption-configuration.ts";
import { TransformError } from "./transformer.ts";
import { TransformingBackend } from "./transforming-backend.ts";

const secret = (byte: number, length = 32): string => base64Encode(new Uint8Array(length).fill(byte));
const keys = (name: string, byte = name.charCodeAt(0), length = 32) => ({
  keys: [{ name, secret: secret(byte, length) }],
});

function configuration(...providers: readonly unknown[]): EncryptionConfiguration {
  return configurationOf([{ resources: ["secrets"], providers }]);
}

function configurationOf(resources: unknown): EncryptionConfiguration {
  const document = { apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources };
  return EncryptionConfiguration.parse(document, new SystemRandom());
}

const providers: readonly (readonly [name: string, provider: unknown])[] = [
  ["aesgcm", { aesgcm: keys("a") }],
  ["aesgcm of 16 bytes", { aesgcm: keys("a", 1, 16) }],
  ["aescbc", { aescbc: keys("a") }],
  ["secretbox", { secretbox: keys("a") }],
];

// Its sizes are those of what is stored.
const cases = backendSuite.filter(({ name }) => name !== "stats count live entries and history");
for (const { name, run } of cases) {
  test(`encrypted: ${name}`, async () => {
    const clock = new SteppingClock();
    const transformer = configuration({ secretbox: keys("a") }).transformerOf("", "secrets");
    await run(async () => new TransformingBackend(createMemoryBackend({ clock }), () => transformer), clock);
  });
}

for (const [name, provider] of providers) {
  test(`${name}: what is written is read, is never stored twice alike, and is not read when it was changed`, () => {
    const transformer = configuration(provider).transformerOf("", "secrets");
    const random = new SeededRandom(1);
    for (const length of [0, 1, 15, 16, 17, 1000, 100_000]) {
      const plain = random.bytes(length);
      const stored = transformer.toStorage(plain, "/registry/secrets/a/b");
      assert.deepEqual(transformer.fromStorage(stored, "/registry/secrets/a/b"), plain);
      assert.notDeepEqual(transformer.toStorage(plain, "/registry/secrets/a/b"), stored);
      assert.match(utf8Decode(stored.subarray(0, 23)), /^k8s:enc:(aesgcm|aescbc|secretbox):v1:a:/);
    }
    const stored = transformer.toStorage(random.bytes(100), "/k");
    if (name === "aescbc") return;
    for (const at of [stored.length - 1, stored.length - 50]) {
      const changed = Uint8Array.from(stored);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.throws(() => transformer.fromStorage(changed, "/k"), TransformError);
    }
    assert.throws(() => transformer.fromStorage(stored.subarray(0, 30), "/k"), TransformError);
  });
}

test("aesgcm: a value does not open under another key of the store, and opens with another library", () => {
  const transformer = configuration({ aesgcm: keys("a") }).transformerOf("", "secrets");
  const stored = transformer.toStorage(utf8Encode("hidden"), "/registry/secrets/a/b");
  assert.throws(() => transformer.fromStorage(stored, "/registry/secrets/a/c"), TransformError);
  const sealed = stored.subarray("k8s:enc:aesgcm:v1:a:".length);
  const decipher = createDecipheriv("aes-256-gcm", new Uint8Array(32).fill(97), sealed.subarray(0, 12));
  decipher.setAAD(utf8Encode("/registry/secrets/a/b"));
  decipher.setAuthTag(sealed.subarray(-16));
  assert.equal(decipher.update(sealed.subarray(12, -16), undefined, "utf8") + decipher.final("utf8"), "hidden");
});

test("the first provider writes, all read, and what others wrote is outdated", async () => {
  const clock = new SteppingClock();
  await using inner = createMemoryBackend({ clock });
  let current = configuration({ identity: {} });
  const make = (): TransformingBackend => new TransformingBackend(inner, () => current.transformerOf("", "secrets"));
  const read = async (backend: TransformingBackend): Promise<string> =>
    (await backend.range(prefixRange("/"))).entries
      .map(({ key, value }) => `${key}=${utf8Decode(value)}${backend.isOutdated(value) ? " outdated" : ""}`)
      .join(", ");
  const steps: readonly (readonly [key: string, providers: readonly unknown[], seen: string])[] = [
    ["/a", [{ identity: {} }], "/a=1"],
    ["/b", [{ aescbc: keys("x") }, { identity: {} }], "/a=1 outdated, /b=1"],
    ["/c", [{ aesgcm: keys("y") }, { aescbc: keys("x") }, { identity: {} }], "/a=1 outdated, /b=1 outdated, /c=1"],
    [
      "/d",
      [{ aesgcm: { keys: [...keys("z").keys, ...keys("y").keys] } }, { aescbc: keys("x") }, { identity: {} }],
      "/a=1 outdated, /b=1 outdated, /c=1 outdated, /d=1",
    ],
    [
      "/e",
      [{ identity: {} }, { aesgcm: keys("z") }, { aesgcm: keys("y") }, { aescbc: keys("x") }],
      "/a=1, /b=1 outdated, /c=1 outdated, /d=1 outdated, /e=1",
    ],
  ];
  const lasting = make();
  for (const [key, given, seen] of steps) {
    current = configuration(...given);
    await write(lasting, put(key, "1"));
    // Of one that goes on, and of one that begins anew and knows nothing.
    assert.equal(await read(lasting), seen);
    assert.equal(await read(make()), seen);
  }
  const raw = (await inner.range(prefixRange("/"))).entries.map(({ value }) => utf8Decode(value).slice(0, 20));
  assert.deepEqual(
    raw.map((text) => /^k8s:enc:[a-z]+:v1:.:/.exec(text)?.[0] ?? text),
    ["1", "k8s:enc:aescbc:v1:x:", "k8s:enc:aesgcm:v1:y:", "k8s:enc:aesgcm:v1:z:", "1"],
  );
  current = configuration({ identity: {} });
  await assert.rejects(read(make()), /unable to transform key "\/b": no matching prefix found/);
  current = configuration({ aesgcm: keys("y", 1) }, { identity: {} });
  await assert.rejects(read(make()), /unable to transform key "\/b": no matching prefix found/);
});

test("the entry that names a resource most closely counts, then the first", () => {
  const transformers = configurationOf([
    { resources: ["secrets", "configmaps"], providers: [{ aesgcm: keys("a") }] },
    { resources: ["*.apps", "secrets"], providers: [{ aesgcm: keys("b") }] },
    { resources: ["*."], providers: [{ aesgcm: keys("c") }] },
    { resources: ["deployments.apps", "widgets.example.com"], providers: [{ aesgcm: keys("d") }] },
    { resources: ["*.*"], providers: [{ aesgcm: keys("e") }] },
  ]);
  const keyOf = (group: string, resource: string): string =>
    utf8Decode(transformers.transformerOf(group, resource).toStorage(new Uint8Array(1), "k").subarray(18, 19));
  const expected = {
    "/secrets": "a",
    "/configmaps": "a",
    "/pods": "c",
    "apps/daemonsets": "b",
    "apps/deployments": "d",
    "example.com/widgets": "d",
    "batch/jobs": "e",
  };
  for (const [name, key] of Object.entries(expected)) {
    const [group = "", resource = ""] = name.split("/");
    assert.equal(keyOf(group, resource), key, name);
  }
  const other = configuration({ aesgcm: keys("a") }).transformerOf("", "pods");
  assert.equal(utf8Decode(other.toStorage(utf8Encode("x"), "k")), "x");
});

test("what is wrong with a configuration is told in upstream's words, without its secrets", () => {
  const good = { resources: ["secrets"], providers: [{ identity: {} }] };
  const at = "resources[0]";
  const broken: readonly (readonly [resources: unknown, message: string])[] = [
    [[], "resources: Required value: at least one resources is required"],
    [[{ ...good, resources: [] }], `${at}.resources: Required value: at least one ${at}.resources is required`],
    [[{ ...good, providers: [] }], `${at}.providers: Required value: at least one ${at}.providers is required`],
    [[{ ...good, resources: ["*"] }], `${at}.resources[0]: Invalid value: "*": use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources`],
    [[{ ...good, resources: ["Secrets"] }], `${at}.resources[0]: Invalid value: "Secrets": resource name should not contain capital letters`],
    [[{ ...good, resources: ["secrets.*"] }], `${at}.resources[0]: Invalid value: "secrets.*": encrypting the same resource across groups is not supported`],
    [[{ ...good, resources: ["a", "a"] }], `${at}.resources: Invalid value: ["a","a"]: the same resource cannot be specified multiple times`],
    [[{ ...good, resources: ["a", "*."] }], `${at}.resources: Invalid value: ["a","*."]: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked`],
    [[{ ...good, providers: [{ aesgcm: { keys: [] } }] }], `${at}.providers[0].aesgcm.keys: Required value: at least one keys is required`],
    [[{ ...good, providers: [{ aesgcm: { keys: [{ name: "", secret: "" }] } }] }], `[${at}.providers[0].aesgcm.keys[0].name: Required value: name is a mandatory field for a key, ${at}.providers[0].aesgcm.keys[0].secret: Required value: secret is a mandatory field for a key]`],
    [[{ ...good, providers: [{ aescbc: { keys: [{ name: "a", secret: "???" }] } }] }], `${at}.providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded`],
    [[{ ...good, providers: [{ secretbox: keys("a", 1, 16) }] }], `${at}.providers[0].secretbox.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 16, expected one of [32]`],
    [[{ ...good, providers: [{ aesgcm: keys("a"), identity: {} }] }], `${at}.providers[0]: Invalid value: "REDACTED": more than one provider specified in a single element, should split into different list elements`],
    [[{ ...good, providers: [{}] }], `${at}.providers[0]: Invalid value: "REDACTED": provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity`],
    [[{ ...good, providers: [{ aesgmc: {} }] }], `strict decoding error: unknown field "${at}.providers[0].aesgmc"`],
  ]; // prettier-ignore
  for (const [resources, message] of broken) assert.throws(() => configurationOf(resources), { message });
});
