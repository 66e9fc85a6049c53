import { test } from "node:test";

import type { CustomResourceDefinitionVersion } from "../../../src/api/apiextensions/v1/types.gen.ts";
import type { KubeObject } from "../../../src/apimachinery/resource-type.ts";
import { FieldPath } from "../../../src/apimachinery/validation/field-path.ts";
import { type FieldError, formatFieldErrorBody } from "../../../src/apimachinery/validation/field-error.ts";
import { leniencyFor } from "../../../src/apiextensions-apiserver/definition/leniency.ts";
import { validateParts } from "../../../src/apiextensions-apiserver/definition/validate-parts.ts";
import { CustomResourceValidator } from "../../../src/apiextensions-apiserver/customresource/custom-resource-strategy.ts";
import type { JsonSchema } from "../../../src/apiextensions-apiserver/schema/json-schema.ts";
import { finish } from "../../../src/component-base/steps.ts";
import { Differences, readGolden } from "../read.ts";

// What upstream's API server said of definitions with rules, and of objects that are written where such a definition is.

/** `[reason, field, message]` of a Status' causes, sorted. */
type Cause = readonly [reason: string, field: string, message: string];

/** A create, or an update of what was written before there were rules. */
type Write = readonly [old: unknown, spec: unknown, causes: readonly Cause[], warnings: readonly string[]];

interface Case {
  readonly schema: JsonSchema;
  readonly definition: readonly Cause[];
  readonly writes: readonly Write[];
}

const cases = readGolden<Readonly<Record<string, Case>>>(import.meta.url, "rules.json");

for (const [name, { schema, definition, writes }] of Object.entries(cases)) {
  test(`rules of ${name}`, () => {
    const root: JsonSchema = { type: "object", properties: { spec: schema } };
    const version = {
      name: "v1",
      served: true,
      storage: true,
      schema: { openAPIV3Schema: root },
    } as CustomResourceDefinitionVersion;
    const differences = new Differences();
    // Upstream speaks of the schema of a definition with one version as if it were that of the definition.
    const rules = { leniency: leniencyFor(undefined), old: undefined, versions: ["v1"] };
    const found = finish(validateParts(version, FieldPath.of("spec"), "validation", rules));
    const told = causes(found).map((cause) => cause.map(withoutSelfType));
    for (const [i, cause] of definition.entries()) differences.equal(`cause ${i}`, told[i], cause.map(withoutSelfType));
    differences.equal("number of causes", told.length, definition.length);
    const validator = new CustomResourceValidator(root, version);
    for (const [i, [old, spec, expected, warnings]] of writes.entries()) {
      const object = { apiVersion: "cel.example.com/v1", kind: "K", metadata: { name: "x" }, spec } as KubeObject;
      const warned: string[] = [];
      const before = old === null ? undefined : ({ ...object, spec: old } as KubeObject);
      const errors = finish(validator.validate(object, before, [], (text) => warned.push(text)));
      differences.equal(`write ${i}`, causes(errors), expected);
      differences.equal(
        `warnings of write ${i}`,
        warned.map((text) => `299 - ${JSON.stringify(text)}`),
        warnings,
      );
    }
    differences.assertNone(1);
  });
}

/** The type of `self` has a name of its own each time. */
function withoutSelfType(text: string): string {
  return text.replaceAll(/selfType[\w.]*/g, "selfType");
}

function causes(errors: readonly FieldError[]): readonly Cause[] {
  const all = errors.map((error): Cause => [error.type, error.field, formatFieldErrorBody(error)]);
  return all.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
