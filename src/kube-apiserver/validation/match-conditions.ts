import type { MatchCondition } from "../../api/admissionregistration/v1/types.gen.ts";
import {
  type FieldError,
  fieldDuplicate,
  fieldInvalid,
  fieldRequired,
  fieldTooMany,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateQualifiedName } from "../../apimachinery/validation/names.ts";
import type { AdmissionEnvironments, Compiled } from "../admission/expressions/admission-environment.ts";
import { compileMatchCondition } from "../admission/expressions/match-conditions.ts";
import { syntax } from "./common.ts";

// Upstream's limit.
const matchConditionsMax = 64;

/** Names and expressions of match conditions, of webhooks and policies alike. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  environments: AdmissionEnvironments,
  hasParams: boolean,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  if ((conditions?.length ?? 0) > matchConditionsMax)
    errors.push(fieldTooMany(path, conditions?.length, matchConditionsMax));
  const names = new Set<string>();
  for (const [i, { name = "", expression = "" }] of (conditions ?? []).entries()) {
    const at = path.index(i);
    const text = expression.trim();
    if (text === "") errors.push(fieldRequired(at.child("expression")));
    else errors.push(...compileErrors(compileMatchCondition(environments, text, hasParams), at.child("expression")));
    if (name === "") {
      errors.push(fieldRequired(at.child("name")));
      continue;
    }
    errors.push(...syntax(at.child("name"), name, validateQualifiedName(name)));
    if (names.has(name)) errors.push(fieldDuplicate(at.child("name"), name));
    names.add(name);
  }
  return errors;
}

/** Why a text is no expression, as an error of its field. */
export function compileErrors(compiled: Compiled, path: FieldPath): readonly FieldError[] {
  return "failure" in compiled ? [fieldInvalid(path, compiled.text, compiled.failure)] : [];
}
