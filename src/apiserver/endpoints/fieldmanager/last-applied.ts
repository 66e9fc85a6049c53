import { finish } from "../../../component-base/steps.ts";
import { goJson } from "../../../apimachinery/go-format.ts";
import { isJsonObject, ownMember } from "../../../apimachinery/object.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { ApplyType } from "../../../apimachinery/structured-merge-diff/apply-type.ts";
import { compareTyped } from "../../../apimachinery/structured-merge-diff/compare.ts";
import type { FieldSet } from "../../../apimachinery/structured-merge-diff/field-set.ts";
import { compareText } from "../../../apimachinery/structured-merge-diff/path-element.ts";
import { fieldSetOfValue } from "../../../apimachinery/structured-merge-diff/to-field-set.ts";
import { TypedValueError } from "../../../apimachinery/structured-merge-diff/typed-error.ts";
import { validateTyped } from "../../../apimachinery/structured-merge-diff/validate.ts";
import { annotationsBytesMax } from "../../../apimachinery/validation/object-meta.ts";
import { utf8Length } from "../../../apimachinery/validation/names.ts";

// Objects that were managed by client-side apply carry what was applied last in an annotation. `kubectl apply --server-side`
// takes them over without conflicts and keeps the annotation true, so that either way of applying can go on.

/** The only manager whose applies do this. */
export const kubectlManager = "kubectl";
const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";

/** The fields that client-side apply set and nobody has changed since; undefined when the annotation does not tell. */
export function fieldsOfLastApplied(live: KubeObject, apiVersion: string, type: ApplyType): FieldSet | undefined {
  const text = live.metadata.annotations?.[lastAppliedAnnotation];
  if (!text) return undefined;
  try {
    const last: unknown = JSON.parse(text);
    if (!isJsonObject(last) || last["apiVersion"] !== apiVersion || !last["kind"]) return undefined;
    validateTyped(last, type);
    const { modified, added, removed } = finish(compareTyped(last, live, type));
    return fieldSetOfValue(last, type).difference(modified).difference(added).difference(removed);
  } catch (error) {
    // An annotation that is broken or of another schema says nothing; the conflict stands.
    if (error instanceof SyntaxError || error instanceof TypedValueError) return undefined;
    throw error;
  }
}

/** Writes what has been applied into the annotation, in place, where there is one. */
export function updateLastApplied(object: Mutable<KubeObject>, applied: Readonly<Record<string, unknown>>): void {
  const { annotations } = object.metadata;
  if (!annotations?.[lastAppliedAnnotation]) return;
  const updated = { ...annotations, [lastAppliedAnnotation]: `${sortedJson(withoutAnnotation(applied))}\n` };
  let bytes = 0;
  for (const [key, value] of Object.entries(updated)) bytes += utf8Length(key) + utf8Length(value);
  if (bytes > annotationsBytesMax) delete (updated as Record<string, string>)[lastAppliedAnnotation];
  object.metadata.annotations = updated;
}

function withoutAnnotation(applied: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { metadata } = applied;
  if (!isJsonObject(metadata)) return applied;
  const annotations = ownMember(metadata, "annotations");
  if (!isJsonObject(annotations)) return applied;
  const { [lastAppliedAnnotation]: _, ...kept } = annotations;
  return { ...applied, metadata: { ...metadata, annotations: kept } };
}

/** As Go writes a map: members sorted by name. */
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  if (!isJsonObject(value)) return goJson(value);
  const names = Object.keys(value).sort(compareText);
  return `{${names.map((name) => `${goJson(name)}:${sortedJson(value[name])}`).join(",")}}`;
}
