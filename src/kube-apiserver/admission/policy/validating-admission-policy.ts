import { forbidden } from "../../../apimachinery/errors/new.ts";
import { StatusError, type StatusReason } from "../../../apimachinery/errors/status-error.ts";
import type {
  ValidatingAdmissionPolicy as Policy,
  ValidatingAdmissionPolicyBinding as Binding,
} from "../../../api/admissionregistration/v1/types.gen.ts";
import type { Namespace } from "../../../api/core/v1/types.gen.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../../apiserver/admission/admission-plugin.ts";
import type { Authorizer } from "../../../apiserver/authorization/authorizer.ts";
import type { RegistryAccess, StorageLister } from "../../../apiserver/registry/rest/registry-access.ts";
import type { AccessAnswers } from "../../../cel/library/authorizer.ts";
import { nullType, stringType } from "../../../cel/types/cel-type.ts";
import { kindOf } from "../../../cel/values/value.ts";
import type { AdmissionEnvironments, Compiled } from "../expressions/admission-environment.ts";
import {
  accessAnswers,
  AdmissionRun,
  type AdmissionRunOptions,
  type Evaluation,
  OutOfBudgetError,
  policyBudget,
} from "../expressions/admission-run.ts";
import type { MatchConditions } from "../expressions/match-conditions.ts";
import { type Invocation, invocationOf, isExempt } from "../matching.ts";
import { CompiledPolicies, criteriaOf, PolicyCompiler, PolicyIndex } from "./policy-index.ts";
import { paramsOf, PolicyConfigurationError } from "./policy-params.ts";
import { namespaceOf } from "./request-namespace.ts";

/** Upstream's limits, in bytes. */
const messageMax = 5 * 1024;
const annotationMax = 10 * 1024;

const codes: Partial<Readonly<Record<StatusReason, number>>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

interface CompiledPolicy {
  readonly variables: ReadonlyMap<string, Compiled>;
  readonly validations: readonly {
    readonly expression: Compiled;
    readonly message: string;
    readonly messageExpression: Compiled | undefined;
    readonly reason: string | undefined;
  }[];
  readonly annotations: readonly { readonly key: string; readonly expression: Compiled }[];
}

/** A validation that does not hold, or could not be evaluated. */
interface Failure {
  readonly index: number;
  readonly message: string;
  readonly reason: string | undefined;
}

interface Outcome {
  readonly failures: readonly Failure[];
  readonly annotations: readonly (readonly [key: string, value: string])[];
  /** Annotations that could not be made: they deny, whatever the binding says. */
  readonly annotationErrors: readonly string[];
}

interface Denial {
  readonly message: string;
  readonly reason: string | undefined;
}

export interface PolicyPluginOptions {
  readonly namespaces: Pick<StorageLister<Namespace>, "get">;
  readonly environments: AdmissionEnvironments;
  readonly matchConditions: MatchConditions;
  readonly authorizer: Authorizer;
  readonly registry: () => Pick<RegistryAccess, "served">;
}

/** Refuses, warns of or records what does not satisfy the expressions of policies. */
export class ValidatingAdmissionPolicy implements AdmissionPlugin {
  readonly name = "ValidatingAdmissionPolicy";
  readonly #index: PolicyIndex<Policy, Binding>;
  readonly #compiled = new CompiledPolicies<CompiledPolicy>();
  readonly #options: PolicyPluginOptions;

  constructor(
    options: PolicyPluginOptions & {
      readonly policies: Pick<StorageLister<Policy>, "list" | "revision">;
      readonly bindings: Pick<StorageLister<Binding>, "list" | "revision">;
    },
  ) {
    this.#index = new PolicyIndex(options.policies, options.bindings);
    this.#options = options;
  }

  handles(): boolean {
    return true;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const bound = this.#index.bound();
    if (bound.length === 0 || isExempt(attributes)) return;
    const { authorizer, namespaces } = this.#options;
    const answers = accessAnswers(authorizer, attributes.user);
    const denials: Denial[] = [];
    for (const { policy, bindings } of bound) {
      const invocation = invocationOf(criteriaOf(policy.spec?.matchConstraints), attributes, namespaces);
      if (!invocation) continue;
      const annotations = new Map<string, Set<string>>();
      for (const binding of bindings) {
        if (!invocationOf(criteriaOf(binding.spec?.matchResources), attributes, namespaces)) continue;
        denials.push(...(await this.#ask(policy, binding, invocation, answers, annotations)));
      }
      for (const [key, values] of annotations)
        attributes.annotate(`${policy.metadata.name}/${key}`, [...values].join(", "));
    }
    const [first] = denials;
    if (first) throw denied(attributes, first);
  }

  async #ask(
    policy: Policy,
    binding: Binding,
    invocation: Invocation,
    answers: AccessAnswers,
    annotations: Map<string, Set<string>>,
  ): Promise<readonly Denial[]> {
    const { requested: attributes } = invocation;
    const prefix = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request`;
    const { paramKind, failurePolicy } = policy.spec ?? {};
    let params: readonly (KubeObject | undefined)[];
    try {
      params = await paramsOf(paramKind, binding.spec?.paramRef, attributes.namespace, this.#options.registry());
    } catch (error) {
      if (!(error instanceof PolicyConfigurationError)) throw error;
      if (failurePolicy === "Ignore") return [];
      const whose =
        error.subject === "policy" ? `ValidatingAdmissionPolicy '${policy.metadata.name}' denied request` : prefix;
      return [{ message: `${whose}: ${error.message}`, reason: undefined }];
    }
    const denials: Denial[] = [];
    for (const param of params) {
      const outcome = await this.#evaluate(policy, invocation, answers, param);
      for (const failure of outcome.failures) {
        const { message, reason } = failure;
        for (const action of binding.spec?.validationActions ?? []) {
          if (action === "Deny") denials.push({ message: `${prefix}: ${message}`, reason });
          else if (action === "Warn") attributes.warn(warningOf(policy, binding, message));
          else if (action === "Audit") attributes.annotate(...auditOf(policy, binding, failure));
        }
      }
      for (const [key, value] of outcome.annotations) {
        const known = annotations.get(key) ?? new Set();
        annotations.set(key, known.add(value.slice(0, annotationMax)));
      }
      for (const message of outcome.annotationErrors)
        denials.push({ message: `${prefix}: ${message}`, reason: undefined });
    }
    return denials;
  }

  async #evaluate(
    policy: Policy,
    invocation: Invocation,
    answers: AccessAnswers,
    params: KubeObject | undefined,
  ): Promise<Outcome> {
    const { matchConditions = [], failurePolicy, paramKind } = policy.spec ?? {};
    const isIgnored = failurePolicy === "Ignore";
    const failed = (message: string): Outcome => ({
      failures: isIgnored ? [] : [{ index: 0, message, reason: undefined }],
      annotations: [],
      annotationErrors: [],
    });
    const namespace = namespaceOf(invocation.requested, this.#options.namespaces);
    const input = { invocation, namespace, params, answers };
    const match = await this.#options.matchConditions.evaluate(matchConditions, input, paramKind !== undefined);
    if ("failure" in match) return failed(match.failure);
    if (!match.matches) return { failures: [], annotations: [], annotationErrors: [] };
    const compiled = this.#compiled.of(policy, (each) => this.#compile(each));
    const { variables, validations } = compiled;
    try {
      const run = new AdmissionRun({ ...input, variables, budget: policyBudget });
      const failures: Failure[] = [];
      for (const [index, { expression, reason, ...told }] of validations.entries()) {
        const result = await run.evaluate(expression);
        if ("failure" in result) {
          if (!isIgnored) failures.push({ index, message: result.failure, reason: undefined });
        } else if (result.value !== true) {
          failures.push({ index, message: await messageOf(run, expression.text, told), reason: reason ?? "Invalid" });
        }
      }
      return { failures, ...(await annotationsOf(compiled, input, isIgnored)) };
    } catch (error) {
      if (error instanceof OutOfBudgetError) return failed(error.message);
      throw error;
    }
  }

  #compile({ spec }: Policy): CompiledPolicy {
    const compiler = new PolicyCompiler(this.#options.environments, spec?.paramKind !== undefined);
    for (const variable of spec?.variables ?? []) compiler.variable(variable);
    return {
      variables: compiler.variables,
      validations: (spec?.validations ?? []).map(({ expression, message = "", messageExpression = "", reason }) => ({
        expression: compiler.validation(expression),
        message: message.trim(),
        messageExpression:
          messageExpression === ""
            ? undefined
            : compiler.compile(messageExpression, [stringType], { hasAuthorizer: false }),
        reason,
      })),
      annotations: (spec?.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
        key,
        expression: compiler.compile(valueExpression.trim(), [stringType, nullType]),
      })),
    };
  }
}

async function messageOf(
  run: AdmissionRun,
  expression: string,
  told: { readonly message: string; readonly messageExpression: Compiled | undefined },
): Promise<string> {
  let made = "";
  if (told.messageExpression) {
    let result: Evaluation;
    try {
      result = await run.evaluate(told.messageExpression);
    } catch (error) {
      if (error instanceof OutOfBudgetError) return `failed messageExpression: ${error.message}`;
      throw error;
    }
    // What is no message of one line, the expression's failure included, is replaced by what there is.
    const text = "value" in result && typeof result.value === "string" ? result.value.trim() : "";
    if (!text.includes("\n") && text.length <= messageMax) made = text;
  }
  return made || told.message || `failed expression: ${expression.trim()}`;
}

async function annotationsOf(
  { annotations, variables }: CompiledPolicy,
  input: Omit<AdmissionRunOptions, "variables" | "budget">,
  isIgnored: boolean,
): Promise<Pick<Outcome, "annotations" | "annotationErrors">> {
  const run = new AdmissionRun({
    ...input,
    variables,
    budget: policyBudget,
  });
  const made: (readonly [string, string])[] = [];
  const errors: string[] = [];
  for (const { key, expression } of annotations) {
    const result = await run.evaluate(expression);
    if ("failure" in result) {
      if (!isIgnored) errors.push(result.failure);
    } else if (typeof result.value === "string") {
      const value = result.value.trim();
      if (value !== "") made.push([key, value]);
    } else if (result.value !== null) {
      const why = `resulted in unsupported return type: ${kindOf(result.value)}. Return type must be either string or null.`;
      errors.push(`valueExpression '${expression.text}' ${why}`);
    }
  }
  return { annotations: made, annotationErrors: errors };
}

function warningOf(policy: Policy, binding: Binding, message: string): string {
  const names = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  return `Validation failed for ${names}: ${message}`;
}

function auditOf(policy: Policy, { metadata, spec }: Binding, { message, index }: Failure): readonly [string, string] {
  const failure = {
    message,
    policy: policy.metadata.name,
    binding: metadata.name,
    expressionIndex: index,
    validationActions: spec?.validationActions ?? [],
  };
  return ["validation.policy.admission.k8s.io/validation_failure", JSON.stringify([failure])];
}

function denied({ group, resource, name }: AdmissionAttributes, { message, reason: given }: Denial): StatusError {
  // The reasons a validation may have are some of those of statuses.
  const reason = (given ?? "Invalid") as StatusReason;
  const status = forbidden({ group, resource }, name, message).toStatus();
  const { details } = status;
  return new StatusError({
    code: codes[reason] ?? 422,
    reason,
    message: status.message ?? message,
    details: { ...details, causes: [...(details?.causes ?? []), { message }] },
  });
}
