import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from "../../api/admissionregistration/v1/types.gen.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import {
  validateClientConfig,
  reviewVersions,
  validateReviewVersions,
} from "../../apiserver/webhook/validate-client-config.ts";
import type { AdmissionEnvironments } from "../admission/expressions/admission-environment.ts";
import { validateMatchConditions } from "../validation/match-conditions.ts";
import { webhookConfigurationCells } from "../printers/others.ts";
import { syntax } from "../validation/common.ts";
import { validateLabelSelector } from "../validation/label-selector.ts";

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

export function webhookConfigurationStrategy(environments: AdmissionEnvironments): Strategy<Configuration> {
  return {
    generation: "object",
    allowUnconditionalUpdate: false,
    validate: (configuration) => validateConfiguration(configuration, undefined, environments),
    validateUpdate: (configuration, old) => validateConfiguration(configuration, old, environments),
    tableCells: webhookConfigurationCells,
  };
}

function validateConfiguration(
  { webhooks = [] }: Configuration,
  old: Configuration | undefined,
  environments: AdmissionEnvironments,
): readonly FieldError[] {
  const seen = new Set<string>();
  const conditionsOf = (hooks: Configuration["webhooks"]): unknown => hooks?.map((hook) => hook.matchConditions ?? []);
  // What was valid for another version of this server stays so until somebody changes it.
  const areSame = old !== undefined && deepEqual(conditionsOf(webhooks), conditionsOf(old.webhooks));
  return webhooks.flatMap((hook, i) => {
    const path = FieldPath.of("webhooks").index(i);
    const duplicate = seen.has(hook.name) ? [fieldDuplicate(path.child("name"), hook.name)] : [];
    seen.add(hook.name);
    const at = path.child("matchConditions");
    const conditions = areSame ? [] : validateMatchConditions(hook.matchConditions, environments, false, at);
    return [...validateWebhook(hook, path), ...conditions, ...duplicate];
  });
}

function validateWebhook(hook: MutatingWebhook | ValidatingWebhook, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [...validateName(hook.name, path.child("name"))];
  for (const [i, rule] of (hook.rules ?? []).entries()) {
    errors.push(...validateRuleWithOperations(rule, path.child("rules").index(i)));
  }
  if (!hook.sideEffects) {
    errors.push(fieldRequired(path.child("sideEffects"), "must specify one of None, NoneOnDryRun"));
  } else if (hook.sideEffects !== "None" && hook.sideEffects !== "NoneOnDryRun") {
    errors.push(fieldNotSupported(path.child("sideEffects"), hook.sideEffects, ["None", "NoneOnDryRun"]));
  }
  const enums = [
    ["failurePolicy", hook.failurePolicy, ["Fail", "Ignore"]],
    ["matchPolicy", hook.matchPolicy, ["Equivalent", "Exact"]],
    ["reinvocationPolicy", "reinvocationPolicy" in hook ? hook.reinvocationPolicy : undefined, ["IfNeeded", "Never"]],
  ] as const;
  for (const [name, value, values] of enums)
    if (value !== undefined && !values.some((each) => each === value))
      errors.push(fieldNotSupported(path.child(name), value, values));
  const { timeoutSeconds } = hook;
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)) {
    const why = "the timeout value must be between 1 and 30 seconds";
    errors.push(fieldInvalid(path.child("timeoutSeconds"), timeoutSeconds, why));
  }
  errors.push(
    ...validateLabelSelector(hook.namespaceSelector, path.child("namespaceSelector")),
    ...validateLabelSelector(hook.objectSelector, path.child("objectSelector")),
    ...validateClientConfig(hook.clientConfig, path.child("clientConfig")),
    ...validateReviewVersions(hook.admissionReviewVersions ?? [], path.child("admissionReviewVersions"), {
      missing: `must specify one of ${reviewVersions.join(", ")}`,
    }),
  );
  return errors;
}

function validateName(name: string, path: FieldPath): readonly FieldError[] {
  if (name === "") return [fieldRequired(path)];
  const errors = syntax(path, name, validateDns1123Subdomain(name));
  if (errors.length > 0) return errors;
  const isQualified = name.split(".").length >= 3;
  return isQualified
    ? []
    : [fieldInvalid(path, name, "should be a domain with at least three segments separated by dots")];
}

/** A rule of a webhook or a policy. */
const supportedOperations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const supportedScopes = ["*", "Cluster", "Namespaced"];

export function validateRuleWithOperations(rule: RuleWithOperations, path: FieldPath): readonly FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  const alone = (values: readonly string[], at: FieldPath, what: string): FieldError[] => {
    if (values.length === 0) return [fieldRequired(at)];
    const isMixed = values.length > 1 && values.includes("*");
    return isMixed ? [fieldInvalid(at, values, `if '*' is present, must not specify other ${what}`)] : [];
  };
  return [
    ...alone(operations, path.child("operations"), "operations"),
    ...operations.flatMap((operation, i) =>
      supportedOperations.includes(operation)
        ? []
        : [fieldNotSupported(path.child("operations").index(i), operation, supportedOperations)],
    ),
    ...alone(apiGroups, path.child("apiGroups"), "API groups"),
    ...alone(apiVersions, path.child("apiVersions"), "API versions"),
    ...apiVersions.flatMap((version, i) => (version === "" ? [fieldRequired(path.child("apiVersions").index(i))] : [])),
    ...validateResources(resources, path.child("resources")),
    ...(scope === undefined || supportedScopes.includes(scope)
      ? []
      : [fieldNotSupported(path.child("scope"), scope, supportedScopes)]),
  ];
}

/** Resources and `resource/subresource`, of which a wildcard says nothing twice. */
function validateResources(resources: readonly string[], path: FieldPath): FieldError[] {
  if (resources.length === 0) return [fieldRequired(path)];
  const errors: FieldError[] = [];
  const before = new Set<string>();
  for (const [i, name] of resources.entries()) {
    const at = path.index(i);
    const slash = name.indexOf("/");
    if (name === "") errors.push(fieldRequired(at));
    if (slash < 0) continue;
    const [resource, subresource] = [name.slice(0, slash), name.slice(slash + 1)];
    for (const wildcard of [`${resource}/*`, `*/${subresource}`])
      if (before.has(wildcard))
        errors.push(fieldInvalid(at, name, `if '${wildcard}' is present, must not specify ${name}`));
    if (resource === "*" || subresource === "*") before.add(name);
  }
  if (resources.length > 1 && resources.includes("*/*"))
    errors.push(fieldInvalid(path, resources, "if '*/*' is present, must not specify other resources"));
  // As upstream, which looks at the last resource without a subresource only.
  const last = resources.findLast((name) => name !== "" && !name.includes("/"));
  if (resources.includes("*") && last !== "*")
    errors.push(
      fieldInvalid(path, resources, "if '*' is present, must not specify other resources without subresources"),
    );
  return errors;
}
