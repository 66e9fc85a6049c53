import { badRequest, invalid } from "../../apimachinery/errors/new.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { intProblem } from "../../apimachinery/go-integer.ts";
import type { CreateOptions, ListOptions, PatchOptions } from "../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  validateCreateOptions,
  validateListOptions,
  validatePatchOptions,
  validateUpdateOptions,
} from "../../apimachinery/validation/options.ts";
import type { Negotiated } from "./negotiation.ts";
import { queryFlag } from "./request-info.ts";
import type { IncludeObject } from "./table.ts";

/** Options of a write as they come in the query. */
export interface WriteOptions {
  /** As admission sees them. */
  readonly options: CreateOptions | PatchOptions;
  readonly dryRun: boolean;
  readonly fieldValidation: "Strict" | "Warn" | "Ignore";
  /** Under which the write is recorded; undefined when the client gave none. */
  readonly fieldManager: string | undefined;
  /** An apply may take fields from other managers. */
  readonly isForced: boolean;
}

type WriteKind = "CreateOptions" | "UpdateOptions" | "PatchOptions";

/** Throws Invalid with upstream's texts. `isApply`: the patch is a server-side apply, which has rules of its own. */
export function parseWriteOptions(query: URLSearchParams, kind: WriteKind, isApply = false): WriteOptions {
  const dryRun = query.getAll("dryRun");
  const fieldManager = query.get("fieldManager");
  const fieldValidation = query.get("fieldValidation");
  const force = kind === "PatchOptions" && query.has("force") ? queryFlag(query, "force") : undefined;
  const options: PatchOptions = {
    kind,
    apiVersion: "meta.k8s.io/v1",
    ...(dryRun.length > 0 ? { dryRun } : {}),
    ...(fieldManager === null ? {} : { fieldManager }),
    ...(fieldValidation === null ? {} : { fieldValidation }),
    ...(force === undefined ? {} : { force }),
  };
  if (query.size > 0 || isApply) checkOptions(kind, validateByKind(kind, options, isApply));
  return {
    options,
    dryRun: dryRun.length > 0,
    // Checked just above.
    fieldValidation: (fieldValidation || "Warn") as WriteOptions["fieldValidation"],
    fieldManager: fieldManager ?? undefined,
    isForced: force === true,
  };
}

function validateByKind(kind: WriteKind, options: PatchOptions, isApply: boolean): readonly FieldError[] {
  switch (kind) {
    case "CreateOptions":
      return validateCreateOptions(options);
    case "UpdateOptions":
      return validateUpdateOptions(options);
    case "PatchOptions":
      return validatePatchOptions(options, isApply);
  }
}

function checkOptions(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind }, "", errors);
}

/** Options of a list, watch or deletecollection. Throws BadRequest or Invalid with upstream's texts. */
export function parseListOptions(query: URLSearchParams): ListOptions {
  const options: ListOptions = {
    ...text(query, "labelSelector"),
    ...text(query, "fieldSelector"),
    ...text(query, "resourceVersion"),
    ...text(query, "resourceVersionMatch"),
    ...text(query, "continue"),
    ...flag(query, "watch"),
    ...flag(query, "allowWatchBookmarks"),
    ...flag(query, "sendInitialEvents"),
    ...integerOf(query, "limit"),
    ...integerOf(query, "timeoutSeconds"),
  };
  checkOptions("ListOptions", validateListOptions(options));
  return options;
}

function text(query: URLSearchParams, name: string): Readonly<Record<string, string>> | undefined {
  const value = query.get(name);
  return value === null || value === "" ? undefined : { [name]: value };
}

function flag(query: URLSearchParams, name: string): Readonly<Record<string, boolean>> | undefined {
  return query.has(name) ? { [name]: queryFlag(query, name) } : undefined;
}

/** A parameter that is a number, as a member of options. Throws BadRequest with Go's text for what is none. */
export function integerOf(query: URLSearchParams, name: string): Readonly<Record<string, number>> | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  const problem = intProblem(value);
  if (problem !== undefined) throw badRequest(problem);
  return { [name]: Number(value) };
}

/** `?includeObject=` of a Table request; others do not look at it. Throws BadRequest for a value it does not know. */
export function parseIncludeObject(query: URLSearchParams, as: Negotiated["as"]): IncludeObject {
  const value = as === "Table" ? query.get("includeObject") : null;
  if (value === null || value === "") return "Metadata";
  if (value === "None" || value === "Metadata" || value === "Object") return value;
  const why = `Invalid value: ${goQuote(value)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequest(`Unable to convert to Table as requested: includeObject: ${why}`);
}

/** `?pretty`: as upstream, also for browsers and curl, which people read. */
export function isPretty(query: URLSearchParams, userAgent: string | undefined): boolean {
  const value = query.get("pretty");
  if (value !== null) return value === "" || value === "1" || value.toLowerCase() === "true";
  return userAgent !== undefined && /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}
