import { Quantity } from "../../apimachinery/quantity.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldInvalid,
  fieldNotFound,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateQualifiedName } from "../../apimachinery/validation/names.ts";
import type { ResourceRequirements } from "../../api/core/v1/types.gen.ts";
import { syntax } from "./common.ts";

const standardContainerResources = new Set(["cpu", "memory", "ephemeral-storage"]);
/** Of nodes, volumes and quotas. */
const standardResources = new Set([
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "persistentvolumeclaims",
  "pods",
  "replicationcontrollers",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
  "requests.storage",
  "resourcequotas",
  "secrets",
  "services",
  "services.loadbalancers",
  "services.nodeports",
  "configmaps",
  "storage",
]);
const integerResources = new Set([
  "pods",
  "services",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "replicationcontrollers",
  "resourcequotas",
  "services.nodeports",
  "services.loadbalancers",
]);

/** Not negative. Its syntax was checked when the object was decoded. */
export function validateQuantity(value: string, path: FieldPath): readonly FieldError[] {
  const quantity = Quantity.parse(value);
  return quantity.sign < 0 ? [fieldInvalid(path, quantity.toString(), "must be greater than or equal to 0")] : [];
}

/** Amounts of resources by name, as nodes and pods have them. */
export function validateResourceList(list: Readonly<Record<string, string>>, path: FieldPath): readonly FieldError[] {
  return Object.entries(list).flatMap(([name, value]) => [
    ...validateContainerResourceName(name, path.key(name)),
    ...validateResourceQuantity(name, value, path.key(name)),
  ]);
}

export function validateResourceRequirements(
  requirements: ResourceRequirements,
  podClaims: ReadonlySet<string>,
  path: FieldPath,
): readonly FieldError[] {
  const limits = requirements.limits ?? {};
  const requests = requirements.requests ?? {};
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(limits)) {
    const at = path.child("limits").key(name);
    errors.push(...validateContainerResourceName(name, at), ...validateResourceQuantity(name, value, at));
  }
  for (const [name, value] of Object.entries(requests)) {
    const at = path.child("requests").key(name);
    errors.push(...validateContainerResourceName(name, at), ...validateResourceQuantity(name, value, at));
    const limit = limits[name];
    if (limit !== undefined) errors.push(...validateAgainstLimit(name, value, limit, path.child("requests")));
    else if (!canOvercommit(name)) {
      errors.push(fieldRequired(path.child("limits"), "Limit must be set for non overcommitable resources"));
    }
  }
  const seen = new Set<string>();
  for (const [i, claim] of (requirements.claims ?? []).entries()) {
    const at = path.child("claims").index(i);
    if (!claim.name) errors.push(fieldRequired(at));
    else if (!podClaims.has(claim.name)) errors.push(fieldNotFound(at, claim.name));
    const key = `${claim.name}/${claim.request ?? ""}`;
    if (seen.has(key)) errors.push(fieldDuplicate(at, claim.name));
    seen.add(key);
  }
  return errors;
}

function validateAgainstLimit(name: string, request: string, limit: string, path: FieldPath): readonly FieldError[] {
  const asked = Quantity.parse(request);
  const most = Quantity.parse(limit);
  if (canOvercommit(name)) {
    if (asked.compare(most) <= 0) return [];
    return [fieldInvalid(path, asked.toString(), `must be less than or equal to ${name} limit of ${most.toString()}`)];
  }
  if (asked.compare(most) === 0) return [];
  return [fieldInvalid(path, asked.toString(), `must be equal to ${name} limit of ${most.toString()}`)];
}

/** The name of any resource: one of Kubernetes' own, or with a prefix. */
export function validateResourceName(name: string, path: FieldPath): readonly FieldError[] {
  const errors = syntax(path, name, validateQualifiedName(name));
  if (errors.length > 0 || name.includes("/")) return errors;
  const isStandard = standardResources.has(name) || isContainerResource(name.replace(/^requests\.(?=hugepages-)/, ""));
  return isStandard ? [] : [fieldInvalid(path, name, "must be a standard resource type or fully qualified")];
}

export function validateContainerResourceName(name: string, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [...validateResourceName(name, path)];
  if (!name.includes("/")) {
    if (!isContainerResource(name)) errors.push(fieldInvalid(path, name, "must be a standard resource for containers"));
  } else if (!isNative(name) && !isExtended(name)) {
    errors.push(fieldInvalid(path, name, "doesn't follow extended resource name standard"));
  }
  return errors;
}

function isContainerResource(name: string): boolean {
  return standardContainerResources.has(name) || name.startsWith("hugepages-");
}

/** An amount of a resource: not negative, and whole where there are no parts of it. */
export function validateResourceQuantity(name: string, value: string, path: FieldPath): readonly FieldError[] {
  const negative = validateQuantity(value, path);
  if (!isExtended(name) && !integerResources.has(name)) return negative;
  const quantity = Quantity.parse(value);
  const isInteger = quantity.milliValue() % 1000n === 0n;
  return isInteger ? negative : [...negative, fieldInvalid(path, quantity.toString(), "must be an integer")];
}

/** Resources of Kubernetes itself: no prefix, or one of its own domain. */
export function isNative(name: string): boolean {
  const prefix = name.includes("/") ? name.slice(0, name.indexOf("/")) : "";
  return prefix === "" || prefix === "kubernetes.io" || prefix.endsWith(".kubernetes.io");
}

/** The name of a resource that is none of Kubernetes itself, and can be asked for. */
export function isExtendedResourceName(name: string): boolean {
  return isExtended(name) && validateQualifiedName(`requests.${name}`).length === 0;
}

function isExtended(name: string): boolean {
  return name.includes("/") && !isNative(name) && !name.startsWith("requests.");
}

/** Only these may promise more than there is; others are given out exactly. */
function canOvercommit(name: string): boolean {
  return isNative(name) && !name.startsWith("hugepages-");
}
