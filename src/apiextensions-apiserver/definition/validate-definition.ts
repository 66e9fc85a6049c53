import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from "../../api/apiextensions/v1/types.gen.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1035Label, validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import { immutableFieldMessage } from "../../apimachinery/validation/object-meta.ts";
import { validateClientConfig, validateReviewVersions } from "../../apiserver/webhook/validate-client-config.ts";
import { hasCondition } from "./conditions.ts";
import { validateVersion } from "./validate-version.ts";

const specPath = FieldPath.of("spec");
const approvalAnnotation = "api-approved.kubernetes.io";

/** All errors of a new definition, by upstream's rules. */
export function validateDefinition(definition: CustomResourceDefinition): FieldError[] {
  return [
    ...validateName(definition),
    ...validateSpec(definition.spec, undefined),
    ...validateApproval(definition),
    ...validateStatus(definition),
  ];
}

export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const { spec } = definition;
  // A definition that is being deleted is only looked at as far as it has changed.
  const isUnchanged = deepEqual(spec, old.spec);
  const errors = isUnchanged ? [] : validateSpec(spec, old.spec);
  const immutable = (path: FieldPath, value: unknown, before: unknown): void => {
    if (!deepEqual(value, before)) errors.push(fieldInvalid(path, value, immutableFieldMessage));
  };
  if (hasCondition(old, "Established")) {
    immutable(specPath.child("scope"), spec.scope, old.spec.scope);
    immutable(specPath.child("names", "kind"), spec.names.kind, old.spec.names.kind);
  }
  immutable(specPath.child("group"), spec.group, old.spec.group);
  immutable(specPath.child("names", "plural"), spec.names.plural, old.spec.names.plural);
  return [...errors, ...validateStatus(definition)];
}

function validateName({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const { name } = metadata;
  if (name === `${spec.names.plural}.${spec.group}`) return [];
  return [fieldInvalid(FieldPath.of("metadata", "name"), name, 'must be spec.names.plural+"."+spec.group')];
}

/** Groups of the Kubernetes project name the pull request that approved them. */
function validateApproval({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(spec.group)) return [];
  const value = metadata.annotations?.[approvalAnnotation] ?? "";
  const path = FieldPath.of("metadata", "annotations").key(approvalAnnotation);
  if (value === "")
    return [
      fieldRequired(
        path,
        `protected groups must have approval annotation "${approvalAnnotation}", see https://github.com/kubernetes/enhancements/pull/1111`,
      ),
    ];
  if (value.startsWith("unapproved") || /^https?:\/\/[^/]+/.test(value)) return [];
  return [
    fieldInvalid(
      path,
      value,
      `protected groups must have approval annotation "${approvalAnnotation}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
    ),
  ];
}

function validateSpec(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinitionSpec | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const groupPath = specPath.child("group");
  if (spec.group === "") errors.push(fieldRequired(groupPath));
  else {
    const messages = validateDns1123Subdomain(spec.group);
    for (const message of messages) errors.push(fieldInvalid(groupPath, spec.group, message));
    if (messages.length === 0 && !spec.group.includes("."))
      errors.push(fieldInvalid(groupPath, spec.group, "should be a domain with at least one dot"));
  }
  const scopes = ["Cluster", "Namespaced"];
  if (spec.scope === "") errors.push(fieldRequired(specPath.child("scope")));
  else if (!scopes.includes(spec.scope)) errors.push(fieldNotSupported(specPath.child("scope"), spec.scope, scopes));
  if (spec.preserveUnknownFields === true)
    errors.push(
      fieldInvalid(
        specPath.child("preserveUnknownFields"),
        true,
        "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
      ),
    );
  errors.push(...validateVersions(spec, old), ...validateNames(spec.names), ...validateConversion(spec));
  return errors;
}

function validateVersions(
  spec: CustomResourceDefinitionSpec,
  old: CustomResourceDefinitionSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const path = specPath.child("versions");
  const names = spec.versions.map(({ name }) => name);
  if (names.length === 0) errors.push(fieldRequired(path));
  for (const [i, version] of spec.versions.entries()) {
    const before = old?.versions.find(({ name }) => name === version.name);
    if (!before || !deepEqual(version, before)) errors.push(...validateVersion(version, path.index(i), before));
  }
  if (new Set(names).size < names.length)
    errors.push(fieldInvalid(path, spec.versions, "must contain unique version names"));
  if (names.length > 0 && spec.versions.filter(({ storage }) => storage).length !== 1)
    errors.push(fieldInvalid(path, spec.versions, "must have exactly one version marked as storage version"));
  return errors;
}

function validateNames(names: CustomResourceDefinitionNames): FieldError[] {
  const path = specPath.child("names");
  const errors: FieldError[] = [];
  const label = (at: FieldPath, name: string): void => {
    for (const message of validateDns1035Label(name)) errors.push(fieldInvalid(at, name, message));
  };
  const kind = (at: FieldPath, name: string): void => {
    for (const message of validateDns1035Label(name.toLowerCase()))
      errors.push(fieldInvalid(at, name, `may have mixed case, but should otherwise match: ${message}`));
  };
  if (names.plural === "") errors.push(fieldRequired(path.child("plural")));
  else label(path.child("plural"), names.plural);
  if (names.singular) label(path.child("singular"), names.singular);
  if (names.kind === "") errors.push(fieldRequired(path.child("kind")));
  else kind(path.child("kind"), names.kind);
  for (const [i, name] of (names.shortNames ?? []).entries()) label(path.child("shortNames").index(i), name);
  if (names.listKind) {
    kind(path.child("listKind"), names.listKind);
    if (names.listKind === names.kind)
      errors.push(fieldInvalid(path.child("listKind"), names.listKind, "kind and listKind may not be the same"));
  } else errors.push(fieldRequired(path.child("listKind")));
  for (const [i, name] of (names.categories ?? []).entries()) label(path.child("categories").index(i), name);
  return errors;
}

/** The paths are upstream's own, which are not quite those of the API. */
function validateConversion({ conversion }: CustomResourceDefinitionSpec): FieldError[] {
  if (!conversion) return [];
  const path = specPath.child("conversion");
  const { strategy, webhook } = conversion;
  if (strategy === "") return [fieldRequired(path.child("strategy"))];
  if (strategy !== "None" && strategy !== "Webhook")
    return [fieldNotSupported(path.child("strategy"), strategy, ["None", "Webhook"])];
  if (strategy === "None")
    return webhook
      ? [fieldForbidden(path.child("webhook"), "should not be set when strategy is not set to Webhook")]
      : [];
  const config = path.child("webhookClientConfig");
  return [
    ...(webhook?.clientConfig
      ? validateClientConfig(webhook.clientConfig, config)
      : [fieldRequired(config, "required when strategy is set to Webhook")]),
    ...validateReviewVersions(webhook?.conversionReviewVersions ?? [], path.child("conversionReviewVersions")),
  ];
}

/** Versions objects may be stored in must be known for as long as they may. */
export function validateStatus({ spec, status }: CustomResourceDefinition): FieldError[] {
  const path = FieldPath.of("status", "storedVersions");
  const stored = status.storedVersions ?? [];
  if (stored.length === 0) return [fieldInvalid(path, [], "must have at least one stored version")];
  const errors: FieldError[] = [];
  for (const [i, name] of stored.entries())
    if (!spec.versions.some((version) => version.name === name))
      errors.push(fieldInvalid(path.index(i), name, "must appear in spec.versions"));
  const storage = spec.versions.find((version) => version.storage);
  if (storage && !stored.includes(storage.name))
    errors.push(fieldInvalid(path, stored, `must have the storage version ${storage.name}`));
  return errors;
}
