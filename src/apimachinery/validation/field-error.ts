import { goJson, goQuote } from "../go-format.ts";
import { type FieldPath, formatPath } from "./field-path.ts";

/** What is wrong with a field; the value is the cause type in a Status. */
export type FieldErrorType =
  | "FieldValueNotFound"
  | "FieldValueRequired"
  | "FieldValueDuplicate"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTooFew"
  | "FieldValueTooShort"
  | "FieldValueTypeInvalid"
  | "InternalError";

/** One thing wrong with one field of an object. Validation collects all of them, in path order; it never throws one. */
export interface FieldError {
  readonly type: FieldErrorType;
  readonly field: string;
  readonly badValue: unknown;
  readonly detail: string;
}

const titles: Readonly<Record<FieldErrorType, string>> = {
  FieldValueNotFound: "Not found",
  FieldValueRequired: "Required value",
  FieldValueDuplicate: "Duplicate value",
  FieldValueInvalid: "Invalid value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueForbidden: "Forbidden",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  FieldValueTooFew: "Too few",
  FieldValueTooShort: "Too short",
  FieldValueTypeInvalid: "Invalid value",
  InternalError: "Internal error",
};

const typesWithoutValue: ReadonlySet<FieldErrorType> = new Set([
  "FieldValueRequired",
  "FieldValueForbidden",
  "FieldValueTooLong",
  "FieldValueTooShort",
  "InternalError",
]);

/**
 * Differs from upstream: no more errors than this are told, the first ones. A body of 3 MB may have 100,000, and telling them
 * all would be an answer of 50 MB.
 */
export const errorsToldMax = 1000;

/** Stands for a bad value that the message leaves out. */
export const omittedValue: unique symbol = Symbol("omitted value");

/** The message without the field's name: `Invalid value: -1: must be greater than or equal to 0`. */
export function formatFieldErrorBody(error: FieldError): string {
  let text = titles[error.type];
  if (!typesWithoutValue.has(error.type) && error.badValue !== omittedValue) text += `: ${formatValue(error.badValue)}`;
  return error.detail === "" ? text : `${text}: ${error.detail}`;
}

/** `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function formatFieldError(error: FieldError): string {
  return `${error.field}: ${formatFieldErrorBody(error)}`;
}

/** Upstream's aggregate text of several messages, each once: `a` alone, else `[a, b]`. Empty for none. */
export function aggregateMessages(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length < 2 ? distinct.join("") : `[${distinct.join(", ")}]`;
}

function formatValue(value: unknown): string {
  if (typeof value === "string") return goQuote(value);
  return goJson(value);
}

type Path = FieldPath | undefined;

/** A malformed value: bad syntax, out of bounds. */
export function fieldInvalid(path: Path, value: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field: formatPath(path), badValue: value, detail };
}

/** A value whose type is not the schema's. */
export function fieldTypeInvalid(path: Path, value: unknown, detail: string): FieldError {
  return { type: "FieldValueTypeInvalid", field: formatPath(path), badValue: value, detail };
}

export function fieldRequired(path: Path, detail = ""): FieldError {
  return { type: "FieldValueRequired", field: formatPath(path), badValue: "", detail };
}

/** A second occurrence of what must be unique. */
export function fieldDuplicate(path: Path, value: unknown): FieldError {
  return { type: "FieldValueDuplicate", field: formatPath(path), badValue: value, detail: "" };
}

/** Not one of the values an enumerated field takes; they are listed in the order given. */
export function fieldNotSupported(path: Path, value: unknown, supported: readonly string[]): FieldError {
  const detail = supported.length === 0 ? "" : `supported values: ${supported.map(goQuote).join(", ")}`;
  return { type: "FieldValueNotSupported", field: formatPath(path), badValue: value, detail };
}

/** A well-formed value that is not allowed here and now. */
export function fieldForbidden(path: Path, detail: string): FieldError {
  return { type: "FieldValueForbidden", field: formatPath(path), badValue: "", detail };
}

/** Something the field names does not exist. */
export function fieldNotFound(path: Path, value: unknown): FieldError {
  return { type: "FieldValueNotFound", field: formatPath(path), badValue: value, detail: "" };
}

/** More than `bytesMax` bytes. The value itself is not repeated. */
export function fieldTooLong(path: Path, bytesMax: number): FieldError {
  const detail = `may not be more than ${count(bytesMax, "byte")}`;
  return { type: "FieldValueTooLong", field: formatPath(path), badValue: omittedValue, detail };
}

/** More than `charactersMax` characters. The value itself is not repeated. */
export function fieldTooLongCharacters(path: Path, charactersMax: number): FieldError {
  const detail = `may not be more than ${count(charactersMax, "character")}`;
  return { type: "FieldValueTooLong", field: formatPath(path), badValue: omittedValue, detail };
}

export function fieldTooShort(path: Path, value: string, charactersMin: number): FieldError {
  const detail = `must be at least ${count(charactersMin, "character")}`;
  return { type: "FieldValueTooShort", field: formatPath(path), badValue: value, detail };
}

/** A list with more than `itemsMax` items; `items` undefined leaves the actual number out of the message. */
export function fieldTooMany(path: Path, items: number | undefined, itemsMax: number): FieldError {
  const detail = `must have at most ${count(itemsMax, "item")}`;
  return { type: "FieldValueTooMany", field: formatPath(path), badValue: items ?? omittedValue, detail };
}

export function fieldTooFew(path: Path, items: number, itemsMin: number): FieldError {
  const detail = `must have at least ${count(itemsMin, "item")}`;
  return { type: "FieldValueTooFew", field: formatPath(path), badValue: items, detail };
}

/** The validator itself failed: not the client's fault. */
export function fieldInternalError(path: Path, detail: string): FieldError {
  return { type: "InternalError", field: formatPath(path), badValue: omittedValue, detail };
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
