import type {
  AuditAnnotation,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from "../../api/admissionregistration/v1/types.gen.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import {
  type FieldError,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  validateDns1035Label,
  validateDns1123Subdomain,
  validatePathSegmentName,
  validateQualifiedName,
} from "../../apimachinery/validation/names.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { nullType, stringType } from "../../cel/types/cel-type.ts";
import type { AdmissionEnvironments } from "../admission/expressions/admission-environment.ts";
import { compileMutation } from "../admission/policy/mutating-admission-policy.ts";
import { PolicyCompiler } from "../admission/policy/policy-index.ts";
import {
  admissionPolicyBindingCells,
  mutatingAdmissionPolicyCells,
  validatingAdmissionPolicyCells,
} from "../printers/others.ts";
import { syntax } from "../validation/common.ts";
import { validateLabelSelector } from "../validation/label-selector.ts";
import { compileErrors, validateMatchConditions } from "../validation/match-conditions.ts";
import { validateRuleWithOperations } from "./webhook-strategies.ts";

// Upstream's limits.
const auditAnnotationsMax = 20;
const valueExpressionMax = 5 * 1024;

/** Nothing is left to be changed of what is deleted. */
const mutatingOperations = ["*", "CONNECT", "CREATE", "UPDATE"];

type Errors = readonly FieldError[];

/** The strategies of policies and their bindings, by resource. */
export function admissionPolicyStrategies(environments: AdmissionEnvironments): {
  readonly validatingadmissionpolicies: Strategy<ValidatingAdmissionPolicy>;
  readonly validatingadmissionpolicybindings: Strategy<ValidatingAdmissionPolicyBinding>;
  readonly mutatingadmissionpolicies: Strategy<MutatingAdmissionPolicy>;
  readonly mutatingadmissionpolicybindings: Strategy<MutatingAdmissionPolicyBinding>;
} {
  return {
    validatingadmissionpolicies: {
      allowUnconditionalUpdate: false,
      validate: (policy) => validateValidatingPolicy(policy, environments, true),
      validateUpdate: (policy, old) => validateValidatingPolicy(policy, environments, !isSameConditions(policy, old)),
      tableCells: validatingAdmissionPolicyCells,
    },
    validatingadmissionpolicybindings: {
      allowUnconditionalUpdate: false,
      generation: "spec",
      validate: validateValidatingBinding,
      validateUpdate: validateValidatingBinding,
      tableCells: admissionPolicyBindingCells,
    },
    mutatingadmissionpolicies: {
      allowUnconditionalUpdate: false,
      generation: "spec",
      validate: (policy) => validateMutatingPolicy(policy, environments, true),
      validateUpdate: (policy, old) => validateMutatingPolicy(policy, environments, !isSameConditions(policy, old)),
      tableCells: mutatingAdmissionPolicyCells,
    },
    mutatingadmissionpolicybindings: {
      allowUnconditionalUpdate: false,
      generation: "spec",
      validate: validateMutatingBinding,
      validateUpdate: validateMutatingBinding,
      tableCells: admissionPolicyBindingCells,
    },
  };
}

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;

/** What was valid for another version of this server stays so until somebody changes it. */
function isSameConditions(policy: Policy, old: Policy): boolean {
  return deepEqual(policy.spec?.matchConditions, old.spec?.matchConditions);
}

function validateValidatingPolicy(
  { metadata, spec }: ValidatingAdmissionPolicy,
  environments: AdmissionEnvironments,
  checksConditions: boolean,
): Errors {
  const path = FieldPath.of("spec");
  const { validations = [], auditAnnotations = [], paramKind } = spec;
  const compiler = new PolicyCompiler(environments, paramKind !== undefined);
  const errors: FieldError[] = [
    ...validateCommon(spec, path),
    ...(checksConditions
      ? validateMatchConditions(
          spec.matchConditions,
          environments,
          paramKind !== undefined,
          path.child("matchConditions"),
        )
      : []),
    ...validateVariables(spec.variables, compiler, path.child("variables")),
  ];
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = "validations or auditAnnotations must contain at least one item";
    return [
      ...errors,
      fieldRequired(path.child("validations"), why),
      fieldRequired(path.child("auditAnnotations"), why),
    ];
  }
  for (const [i, validation] of validations.entries())
    errors.push(...validateValidation(validation, compiler, path.child("validations").index(i)));
  const annotations = path.child("auditAnnotations");
  if (auditAnnotations.length > auditAnnotationsMax) {
    const why = `must not have more than ${auditAnnotationsMax} auditAnnotations`;
    errors.push(fieldInvalid(annotations, auditAnnotations, why));
  }
  const keys = new Set<string>();
  for (const [i, annotation] of auditAnnotations.entries()) {
    const at = annotations.index(i);
    errors.push(...validateAnnotation(annotation, metadata.name, compiler, at));
    if (keys.has(annotation.key)) errors.push(fieldDuplicate(at.child("key"), annotation.key));
    keys.add(annotation.key);
  }
  return errors;
}

function validateMutatingPolicy(
  { spec }: MutatingAdmissionPolicy,
  environments: AdmissionEnvironments,
  checksConditions: boolean,
): Errors {
  const path = FieldPath.of("spec");
  const { mutations = [], paramKind, reinvocationPolicy } = spec;
  const compiler = new PolicyCompiler(environments, paramKind !== undefined);
  const errors: FieldError[] = [
    ...validateCommon(spec, path),
    ...validateMutatingOperations(spec.matchConstraints, path.child("matchConstraints", "resourceRules", "operations")),
    ...(checksConditions
      ? validateMatchConditions(
          spec.matchConditions,
          environments,
          paramKind !== undefined,
          path.child("matchConditions"),
        )
      : []),
    ...validateVariables(spec.variables, compiler, path.child("variables")),
  ];
  if (mutations.length === 0)
    errors.push(fieldRequired(path.child("mutations"), "mutations must contain at least one item"));
  for (const [i, mutation] of mutations.entries())
    errors.push(...validateMutation(mutation, compiler, path.child("mutations").index(i)));
  return [...errors, ...oneOf(reinvocationPolicy, ["IfNeeded", "Never"], path.child("reinvocationPolicy"))];
}

function validateCommon(
  spec: { readonly failurePolicy?: string; readonly paramKind?: ParamKind; readonly matchConstraints?: MatchResources },
  path: FieldPath,
): Errors {
  const errors = [...oneOf(spec.failurePolicy, ["Fail", "Ignore"], path.child("failurePolicy"))];
  if (spec.paramKind) errors.push(...validateParamKind(spec.paramKind, path.child("paramKind")));
  const constraints = path.child("matchConstraints");
  if (!spec.matchConstraints) return [...errors, fieldRequired(constraints)];
  errors.push(...validateMatchResources(spec.matchConstraints, constraints));
  // They tell what types the expressions are about.
  if ((spec.matchConstraints.resourceRules ?? []).length === 0)
    errors.push(fieldRequired(constraints.child("resourceRules")));
  return errors;
}

function oneOf(value: string | undefined, supported: readonly string[], path: FieldPath): Errors {
  if (value === undefined || value === "") return [fieldRequired(path)];
  return supported.includes(value) ? [] : [fieldNotSupported(path, value, supported)];
}

function validateParamKind({ apiVersion = "", kind = "" }: ParamKind, path: FieldPath): Errors {
  return [
    ...validateParamVersion(apiVersion, path.child("apiVersion")),
    ...validateParamKindName(kind, path.child("kind")),
  ];
}

function validateParamVersion(apiVersion: string, path: FieldPath): Errors {
  if (apiVersion === "") return [fieldRequired(path)];
  const parts = apiVersion.split("/");
  if (parts.length > 2) return [fieldInvalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const [group, version] = parts.length === 2 ? [parts[0] ?? "", parts[1] ?? ""] : ["", apiVersion];
  const errors: FieldError[] = [];
  if (group !== "") {
    const messages = validateDns1123Subdomain(group);
    if (messages.length > 0) errors.push(fieldInvalid(path, group, messages.join(",")));
  }
  if (version === "") return [...errors, fieldInvalid(path, apiVersion, "version must be specified")];
  const messages = validateDns1035Label(version);
  return messages.length > 0 ? [...errors, fieldInvalid(path, version, messages.join(","))] : errors;
}

function validateParamKindName(kind: string, path: FieldPath): Errors {
  if (kind === "") return [fieldRequired(path)];
  const messages = validateDns1035Label(kind.toLowerCase());
  if (messages.length === 0) return [];
  return [fieldInvalid(path, kind, `may have mixed case, but should otherwise match: ${messages.join(",")}`)];
}

function validateMatchResources(resources: MatchResources | undefined, path: FieldPath): Errors {
  if (!resources) return [];
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = resources;
  const selectors = Object.entries({ namespaceSelector, objectSelector }).flatMap(([name, selector]) =>
    selector ? validateLabelSelector(selector, path.child(name)) : [fieldRequired(path.child(name))],
  );
  return [
    ...oneOf(matchPolicy, ["Equivalent", "Exact"], path.child("matchPolicy")),
    ...selectors,
    ...resourceRules.flatMap((rule, i) => validateNamedRule(rule, path.child("resourceRules").index(i))),
    ...excludeResourceRules.flatMap((rule, i) => validateNamedRule(rule, path.child("excludeResourceRules").index(i))),
  ];
}

function validateNamedRule(rule: NamedRuleWithOperations, path: FieldPath): Errors {
  const seen = new Set<string>();
  const names = (rule.resourceNames ?? []).flatMap((name, i) => {
    const at = path.child("resourceNames").index(i);
    const errors: FieldError[] = syntax(at, name, validatePathSegmentName(name)).slice();
    if (seen.has(name)) errors.push(fieldDuplicate(at, name));
    seen.add(name);
    return errors;
  });
  return [...names, ...validateRuleWithOperations(rule, path)];
}

function validateMutatingOperations(resources: MatchResources | undefined, path: FieldPath): Errors {
  return (resources?.resourceRules ?? [])
    .flatMap(({ operations = [] }) => operations)
    .filter((operation) => !mutatingOperations.includes(operation))
    .map((operation) => fieldNotSupported(path, operation, mutatingOperations));
}

function validateVariables(variables: readonly Variable[] = [], compiler: PolicyCompiler, path: FieldPath): Errors {
  return variables.flatMap((variable, i) => {
    const at = path.index(i);
    const { name, expression } = variable;
    const errors: FieldError[] = [];
    if (name.trim() === "") errors.push(fieldRequired(at.child("name"), "name is not specified"));
    else if (!isIdentifier(name)) errors.push(fieldInvalid(at.child("name"), name, "must be a valid CEL identifier"));
    if (expression.trim() === "") errors.push(fieldRequired(at.child("expression"), "expression is not specified"));
    else errors.push(...compileErrors(compiler.variable(variable), at.child("expression")));
    return errors;
  });
}

const reserved = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

function isIdentifier(name: string): boolean {
  return /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !reserved.has(name);
}

function validateValidation(
  { expression, message = "", messageExpression = "", reason }: Validation,
  compiler: PolicyCompiler,
  path: FieldPath,
): Errors {
  const errors: FieldError[] = [];
  if (expression.trim() === "") errors.push(fieldRequired(path.child("expression"), "expression is not specified"));
  else errors.push(...compileErrors(compiler.validation(expression), path.child("expression")));
  const at = path.child("messageExpression");
  if (messageExpression !== "") {
    if (messageExpression.trim() === "")
      errors.push(fieldInvalid(at, messageExpression, "must be non-empty if specified"));
    else errors.push(...compileErrors(compiler.compile(messageExpression, [stringType], { hasAuthorizer: false }), at));
  }
  if (message !== "" && message.trim() === "")
    errors.push(fieldInvalid(path.child("message"), message, "must be non-empty if specified"));
  else if (/[\n\r]/.test(message.trim()))
    errors.push(fieldInvalid(path.child("message"), message, "must not contain line breaks"));
  const reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(fieldNotSupported(path.child("reason"), reason, reasons));
  return errors;
}

function validateAnnotation(
  { key, valueExpression }: AuditAnnotation,
  policy: string | undefined,
  compiler: PolicyCompiler,
  path: FieldPath,
): Errors {
  const errors: FieldError[] = [];
  const at = path.child("key");
  if (!policy) errors.push(fieldInvalid(at, key, "requires metadata.name be non-empty"));
  else errors.push(...syntax(at, `${policy}/${key}`, validateQualifiedName(`${policy}/${key}`)));
  const expression = path.child("valueExpression");
  const text = valueExpression.trim();
  if (text === "") return [...errors, fieldRequired(expression, "valueExpression is not specified")];
  if (text.length > valueExpressionMax)
    return [...errors, fieldRequired(expression, `must not exceed ${valueExpressionMax} bytes in length`)];
  const compiled = compiler.compile(text, [stringType, nullType]);
  return "failure" in compiled ? [...errors, fieldInvalid(expression, valueExpression, compiled.failure)] : errors;
}

function validateMutation(mutation: Mutation, compiler: PolicyCompiler, path: FieldPath): Errors {
  const { patchType } = mutation;
  const types = { ApplyConfiguration: "applyConfiguration", JSONPatch: "jsonPatch" } as const;
  const errors = oneOf(patchType, Object.keys(types), path.child("patchType"));
  if (errors.length > 0) return errors;
  const field = types[patchType];
  const other = patchType === "JSONPatch" ? "applyConfiguration" : "jsonPatch";
  const own = mutation[field];
  const at = path.child(field);
  const found: FieldError[] = [];
  if (!own) found.push(fieldRequired(at, `must be specified when patchType is ${patchType}`));
  else if ((own.expression ?? "").trim() === "") found.push(fieldRequired(at.child("expression")));
  else found.push(...compileErrors(compileMutation(compiler, patchType, own.expression ?? ""), at.child("expression")));
  if (mutation[other])
    found.push(fieldInvalid(path.child(other), `{${other}}`, `must not be specified when patchType is ${patchType}`));
  return found;
}

function validateValidatingBinding({ spec }: ValidatingAdmissionPolicyBinding): Errors {
  const path = FieldPath.of("spec");
  return [
    ...validateBinding(spec, path),
    ...validateActions(spec.validationActions ?? [], path.child("validationActions")),
  ];
}

function validateMutatingBinding({ spec }: MutatingAdmissionPolicyBinding): Errors {
  const path = FieldPath.of("spec");
  const operations = path.child("matchResources", "resourceRules", "operations");
  return [...validateBinding(spec, path), ...validateMutatingOperations(spec.matchResources, operations)];
}

function validateBinding(
  spec: { readonly policyName?: string; readonly paramRef?: ParamRef; readonly matchResources?: MatchResources },
  path: FieldPath,
): Errors {
  const { policyName = "" } = spec;
  const at = path.child("policyName");
  return [
    ...(policyName === "" ? [fieldRequired(at)] : syntax(at, policyName, validateDns1123Subdomain(policyName))),
    ...validateParamRef(spec.paramRef, path.child("paramRef")),
    ...validateMatchResources(spec.matchResources, path.child("matchResources")),
  ];
}

function validateParamRef(ref: ParamRef | undefined, path: FieldPath): Errors {
  if (!ref) return [];
  const { name = "", selector, parameterNotFoundAction } = ref;
  const errors: FieldError[] = [];
  const exclusive = "name and selector are mutually exclusive";
  if (name !== "") {
    errors.push(...syntax(path.child("name"), name, validatePathSegmentName(name)));
    if (selector) errors.push(fieldForbidden(path.child("name"), exclusive));
  }
  if (selector) {
    errors.push(...validateLabelSelector(selector, path.child("selector")));
    if (name !== "") errors.push(fieldForbidden(path.child("selector"), exclusive));
  }
  if (name === "" && !selector) errors.push(fieldRequired(path, "one of name or selector must be specified"));
  return [...errors, ...oneOf(parameterNotFoundAction, ["Deny", "Allow"], path.child("parameterNotFoundAction"))];
}

function validateActions(actions: readonly string[], path: FieldPath): Errors {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, action] of actions.entries()) {
    const supported = ["Audit", "Deny", "Warn"];
    if (!supported.includes(action)) errors.push(fieldNotSupported(path.index(i), action, supported));
    if (seen.has(action)) errors.push(fieldDuplicate(path.index(i), action));
    seen.add(action);
  }
  if (seen.has("Deny") && seen.has("Warn")) {
    const why =
      "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
    errors.push(fieldInvalid(path, actions, why));
  }
  if (seen.size === 0) errors.push(fieldRequired(path, "at least one validation action is required"));
  return errors;
}
