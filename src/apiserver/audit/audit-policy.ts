import { isJsonObject } from "../../apimachinery/object.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  aggregateMessages,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  formatFieldError,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { nameIsDnsSubdomain } from "../../apimachinery/validation/names.ts";
import type { AuthorizationAttributes } from "../authorization/authorizer.ts";

/** How much is recorded: nothing, who asked for what, the request's body, too, or that and the answer's. */
export type AuditLevel = (typeof levels)[number];
export type AuditStage = (typeof stages)[number];

const levels = ["None", "Metadata", "Request", "RequestResponse"] as const;
const stages = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;

/** What is to be recorded of one request. */
export interface AuditConfig {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<string>;
  readonly omitManagedFields: boolean;
}

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface PolicyRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly string[];
  readonly omitManagedFields?: boolean;
}

interface Policy {
  readonly rules?: readonly PolicyRule[];
  readonly omitStages?: readonly string[];
  readonly omitManagedFields?: boolean;
}

/** The policy is not valid; the message says everything that is wrong with it, in upstream's words. */
export class InvalidPolicyError extends Error {
  override readonly name = "InvalidPolicyError";
}

/** The rules of an `audit.k8s.io/v1` Policy: the first that fits a request says what is recorded of it. */
export class AuditPolicy {
  readonly #policy: Policy;

  private constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** Throws InvalidPolicyError. */
  static parse(document: unknown): AuditPolicy {
    if (!isJsonObject(document)) throw new InvalidPolicyError("failed decoding: the policy is no object");
    const { apiVersion, kind } = document;
    if (apiVersion !== "audit.k8s.io/v1" || kind !== "Policy")
      throw new InvalidPolicyError(`unknown group version field ${String(apiVersion)}, Kind=${String(kind)} in policy`);
    const policy = document as Policy;
    const errors = validate(policy);
    if (errors.length > 0) throw new InvalidPolicyError(aggregateMessages(errors.map(formatFieldError)));
    if (!policy.rules?.length) throw new InvalidPolicyError("loaded illegal policy with 0 rules");
    // The stages left out for all are left out in each rule.
    const rules = policy.rules.map((rule) => ({
      ...rule,
      omitStages: [...(rule.omitStages ?? []), ...(policy.omitStages ?? [])],
    }));
    return new AuditPolicy({ ...policy, rules });
  }

  configFor(attributes: AuthorizationAttributes): AuditConfig {
    const { rules = [], omitStages = [], omitManagedFields = false } = this.#policy;
    const rule = rules.find((each) => fits(each, attributes));
    return {
      level: rule?.level ?? "None",
      omitStages: new Set(rule?.omitStages ?? omitStages),
      omitManagedFields: rule?.omitManagedFields ?? omitManagedFields,
    };
  }
}

/** An empty list of a rule is about everything; lists of resources are not about other paths, and the other way round. */
function fits(rule: PolicyRule, attributes: AuthorizationAttributes): boolean {
  const { user, verb, isResourceRequest, namespace, path } = attributes;
  const { users = [], userGroups = [], verbs = [], namespaces = [], resources = [], nonResourceURLs = [] } = rule;
  if (users.length > 0 && !users.includes(user.name)) return false;
  if (userGroups.length > 0 && !userGroups.some((group) => user.groups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) {
    if (!isResourceRequest || (namespaces.length > 0 && !namespaces.includes(namespace))) return false;
    return resources.length === 0 || resources.some((each) => fitsResource(each, attributes));
  }
  if (nonResourceURLs.length === 0) return true;
  return !isResourceRequest && nonResourceURLs.some((pattern) => fitsPath(pattern, path));
}

function fitsResource(
  { group = "", resources = [], resourceNames = [] }: GroupResources,
  { apiGroup, resource, subresource, name }: AuthorizationAttributes,
): boolean {
  if (group !== apiGroup && group !== "*") return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  return resources.some(
    (pattern) =>
      pattern === "*" ||
      pattern === whole ||
      pattern === `${resource}/*` ||
      (subresource !== "" && pattern === `*/${subresource}`),
  );
}

function fitsPath(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1)));
}

function validate({ rules = [], omitStages = [] }: Policy): readonly FieldError[] {
  return [
    ...validateStages(omitStages, FieldPath.of("omitStages")),
    ...rules.flatMap((rule, i) => validateRule(rule, FieldPath.of("rules").index(i))),
  ];
}

function validateRule(rule: PolicyRule, path: FieldPath): readonly FieldError[] {
  const { resources = [], namespaces = [], nonResourceURLs = [], omitStages = [] } = rule;
  const errors: FieldError[] = [];
  const level: string | undefined = rule.level;
  if (!level) errors.push(fieldRequired(path.child("level")));
  else if (!(levels as readonly string[]).includes(level))
    errors.push(fieldNotSupported(path.child("level"), level, levels));
  const urls = path.child("nonResourceURLs");
  for (const [i, url] of nonResourceURLs.entries()) {
    if (url === "*") continue;
    if (!url.startsWith("/"))
      errors.push(fieldInvalid(urls.index(i), url, "non-resource URL rules must begin with a '/' character"));
    if (url.slice(0, -1).includes("*")) {
      const why = "non-resource URL wildcards '*' must be the final character of the rule";
      errors.push(fieldInvalid(urls.index(i), url, why));
    }
  }
  const at = path.child("resources");
  for (const { group = "", resources: names = [], resourceNames = [] } of resources) {
    const problems = group === "" || group === "*" ? [] : nameIsDnsSubdomain(group, false);
    if (problems.length > 0) errors.push(fieldInvalid(at.child("group"), group, problems.join(",")));
    if (resourceNames.length > 0 && names.length === 0) {
      const why = "using resourceNames requires at least one resource";
      errors.push(fieldInvalid(at.child("resourceNames"), resourceNames, why));
    }
  }
  errors.push(...validateStages(omitStages, path.child("omitStages")));
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    const why = "rules cannot apply to both regular resources and non-resource URLs";
    errors.push(fieldInvalid(urls, nonResourceURLs, why));
  }
  return errors;
}

function validateStages(omitted: readonly string[], path: FieldPath): readonly FieldError[] {
  return omitted.flatMap((stage, i) =>
    (stages as readonly string[]).includes(stage)
      ? []
      : [fieldInvalid(path.index(i), stage, `allowed stages are ${stages.join(",")}`)],
  );
}
