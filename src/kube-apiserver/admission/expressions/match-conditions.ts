import type { MatchCondition } from "../../../api/admissionregistration/v1/types.gen.ts";
import { boolType } from "../../../cel/types/cel-type.ts";
import { aggregateMessages } from "../../../apimachinery/validation/field-error.ts";
import { LruMap } from "../../../component-base/lru-map.ts";
import type { AdmissionEnvironments, Compiled } from "./admission-environment.ts";
import { AdmissionRun, type AdmissionRunOptions, matchConditionsBudget, OutOfBudgetError } from "./admission-run.ts";

/** Whether the request is one of those meant, or why that cannot be told. */
export type MatchResult = { readonly matches: boolean } | { readonly failure: string };

export function compileMatchCondition(environments: AdmissionEnvironments, text: string, hasParams: boolean): Compiled {
  const scope = { hasParams, hasAuthorizer: true, makesPatches: false, variables: new Map<string, never>() };
  return environments.compile(text, scope, [boolType]);
}

/** Expressions kept compiled: as many as a cluster's webhooks and policies have. */
const keptMax = 4096;

/** Match conditions of webhooks and policies. One that is false decides, whatever others fail with. */
export class MatchConditions {
  readonly #environments: AdmissionEnvironments;
  readonly #compiled = new LruMap<string, Compiled>(keptMax);

  constructor(environments: AdmissionEnvironments) {
    this.#environments = environments;
  }

  async evaluate(
    conditions: readonly MatchCondition[],
    options: Omit<AdmissionRunOptions, "budget" | "variables">,
    hasParams: boolean,
  ): Promise<MatchResult> {
    if (conditions.length === 0) return { matches: true };
    const run = new AdmissionRun({ ...options, variables: new Map(), budget: matchConditionsBudget });
    const failures: string[] = [];
    for (const { expression } of conditions) {
      try {
        const result = await run.evaluate(this.#compile(expression, hasParams));
        if ("failure" in result) failures.push(result.failure);
        else if (result.value === false) return { matches: false };
      } catch (error) {
        if (!(error instanceof OutOfBudgetError)) throw error;
        return { failure: error.message };
      }
    }
    return failures.length === 0 ? { matches: true } : { failure: aggregateMessages(failures) };
  }

  #compile(text: string, hasParams: boolean): Compiled {
    const key = `${hasParams}:${text}`;
    const known = this.#compiled.get(key);
    if (known) return known;
    const compiled = compileMatchCondition(this.#environments, text, hasParams);
    this.#compiled.set(key, compiled);
    return compiled;
  }
}
