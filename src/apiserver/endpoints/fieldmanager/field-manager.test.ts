import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../../api/scheme.ts";
import { defined } from "../../../component-base/assert.ts";
import { finish } from "../../../component-base/steps.ts";
import { cloneJson } from "../../../apimachinery/object.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import { ApplyTypeCache } from "../../../apimachinery/structured-merge-diff/apply-type.ts";
import { StructuredMergeManager } from "./field-manager.ts";
import type { KindVersion, KindVersions } from "./kind-versions.ts";
import { ManagedFieldsCodec } from "./managed-fields.ts";
import { managerName } from "./manager-name.ts";
import { resetFilterOf } from "./reset-fields.ts";
import { parentManagedFields, scaleManagedFields } from "./scale-fields.ts";

const scheme = builtinScheme();
const codec = new ManagedFieldsCodec();
const types = new ApplyTypeCache();

function kindOf(group: string, version: string, kind: string): ObjectKind {
  return defined(scheme.kind(group, version, kind), kind);
}

function managerOf(kind: ObjectKind, versions: KindVersions): StructuredMergeManager {
  return new StructuredMergeManager({ kind, subresource: "", versions, types, codec, now: () => 0 });
}

/** Two versions that differ in the name of one field. */
function twoVersions(): KindVersions {
  const rename = (object: KubeObject, apiVersion: string, from: string, to: string): Mutable<KubeObject> => {
    const copy = cloneJson({ ...object, apiVersion }) as Mutable<KubeObject> & { spec: Record<string, unknown> };
    const { [from]: value, ...spec } = copy.spec;
    return Object.assign(copy, { spec: value === undefined ? spec : { ...spec, [to]: value } });
  };
  const resetFilter = resetFilterOf({ group: "", resource: "", subresource: "", hasStatus: false, isCustom: false });
  return new Map<string, KindVersion>([
    ["apps/v1", { kind: kindOf("apps", "v1", "Deployment"), resetFilter, convert: undefined }],
    [
      "batch/v1",
      {
        kind: kindOf("batch", "v1", "Job"),
        resetFilter,
        convert: {
          toStorage: (object) => ({ ...rename(object, "apps/v1", "parallelism", "replicas"), kind: "Deployment" }),
          fromStorage: (object) => ({ ...rename(object, "batch/v1", "replicas", "parallelism"), kind: "Job" }),
        },
      },
    ],
  ]);
}

test("managers of other versions are compared in their version, those of versions that are gone are dropped", () => {
  const versions = twoVersions();
  const deployments = managerOf(kindOf("apps", "v1", "Deployment"), versions);
  const jobs = managerOf(kindOf("batch", "v1", "Job"), versions);
  const asJob = (object: KubeObject) => defined(versions.get("batch/v1")?.convert, "convert").fromStorage(object);
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" }, spec: { replicas: 2 } };
  const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "x" }, spec: { parallelism: 3 } };
  const live = finish(deployments.apply({ live: undefined, applied: deployment, manager: "one", isForced: false }));
  live.metadata.uid = "u";
  assert.throws(() => finish(jobs.apply({ live: asJob(live), applied: job, manager: "two", isForced: false })), {
    message: 'Apply failed with 1 conflict: conflict with "one": .spec.replicas',
  });
  const taken = finish(jobs.apply({ live: asJob(live), applied: job, manager: "two", isForced: true }));
  assert.deepEqual(
    taken.metadata.managedFields?.map(({ manager, apiVersion }) => `${manager} ${apiVersion}`),
    ["two batch/v1"],
  );
  const less = { ...job, spec: {} };
  const pruned = finish(jobs.apply({ live: taken, applied: less, manager: "two", isForced: false }));
  // What is left is the default.
  assert.equal((pruned as { spec?: { parallelism?: number } }).spec?.parallelism, 1);
  const old = [
    {
      manager: "old",
      operation: "Apply",
      apiVersion: "extensions/v1beta1",
      fieldsType: "FieldsV1",
      fieldsV1: { "f:spec": {} },
    },
  ];
  const stale = { ...live, metadata: { ...live.metadata, managedFields: old } };
  const applied = finish(deployments.apply({ live: stale, applied: deployment, manager: "one", isForced: false }));
  assert.deepEqual(
    applied.metadata.managedFields?.map(({ manager }) => manager),
    ["one"],
  );
});

test("an object that cannot be looked into loses its record instead of failing the write", () => {
  const pods = managerOf(kindOf("", "v1", "Pod"), new Map());
  const object = kindOf("", "v1", "Pod").decode({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "x" },
    spec: { containers: [{ name: "c" }] },
  }).object as Mutable<KubeObject> & { spec: unknown };
  // Normal form does not let this happen.
  object.spec = { containers: [null] };
  pods.update({ live: undefined, object, manager: "me", isReset: false });
  assert.equal(object.metadata.managedFields, undefined);
});

test("the name of a manager", () => {
  assert.equal(managerName("me", "kubectl/v1"), "me");
  assert.equal(managerName("", "kubectl/v1.36 (linux)"), "kubectl");
  assert.equal(managerName(undefined, undefined), "");
  assert.equal(managerName(undefined, "a\u0007b\u200bc/1"), "abc");
  assert.equal(managerName(undefined, "ä".repeat(100)), "ä".repeat(64));
});

test("a scale shows the managers of replicas, and what it loses its parent loses", () => {
  const entry = (manager: string, operation: string, fields: object, apiVersion = "apps/v1") => ({
    manager,
    operation,
    apiVersion,
    time: "2024-01-01T00:00:00Z",
    fieldsType: "FieldsV1",
    fieldsV1: fields,
  });
  const replicas = { "f:spec": { "f:replicas": {} } };
  const both = { "f:spec": { "f:paused": {}, "f:replicas": {} } };
  const paths = new Map([["apps/v1", ["spec", "replicas"]]]);
  const parent = [entry("one", "Apply", both), entry("two", "Apply", { "f:spec": { "f:paused": {} } })];
  const scale = scaleManagedFields(codec, parent, paths);
  assert.deepEqual(scale, [entry("one", "Apply", replicas, "autoscaling/v1")]);
  const options = { apiVersion: "apps/v1", paths };
  assert.deepEqual(parentManagedFields(codec, parent, scale, options), parent);
  const hpa = [{ ...entry("hpa", "Update", replicas, "autoscaling/v1"), subresource: "scale" }];
  const { time: _, ...untimed } = entry("hpa", "Update", replicas);
  assert.deepEqual(parentManagedFields(codec, parent, hpa, options), [
    entry("one", "Apply", { "f:spec": { "f:paused": {} } }),
    parent[1],
    { ...untimed, subresource: "scale" },
  ]);
});

test("ephemeral containers and resizes are recorded by the little they write", () => {
  const filter = resetFilterOf({
    group: "",
    resource: "pods",
    subresource: "resize",
    hasStatus: true,
    isCustom: false,
  });
  const change = {
    "f:spec": { "f:containers": { 'k:{"name":"a"}': { ".": {}, "f:image": {}, "f:resources": { "f:limits": {} } } } },
  };
  const managed = codec.decode([
    { manager: "m", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1: change },
  ]);
  const [versioned] = [...managed.managers.values()];
  const set = filter(defined(versioned, "set").set);
  assert.deepEqual(
    set.paths().map((path) => path.length),
    [3, 5],
  );
});
