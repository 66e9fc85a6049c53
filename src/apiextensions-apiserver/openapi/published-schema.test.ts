import assert from "node:assert/strict";
import { test } from "node:test";
import { publishedObject, publishedV2, publishedV3 } from "./published-schema.ts";

const kind = { group: "example.com", version: "v1", kind: "Widget" };
const gvk = { "x-kubernetes-group-version-kind": [kind] };

test("clients of version 2 are told nothing of a kind that may have any field; those of version 3 are", () => {
  const schema = {
    type: "object",
    description: "d",
    "x-kubernetes-preserve-unknown-fields": true,
    properties: { a: {} },
  };
  assert.deepEqual(publishedObject(schema, kind, publishedV2), { type: "object", ...gvk });
  const { properties, description } = publishedObject(schema, kind, publishedV3) as Record<string, object>;
  assert.deepEqual(Object.keys(properties ?? {}).sort(), ["a", "apiVersion", "kind", "metadata"]);
  assert.equal(description, "d");
});

test("what explain shows of every kind begins with the words clients look for", () => {
  const published = publishedObject({ type: "object" }, kind, publishedV3);
  const { apiVersion, metadata } = published["properties"] as Record<string, { description: string }>;
  assert.match(apiVersion?.description ?? "", /^APIVersion defines /);
  assert.match(metadata?.description ?? "", /^Standard object's metadata/);
});
