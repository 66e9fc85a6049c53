import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from "../../api/apiextensions/v1/types.gen.ts";
import { internalForm } from "../../api/internal-form.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import {
  type FieldError,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { Steps } from "../../component-base/steps.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1035Label, validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import { immutableFieldMessage } from "../../apimachinery/validation/object-meta.ts";
import type { JsonSchema } from "../schema/json-schema.ts";
import { hasCondition } from "./conditions.ts";
import { type ConversionRules, hasValidCaBundle, reviewsAreKnown, validateConversion } from "./validate-conversion.ts";
import { withSharedParts } from "./shared-parts.ts";
import { type PartRules, validateParts } from "./validate-parts.ts";
import { leniencyFor } from "./leniency.ts";
import { hasSubschema } from "./subschemas.ts";

const specPath = FieldPath.of("spec");
const statusPath = FieldPath.of("status");
const approvalAnnotation = "api-approved.kubernetes.io";

/** All errors of a new definition, by upstream's rules and in its order. */
export function* validateDefinition(definition: CustomResourceDefinition): Steps<FieldError[]> {
  const rules = { allowsBadCaBundle: true, allowsUnknownReviews: false };
  return [
    ...validateName(definition),
    ...(yield* validateSpec(definition.spec, undefined, rules)),
    ...validateStatus(definition),
    ...validateApproval(definition),
    ...validatePreserving(definition),
  ];
}

export function* validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): Steps<FieldError[]> {
  const { spec } = definition;
  const isEstablished = hasCondition(old, "Established");
  const errors = yield* validateSpec(spec, old.spec, {
    allowsBadCaBundle: !isEstablished || !hasValidCaBundle(old.spec.conversion),
    allowsUnknownReviews: !reviewsAreKnown(old.spec.conversion),
  });
  const immutable = (path: FieldPath, value: unknown, before: unknown): void => {
    if (!deepEqual(value, before)) errors.push(fieldInvalid(path, value, immutableFieldMessage));
  };
  if (isEstablished) {
    immutable(specPath.child("scope"), spec.scope, old.spec.scope);
    immutable(specPath.child("names", "kind"), spec.names.kind, old.spec.names.kind);
  }
  immutable(specPath.child("group"), spec.group, old.spec.group);
  immutable(specPath.child("names", "plural"), spec.names.plural, old.spec.names.plural);
  return [
    ...errors,
    ...validateStatus(definition),
    ...(approvalOf(definition).state === approvalOf(old).state ? [] : validateApproval(definition)),
    ...(old.spec.preserveUnknownFields ? [] : validatePreserving(definition)),
  ];
}

function validateName({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const { name } = metadata;
  // That there is none is told anyway.
  if (name === "" || name === `${spec.names.plural}.${spec.group}`) return [];
  return [fieldInvalid(FieldPath.of("metadata", "name"), name, 'must be spec.names.plural+"."+spec.group')];
}

interface Approval {
  readonly state: "approved" | "missing" | "invalid";
  readonly value: string;
}

/** Groups of the Kubernetes project name the pull request that approved them. */
function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const value = metadata.annotations?.[approvalAnnotation] ?? "";
  if (value === "") return { state: "missing", value };
  return { state: /^unapproved|^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/]/.test(value) ? "approved" : "invalid", value };
}

function validateApproval(definition: CustomResourceDefinition): FieldError[] {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(definition.spec.group)) return [];
  const { state, value } = approvalOf(definition);
  if (state === "approved") return [];
  const path = FieldPath.of("metadata", "annotations").key(approvalAnnotation);
  const must = `protected groups must have approval annotation "${approvalAnnotation}"`;
  const see = "see https://github.com/kubernetes/enhancements/pull/1111";
  if (state === "missing") return [fieldRequired(path, `${must}, ${see}`)];
  return [fieldInvalid(path, value, `${must} with either a URL or a reason starting with "unapproved", ${see}`)];
}

function validatePreserving({ spec }: CustomResourceDefinition): FieldError[] {
  if (spec.preserveUnknownFields !== true) return [];
  const detail =
    "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
  return [fieldInvalid(specPath.child("preserveUnknownFields"), true, detail)];
}

function* validateSpec(
  spec: CustomResourceDefinitionSpec,
  old: CustomResourceDefinitionSpec | undefined,
  conversionRules: ConversionRules,
): Steps<FieldError[]> {
  const errors: FieldError[] = [];
  const groupPath = specPath.child("group");
  const groupMessages = validateDns1123Subdomain(spec.group);
  if (spec.group === "") errors.push(fieldRequired(groupPath));
  else if (groupMessages.length > 0) errors.push(fieldInvalid(groupPath, spec.group, groupMessages.join(",")));
  else if (!spec.group.includes("."))
    errors.push(fieldInvalid(groupPath, spec.group, "should be a domain with at least one dot"));
  errors.push(...validateEnum(specPath.child("scope"), spec.scope, ["Cluster", "Namespaced"]));
  const leniency = leniencyFor(old);
  const { shared, versions } = withSharedParts(spec);
  if (!shared.schema?.openAPIV3Schema)
    for (const [i, { schema, served }] of versions.entries()) {
      const isNeeded = !leniency.allowsNoSchema || served;
      if (schema?.openAPIV3Schema || !isNeeded) continue;
      const detail = leniency.allowsNoSchema ? "because otherwise all fields are pruned" : "";
      errors.push(fieldRequired(specPath.child("versions").index(i).child("schema", "openAPIV3Schema"), detail));
    }
  if (spec.preserveUnknownFields === true && spec.versions.some(({ schema }) => hasDefaults(schema?.openAPIV3Schema)))
    errors.push(
      fieldInvalid(
        specPath.child("preserveUnknownFields"),
        true,
        "must be false in order to use defaults in the schema",
      ),
    );
  const rulesOf = (...names: readonly string[]): PartRules => ({ leniency, old, versions: names });
  for (const [i, version] of versions.entries()) {
    const path = specPath.child("versions").index(i);
    errors.push(...validateLabel(path.child("name"), version.name));
    errors.push(...validateDeprecation(version, path.child("deprecationWarning")));
    const hasStatus = (version.subresources ?? shared.subresources)?.status !== undefined;
    errors.push(...(yield* validateParts(version, path, "schema", { ...rulesOf(version.name), hasStatus })));
  }
  errors.push(...validateVersionNames(versions));
  // The first version has a name of its own inside.
  const [first] = versions;
  if (first) errors.push(...validateLabel(specPath.child("version"), first.name));
  errors.push(...validateRequiredNames(spec.names), ...validateNames(spec.names, specPath.child("names")));
  const hasStatus = spec.versions.some(({ subresources }) => subresources?.status !== undefined);
  const names = spec.versions.map(({ name }) => name);
  errors.push(...(yield* validateParts(shared, specPath, "validation", { ...rulesOf(...names), hasStatus })));
  errors.push(...validateConversion(spec.conversion, specPath.child("conversion"), conversionRules));
  return errors;
}

function hasDefaults(schema: JsonSchema | undefined): boolean {
  return schema !== undefined && hasSubschema(schema, (each) => each.default !== undefined);
}

function validateEnum(path: FieldPath, value: string, accepted: readonly string[]): FieldError[] {
  if (value === "") return [fieldRequired(path)];
  return accepted.includes(value) ? [] : [fieldNotSupported(path, value, accepted)];
}

function validateVersionNames(versions: CustomResourceDefinitionSpec["versions"]): FieldError[] {
  const path = specPath.child("versions");
  const names = new Set(versions.map(({ name }) => name));
  const errors: FieldError[] = [];
  const error = (detail: string): void => {
    const shown = versions.map((version) => internalForm(version, "apiextensions/v1.CustomResourceDefinitionVersion"));
    errors.push(fieldInvalid(path, shown, detail));
  };
  if (names.size < versions.length) error("must contain unique version names");
  if (versions.filter(({ storage }) => storage).length !== 1)
    error("must have exactly one version marked as storage version");
  return errors;
}

function validateDeprecation(
  { deprecated, deprecationWarning: text }: CustomResourceDefinitionSpec["versions"][number],
  path: FieldPath,
): FieldError[] {
  if (text === undefined) return [];
  const error = (detail: string): FieldError => fieldInvalid(path, text, detail);
  if (deprecated !== true) return [error("can only be set for deprecated versions")];
  const errors: FieldError[] = [];
  const { length } = new TextEncoder().encode(text);
  if (length > 256) errors.push(error("must be <= 256 characters long"));
  if (length === 0) errors.push(error("must not be an empty string"));
  const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(text);
  if (unprintable) {
    const at = new TextEncoder().encode(text.slice(0, unprintable.index)).length;
    const found = `non-printable character found at index ${at}`;
    errors.push(error(`must only contain printable UTF-8 characters; ${found}`));
  }
  return errors;
}

function validateRequiredNames(names: CustomResourceDefinitionNames): FieldError[] {
  const path = specPath.child("names");
  const required = ["plural", "singular", "kind", "listKind"] as const;
  return required.filter((name) => !names[name]).map((name) => fieldRequired(path.child(name)));
}

function validateLabel(path: FieldPath, name: string): FieldError[] {
  const messages = validateDns1035Label(name);
  return messages.length === 0 ? [] : [fieldInvalid(path, name, messages.join(","))];
}

/** What names there are, in spec or accepted, are well-formed. */
function validateNames(names: CustomResourceDefinitionNames, path: FieldPath): FieldError[] {
  const { plural, singular = "", kind, listKind = "", shortNames, categories } = names;
  const label = (at: FieldPath, name: string): FieldError[] => (name === "" ? [] : validateLabel(at, name));
  const mixed = (at: FieldPath, name: string): FieldError[] =>
    label(at, name.toLowerCase()).map(({ detail }) =>
      fieldInvalid(at, name, `may have mixed case, but should otherwise match: ${detail}`),
    );
  return [
    ...label(path.child("plural"), plural),
    ...label(path.child("singular"), singular),
    ...mixed(path.child("kind"), kind),
    ...mixed(path.child("listKind"), listKind),
    ...(shortNames ?? []).flatMap((name, i) => validateLabel(path.child("shortNames").index(i), name)),
    ...(kind !== "" && kind === listKind
      ? [fieldInvalid(path.child("listKind"), listKind, "kind and listKind may not be the same")]
      : []),
    ...(categories ?? []).flatMap((name, i) => validateLabel(path.child("categories").index(i), name)),
  ];
}

/** What clients say of accepted names. */
export function validateAcceptedNames({ status }: CustomResourceDefinition): FieldError[] {
  return validateNames(status.acceptedNames, statusPath.child("acceptedNames"));
}

/** Versions objects may be stored in must be known for as long as they may. */
function validateStatus(definition: CustomResourceDefinition): FieldError[] {
  const { spec, status } = definition;
  const path = statusPath.child("storedVersions");
  const stored = status.storedVersions ?? [];
  const errors = validateAcceptedNames(definition);
  if (stored.length === 0)
    return [...errors, fieldInvalid(path, status.storedVersions ?? null, "must have at least one stored version")];
  for (const { name, storage } of spec.versions)
    if (storage && !stored.includes(name))
      errors.push(fieldInvalid(path, stored, `must have the storage version ${name}`));
  for (const [i, name] of stored.entries())
    if (!spec.versions.some((version) => version.name === name))
      errors.push(
        fieldInvalid(
          path.index(i),
          name,
          `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
        ),
      );
  return errors;
}
