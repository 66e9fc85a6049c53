import type {
  FlowSchema,
  FlowSchemaSpec,
  LimitResponse,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
  ResourcePolicyRule,
  Subject,
} from "../../api/flowcontrol/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Label, validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import { mandatoryLevels, mandatorySchemas } from "../../apiserver/flowcontrol/default-objects.ts";
import { hashBitsMax, requiredEntropyBits } from "../../apiserver/flowcontrol/shuffle-sharding.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { flowSchemaCells, priorityLevelConfigurationCells } from "../printers/others.ts";
import { syntax } from "../validation/common.ts";
import { internalForm } from "../../api/internal-form.ts";

const specPath = FieldPath.of("spec");
const conditionsPath = FieldPath.of("status", "conditions");

const precedenceMax = 10_000;
const queuesMax = 10_000_000;
const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];
const distinguishers = ["ByNamespace", "ByUser"];
const subjectKinds = ["Group", "ServiceAccount", "User"] as const;
const subjectFields = { Group: "group", ServiceAccount: "serviceAccount", User: "user" } as const;

export const flowSchemaStrategy: Strategy<FlowSchema> = {
  validate: validateSchema,
  validateUpdate: validateSchema,
  checksNameOnUpdate: true,
  validateStatus: ({ status }: FlowSchema) => validateConditionTypes(status.conditions),
  tableCells: flowSchemaCells,
};

export const priorityLevelConfigurationStrategy: Strategy<PriorityLevelConfiguration> = {
  validate: validateLevel,
  validateUpdate: validateLevel,
  checksNameOnUpdate: true,
  validateStatus: ({ status }: PriorityLevelConfiguration) => validateConditionTypes(status.conditions),
  tableCells: priorityLevelConfigurationCells,
};

function validateSchema({ metadata: { name }, spec }: FlowSchema): readonly FieldError[] {
  const errors = [...validateSchemaSpec(name, spec)];
  const mandatory = mandatorySchemas.find(({ metadata }) => metadata.name === name);
  if (mandatory && !semanticEqual(spec, mandatory.spec)) {
    const shown = internalForm(spec, "flowcontrol/v1.FlowSchemaSpec");
    errors.push(fieldInvalid(specPath, shown, `spec of '${name}' must equal the fixed value`));
  }
  return errors;
}

function validateSchemaSpec(name: string, spec: FlowSchemaSpec): readonly FieldError[] {
  const { matchingPrecedence, distinguisherMethod, priorityLevelConfiguration, rules = [] } = spec;
  const errors: FieldError[] = [];
  const precedenceAt = specPath.child("matchingPrecedence");
  const precedence = (detail: string): unknown => errors.push(fieldInvalid(precedenceAt, matchingPrecedence, detail));
  if (matchingPrecedence <= 0) precedence("must be a positive value");
  if (matchingPrecedence > precedenceMax) precedence(`must not be greater than ${precedenceMax}`);
  if (matchingPrecedence === 1 && name !== "exempt")
    precedence("only the schema named 'exempt' may have matchingPrecedence 1");
  if (distinguisherMethod && !distinguishers.includes(distinguisherMethod.type)) {
    const shown = internalForm(distinguisherMethod, "flowcontrol/v1.FlowDistinguisherMethod");
    errors.push(fieldNotSupported(specPath.child("distinguisherMethod", "type"), shown, distinguishers));
  }
  const levelAt = specPath.child("priorityLevelConfiguration", "name");
  if (priorityLevelConfiguration.name === "") errors.push(fieldRequired(levelAt, "must reference a priority level"));
  else
    errors.push(
      ...syntax(levelAt, priorityLevelConfiguration.name, validateDns1123Subdomain(priorityLevelConfiguration.name)),
    );
  for (const [i, rule] of rules.entries()) errors.push(...validateRules(rule, specPath.child("rules").index(i)));
  return errors;
}

function validateRules(
  { subjects, resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const subjectsAt = path.child("subjects");
  if (!subjects?.length) errors.push(fieldRequired(subjectsAt, "subjects must contain at least one value"));
  for (const [i, subject] of (subjects ?? []).entries()) errors.push(...validateSubject(subject, subjectsAt.index(i)));
  if (resourceRules.length === 0 && nonResourceRules.length === 0)
    errors.push(fieldRequired(path, "at least one of resourceRules and nonResourceRules has to be non-empty"));
  for (const [i, rule] of resourceRules.entries())
    errors.push(...validateResourceRule(rule, path.child("resourceRules").index(i)));
  for (const [i, rule] of nonResourceRules.entries())
    errors.push(...validateNonResourceRule(rule, path.child("nonResourceRules").index(i)));
  return errors;
}

function validateSubject(subject: Subject, path: FieldPath): readonly FieldError[] {
  const { kind, serviceAccount } = subject;
  const own = Object.hasOwn(subjectFields, kind) ? subjectFields[kind as keyof typeof subjectFields] : undefined;
  if (own === undefined) return [fieldNotSupported(path.child("kind"), kind, subjectKinds)];
  const at = path.child(own);
  const errors: FieldError[] = [];
  if (subject[own] === undefined) errors.push(fieldRequired(at, `${own} is required when subject kind is '${kind}'`));
  else if (kind === "ServiceAccount" && serviceAccount) {
    const { name, namespace } = serviceAccount;
    if (name === "") errors.push(fieldRequired(at.child("name")));
    else if (name !== "*") errors.push(...syntax(at.child("name"), name, validateDns1123Subdomain(name)));
    if (namespace === "")
      errors.push(fieldRequired(at.child("namespace"), "must specify namespace for service account"));
    else errors.push(...syntax(at.child("namespace"), namespace, validateDns1123Label(namespace)));
  } else if (subject[own].name === "") errors.push(fieldRequired(at.child("name")));
  // In upstream's order.
  for (const other of ["ServiceAccount", "User", "Group"] as const) {
    const field = subjectFields[other];
    if (field !== own && subject[field] !== undefined)
      errors.push(fieldForbidden(path.child(field), `${field} is forbidden when subject kind is not '${other}'`));
  }
  return errors;
}

function validateResourceRule(rule: ResourcePolicyRule, path: FieldPath): readonly FieldError[] {
  const { namespaces, clusterScope = false } = rule;
  const errors = [
    ...validateVerbs(rule.verbs, path),
    ...listOrWildcard(
      rule.apiGroups,
      path.child("apiGroups"),
      "api groups",
      "resource rules must supply at least one api group",
    ),
    ...listOrWildcard(
      rule.resources,
      path.child("resources"),
      "resources",
      "resource rules must supply at least one resource",
    ),
  ];
  const at = path.child("namespaces");
  const names = namespaces ?? [];
  if (names.length === 0 && !clusterScope) {
    errors.push(fieldRequired(at, "resource rules that are not cluster scoped must supply at least one namespace"));
  } else if (names.includes("*")) {
    errors.push(...listOrWildcard(names, at, "namespaces", ""));
  } else {
    const intro = "each member of this list must be '*' or a DNS-1123 label; ";
    for (const [i, name] of names.entries())
      errors.push(
        ...syntax(
          at.index(i),
          name,
          validateDns1123Label(name).map((message) => intro + message),
        ),
      );
  }
  return errors;
}

function validateNonResourceRule(rule: NonResourcePolicyRule, path: FieldPath): readonly FieldError[] {
  const at = path.child("nonResourceURLs");
  const urls = rule.nonResourceURLs ?? [];
  const errors = [
    ...validateVerbs(rule.verbs, path),
    ...listOrWildcard(urls, at, "non-resource URLs", "nonResourceURLs must contain at least one value"),
  ];
  if (urls.includes("*")) return errors;
  for (const [i, url] of urls.entries()) errors.push(...syntax(at.index(i), url, validateUrlPath(url)));
  return errors;
}

function validateVerbs(given: readonly string[] | undefined, path: FieldPath): readonly FieldError[] {
  const at = path.child("verbs");
  const errors = listOrWildcard(given, at, "verbs", "verbs must contain at least one value");
  if (errors.length > 0 || !given || given.includes("*")) return errors;
  return given.every((verb) => verbs.includes(verb)) ? [] : [fieldNotSupported(at, given, verbs)];
}

/** A list that is not empty, and a wildcard alone. */
function listOrWildcard(
  list: readonly string[] | undefined,
  path: FieldPath,
  what: string,
  whyRequired: string,
): readonly FieldError[] {
  if (!list?.length) return [fieldRequired(path, whyRequired)];
  if (list.length === 1 || !list.includes("*")) return [];
  return [fieldInvalid(path, list, `if '*' is present, must not specify other ${what}`)];
}

function validateUrlPath(path: string): readonly string[] {
  if (path === "") return ["must not be empty"];
  if (path === "/") return [];
  if (!path.startsWith("/")) return ["must start with slash"];
  if (path.includes(" ")) return ["must not contain white-space"];
  if (path.includes("//")) return ["must not contain double slash"];
  const wildcards = path.split("*").length - 1;
  return wildcards > 1 || (wildcards === 1 && !path.endsWith("/*")) ? ["wildcard can only do suffix matching"] : [];
}

function validateLevel({ metadata: { name }, spec }: PriorityLevelConfiguration): readonly FieldError[] {
  const errors = [...validateLevelSpec(name, spec)];
  const mandatory = mandatoryLevels.find(({ metadata }) => metadata.name === name);
  if (!mandatory) return errors;
  const isExempt = name === "exempt";
  // The exempt level's numbers are the administrator's.
  const { exempt: _exempt, ...fixed } = mandatory.spec;
  const wanted = isExempt && spec.exempt ? { ...fixed, exempt: spec.exempt } : isExempt ? fixed : mandatory.spec;
  if (!semanticEqual(spec, wanted)) {
    const shown = internalForm(spec, "flowcontrol/v1.PriorityLevelConfigurationSpec");
    const what = isExempt ? `spec of '${name}' except the 'spec.exempt' field` : `spec of '${name}'`;
    errors.push(fieldInvalid(specPath, shown, `${what} must equal the fixed value`));
  }
  return errors;
}

function validateLevelSpec(name: string, spec: PriorityLevelConfigurationSpec): readonly FieldError[] {
  const { type, limited, exempt } = spec;
  const errors: FieldError[] = [];
  const typeAt = specPath.child("type");
  const limitedAt = specPath.child("limited");
  const exemptAt = specPath.child("exempt");
  if ((name === "exempt") !== (type === "Exempt"))
    errors.push(fieldInvalid(typeAt, type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  switch (type) {
    case "Exempt":
      if (limited) errors.push(fieldForbidden(limitedAt, "must be nil if the type is not Limited"));
      if (exempt) {
        errors.push(
          ...shares(exempt.nominalConcurrencyShares, exemptAt),
          ...lendable(exempt.lendablePercent, exemptAt),
        );
      }
      break;
    case "Limited": {
      if (exempt) errors.push(fieldForbidden(exemptAt, "must be nil if the type is Limited"));
      if (!limited) {
        errors.push(fieldRequired(limitedAt, "must not be empty when type is Limited"));
        break;
      }
      errors.push(
        ...shares(limited.nominalConcurrencyShares ?? undefined, limitedAt),
        ...validateLimitResponse(limited.limitResponse, limitedAt.child("limitResponse")),
        ...lendable(limited.lendablePercent, limitedAt),
      );
      const { borrowingLimitPercent: borrowing = 0 } = limited;
      if (borrowing < 0) {
        const why = "if specified, must be a non-negative integer";
        errors.push(fieldInvalid(limitedAt.child("borrowingLimitPercent"), borrowing, why));
      }
      break;
    }
    case "":
      errors.push(fieldRequired(typeAt));
      break;
    default:
      errors.push(fieldNotSupported(typeAt, type, ["Exempt", "Limited"]));
  }
  return errors;
}

function shares(value: number | undefined, path: FieldPath): readonly FieldError[] {
  if (value === undefined || value >= 0) return [];
  return [fieldInvalid(path.child("nominalConcurrencyShares"), value, "must be a non-negative integer")];
}

function lendable(value: number | undefined, path: FieldPath): readonly FieldError[] {
  if (value === undefined || (value >= 0 && value <= 100)) return [];
  return [fieldInvalid(path.child("lendablePercent"), value, "must be between 0 and 100, inclusive")];
}

function validateLimitResponse({ type, queuing }: LimitResponse, path: FieldPath): readonly FieldError[] {
  const queuingAt = path.child("queuing");
  switch (type) {
    case "Reject":
      if (!queuing) return [];
      return [fieldForbidden(queuingAt, "must be nil if limited.limitResponse.type is not Limited")];
    case "Queue":
      if (queuing) return validateQueuing(queuing, queuingAt);
      return [fieldRequired(queuingAt, "must not be empty if limited.limitResponse.type is Limited")];
    case "":
      return [fieldRequired(path.child("type"))];
    default:
      return [fieldNotSupported(path.child("type"), type, ["Queue", "Reject"])];
  }
}

function validateQueuing(queuing: QueuingConfiguration, path: FieldPath): readonly FieldError[] {
  const { queues, handSize, queueLengthLimit } = queuing;
  const errors: FieldError[] = [];
  const wrong = (field: keyof QueuingConfiguration, why: string): unknown =>
    errors.push(fieldInvalid(path.child(field), queuing[field], why));
  if (queueLengthLimit <= 0) wrong("queueLengthLimit", "must be positive");
  if (queues <= 0) wrong("queues", "must be positive");
  else if (queues > queuesMax) wrong("queues", `must not be greater than ${queuesMax}`);
  if (handSize <= 0) wrong("handSize", "must be positive");
  else if (handSize > queues) wrong("handSize", `should not be greater than queues (${queues})`);
  else if (requiredEntropyBits(queues, handSize) > hashBitsMax) {
    const needed = `required entropy bits of deckSize ${queues} and handSize ${handSize}`;
    wrong("handSize", `${needed} should not be greater than ${hashBitsMax}`);
  }
  return errors;
}

function validateConditionTypes(conditions: readonly { readonly type?: string }[] = []): readonly FieldError[] {
  const seen = new Set<string>();
  return conditions.flatMap(({ type = "" }, i) => {
    const at = conditionsPath.index(i).child("type");
    const errors = seen.has(type) ? [fieldDuplicate(at, type)] : [];
    seen.add(type);
    return type === "" ? [...errors, fieldRequired(at)] : errors;
  });
}
