import assert from "node:assert/strict";
import { test } from "node:test";

import { EncryptionConfiguration } from "../../../src/apiserver/storage/value/encryption-configuration.ts";
import { base64Decode, utf8Decode } from "../../../src/component-base/bytes.ts";
import { SystemRandom } from "../../../src/component-base/random.ts";
import { readGolden } from "../read.ts";

// What upstream's API server wrote into its store under an encryption configuration.

interface Value {
  readonly provider: string;
  readonly key: string;
  readonly secret: string;
  readonly storageKey: string;
  /** Base64. */
  readonly value: string;
}

for (const { provider, key, secret, storageKey, value } of readGolden<readonly Value[]>(import.meta.url, "values.json"))
  test(`${provider}: what upstream has encrypted is read`, () => {
    const configuration = EncryptionConfiguration.parse(
      {
        apiVersion: "apiserver.config.k8s.io/v1",
        kind: "EncryptionConfiguration",
        resources: [{ resources: ["*.*"], providers: [{ [provider]: { keys: [{ name: key, secret }] } }] }],
      },
      new SystemRandom(),
    );
    const plain = configuration.transformerOf("", "secrets").fromStorage(base64Decode(value), storageKey);
    // Protobuf, in upstream's envelope; it names the object.
    assert.equal(utf8Decode(plain.subarray(0, 3)), "k8s");
    assert.ok(utf8Decode(plain).includes(storageKey.slice(storageKey.lastIndexOf("/") + 1)));
  });
