import type { ValidationRule } from "../../api/apiextensions/v1/types.gen.ts";
import { goJson, goQuote } from "../../apimachinery/go-format.ts";
import { deepEqual, isJsonObject } from "../../apimachinery/object.ts";
import {
  type FieldError,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  omittedValue,
} from "../../apimachinery/validation/field-error.ts";
import { childOf, FieldPath } from "../../apimachinery/validation/field-path.ts";
import { refersTo } from "../../cel/check/refers-to.ts";
import { Environment, type Program } from "../../cel/environment.ts";
import { CelError, CompileError, CostError } from "../../cel/errors.ts";
import { Budget, costLimitPerCall } from "../../cel/eval/budget.ts";
import { escapePropertyName } from "../../cel/schema/property-names.ts";
import { schemaType, type SchemaType } from "../../cel/schema/schema-type.ts";
import { fromSchema } from "../../cel/schema/schema-value.ts";
import { type ValueSchema, withTypeAndObjectMeta } from "../../cel/schema/value-schema.ts";
import { OptionalValue, type Value } from "../../cel/values/value.ts";
import type { Steps } from "../../component-base/steps.ts";
import { isEmbeddedResource, itemSchema, type JsonSchema, valueSchema } from "../schema/json-schema.ts";
import { RuleEnvironment } from "./compile-rules.ts";
import { fieldPathText } from "./field-path-text.ts";

/** What all rules about one object may cost together; upstream's number. */
export const objectBudget = 10_000_000;

/** What is done in one piece. One evaluation is not divided, and may be twenty times as much. */
const stepCost = 50_000;

/** Of an evaluated message, in bytes. */
const messageMax = 5 * 1024;

interface CompiledRule {
  readonly rule: ValidationRule;
  /** Undefined for an empty rule. */
  readonly program: Program | undefined;
  readonly message: Program | undefined;
  readonly usesOldSelf: boolean;
  readonly fieldPath: string | undefined;
  /** Of a stored rule that is no expression any more. */
  readonly failure: string | undefined;
}

/** The rules of a schema and of those inside it; only parts that have some. */
interface RuleNode {
  readonly schema: ValueSchema;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly values: RuleNode | undefined;
  readonly items: RuleNode | undefined;
}

/** What is known of a value before the update. */
interface Before {
  /** For `oldSelf`; undefined where there was none, or where nobody can tell which it was. */
  readonly old: unknown;
  /** Nothing has changed in the nearest part that can be told to be the same: what it breaks is only warned of. */
  readonly isUnchanged: (value: unknown) => boolean;
}

/** The `x-kubernetes-validations` of one schema. Compiled when they are first needed. */
export class RuleValidator {
  readonly #schema: JsonSchema;
  readonly #isRoot: boolean;
  #node: RuleNode | undefined;
  #isCompiled = false;

  /** `isRoot`: of whole API objects. */
  constructor(schema: JsonSchema, isRoot = true) {
    this.#schema = schema;
    this.#isRoot = isRoot;
  }

  /** `old` is the object before an update. Rules that an unchanged part breaks are told to `warn`. A step is some 10 ms. */
  *validate(
    object: unknown,
    old: unknown,
    { warn, path }: { readonly warn?: (error: FieldError) => void; readonly path?: FieldPath } = {},
  ): Steps<readonly FieldError[]> {
    if (!this.#isCompiled) {
      this.#node = hasRules(this.#schema) ? compiled(this.#schema, this.#isRoot) : undefined;
      this.#isCompiled = true;
    }
    if (!this.#node) return [];
    const evaluation = new Evaluation(warn);
    const isUnchanged = old === undefined ? () => false : (value: unknown) => deepEqual(value, old);
    yield* evaluation.visit(this.#node, object, path, { old, isUnchanged });
    return evaluation.errors;
  }
}

export function hasRules(schema: JsonSchema): boolean {
  const { properties = {} } = schema;
  const inner = [...Object.values(properties), itemSchema(schema), valueSchema(schema)];
  return (schema["x-kubernetes-validations"]?.length ?? 0) > 0 || inner.some((each) => each && hasRules(each));
}

function compiled(schema: JsonSchema, isRoot: boolean): RuleNode | undefined {
  const type = schemaType(schema, "selfType", isRoot);
  return type && nodeOf({ schema, type, isRoot }, Environment.create());
}

interface Part {
  readonly schema: JsonSchema;
  readonly type: SchemaType;
  readonly isRoot: boolean;
}

function nodeOf({ schema, type, isRoot }: Part, base: Environment): RuleNode | undefined {
  const inner = (part: JsonSchema | undefined, of: SchemaType | undefined): RuleNode | undefined =>
    part && of && hasRules(part)
      ? nodeOf({ schema: part, type: of, isRoot: isEmbeddedResource(part) }, base)
      : undefined;
  const properties = new Map<string, RuleNode>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapePropertyName(name);
    const of =
      escaped === undefined
        ? schemaType(property, "selfType", isEmbeddedResource(property))
        : type.fields?.get(escaped);
    const node = inner(property, of);
    if (node) properties.set(name, node);
  }
  return {
    // Its values are those of the whole object.
    schema: isRoot ? withTypeAndObjectMeta(schema) : schema,
    rules: compileRules(schema, type, base),
    properties,
    values: inner(valueSchema(schema), type.element),
    items: inner(itemSchema(schema), type.element),
  };
}

function compileRules(schema: JsonSchema, type: SchemaType, base: Environment): readonly CompiledRule[] {
  const rules = schema["x-kubernetes-validations"] ?? [];
  if (rules.length === 0) return [];
  const environments = new RuleEnvironment(base, type);
  return rules.map((rule) => {
    const none = { rule, program: undefined, message: undefined, usesOldSelf: false, fieldPath: undefined };
    if (rule.rule.trim() === "") return { ...none, failure: undefined };
    const environment = environments.of(rule);
    try {
      const program = environment.compile(rule.rule);
      const { messageExpression = "", fieldPath = "" } = rule;
      return {
        rule,
        program,
        message: messageExpression === "" ? undefined : environment.compile(messageExpression),
        usesOldSelf: refersTo(program.expr, "oldSelf"),
        fieldPath: fieldPath === "" ? undefined : fieldPathText(fieldPath, schema),
        failure: undefined,
      };
    } catch (error) {
      // The definition's own validation has refused such rules; a stored one is told of whenever it should be evaluated.
      if (error instanceof CompileError) return { ...none, failure: `compilation failed: ${error.message}` };
      throw error;
    }
  });
}

/** One object, or default, by all rules: what they find, and what they may still cost. */
class Evaluation {
  readonly errors: FieldError[] = [];
  readonly #warn: ((error: FieldError) => void) | undefined;
  #left = objectBudget;
  #leftAtStep = objectBudget;

  constructor(warn: ((error: FieldError) => void) | undefined) {
    this.#warn = warn;
  }

  *visit(node: RuleNode, value: unknown, path: FieldPath | undefined, before: Before): Steps<void> {
    if (value === null || value === undefined || this.#left < 0) return;
    yield* this.#rules(node, value, path, before);
    if (Array.isArray(value) && node.items) {
      const oldItem = oldItems(node.schema, before.old);
      for (const [i, item] of value.entries())
        yield* this.visit(node.items, item, (path ?? FieldPath.of("")).index(i), inside(before, value, oldItem(item)));
    } else if (isJsonObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        const own = node.properties.get(name);
        const inner = own ?? node.values;
        if (!inner) continue;
        const at = own ? childOf(path, name) : (path ?? FieldPath.of("")).key(name);
        const isName = path === undefined && (name === "apiVersion" || name === "kind");
        const { old } = before;
        const oldMember = isJsonObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
        yield* this.visit(
          inner,
          member,
          at,
          isName ? { old: oldMember, isUnchanged: () => false } : inside(before, value, oldMember),
        );
      }
    }
  }

  *#rules({ schema, rules }: RuleNode, value: unknown, path: FieldPath | undefined, before: Before): Steps<void> {
    if (rules.length === 0) return;
    const { type = "" } = schema;
    const add = (detail: string): void => void this.errors.push(fieldInvalid(path, type, detail));
    if (this.#left <= 0) {
      this.#stop(add);
      return;
    }
    const { old } = before;
    const hasOld = old !== undefined && old !== null;
    const self = lazily(() => fromSchema(value, schema));
    const oldSelf = lazily(() => fromSchema(old, schema));
    for (const compiledRule of rules) {
      const { rule, program, usesOldSelf, failure } = compiledRule;
      if (failure !== undefined) add(`rule compile error: ${failure}`);
      if (!program) continue;
      const isOptional = rule.optionalOldSelf === true;
      // Without a value before, there is no transition.
      if (usesOldSelf && !hasOld && !isOptional) continue;
      const variable = (name: string): Value | undefined => {
        if (name === "self") return self();
        if (name !== "oldSelf") return undefined;
        if (isOptional) return new OptionalValue(hasOld ? oldSelf() : undefined);
        return hasOld ? oldSelf() : undefined;
      };
      const holds = this.#evaluate(program, variable, add, rule);
      if (this.#leftAtStep - this.#left > stepCost) {
        this.#leftAtStep = this.#left;
        yield;
      }
      if (this.#left < 0) return;
      if (holds !== false) continue;
      const at = compiledRule.fieldPath === undefined ? path : childOf(path, compiledRule.fieldPath);
      const report = (error: FieldError): void => {
        if (!usesOldSelf && before.isUnchanged(value)) this.#warn?.(error);
        else this.errors.push(error);
      };
      const detail = this.#message(compiledRule, variable, (text) => report(fieldInvalid(at, type, text)));
      if (detail === undefined) return;
      report(broken(at, type === "object" || type === "array" ? omittedValue : value, detail, rule.reason));
    }
  }

  #stop(add: (detail: string) => void): void {
    add("validation failed due to running out of cost budget, no further validation rules will be run");
    this.#left = -1;
  }

  /** Undefined when there is no result, which then has been told of. */
  #evaluate(
    program: Program,
    variable: (name: string) => Value | undefined,
    add: (detail: string) => void,
    rule: ValidationRule,
  ): boolean | undefined {
    const text = (rule.message ?? "").trim() || rule.rule.trim();
    const result = this.#run(program, variable);
    if (typeof result !== "string") return result.value === true;
    if (result === "budget") this.#stop(add);
    else if (result === "limit") {
      const cost = new CostError().message;
      add(`'${cost}': no further validation rules will be run due to call cost exceeds limit for rule: ${text}`);
      this.#left = -1;
    } else {
      const failure = result.slice("failed ".length);
      if (failure.startsWith("no such overload"))
        add(
          `'${failure}': call arguments did not match a supported operator, function or macro signature for rule: ${text}`,
        );
      else add(`${failure} evaluating rule: ${text}`);
    }
    return undefined;
  }

  /** The value; or that the object's budget was spent, or that of one call, or how the evaluation failed. */
  #run(
    program: Program,
    variable: (name: string) => Value | undefined,
  ): { readonly value: Value } | "budget" | "limit" | `failed ${string}` {
    const limit = Math.min(this.#left, costLimitPerCall);
    const budget = new Budget(limit);
    try {
      return { value: program.run(variable, budget) };
    } catch (error) {
      if (error instanceof CelError) return `failed ${error.message}`;
      if (!(error instanceof CostError)) throw error;
      return limit === costLimitPerCall ? "limit" : "budget";
    } finally {
      this.#left -= limit - Math.max(budget.left, 0);
    }
  }

  /** What to say of a broken rule; undefined when there is nothing left to find out, which then has been told of. */
  #message(
    { rule, message }: CompiledRule,
    variable: (name: string) => Value | undefined,
    report: (text: string) => void,
  ): string | undefined {
    const plain = (rule.message ?? "") === "" ? `failed rule: ${rule.rule.trim()}` : (rule.message ?? "").trim();
    if (!message) return plain;
    const result = this.#run(message, variable);
    if (result === "budget" || result === "limit") {
      const cause = `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${goQuote(rule.messageExpression ?? "")}`;
      const spent =
        "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run";
      report(result === "limit" ? cause : spent);
      this.#left = -1;
      return undefined;
    }
    const made = typeof result !== "string" && typeof result.value === "string" ? result.value.trim() : "";
    // What is no message of one line is replaced by what there is.
    const isUsable = made !== "" && !made.includes("\n") && made.length <= messageMax;
    return isUsable ? made : plain;
  }
}

/** A member's or item's own history. What cannot be found in the old object is unchanged only if all around it is. */
function inside(before: Before, around: unknown, old: unknown): Before {
  if (old !== undefined) return { old, isUnchanged: (value) => deepEqual(value, old) };
  return { old: undefined, isUnchanged: () => before.isUnchanged(around) };
}

/** Finds the item of before with the same keys; items of other lists cannot be told to be the same. */
function oldItems(schema: ValueSchema, old: unknown): (item: unknown) => unknown {
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema["x-kubernetes-list-type"] !== "map" || !keys || !Array.isArray(old)) return () => undefined;
  const keyText = (item: unknown): string => goJson(isJsonObject(item) ? keys.map((key) => item[key] ?? null) : null);
  const byKey = new Map(old.map((item: unknown) => [keyText(item), item]));
  return (item) => byKey.get(keyText(item));
}

function lazily(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

function broken(
  path: FieldPath | undefined,
  value: unknown,
  detail: string,
  reason: ValidationRule["reason"],
): FieldError {
  switch (reason) {
    case "FieldValueForbidden":
      return fieldForbidden(path, detail);
    case "FieldValueRequired":
      return fieldRequired(path, detail);
    case "FieldValueDuplicate":
      return fieldDuplicate(path, value);
    default:
      return fieldInvalid(path, value, detail);
  }
}
