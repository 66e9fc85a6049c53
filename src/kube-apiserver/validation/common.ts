import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldNotSupported, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validatePercent, validatePortName, validatePortNumber } from "../../apimachinery/validation/names.ts";

/** Puts the messages of a syntax rule on a field. */
export function syntax(path: FieldPath, value: string | number, messages: readonly string[]): readonly FieldError[] {
  return messages.map((message) => fieldInvalid(path, value, message));
}

export function nonNegative(path: FieldPath, value: number | bigint | undefined): readonly FieldError[] {
  return value === undefined || value >= 0 ? [] : [fieldInvalid(path, value, "must be greater than or equal to 0")];
}

export function positive(path: FieldPath, value: number | undefined): readonly FieldError[] {
  return value === undefined || value > 0 ? [] : [fieldInvalid(path, value, "must be greater than 0")];
}

/** `values` in the order the message lists them; a missing value is its own error unless `optional`. */
export function oneOf(
  path: FieldPath,
  value: string | undefined,
  values: readonly string[],
  optional = false,
): readonly FieldError[] {
  if (value === undefined || value === "") return optional ? [] : [fieldRequired(path)];
  return values.includes(value) ? [] : [fieldNotSupported(path, value, values)];
}

export function immutable(path: FieldPath, value: unknown, old: unknown): readonly FieldError[] {
  return semanticEqual(value, old) ? [] : [fieldInvalid(path, value, "field is immutable")];
}

/** A count or a percentage. */
export function intOrPercent(path: FieldPath, value: number | string): readonly FieldError[] {
  return typeof value === "number" ? nonNegative(path, value) : syntax(path, value, validatePercent(value));
}

export function atMost100Percent(path: FieldPath, value: number | string | undefined): readonly FieldError[] {
  if (typeof value !== "string" || validatePercent(value).length > 0) return [];
  return Number.parseInt(value, 10) > 100 ? [fieldInvalid(path, value, "must not be greater than 100%")] : [];
}

/** The number an int-or-percentage stands for as far as zero is concerned. */
export function intOrPercentNumber(value: number | string | undefined): number {
  return typeof value === "number" ? value : Number.parseInt(value ?? "0", 10) || 0;
}

export function portNumberOrName(path: FieldPath, port: number | string): readonly FieldError[] {
  return typeof port === "number"
    ? syntax(path, port, validatePortNumber(port))
    : syntax(path, port, validatePortName(port));
}

/** Map entries sorted by key, as Go prints maps. */
export function sortedMap<T>(map: Readonly<Record<string, T>> | undefined): Readonly<Record<string, T>> | null {
  if (!map) return null;
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
