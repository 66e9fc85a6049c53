import type { ValidationRule } from "../../api/apiextensions/v1/types.gen.ts";
import {
  type FieldError,
  fieldForbidden,
  fieldInternalError,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { Steps } from "../../component-base/steps.ts";
import { Environment } from "../../cel/environment.ts";
import { requestMaxBytes, schemaType, type SchemaType } from "../../cel/schema/schema-type.ts";
import { escapePropertyName } from "../../cel/schema/property-names.ts";
import { type CheckedRule, RuleEnvironment } from "../rules/compile-rules.ts";
import { fieldPathText } from "../rules/field-path-text.ts";
import { hasRules } from "../rules/rule-validator.ts";
import { isEmbeddedResource, itemSchema, type JsonSchema, valueSchema } from "../schema/json-schema.ts";

const reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/** What is wrong with the rules of one schema before anybody reads their expressions. */
export function validateRuleTexts(schema: JsonSchema, path: FieldPath): FieldError[] {
  const at = path.child("x-kubernetes-validations");
  return (schema["x-kubernetes-validations"] ?? []).flatMap((rule, i) => validateRuleText(rule, schema, at.index(i)));
}

function validateRuleText(rule: ValidationRule, schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { message = "", messageExpression = "", fieldPath = "", reason } = rule;
  const hasBreaks = (text: string): boolean => /[\n\r]/.test(text);
  const empty = "must be non-empty if specified";
  const breaks = "must not contain line breaks";
  if (rule.rule.trim() === "") errors.push(fieldRequired(path.child("rule"), "rule is not specified"));
  else if (message !== "" && message.trim() === "") errors.push(fieldInvalid(path.child("message"), message, empty));
  else if (hasBreaks(message.trim())) errors.push(fieldInvalid(path.child("message"), message, breaks));
  else if (hasBreaks(rule.rule.trim()) && message.trim() === "")
    errors.push(fieldRequired(path.child("message"), "message must be specified if rule contains line breaks"));
  if (messageExpression !== "" && messageExpression.trim() === "")
    errors.push(fieldRequired(path.child("messageExpression"), `messageExpression ${empty}`));
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(fieldNotSupported(path.child("reason"), reason, reasons));
  if (fieldPath === "") return errors;
  const at = path.child("fieldPath");
  if (fieldPath.trim() === "") errors.push(fieldInvalid(at, fieldPath, empty));
  if (hasBreaks(fieldPath)) errors.push(fieldInvalid(at, fieldPath, breaks));
  if (fieldPathText(fieldPath, schema) === undefined) errors.push(fieldInvalid(at, fieldPath, "must be a valid path"));
  return errors;
}

/** Upstream's limits of what one rule, and all rules of a schema, may cost at worst. */
const ruleCostMax = 10_000_000;
const schemaCostMax = 100_000_000;

export interface RuleLimits {
  readonly allowsCostly: boolean;
  /** Whether a part is all right but for its rules; those of others are not looked at. */
  readonly isSound: (part: JsonSchema) => boolean;
}

/** What is wrong with the expressions of a structural schema's rules: with what they say, or with what they may cost. */
export function* validateRules(schema: JsonSchema, path: FieldPath, limits: RuleLimits): Steps<FieldError[]> {
  if (!hasRules(schema)) return [];
  const validation = new RulesValidation(limits);
  yield* validation.visit({ schema, path, isRoot: true, type: undefined, countMax: 1, uncorrelated: undefined });
  return [...validation.errors, ...validation.totalErrors(path)];
}

/** A schema within the definition's. */
interface Part {
  readonly schema: JsonSchema;
  readonly path: FieldPath;
  readonly isRoot: boolean;
  /** As the schema around it knows it. */
  readonly type: SchemaType | undefined;
  /** How many such values an object may have; undefined when the schema does not limit it. */
  readonly countMax: number | undefined;
  /** The list around it whose items cannot be told to be those of before. */
  readonly uncorrelated: FieldPath | undefined;
}

function* nothing(): Steps<void> {}

class RulesValidation {
  readonly errors: FieldError[] = [];
  readonly #limits: RuleLimits;
  readonly #costs: { readonly path: FieldPath; readonly cost: number }[] = [];
  #base: Environment | undefined;

  constructor(limits: RuleLimits) {
    this.#limits = limits;
  }

  /** Rules of inner values come first. */
  *visit(part: Part): Steps<void> {
    const { schema, path, isRoot, countMax, uncorrelated } = part;
    if (!hasRules(schema)) return;
    const rules = schema["x-kubernetes-validations"] ?? [];
    const type = part.type ?? schemaType(schema, "selfType", isRoot);
    // Rules of one value are read in one step.
    if (rules.length > 0) yield;
    const inner = (child: JsonSchema | undefined, at: FieldPath, more: Partial<Part>): Steps<void> => {
      if (!child) return nothing();
      return this.visit({
        schema: child,
        path: at,
        isRoot: isEmbeddedResource(child),
        type: undefined,
        countMax,
        uncorrelated,
        ...more,
      });
    };
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const of = type?.fields?.get(escapePropertyName(name) ?? "");
      yield* inner(property, path.child("properties").key(name), { type: of });
    }
    const times = (most: number | undefined): number | undefined =>
      most === undefined || countMax === undefined ? undefined : countMax * Math.max(most, 0);
    yield* inner(valueSchema(schema), path.child("additionalProperties"), {
      type: type?.element,
      countMax: times(schema.maxProperties),
    });
    yield* inner(itemSchema(schema), path.child("items"), {
      type: type?.element,
      countMax: times(schema.maxItems),
      uncorrelated: uncorrelated ?? (schema["x-kubernetes-list-type"] === "map" ? undefined : path),
    });
    if (rules.length > 0 && this.#limits.isSound(schema)) this.#rules(part, type);
  }

  #rules({ schema, path, countMax, uncorrelated }: Part, type: SchemaType | undefined): void {
    const at = path.child("x-kubernetes-validations");
    if (!type) {
      const why = "unable to convert structural schema to CEL declarations";
      const what = `internal error: failed to construct type information for x-kubernetes-validations rules: ${why}`;
      this.errors.push(fieldInternalError(at, what));
      return;
    }
    this.#base ??= Environment.create();
    const environment = new RuleEnvironment(this.#base, type);
    // What nobody limits is as many as fit into a request, each with a comma.
    const times = countMax ?? Math.floor(requestMaxBytes / (type.serializedMinBytes + 1));
    for (const [i, rule] of (schema["x-kubernetes-validations"] ?? []).entries())
      this.#rule(rule, environment.check(rule), { path: at.index(i), times, uncorrelated });
  }

  #rule(
    rule: ValidationRule,
    checked: CheckedRule,
    { path, times, uncorrelated }: { path: FieldPath; times: number; uncorrelated: FieldPath | undefined },
  ): void {
    const { failure, messageFailure, usesOldSelf } = checked;
    this.#cost(path.child("rule"), "estimated rule cost", checked.cost * times);
    if (failure !== undefined) this.errors.push(fieldInvalid(path.child("rule"), printed(rule), failure));
    if (messageFailure !== undefined)
      this.errors.push(fieldInvalid(path.child("messageExpression"), printed(rule), messageFailure));
    else this.#cost(path.child("messageExpression"), "estimated messageExpression cost", checked.messageCost);
    if (usesOldSelf && uncorrelated) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated.toString()}`;
      this.errors.push(fieldInvalid(path.child("rule"), rule.rule, why));
    }
    if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
      const why = "may not be set if oldSelf is not used in rule";
      this.errors.push(fieldInvalid(path.child("optionalOldSelf"), rule.optionalOldSelf, why));
    }
  }

  #cost(path: FieldPath, what: string, cost: number): void {
    this.#costs.push({ path, cost });
    if (cost > ruleCostMax && !this.#limits.allowsCostly)
      this.errors.push(fieldForbidden(path, tooCostly(what, cost / ruleCostMax)));
  }

  totalErrors(path: FieldPath): FieldError[] {
    const total = this.#costs.reduce((sum, { cost }) => sum + cost, 0);
    if (total <= schemaCostMax) return [];
    const costliest = this.#costs
      .filter(({ cost }) => cost >= schemaCostMax / 100)
      .toSorted((a, b) => b.cost - a.cost)
      .slice(0, 4);
    const why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    const what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
    return [
      ...costliest.map((each) => fieldForbidden(each.path, why)),
      fieldForbidden(path, tooCostly(what, total / schemaCostMax)),
    ];
  }
}

/** The rule as upstream's messages show it. */
function printed({ rule, message, messageExpression, reason, fieldPath, optionalOldSelf }: ValidationRule): unknown {
  return {
    Rule: rule,
    Message: message ?? "",
    MessageExpression: messageExpression ?? "",
    Reason: reason ?? null,
    FieldPath: fieldPath ?? "",
    OptionalOldSelf: optionalOldSelf ?? null,
  };
}

function tooCostly(what: string, factor: number): string {
  const times = factor > 100 ? "more than 100x" : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${times} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
