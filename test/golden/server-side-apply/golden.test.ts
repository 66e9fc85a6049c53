import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { builtinScheme } from "../../../src/api/scheme.ts";
import { StatusError } from "../../../src/apimachinery/errors/status-error.ts";
import { gvkFromApiVersion } from "../../../src/apimachinery/group-version.ts";
import type { ManagedFieldsEntry } from "../../../src/apimachinery/meta/v1/types.gen.ts";
import { cloneJson } from "../../../src/apimachinery/object.ts";
import { applyMergePatch } from "../../../src/apimachinery/patch/merge-patch.ts";
import type { KubeObject, Mutable } from "../../../src/apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../src/apimachinery/scheme/scheme.ts";
import { ApplyTypeCache } from "../../../src/apimachinery/structured-merge-diff/apply-type.ts";
import { StructuredMergeManager } from "../../../src/apiserver/endpoints/fieldmanager/field-manager.ts";
import { ManagedFieldsCodec } from "../../../src/apiserver/endpoints/fieldmanager/managed-fields.ts";
import { resetFilterOf } from "../../../src/apiserver/endpoints/fieldmanager/reset-fields.ts";
import { finish } from "../../../src/component-base/steps.ts";

// Sequences of writes by several managers, and what upstream's field manager made of each. The vectors are data: made by running
// upstream's libraries, without defaults, over manifests and random changes of them.

interface Step {
  readonly op: "create" | "update" | "apply";
  readonly manager: string;
  readonly subresource?: string;
  readonly force?: boolean;
  /** Of create and apply, and of an update that no merge patch can express. */
  readonly object?: Record<string, unknown>;
  /** Of update: a merge patch of the live object. */
  readonly patch?: Record<string, unknown>;
  readonly error?: string;
  /** `type|message|field`, sorted. */
  readonly causes?: readonly string[];
  /** What an apply did to the object, as a merge patch; or, where none can express it, the result. */
  readonly change?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  /** Afterwards; left out when they are what they were. */
  readonly managedFields?: readonly ManagedFieldsEntry[] | null;
}

interface GoldenFile {
  readonly apiVersion: string;
  readonly kind: string;
  readonly resource: string;
  readonly cases: readonly { readonly name: string; readonly steps: readonly Step[] }[];
}

const scheme = builtinScheme();
const types = new ApplyTypeCache();
/** Steps are a second apart. */
const epochMs = Date.UTC(2024, 0, 1);

class World {
  readonly #kind: ObjectKind;
  readonly #managers: Readonly<Record<string, StructuredMergeManager>>;
  nowMs = 0;

  constructor({ apiVersion, kind, resource }: GoldenFile) {
    const gvk = gvkFromApiVersion(apiVersion, kind);
    const known = scheme.kind(gvk.group, gvk.version, gvk.kind);
    assert.ok(known, `${apiVersion} ${kind}`);
    // The vectors are made without defaults.
    this.#kind = {
      group: known.group,
      version: known.version,
      kind: known.kind,
      type: known.type,
      patchSchema: known.patchSchema,
      decode: (value) => known.decode(value),
      applyDefaults: () => {},
    };
    const codec = new ManagedFieldsCodec();
    const hasStatus = known.type.field("status") !== undefined;
    const make = (subresource: string) =>
      new StructuredMergeManager({
        kind: this.#kind,
        subresource,
        versions: new Map([
          [
            apiVersion,
            {
              kind: this.#kind,
              resetFilter: resetFilterOf({ group: gvk.group, resource, subresource, hasStatus, isCustom: false }),
              convert: undefined,
            },
          ],
        ]),
        types,
        codec,
        now: () => this.nowMs,
      });
    this.#managers = { "": make(""), status: make("status") };
  }

  decode(value: unknown): Mutable<KubeObject> {
    return this.#kind.decode(cloneJson(value)).object;
  }

  run(step: Step, live: KubeObject | undefined): Mutable<KubeObject> {
    const { manager, subresource = "", force = false } = step;
    const fields = this.#managers[subresource];
    assert.ok(fields);
    if (step.op === "apply") return finish(fields.apply({ live, applied: step.object, manager, isForced: force }));
    const object = this.decode(step.object ?? applyMergePatch(live ?? {}, step.patch ?? {}));
    finish(fields.update({ live, object, manager, isReset: false }));
    return object;
  }
}

function withoutRecord(object: KubeObject): KubeObject {
  const { managedFields: _, uid: __, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function runCase(world: World, steps: readonly Step[]): void {
  let live: Mutable<KubeObject> | undefined;
  let managedFields: readonly ManagedFieldsEntry[] | undefined;
  for (const [i, step] of steps.entries()) {
    world.nowMs = epochMs + (i + 1) * 1000;
    const where = `step ${i + 1}: ${step.op} by ${step.manager}`;
    if (step.error !== undefined) {
      assert.throws(
        () => world.run(step, live),
        (error) => {
          assert.ok(error instanceof StatusError, `${where}: ${String(error)}`);
          assert.equal(error.message, step.error, where);
          const causes = (error.details?.causes ?? []).map((c) => `${c.reason}|${c.message}|${c.field}`).sort();
          assert.deepEqual(causes, step.causes ?? [], where);
          return true;
        },
      );
      continue;
    }
    const next = world.run(step, live);
    if (step.managedFields !== undefined) managedFields = step.managedFields ?? undefined;
    assert.deepEqual(next.metadata.managedFields, managedFields, where);
    // The order of members is part of the format.
    assert.equal(JSON.stringify(next.metadata.managedFields), JSON.stringify(managedFields), where);
    if (step.op === "apply") {
      const before = live ? withoutRecord(live) : {};
      const expected = world.decode(step.result ?? applyMergePatch(before, step.change ?? {}));
      assert.deepEqual(withoutRecord(next), withoutRecord(expected), where);
    }
    next.metadata.uid = "uid-1";
    live = next;
  }
}

const folder = new URL("./", import.meta.url);
let count = 0;
for (const name of readdirSync(folder).filter((n) => n.endsWith(".json"))) {
  const file = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as GoldenFile;
  test(`${file.kind}: field management is upstream's`, async (t) => {
    for (const { name: caseName, steps } of file.cases) {
      count++;
      await t.test(caseName, () => runCase(new World(file), steps));
    }
  });
}
test("there are hundreds of cases", () => assert.ok(count >= 300, `${count}`));
