import type { Namespace } from "../../../api/core/v1/types.gen.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { UserInfo } from "../../../apiserver/authentication/user-info.ts";
import type { Authorizer } from "../../../apiserver/authorization/authorizer.ts";
import { selectorRequirements } from "../../../apiserver/authorization/selector-requirements.ts";
import { CelError, CostError } from "../../../cel/errors.ts";
import { Budget, costLimitPerCall } from "../../../cel/eval/budget.ts";
import {
  type AccessAnswer,
  AccessAnswers,
  type AccessQuestion,
  authorizerValue,
  requestResourceValue,
} from "../../../cel/library/authorizer.ts";
import { fromJson } from "../../../cel/values/json-value.ts";
import type { StructValue, Value } from "../../../cel/values/value.ts";
import { errorText } from "../../../component-base/logger.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import type { Invocation } from "../matching.ts";
import { admissionRequestOf } from "../webhook/webhook-caller.ts";
import type { Compiled } from "./admission-environment.ts";

/** Upstream's limits of work: of all expressions of a policy together, and of all match conditions. */
export const policyBudget = 10_000_000;
export const matchConditionsBudget = policyBudget / 4;

/** The expressions of one policy or webhook took more work than they may. */
export class OutOfBudgetError extends Error {
  constructor() {
    super("validation failed due to running out of cost budget, no further validation rules will be run");
  }
}

export type Evaluation = { readonly value: Value } | { readonly failure: string };

export interface AdmissionRunOptions {
  readonly invocation: Invocation;
  /** That of the request; undefined for what is in none, and for namespaces themselves. */
  readonly namespace: Namespace | undefined;
  readonly params: KubeObject | undefined;
  /** Answers for this request; shared by its runs. */
  readonly answers: AccessAnswers;
  /** `variables`, in the order they were declared; each is evaluated when it is first asked for. */
  readonly variables: ReadonlyMap<string, Compiled>;
  readonly budget: number;
}

/** The expressions of one policy over one request: their variables, and what they may still cost. */
export class AdmissionRun {
  readonly #options: AdmissionRunOptions;
  readonly #known = new Map<string, Value>();
  readonly #composed = new Map<string, Evaluation>();
  #left: number;

  constructor(options: AdmissionRunOptions) {
    this.#options = options;
    this.#left = options.budget;
  }

  /** Throws OutOfBudgetError. */
  async evaluate(compiled: Compiled): Promise<Evaluation> {
    if ("failure" in compiled) return { failure: `compilation error: ${compiled.failure}` };
    const limit = Math.min(this.#left, costLimitPerCall);
    const budget = new Budget(limit);
    try {
      return { value: await compiled.program.evaluate((name) => this.#variable(name, budget), budget) };
    } catch (error) {
      if (error instanceof CostError && limit === this.#left) throw new OutOfBudgetError();
      if (!(error instanceof CelError) && !(error instanceof CostError)) throw error;
      return { failure: `expression '${compiled.text}' resulted in error: ${error.message}` };
    } finally {
      this.#left -= limit - Math.max(budget.left, 0);
    }
  }

  #variable(name: string, budget: Budget): Value | undefined {
    // What it is made of depends on what is left.
    if (name === "variables") return new ComposedVariables((variable) => this.#compose(variable, budget));
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const value = this.#make(name);
    if (value !== undefined) this.#known.set(name, value);
    return value;
  }

  #make(name: string): Value | undefined {
    const { invocation, namespace, params, answers } = this.#options;
    switch (name) {
      case "object":
        return fromJson(invocation.seen.object);
      case "oldObject":
        return fromJson(invocation.seen.oldObject);
      case "params":
        return fromJson(params);
      case "namespaceObject":
        return fromJson(namespace);
      case "request": {
        const { object: _object, oldObject: _oldObject, ...request } = admissionRequestOf(invocation);
        return fromJson(request);
      }
      case "authorizer":
        return authorizerValue(answers);
      case "authorizer.requestResource": {
        const { group, resource, subresource, namespace: of, name: called } = invocation.requested;
        const check = { serviceAccount: undefined, path: undefined, group, resource, subresource };
        return requestResourceValue(answers, { ...check, namespace: of, name: called });
      }
      default:
        return undefined;
    }
  }

  #compose(name: string, budget: Budget): Value | undefined {
    const compiled = this.#options.variables.get(name);
    if (!compiled) return undefined;
    let made = this.#composed.get(name);
    if (!made) {
      made = this.#composedValue(compiled, budget);
      this.#composed.set(name, made);
    }
    if ("value" in made) return made.value;
    throw new CelError(`composited variable ${goQuote(name)} ${made.failure}`);
  }

  /** Throws Pending and CostError. */
  #composedValue(compiled: Compiled, budget: Budget): Evaluation {
    if ("failure" in compiled) return { failure: `fails to compile: ${compiled.failure}` };
    try {
      return { value: compiled.program.run((name) => this.#variable(name, budget), budget) };
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      return { failure: `fails to evaluate: ${error.message}` };
    }
  }
}

class ComposedVariables implements StructValue {
  readonly isStruct = true;
  readonly typeName = "kubernetes.variables";
  readonly #get: (name: string) => Value | undefined;

  constructor(get: (name: string) => Value | undefined) {
    this.#get = get;
  }

  get(field: string): Value | undefined {
    return this.#get(field);
  }

  fields(): readonly string[] {
    return [];
  }
}

/** The authorizer's answers about the user of a request. */
export function accessAnswers(authorizer: Authorizer, user: UserInfo): AccessAnswers {
  return new AccessAnswers(async (question) => {
    try {
      const { decision, reason = "" } = await authorizer.authorize(attributesOf(question, user));
      return { isAllowed: decision === "allow", reason, error: "" };
    } catch (error) {
      // The expression is told; upstream's answer then is a denial.
      return { isAllowed: false, reason: "", error: errorText(error) } satisfies AccessAnswer;
    }
  });
}

function attributesOf(question: AccessQuestion, user: UserInfo): Parameters<Authorizer["authorize"]>[0] {
  const { serviceAccount, path, group, resource, subresource, namespace, name, verb } = question;
  const { fieldSelector = "", labelSelector = "" } = question;
  return {
    user: serviceAccount ? serviceAccountUser(serviceAccount) : user,
    verb,
    isResourceRequest: path === undefined,
    namespace,
    apiGroup: group,
    apiVersion: "*",
    resource,
    subresource,
    name,
    path: path ?? "",
    ...selectorRequirements(fieldSelector, labelSelector),
  };
}

function serviceAccountUser({ namespace, name }: { readonly namespace: string; readonly name: string }): UserInfo {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
  };
}
