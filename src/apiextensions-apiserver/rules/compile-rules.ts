import type { ValidationRule } from "../../api/apiextensions/v1/types.gen.ts";
import type { Checked } from "../../cel/check/checker.ts";
import { estimateCost, type SizeAt } from "../../cel/check/estimate-cost.ts";
import { refersTo } from "../../cel/check/refers-to.ts";
import { Environment } from "../../cel/environment.ts";
import { CompileError } from "../../cel/errors.ts";
import type { SchemaType } from "../../cel/schema/schema-type.ts";
import { optionalOf } from "../../cel/types/cel-type.ts";

/** A rule's expressions as far as a definition's validation has to know them. */
export interface CheckedRule {
  /** Why the rule is none, in upstream's words. */
  readonly failure?: string;
  readonly messageFailure?: string;
  readonly usesOldSelf: boolean;
  /** At most, by upstream's reckoning. */
  readonly cost: number;
  readonly messageCost: number;
}

/** What rules about one type of values are written in. */
export class RuleEnvironment {
  readonly #environment: Environment;
  readonly #withOptional: Environment;
  readonly #sizeAt: SizeAt;

  /** `base` has no variables. */
  constructor(base: Environment, self: SchemaType) {
    this.#environment = base.extend({ self: self.type, oldSelf: self.type });
    this.#withOptional = base.extend({ self: self.type, oldSelf: optionalOf(self.type) });
    this.#sizeAt = (path) => sizeAt(self, path.slice(1));
  }

  /** In which the expressions of a rule are compiled. */
  of({ optionalOldSelf }: ValidationRule): Environment {
    return optionalOldSelf === true ? this.#withOptional : this.#environment;
  }

  check(rule: ValidationRule): CheckedRule {
    const none = { usesOldSelf: false, cost: 0, messageCost: 0 };
    if (rule.rule.trim() === "") return none;
    const checked = this.#checked(rule, rule.rule);
    if ("failure" in checked) return { ...none, failure: `compilation failed: ${checked.failure}` };
    if (checked.type.kind !== "bool") return { ...none, failure: "cel expression must evaluate to a bool" };
    const usesOldSelf = refersTo(checked.expr, "oldSelf");
    const made = { usesOldSelf, cost: estimateCost(checked, this.#sizeAt), messageCost: 0 };
    if ((rule.messageExpression ?? "") === "") return made;
    const message = this.#checked(rule, rule.messageExpression ?? "");
    if ("failure" in message)
      return { ...made, messageFailure: `messageExpression compilation failed: ${message.failure}` };
    if (message.type.kind !== "string")
      return { ...made, messageFailure: "messageExpression must evaluate to a string" };
    return { ...made, messageCost: estimateCost(message, this.#sizeAt) };
  }

  #checked(rule: ValidationRule, text: string): Checked | { readonly failure: string } {
    try {
      return this.of(rule).check(text);
    } catch (error) {
      if (error instanceof CompileError) return { failure: error.message };
      throw error;
    }
  }
}

/** How large the value at a path may be; undefined for what the type does not say. */
function sizeAt(type: SchemaType, path: readonly string[]): ReturnType<SizeAt> {
  let at: SchemaType | undefined = type;
  for (const step of path) {
    if (step === "@items" || step === "@values") at = at.element;
    // Nothing is known of keys; upstream counts them as empty.
    else if (step === "@keys") at = at.element && { ...at.element, elementsMax: 0 };
    else at = at.fields?.get(step);
    if (!at) return undefined;
  }
  return { min: 0, max: at.elementsMax };
}
