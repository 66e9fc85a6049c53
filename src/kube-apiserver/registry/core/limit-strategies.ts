import { Quantity } from "../../../apimachinery/quantity.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type {
  LimitRange,
  LimitRangeItem,
  ResourceQuota,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
} from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { resourceOfQuotaName } from "../../../component-helpers/quota/evaluators.ts";
import { resourceQuotaCells } from "../../printers/core.ts";
import { internalForm } from "../../../api/internal-form.ts";
import { validateResourceName, validateResourceQuantity } from "../../validation/resources.ts";

const spec = FieldPath.of("spec");
const hard = spec.child("hard");
const scopesPath = spec.child("scopes");

const conflictingScopes = [
  ["BestEffort", "NotBestEffort"],
  ["Terminating", "NotTerminating"],
] as const;

const standardScopes = [
  "Terminating",
  "NotTerminating",
  "BestEffort",
  "NotBestEffort",
  "PriorityClass",
  "VolumeAttributesClass",
  "CrossNamespacePodAffinity",
];

/** What a scope of pods says nothing of cannot be limited under it. */
const countedPods = ["pods"];
const computeResources = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
const claimResources = ["persistentvolumeclaims", "requests.storage"];

function fitsScope(name: string, scope: string): boolean {
  switch (scope) {
    case "BestEffort":
      return countedPods.includes(name);
    case "VolumeAttributesClass":
      return claimResources.includes(name);
    case "Terminating":
    case "NotTerminating":
    case "NotBestEffort":
    case "PriorityClass":
    case "CrossNamespacePodAffinity":
      return countedPods.includes(name) || computeResources.includes(name);
    default:
      return true;
  }
}

function validateAmounts(list: Readonly<Record<string, string>> | undefined, at: FieldPath): readonly FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, value]) => {
    const path = at.key(name);
    const isKnown = name.includes("/") || isStandardQuota(name);
    return [
      ...validateResourceName(name, path),
      ...(isKnown ? [] : [fieldInvalid(path, name, "must be a standard resource for quota")]),
      ...validateResourceQuantity(name, value, path),
    ];
  });
}

function isStandardQuota(name: string): boolean {
  return resourceOfQuotaName(name) !== undefined || /^(requests\.)?hugepages-/.test(name);
}

function validateQuota({ spec: quota }: ResourceQuota): readonly FieldError[] {
  return [...validateAmounts(quota.hard, hard), ...validateScopes(quota), ...validateScopeSelector(quota)];
}

function validateScopes({ hard: limits, scopes = [] }: ResourceQuotaSpec): readonly FieldError[] {
  const names = Object.keys(limits ?? {})
    .filter(isStandardQuota)
    .sort();
  const errors = scopes.flatMap((scope) => [
    ...(standardScopes.includes(scope) ? [] : [fieldInvalid(scopesPath, scopes, "unsupported scope")]),
    ...names
      .filter((name) => !fitsScope(name, scope))
      .map(() => fieldInvalid(scopesPath, scopes, "unsupported scope applied to resource")),
  ]);
  return [...errors, ...validateScopePairs(scopes, scopes)];
}

function validateScopePairs(asked: readonly string[], shown: readonly string[] | undefined): readonly FieldError[] {
  return conflictingScopes
    .filter((pair) => pair.every((scope) => asked.includes(scope)))
    .map(() => fieldInvalid(scopesPath, shown, "conflicting scopes"));
}

/** Upstream's paths do not say which expression it is. */
function validateScopeSelector({ hard: limits, scopes, scopeSelector }: ResourceQuotaSpec): readonly FieldError[] {
  const path = spec.child("scopeSelector", "matchExpressions");
  const names = Object.keys(limits ?? {})
    .filter(isStandardQuota)
    .sort();
  const expressions = scopeSelector?.matchExpressions ?? [];
  const errors = expressions.flatMap((expression) => {
    const { scopeName } = expression;
    const shown = internalForm(scopeSelector, "core/v1.ScopeSelector");
    return [
      ...(standardScopes.includes(scopeName)
        ? []
        : [fieldInvalid(path.child("scopeName"), scopeName, "unsupported scope")]),
      ...names
        .filter((name) => !fitsScope(name, scopeName))
        .map(() => fieldInvalid(path, shown, "unsupported scope applied to resource")),
      ...validateScopeOperator(expression, path),
    ];
  });
  return [
    ...errors,
    ...validateScopePairs(
      expressions.map(({ scopeName }) => scopeName),
      scopes,
    ),
  ];
}

const plainScopes = ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"];

function validateScopeOperator(
  { scopeName, operator, values }: ScopedResourceSelectorRequirement,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const at = path.child("operator");
  if (plainScopes.includes(scopeName) && operator !== "Exists") {
    const why =
      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    errors.push(fieldInvalid(at, operator, why));
  }
  const count = values?.length ?? 0;
  switch (operator) {
    case "In":
    case "NotIn": {
      const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
      return count > 0 ? errors : [...errors, fieldRequired(path.child("values"), why)];
    }
    case "Exists":
    case "DoesNotExist": {
      const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      return count === 0 ? errors : [...errors, fieldInvalid(path.child("values"), values, why)];
    }
    default:
      return [...errors, fieldInvalid(at, operator, "not a valid selector operator")];
  }
}

function validateQuotaUpdate(quota: ResourceQuota, old: ResourceQuota): readonly FieldError[] {
  const errors = validateQuota(quota);
  const [next, before] = [new Set<string>(quota.spec.scopes), new Set<string>(old.spec.scopes)];
  if (next.size === before.size && [...next].every((scope) => before.has(scope))) return errors;
  return [...errors, fieldInvalid(scopesPath, quota.spec.scopes, "field is immutable")];
}

export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  generation: "none",
  validate: validateQuota,
  validateUpdate: validateQuotaUpdate,
  validateStatus: ({ status }: ResourceQuota) => [
    ...validateAmounts(status.hard, FieldPath.of("status", "hard")),
    ...validateAmounts(status.used, FieldPath.of("status", "used")),
  ],
  tableCells: resourceQuotaCells,
};

export const limitRangeStrategy: Strategy<LimitRange> = {
  validate: validateLimitRange,
  validateUpdate: validateLimitRange,
};

function validateLimitRange(range: LimitRange): readonly FieldError[] {
  const seen = new Set<string>();
  return (range.spec.limits ?? []).flatMap((item, i) => {
    const path = spec.child("limits").index(i);
    const duplicate = seen.has(item.type) ? [fieldDuplicate(path.child("type"), item.type)] : [];
    seen.add(item.type);
    return [...duplicate, ...validateItem(item, path)];
  });
}

function validateItem(item: LimitRangeItem, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (item.type === "Pod") {
    for (const field of ["default", "defaultRequest"] as const) {
      if (Object.keys(item[field] ?? {}).length > 0) {
        errors.push(fieldForbidden(path.child(field), "may not be specified when `type` is 'Pod'"));
      }
    }
  }
  if (item.type === "PersistentVolumeClaim" && !item.min?.["storage"] && !item.max?.["storage"]) {
    const why = "either minimum or maximum storage value is required, but neither was provided";
    errors.push(fieldRequired(path.child("limits"), why));
  }
  const names = new Set(
    [item.min, item.max, item.default, item.defaultRequest, item.maxLimitRequestRatio].flatMap((list) =>
      Object.keys(list ?? {}),
    ),
  );
  for (const name of names) errors.push(...validateBounds(item, name, path));
  return errors;
}

/** The bounds of one resource must leave room for each other. */
function validateBounds(item: LimitRangeItem, name: string, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  const of = (list: Readonly<Record<string, string>> | undefined): Quantity | undefined => {
    const text = list?.[name];
    return text === undefined ? undefined : Quantity.parse(text);
  };
  const [min, max, limit, request] = [of(item.min), of(item.max), of(item.default), of(item.defaultRequest)];
  const ratio = of(item.maxLimitRequestRatio);
  const ordered = (field: keyof LimitRangeItem, low: Bound, high: Bound): void => {
    if (!low.value || !high.value || low.value.compare(high.value) <= 0) return;
    const value = field === high.field ? high.value : low.value;
    const why = `${low.name} value ${low.value.toString()} is greater than ${high.name} value ${high.value.toString()}`;
    errors.push(fieldInvalid(path.child(field).key(name), value.toString(), why));
  };
  const bounds = {
    min: { name: "min", field: "min", value: min },
    max: { name: "max", field: "max", value: max },
    limit: { name: "default", field: "default", value: limit },
    request: { name: "default request", field: "defaultRequest", value: request },
  } as const;
  ordered("min", bounds.min, bounds.max);
  ordered("defaultRequest", bounds.min, bounds.request);
  ordered("defaultRequest", bounds.request, bounds.max);
  ordered("defaultRequest", bounds.request, { ...bounds.limit, name: "default limit" });
  ordered("default", bounds.min, bounds.limit);
  ordered("default", bounds.limit, bounds.max);
  if (ratio && ratio.compare(Quantity.of(1)) < 0) {
    const at = path.child("maxLimitRequestRatio").key(name);
    errors.push(fieldInvalid(at, ratio.toString(), `ratio ${ratio.toString()} is less than 1`));
  }
  if (ratio && min && max) {
    const highest = max.toApproximateNumber() / min.toApproximateNumber();
    if (ratio.toApproximateNumber() > highest) {
      const at = path.child("maxLimitRequestRatio").key(name);
      const why = `ratio ${ratio.toString()} is greater than max/min = ${highest.toFixed(6)}`;
      errors.push(fieldInvalid(at, ratio.toString(), why));
    }
  }
  return errors;
}

interface Bound {
  readonly name: string;
  readonly field: keyof LimitRangeItem;
  readonly value: Quantity | undefined;
}
