/** Defaults of apiextensions.k8s.io/v1 that are no single value. */
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from "./types.gen.ts";

/** What has been stored, before anything was recorded, is the version stored now. */
export function storedVersionsFromSpec(definition: Mutable<CustomResourceDefinition>): void {
  if ((definition.status.storedVersions ?? []).length > 0) return;
  const stored = definition.spec.versions?.find((version) => version.storage);
  if (stored !== undefined) definition.status.storedVersions = [stored.name];
}

export function namesFromKind(spec: Mutable<CustomResourceDefinitionSpec>): void {
  const { names } = spec;
  names.singular ??= names.kind.toLowerCase();
  if (names.kind !== "") names.listKind ??= `${names.kind}List`;
}
