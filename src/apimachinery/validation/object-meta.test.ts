import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectMeta } from "../meta/v1/types.gen.ts";
import { formatFieldError } from "./field-error.ts";
import { FieldPath } from "./field-path.ts";
import { annotationsBytesMax, validateObjectMeta, validateObjectMetaUpdate } from "./object-meta.ts";
import { validateDeleteOptions, validateListOptions, validatePatchOptions } from "./options.ts";

const path = FieldPath.of("metadata");
const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };

function create(meta: ObjectMeta, namespaced = true): string[] {
  return validateObjectMeta(
    { name: "x", ...(namespaced ? { namespace: "default" } : {}), ...meta },
    { namespaced },
    path,
  ).map(formatFieldError);
}

test("good metadata passes", () => {
  const meta = {
    labels: { a: "b" },
    annotations: { "EXAMPLE.com/x": "{}" },
    finalizers: ["a/b"],
    ownerReferences: [owner],
  };
  assert.deepEqual(create(meta), []);
  assert.deepEqual(create({ generateName: "x-" }, false), []);
});

test("bad metadata is told field by field", () => {
  const cases: [ObjectMeta, RegExp][] = [
    [{ name: "" }, /^metadata\.name: Required value: name or generateName is required$/],
    [{ name: "Web" }, /^metadata\.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must /],
    [{ namespace: "" }, /^metadata\.namespace: Required value$/],
    [{ namespace: "a.b" }, /^metadata\.namespace: Invalid value: "a\.b": must not contain dots$/],
    [{ generation: -1 }, /^metadata\.generation: Invalid value: -1: must be greater than or equal to 0$/],
    [{ labels: { a: "-" } }, /^metadata\.labels: Invalid value: "-": a valid label must /],
    [{ annotations: { "a b": "" } }, /^metadata\.annotations: Invalid value: "a b": name part must /],
    [
      { annotations: { a: "x".repeat(annotationsBytesMax) } },
      /^metadata\.annotations: Too long: may not be more than 262144 bytes$/,
    ],
    [
      { ownerReferences: [{ ...owner, uid: "" }] },
      /^metadata\.ownerReferences\.uid: Invalid value: "": must not be empty$/,
    ],
    [
      { ownerReferences: [{ ...owner, kind: "Event" }] },
      /^metadata\.ownerReferences: Invalid value: \{"apiVersion":"v1","kind":"Event","name":"p","uid":"u"\}: \/v1, Kind=Event is disallowed from being an owner$/,
    ],
    [
      {
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, name: "q", controller: true },
        ],
      },
      /Only one reference can have Controller set to true\. Found "true" in references for Pod\/p and Pod\/q$/,
    ],
    [
      { finalizers: ["orphan", "foregroundDeletion"] },
      /^metadata\.finalizers: Invalid value: \["orphan","foregroundDeletion"\]: finalizer orphan and foregroundDeletion cannot be both set$/,
    ],
    [
      { managedFields: [{ operation: "Create" }] },
      /^metadata\.managedFields\[0\]\.operation: Invalid value: "Create": must be `Apply` or `Update`$/,
    ],
  ];
  for (const [meta, expected] of cases) {
    const [message = "", ...others] = create(meta);
    assert.match(message, expected);
    assert.deepEqual(others, []);
  }
  assert.deepEqual(create({ namespace: "default" }, false), [
    "metadata.namespace: Forbidden: not allowed on this type",
  ]);
});

test("an update keeps identity and adds no finalizers to what is being deleted", () => {
  const old = {
    name: "x",
    namespace: "default",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  };
  const update = (change: ObjectMeta, before: ObjectMeta = old) =>
    validateObjectMetaUpdate({ ...before, ...change }, before, path).map(formatFieldError);
  assert.deepEqual(update({}), []);
  assert.deepEqual(update({ name: "y", uid: "v" }), [
    'metadata.name: Invalid value: "y": field is immutable',
    'metadata.uid: Invalid value: "v": field is immutable',
  ]);
  assert.deepEqual(update({ resourceVersion: "" }), [
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
  ]);
  assert.deepEqual(update({ deletionGracePeriodSeconds: 3 }), [
    "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable",
  ]);
  assert.deepEqual(update({ finalizers: ["a/b", "a/c"] }, { ...old, deletionTimestamp: "t", finalizers: ["a/c"] }), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b"}',
  ]);
});

test("options of requests", () => {
  const texts = (errors: readonly Parameters<typeof formatFieldError>[0][]) => errors.map(formatFieldError);
  assert.deepEqual(texts(validatePatchOptions({ force: true }, false)), [
    "force: Forbidden: may not be specified for non-apply patch",
  ]);
  assert.deepEqual(texts(validatePatchOptions({}, true)), [
    "fieldManager: Required value: is required for apply patch",
  ]);
  assert.deepEqual(texts(validatePatchOptions({ fieldManager: "a\u0007" }, true)), [
    'fieldManager: Invalid value: "a\\a": invalid character U+0007 (at position 1)',
  ]);
  assert.deepEqual(texts(validateDeleteOptions({ propagationPolicy: "x", dryRun: ["Some"] })), [
    'propagationPolicy: Unsupported value: "x": supported values: "Foreground", "Background", "Orphan", "nil"',
    'dryRun: Unsupported value: ["Some"]: supported values: "All"',
  ]);
  assert.deepEqual(texts(validateListOptions({ resourceVersionMatch: "Exact" })), [
    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
  ]);
  assert.deepEqual(texts(validateListOptions({ watch: true, sendInitialEvents: true })), [
    "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
  ]);
});
