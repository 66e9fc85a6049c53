import type { StoredObject } from "./stored-object.ts";

/** A condition on one selectable field. However many values a client excludes, an object costs one look. */
export type FieldRequirement =
  | { readonly field: string; readonly operator: "="; readonly value: string }
  | { readonly field: string; readonly operator: "notin"; readonly values: ReadonlySet<string> };

/** Which objects of a resource a list, watch or deletecollection is about. */
export interface Selection {
  /** One namespace, or undefined for all (and for cluster-scoped kinds). */
  readonly namespace?: string;
  readonly labels?: { matches(labels: Readonly<Record<string, string>>): boolean };
  readonly fields?: readonly FieldRequirement[];
}

/** True when nothing but a namespace narrows the selection. */
export function selectsAll(selection: Selection): boolean {
  return !selection.labels && (selection.fields?.length ?? 0) === 0;
}

/** Whether labels and fields match; the namespace is the caller's to look at, who has an index of it. */
export function matches(selection: Selection, object: StoredObject): boolean {
  if (selection.fields && !matchesFields(selection.fields, (field) => object.field(field))) return false;
  return !selection.labels || selection.labels.matches(object.labels);
}

/** Whether fields of these values are as required. */
export function matchesFields(
  requirements: readonly FieldRequirement[],
  valueOf: (field: string) => string | undefined,
): boolean {
  for (const requirement of requirements) {
    const actual = valueOf(requirement.field) ?? "";
    const holds = requirement.operator === "notin" ? !requirement.values.has(actual) : actual === requirement.value;
    if (!holds) return false;
  }
  return true;
}

/** The value a field must have, when the selection demands one. */
export function requiredField(selection: Selection, field: string): string | undefined {
  for (const each of selection.fields ?? []) if (each.field === field && each.operator === "=") return each.value;
  return undefined;
}
