import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { ManagedFieldsEntry } from "../../../../src/apimachinery/meta/v1/types.gen.ts";
import { ManagedFieldsCodec } from "../../../../src/apiserver/endpoints/fieldmanager/managed-fields.ts";
import { parentManagedFields, scaleManagedFields } from "../../../../src/apiserver/endpoints/fieldmanager/scale-fields.ts";

// Made by upstream's ScaleHandler from random entries of an apps/v1 parent.

type Entries = readonly ManagedFieldsEntry[] | null;

interface ScaleCase {
  readonly parent: Entries;
  /** What the Scale shows. */
  readonly scale: Entries;
  /** What the Scale has after a write. */
  readonly written: Entries;
  /** What the parent has then. */
  readonly result: Entries;
}

test("managedFields go to the scale and back as upstream's", () => {
  const text = readFileSync(new URL("scale.json", import.meta.url), "utf8");
  const { cases } = JSON.parse(text) as { readonly cases: readonly ScaleCase[] };
  const paths = new Map([["apps/v1", ["spec", "replicas"]]]);
  for (const [i, { parent, scale, written, result }] of cases.entries()) {
    const codec = new ManagedFieldsCodec();
    assert.deepEqual(scaleManagedFields(codec, parent ?? undefined, paths), scale ?? undefined, `${i}`);
    const options = { apiVersion: "apps/v1", paths };
    const back = parentManagedFields(codec, parent ?? undefined, written ?? undefined, options);
    assert.deepEqual(back, result ?? undefined, `case ${i}`);
  }
  assert.ok(cases.length >= 100);
});
