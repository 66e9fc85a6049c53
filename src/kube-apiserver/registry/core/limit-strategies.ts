import { Quantity } from "../../../apimachinery/quantity.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { validateQualifiedName } from "../../../apimachinery/validation/names.ts";
import type { LimitRange, LimitRangeItem, ResourceQuota } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { resourceOfQuotaName } from "../../../component-helpers/quota/evaluators.ts";
import { resourceQuotaCells } from "../../printers/core.ts";
import { immutable, syntax } from "../../validation/common.ts";
import { validateQuantity } from "../../validation/resources.ts";

const spec = FieldPath.of("spec");
const hard = spec.child("hard");
const scopesPath = spec.child("scopes");

const conflictingScopes = [
  ["BestEffort", "NotBestEffort"],
  ["Terminating", "NotTerminating"],
] as const;

function validateQuota({ spec: { hard: limits, scopes } }: ResourceQuota): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(limits ?? {})) {
    const path = hard.key(name);
    errors.push(...syntax(path, name, validateQualifiedName(name)));
    const consumer = resourceOfQuotaName(name);
    if (!name.includes("/") && !consumer)
      errors.push(fieldInvalid(path, name, "must be a standard resource for quota"));
    errors.push(...validateQuantity(value, path));
    if (isCounted(name) && Quantity.parse(value).milliValue() % 1000n !== 0n) {
      errors.push(fieldInvalid(path, value, "must be an integer"));
    }
  }
  const asked = new Set<string>(scopes);
  for (const pair of conflictingScopes) {
    if (pair.every((scope) => asked.has(scope))) errors.push(fieldInvalid(scopesPath, scopes, "conflicting scopes"));
  }
  return errors;
}

function isCounted(name: string): boolean {
  return (
    name.startsWith("count/") ||
    /^(pods|services|secrets|configmaps|persistentvolumeclaims|replicationcontrollers|resourcequotas|services\..*)$/.test(
      name,
    )
  );
}

export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  generation: "none",
  validate: validateQuota,
  validateUpdate: (quota: ResourceQuota, old: ResourceQuota) => [
    ...validateQuota(quota),
    ...immutable(scopesPath, quota.spec.scopes, old.spec.scopes),
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
  return errors;
}

interface Bound {
  readonly name: string;
  readonly field: keyof LimitRangeItem;
  readonly value: Quantity | undefined;
}
