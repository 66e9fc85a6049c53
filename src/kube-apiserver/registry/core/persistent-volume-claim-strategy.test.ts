import assert from "node:assert/strict";
import { test } from "node:test";
import type { PersistentVolumeClaim } from "../../../api/core/v1/types.gen.ts";
import type { RequestContext } from "../../../apiserver/registry/rest/strategy.ts";
import { persistentVolumeClaimStrategy } from "./persistent-volume-claim-strategy.ts";

const annotation = "volume.beta.kubernetes.io/storage-class";

function claim(storageClassName: string | undefined, annotations: Readonly<Record<string, string>> = {}): unknown {
  return {
    metadata: { name: "c", namespace: "a", annotations },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
    status: { phase: "Pending" },
  };
}

const cases: readonly [what: string, old: unknown, next: unknown, isAllowed: boolean][] = [
  ["a claim without a class gets one", claim(undefined), claim("x"), true],
  ["a claim without a class gets the empty one", claim(undefined), claim(""), true],
  ["a class is not changed", claim("x"), claim("y"), false],
  ["a class is not taken away", claim("x"), claim(undefined), false],
  ["the empty class is not changed", claim(""), claim("x"), false],
  [
    "the field may repeat the annotation",
    claim(undefined, { [annotation]: "x" }),
    claim("x", { [annotation]: "x" }),
    true,
  ],
  ["but not contradict it", claim(undefined, { [annotation]: "x" }), claim("y", { [annotation]: "x" }), false],
];

for (const [what, old, next, isAllowed] of cases) {
  test(`claim update: ${what}`, () => {
    const errors = persistentVolumeClaimStrategy.validateUpdate?.(
      // As far as the rule looks; it does not look at the request.
      next as PersistentVolumeClaim,
      old as PersistentVolumeClaim,
      {} as RequestContext,
    );
    assert.deepEqual(
      errors?.map(({ field, type }) => `${type} ${field}`),
      isAllowed ? [] : ["FieldValueForbidden spec"],
    );
  });
}
