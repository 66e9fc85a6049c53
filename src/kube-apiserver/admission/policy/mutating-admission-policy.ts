import { forbidden, internalError, serviceUnavailable } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import { cloneJson, deepEqual } from "../../../apimachinery/object.ts";
import { applyJsonPatch } from "../../../apimachinery/patch/json-patch.ts";
import { PatchError } from "../../../apimachinery/patch/patch-error.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import { type ApplyType, ApplyTypeCache } from "../../../apimachinery/structured-merge-diff/apply-type.ts";
import { mergeTyped } from "../../../apimachinery/structured-merge-diff/merge.ts";
import { TypedValueError } from "../../../apimachinery/structured-merge-diff/typed-error.ts";
import { validateTyped } from "../../../apimachinery/structured-merge-diff/validate.ts";
import type {
  MutatingAdmissionPolicy as Policy,
  MutatingAdmissionPolicyBinding as Binding,
} from "../../../api/admissionregistration/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../../apiserver/admission/admission-plugin.ts";
import { applyTypeOf } from "../../../apiserver/endpoints/fieldmanager/kind-versions.ts";
import type { ServedKind, StorageLister } from "../../../apiserver/registry/rest/registry-access.ts";
import { CelError } from "../../../cel/errors.ts";
import type { AccessAnswers } from "../../../cel/library/authorizer.ts";
import { listOf } from "../../../cel/types/cel-type.ts";
import { toJson } from "../../../cel/values/json-value.ts";
import { isStruct, ListValue, type Value } from "../../../cel/values/value.ts";
import {
  checkPatchTypes,
  type Compiled,
  jsonPatchType,
  objectPatchType,
} from "../expressions/admission-environment.ts";
import { accessAnswers, AdmissionRun, OutOfBudgetError, policyBudget } from "../expressions/admission-run.ts";
import { type Invocation, invocationOf, isExempt, replaceObject } from "../matching.ts";
import { Reinvocation } from "../reinvocation.ts";
import { atomicParts } from "./atomic-parts.ts";
import { CompiledPolicies, criteriaOf, PolicyCompiler, PolicyIndex } from "./policy-index.ts";
import { paramsOf, PolicyConfigurationError } from "./policy-params.ts";
import { namespaceOf } from "./request-namespace.ts";
import type { PolicyPluginOptions } from "./validating-admission-policy.ts";

interface CompiledPolicy {
  readonly variables: ReadonlyMap<string, Compiled>;
  readonly mutations: readonly { readonly type: "ApplyConfiguration" | "JSONPatch"; readonly expression: Compiled }[];
}

/** Why a policy could not do what it is there for. */
interface Failure {
  readonly message: string;
  readonly reason: "Invalid" | undefined;
}

/**
 * Lets policies change what is written, one after the other by name, each once for each of its bindings and their parameters. A
 * change lets the whole chain run a second time, in which policies with `reinvocationPolicy: IfNeeded` see what others did.
 */
export class MutatingAdmissionPolicy implements AdmissionPlugin {
  readonly name = "MutatingAdmissionPolicy";
  readonly #index: PolicyIndex<Policy, Binding>;
  readonly #compiled = new CompiledPolicies<CompiledPolicy>();
  readonly #options: PolicyPluginOptions;
  readonly #types = new ApplyTypeCache();

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

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const bound = this.#index.bound();
    if (bound.length === 0 || isExempt(attributes) || !attributes.object) return;
    const reinvocation = Reinvocation.of(this.name, attributes);
    const answers = accessAnswers(this.#options.authorizer, attributes.user);
    const failures: Failure[] = [];
    for (const { policy, bindings } of bound)
      for (const binding of bindings)
        failures.push(...(await this.#ask(policy, binding, attributes, answers, reinvocation)));
    reinvocation.end(attributes);
    if (failures.length > 0) throw refusal(attributes, failures);
  }

  async #ask(
    policy: Policy,
    binding: Binding,
    attributes: AdmissionAttributes,
    answers: AccessAnswers,
    reinvocation: Reinvocation,
  ): Promise<readonly Failure[]> {
    const { namespaces, registry } = this.#options;
    const { paramKind, matchConstraints, failurePolicy } = policy.spec ?? {};
    if (!invocationOf(criteriaOf(matchConstraints), attributes, namespaces)) return [];
    if (!invocationOf(criteriaOf(binding.spec?.matchResources), attributes, namespaces)) return [];
    const prefix = `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: `;
    try {
      const failures: Failure[] = [];
      for (const params of await paramsOf(paramKind, binding.spec?.paramRef, attributes.namespace, registry())) {
        const id = [
          policy.metadata.name,
          binding.metadata.name,
          params?.metadata.namespace,
          params?.metadata.name,
        ].join("/");
        const messages = await this.#mutate({ policy, attributes, answers, params, id, reinvocation });
        for (const message of messages) failures.push({ message: prefix + message, reason: "Invalid" });
      }
      return failurePolicy === "Ignore" ? [] : failures;
    } catch (error) {
      if (!(error instanceof PolicyConfigurationError)) throw error;
      if (failurePolicy === "Ignore") return [];
      const whose = error.subject === "policy" ? `policy "${policy.metadata.name}" denied request: ` : prefix;
      return [{ message: `${whose}${error.message}`, reason: undefined }];
    }
  }

  /** What failed; mutations before and after it have been made. */
  async #mutate(options: {
    readonly policy: Policy;
    readonly attributes: AdmissionAttributes;
    readonly answers: AccessAnswers;
    readonly params: KubeObject | undefined;
    readonly id: string;
    readonly reinvocation: Reinvocation;
  }): Promise<readonly string[]> {
    const { policy, attributes, answers, params, id, reinvocation } = options;
    const { matchConstraints, matchConditions = [], paramKind, failurePolicy, reinvocationPolicy } = policy.spec ?? {};
    const { namespaces, matchConditions: conditions } = this.#options;
    // The object may have been changed since the last policy saw it.
    const invocation = invocationOf(criteriaOf(matchConstraints), attributes, namespaces);
    if (!invocation) return [];
    const namespace = namespaceOf(attributes, namespaces);
    const input = { invocation, namespace, params, answers };
    const match = await conditions.evaluate(matchConditions, input, paramKind !== undefined);
    if ("failure" in match) return failurePolicy === "Ignore" ? [] : [match.failure];
    if (!match.matches) return [];
    if (!reinvocation.takes(id, attributes)) return [];
    const before = cloneJson(attributes.object);
    const { variables, mutations } = this.#compiled.of(policy, (each) => this.#compile(each));
    const failures: string[] = [];
    for (const { type, expression } of mutations) {
      try {
        const run = new AdmissionRun({ ...input, variables, budget: policyBudget });
        const result = await run.evaluate(expression);
        if ("failure" in result) failures.push(result.failure);
        else this.#apply(type, result.value, invocation);
      } catch (error) {
        if (!(error instanceof OutOfBudgetError) && !(error instanceof MutationError)) throw error;
        failures.push(error.message);
      }
    }
    invocation.takeOver();
    const hasChanged = !deepEqual(before, attributes.object);
    reinvocation.done(id, attributes, { hasChanged, wantsMore: reinvocationPolicy === "IfNeeded" });
    return failures;
  }

  /** Changes the object in place. Throws MutationError for a patch that is none of it. */
  #apply(type: "ApplyConfiguration" | "JSONPatch", value: Value, { seen }: Invocation): void {
    const { object } = seen;
    if (!object) return;
    const served = this.#options.registry().served(object.apiVersion, object.kind);
    if (!served) {
      const why =
        "There can be a delay between when CustomResourceDefinitions are created and when they are available.";
      throw serviceUnavailable(`Resource kind ${object.apiVersion}, Kind=${object.kind} not found. ${why}`);
    }
    const patched = type === "JSONPatch" ? jsonPatched(object, value) : this.#merged(object, value, served);
    if (patched === undefined) return;
    let decoded: Mutable<KubeObject>;
    try {
      decoded = served.kind.decode(patched).object;
    } catch (error) {
      throw internalError(error);
    }
    served.kind.applyDefaults(decoded);
    replaceObject(object, decoded);
  }

  #merged(object: KubeObject, value: Value, { kind }: ServedKind): unknown {
    const { apiVersion, kind: name } = object;
    const configuration = { ...(jsonOf(value) as object), apiVersion, kind: name };
    const type: ApplyType = applyTypeOf(kind, this.#types);
    try {
      validateTyped(configuration, type);
    } catch (error) {
      throw mutationError("failed to convert patch object to typed object: ", error);
    }
    const atomics = atomicParts(configuration, type);
    if (atomics.length > 0) {
      const why = `may not mutate atomic arrays, maps or structs: ${atomics.join(", ")}`;
      throw new MutationError(`error applying patch: invalid ApplyConfiguration: ${why}`);
    }
    try {
      return mergeTyped(object, configuration, type);
    } catch (error) {
      throw mutationError("failed to merge patch: ", error);
    }
  }

  #compile({ spec }: Policy): CompiledPolicy {
    const compiler = new PolicyCompiler(this.#options.environments, spec?.paramKind !== undefined);
    for (const variable of spec?.variables ?? []) compiler.variable(variable);
    return {
      variables: compiler.variables,
      mutations: (spec?.mutations ?? []).map(({ patchType, applyConfiguration, jsonPatch }) => ({
        type: patchType,
        expression: compileMutation(compiler, patchType, (applyConfiguration ?? jsonPatch)?.expression ?? ""),
      })),
    };
  }
}

export function compileMutation(
  compiler: PolicyCompiler,
  type: "ApplyConfiguration" | "JSONPatch",
  text: string,
): Compiled {
  const wanted = type === "JSONPatch" ? listOf(jsonPatchType) : objectPatchType;
  return compiler.compile(text.trim(), [wanted], { makesPatches: true });
}

/** A mutation that cannot be made. */
class MutationError extends Error {}

function mutationError(what: string, error: unknown): unknown {
  if (!(error instanceof TypedValueError)) return error;
  return new MutationError(`error applying patch: ${what}${error.message}`);
}

/** Undefined when a test of the patch does not hold: then nothing is changed. */
function jsonPatched(object: KubeObject, value: Value): unknown {
  if (!(value instanceof ListValue))
    throw new MutationError("type mismatch: JSONPatchType.expression should evaluate to array");
  const operations = [...value].map((operation) => {
    if (!isStruct(operation))
      throw new MutationError("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch");
    const { op = "", path = "", from, value: member } = membersOf(operation);
    return {
      op: op,
      path: path,
      ...(from === undefined || from === "" ? {} : { from }),
      ...(member === undefined ? {} : { value: member }),
    };
  });
  try {
    return applyJsonPatch(object, operations);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    if (error.isTestFailure) return undefined;
    throw new MutationError(`JSON Patch: ${error.message}`);
  }
}

function membersOf(operation: Value): Readonly<Record<string, unknown>> {
  if (!isStruct(operation)) return {};
  return Object.fromEntries(operation.fields().map((field) => [field, jsonOf(operation.get(field) ?? null)]));
}

function jsonOf(value: Value): unknown {
  try {
    checkPatchTypes(value);
  } catch (error) {
    if (error instanceof CelError) throw new MutationError(`type mismatch: ${error.message}`);
    throw error;
  }
  return toJson(value);
}

function refusal({ group, resource, name }: AdmissionAttributes, failures: readonly Failure[]): StatusError {
  const { details } = forbidden({ group, resource }, name, "").toStatus();
  const [first] = failures;
  const isInvalid = first?.reason === "Invalid";
  return new StatusError({
    // As upstream, the reason is another than the code would have.
    code: 403,
    reason: isInvalid ? "Invalid" : "Forbidden",
    message: first?.message ?? "",
    details: { ...details, causes: failures.map(({ message }) => ({ message })) },
  });
}
