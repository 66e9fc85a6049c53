import { deepEqual, isJsonObject } from "../../apimachinery/object.ts";
import { goJson, goQuote } from "../../apimachinery/go-format.ts";
import {
  type FieldError,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
} from "../../apimachinery/validation/field-error.ts";
import { compileRegexp, type LinearRegexp } from "../../apimachinery/regexp/regexp.ts";
import { hasFormat, isKnownFormat } from "./formats.ts";
import { itemSchema, type JsonSchema, memberPath, propertySchema, valueSchema } from "./json-schema.ts";

/** A value before the write, where it can be told which it was; the symbol where there was none. */
type Old = unknown;
const unknownOld: unique symbol = Symbol("no value before");

/**
 * Checks values against one OpenAPI v3 schema, with upstream's messages. What has not changed since the last write is not
 * complained about, so that a schema may become stricter without making stored objects unchangeable.
 *
 * Differs from upstream: items of lists are compared with those before only in maps by key; rules of `allOf` and the like are
 * dropped together with all other errors of a value that has not changed.
 */
export class SchemaValidator {
  readonly #root: JsonSchema;
  readonly #patterns = new Map<string, LinearRegexp | undefined>();

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  /** `old` is the object before an update. */
  validate(object: unknown, old?: unknown): FieldError[] {
    const errors: FieldError[] = [];
    this.#value(object, this.#root, "", old === undefined ? unknownOld : old, errors);
    return errors;
  }

  /** Errors are added to `errors`, in this and what it calls: a list for each value would cost more than the checks. */
  #value(value: unknown, schema: JsonSchema, path: string, old: Old, errors: FieldError[]): void {
    const before = errors.length;
    this.#check(value, schema, path, old, errors);
    if (errors.length > before && old !== unknownOld && deepEqual(value, old)) errors.length = before;
  }

  #check(value: unknown, schema: JsonSchema, path: string, old: Old, errors: FieldError[]): void {
    const before = errors.length;
    checkType(value, schema, path, errors);
    if (value === null) {
      if (errors.length === before) checkEnum(value, schema, path, errors);
      return;
    }
    if (schema.anyOf || schema.oneOf || schema.allOf || schema.not) this.#junctors(value, schema, path, errors);
    if (typeof value === "string") this.#string(value, schema, path, errors);
    else if (typeof value === "number" || typeof value === "bigint") checkNumber(value, schema, path, errors);
    else if (Array.isArray(value)) this.#list(value, schema, path, old, errors);
    if (schema.enum) checkEnum(value, schema, path, errors);
    if (isJsonObject(value)) this.#object(value, schema, path, old, errors);
  }

  #junctors(value: unknown, schema: JsonSchema, path: string, errors: FieldError[]): void {
    const check = (option: JsonSchema): FieldError[] => {
      const found: FieldError[] = [];
      this.#check(value, option, path, unknownOld, found);
      return found;
    };
    if (schema.anyOf && schema.anyOf.length > 0) {
      const failures = schema.anyOf.map(check);
      if (!failures.some((failure) => failure.length === 0))
        errors.push(whole(`${goQuote(path)} must validate at least one schema (anyOf)`), ...fewest(failures));
    }
    if (schema.oneOf && schema.oneOf.length > 0) {
      const failures = schema.oneOf.map(check);
      const valid = failures.filter((failure) => failure.length === 0).length;
      const one = `${goQuote(path)} must validate one and only one schema (oneOf)`;
      if (valid === 0) errors.push(whole(`${one}. Found none valid`), ...fewest(failures));
      else if (valid > 1) errors.push(whole(`${one}. Found ${valid} valid alternatives`));
    }
    if (schema.allOf && schema.allOf.length > 0) {
      const failures = schema.allOf.map(check);
      const failed = failures.filter((failure) => failure.length > 0).length;
      errors.push(...failures.flat());
      if (failed > 0) {
        const none = failed === failures.length ? ". None validated" : "";
        errors.push(whole(`${goQuote(path)} must validate all the schemas (allOf)${none}`));
      }
    }
    if (schema.not && check(schema.not).length === 0)
      errors.push(whole(`${goQuote(path)} must not validate the schema (not)`));
  }

  #string(value: string, schema: JsonSchema, path: string, errors: FieldError[]): void {
    const { format } = schema;
    const misfit = this.#misfit(value, schema, path);
    if (misfit) errors.push(misfit);
    if (format !== undefined && !hasFormat(value, format)) errors.push(wrongType(path, format, value));
  }

  /** As upstream, of length and pattern only the first that is wrong is told. */
  #misfit(value: string, { maxLength, minLength, pattern }: JsonSchema, path: string): FieldError | undefined {
    if (maxLength !== undefined || minLength !== undefined) {
      const length = codePoints(value);
      if (maxLength !== undefined && length > maxLength)
        return { ...fieldTooLong(undefined, maxLength), field: fieldOf(path) };
      if (minLength !== undefined && length < minLength)
        return problem(path, value, `should be at least ${minLength} chars long`);
    }
    if (pattern !== undefined && this.#pattern(pattern)?.test(value) === false)
      return problem(path, value, `should match '${pattern}'`);
    return undefined;
  }

  /** Undefined for what is no regular expression, which the definition's own validation refuses. */
  #pattern(pattern: string): LinearRegexp | undefined {
    if (!this.#patterns.has(pattern)) this.#patterns.set(pattern, compileRegexp(pattern).regexp);
    return this.#patterns.get(pattern);
  }

  #list(list: readonly unknown[], schema: JsonSchema, path: string, old: Old, errors: FieldError[]): void {
    const items = itemSchema(schema);
    if (items) {
      const before = oldItems(schema, old);
      for (const [i, item] of list.entries()) this.#value(item, items, `${path}[${i}]`, before(item), errors);
    }
    const { minItems, maxItems } = schema;
    if (minItems !== undefined && list.length < minItems)
      errors.push(problem(path, list.length, `should have at least ${minItems} items`));
    if (maxItems !== undefined && list.length > maxItems)
      errors.push({ ...fieldTooMany(undefined, list.length, maxItems), field: fieldOf(path) });
    if (schema.uniqueItems === true && list.some((item, i) => list.slice(0, i).some((other) => deepEqual(item, other))))
      errors.push(problem(path, "", "shouldn't contain duplicates"));
  }

  #object(
    object: Readonly<Record<string, unknown>>,
    schema: JsonSchema,
    path: string,
    old: Old,
    errors: FieldError[],
  ): void {
    const { minProperties, maxProperties } = schema;
    const count = minProperties === undefined && maxProperties === undefined ? 0 : Object.keys(object).length;
    if (minProperties !== undefined && count < minProperties)
      errors.push(problem(path, count, `should have at least ${minProperties} properties`));
    if (maxProperties !== undefined && count > maxProperties)
      errors.push({ ...fieldTooMany(undefined, count, maxProperties), field: fieldOf(path) });
    for (const name of schema.required ?? [])
      if (!Object.hasOwn(object, name)) errors.push({ ...fieldRequired(undefined), field: memberPath(path, name) });
    const values = valueSchema(schema);
    const before = isJsonObject(old) ? old : {};
    for (const name in object) {
      const own = propertySchema(schema, name) ?? values;
      if (!own) continue;
      const oldMember = Object.hasOwn(before, name) ? before[name] : unknownOld;
      this.#value(object[name], own, memberPath(path, name), oldMember, errors);
    }
  }
}

/** An error of a whole value: upstream names no field for these. */
function whole(detail: string): FieldError {
  return { type: "FieldValueInvalid", field: "<nil>", badValue: "", detail };
}

function problem(path: string, value: unknown, what: string): FieldError {
  return { type: "FieldValueInvalid", field: fieldOf(path), badValue: value, detail: `${path} in body ${what}` };
}

function wrongType(path: string, expected: string, actual: string): FieldError {
  return {
    type: "FieldValueTypeInvalid",
    field: fieldOf(path),
    badValue: actual,
    detail: `${path} in body must be of type ${expected}: ${goQuote(actual)}`,
  };
}

function fieldOf(path: string): string {
  return path === "" ? "<nil>" : path;
}

/** Upstream tells what is wrong with the alternative that fits best. */
function fewest(failures: readonly FieldError[][]): readonly FieldError[] {
  return failures.reduce((best, each) => (each.length < best.length ? each : best), failures[0] ?? []);
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "integer";
  // Upstream has read as a float what no integer of 64 bits holds, and takes no float that large for an integer.
  if (typeof value === "number") return Number.isSafeInteger(value) ? "integer" : "number";
  return typeof value === "boolean" || typeof value === "string" ? typeof value : "object";
}

function checkType(value: unknown, schema: JsonSchema, path: string, errors: FieldError[]): void {
  const isIntOrString = schema["x-kubernetes-int-or-string"] === true;
  const expected = isIntOrString ? "integer,string" : (schema.type ?? "");
  if (expected === "" || (value === null && schema.nullable === true)) return;
  const actual = typeOf(value);
  const isType = isIntOrString ? actual === "integer" || actual === "string" : actual === expected;
  if (isType || (expected === "number" && actual === "integer")) return;
  const { format = "" } = schema;
  if (value === null || format === "" || !isKnownFormat(format, schema.type ?? ""))
    errors.push(wrongType(path, expected, actual));
  // As upstream, which speaks of formats where both have one, and takes any text or list for what has a format of texts.
  else if (actual !== "string" && actual !== "array") errors.push(wrongType(path, format, numberFormats[actual] ?? ""));
  else if (expected === "integer" || expected === "number") errors.push(wrongType(path, expected, actual));
}

const numberFormats: Readonly<Record<string, string>> = { integer: "int64", number: "float64" };

const integerBounds: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};
const int64Bounds = [-(2n ** 63n), 2n ** 63n - 1n] as const;
const maxFloat32 = (2 - 2 ** -23) * 2 ** 127;

/** Whether the number can be held by what the schema says it is read into. */
function isInRange(value: number | bigint, isInteger: boolean, format: string): boolean {
  if (!isInteger) return !format.startsWith("float") || format === "float64" || Math.abs(Number(value)) <= maxFloat32;
  if (typeof value === "number" && !Number.isInteger(value)) return false;
  const [min, max] = Object.hasOwn(integerBounds, format) ? (integerBounds[format] ?? int64Bounds) : int64Bounds;
  const exact = BigInt(value);
  return exact >= min && exact <= max;
}

function checkEnum(value: unknown, schema: JsonSchema, path: string, errors: FieldError[]): void {
  const values = schema.enum;
  if (!values || values.length === 0 || values.some((each) => deepEqual(each, value))) return;
  const supported = values.map((each) => (typeof each === "string" ? each : goJson(each)));
  errors.push({ ...fieldNotSupported(undefined, value, supported), field: fieldOf(path) });
}

function checkNumber(value: number | bigint, schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { maximum, minimum, multipleOf, format = "" } = schema;
  const type = schema["x-kubernetes-int-or-string"] === true ? "integer" : schema.type;
  if (!isInRange(value, type === "integer", format)) {
    const read = format === "" ? "(default format)" : `with format ${format}`;
    errors.push(whole(`Checked value must be of type ${type} ${read} in ${path}`));
  }
  if (multipleOf !== undefined && multipleOf > 0 && !isMultiple(Number(value), multipleOf))
    errors.push(problem(path, value, `should be a multiple of ${multipleOf}`));
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
    const orEqual = schema.exclusiveMaximum ? "" : " or equal to";
    errors.push(problem(path, value, `should be less than${orEqual} ${maximum}`));
  }
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
    const orEqual = schema.exclusiveMinimum ? "" : " or equal to";
    errors.push(problem(path, value, `should be greater than${orEqual} ${minimum}`));
  }
}

function codePoints(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    // The second half of a pair counts with the first.
    const isPair = (text.codePointAt(i) ?? 0) > 0xffff;
    count++;
    if (isPair) i++;
  }
  return count;
}

function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}

/** Finds the item before an update that has the same keys; nothing in lists that are no maps. */
function oldItems(schema: JsonSchema, old: Old): (item: unknown) => Old {
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema["x-kubernetes-list-type"] !== "map" || !keys || !Array.isArray(old)) return () => unknownOld;
  const byKey = new Map(old.map((item: unknown) => [keyText(item, keys), item]));
  return (item) => {
    const key = keyText(item, keys);
    return byKey.has(key) ? byKey.get(key) : unknownOld;
  };
}

function keyText(item: unknown, keys: readonly string[]): string {
  return goJson(isJsonObject(item) ? keys.map((key) => item[key] ?? null) : item);
}
