import { notFound } from "../../apimachinery/errors/new.ts";
import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import type { NamedRuleWithOperations, RuleWithOperations } from "../../api/admissionregistration/v1/types.gen.ts";
import type { Namespace } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { isEmptySelector, labelMatcher } from "../../component-helpers/label-selector.ts";

/** What configures admission itself is never given to webhooks: a bad one could not be removed. */
const exempt: ReadonlySet<string> = new Set([
  "validatingwebhookconfigurations",
  "mutatingwebhookconfigurations",
  "validatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "mutatingadmissionpolicies",
  "mutatingadmissionpolicybindings",
]);

export function isExempt({ group, resource }: AdmissionAttributes): boolean {
  return group === "admissionregistration.k8s.io" && exempt.has(resource);
}

/** Which requests a webhook or a policy is about. */
export interface MatchCriteria {
  /** Undefined: all that are not excluded. */
  readonly rules: readonly NamedRuleWithOperations[] | undefined;
  readonly excludedRules?: readonly NamedRuleWithOperations[] | undefined;
  readonly matchPolicy?: string | undefined;
  readonly namespaceSelector?: LabelSelector | undefined;
  readonly objectSelector?: LabelSelector | undefined;
}

/** A request as one webhook or policy sees it. */
export interface Invocation {
  readonly requested: AdmissionAttributes;
  /** The requested attributes, or the same request in a version the rules name. */
  readonly seen: AdmissionAttributes;
  /** Makes what was changed in `seen` the request's. */
  takeOver(): void;
}

/** How a webhook or policy sees the request; undefined when it does not. Throws NotFound when its namespace is needed and does not exist. */
export function invocationOf(
  criteria: MatchCriteria,
  requested: AdmissionAttributes,
  namespaces: Pick<StorageLister<Namespace>, "get">,
): Invocation | undefined {
  const { rules, excludedRules = [], matchPolicy, objectSelector, namespaceSelector } = criteria;
  const selects = (
    selecting: readonly NamedRuleWithOperations[] | undefined,
    attributes: Pick<AdmissionAttributes, "group" | "version" | "resource">,
  ): boolean => !selecting || selecting.some((rule) => ruleMatches(rule, { ...requested, ...attributes }));
  const equivalents = matchPolicy === "Exact" ? [] : requested.equivalents();
  if ([requested, ...equivalents].some((each) => selects(excludedRules, each))) return undefined;
  const isAsRequested = selects(rules, requested);
  const equivalent = isAsRequested ? undefined : equivalents.find((each) => selects(rules, each));
  if (!isAsRequested && !equivalent) return undefined;
  if (!objectMatches(objectSelector, requested)) return undefined;
  if (!namespaceMatches(namespaceSelector, requested, namespaces)) return undefined;
  if (!equivalent) return { requested, seen: requested, takeOver: () => {} };
  const { group, version, resource, kind } = equivalent;
  const { object, oldObject } = requested;
  const seen: AdmissionAttributes = {
    ...requested,
    group,
    version,
    resource,
    kind,
    object: object && equivalent.fromRequested(object),
    oldObject: oldObject && equivalent.fromRequested(oldObject),
  };
  const takeOver = (): void => {
    if (object && seen.object) replaceObject(object, equivalent.toRequested(seen.object));
  };
  return { requested, seen, takeOver };
}

/** Makes `target`, which others hold, the same as `source`. */
export function replaceObject(target: Mutable<KubeObject>, source: Mutable<KubeObject>): void {
  for (const key of Object.keys(target)) {
    if (!Object.hasOwn(source, key)) delete (target as unknown as Record<string, unknown>)[key];
  }
  Object.assign(target, source);
}

function ruleMatches(rule: NamedRuleWithOperations, attributes: AdmissionAttributes): boolean {
  const { operation, group, version, resource, subresource, name } = attributes;
  const { resourceNames = [] } = rule;
  const has = (list: readonly string[] | undefined, value: string): boolean =>
    (list ?? []).some((each) => each === "*" || each === value);
  return (
    scopeMatches(rule.scope, attributes) &&
    (resourceNames.length === 0 || resourceNames.includes(name)) &&
    has(rule.operations, operation) &&
    has(rule.apiGroups, group) &&
    has(rule.apiVersions, version) &&
    (rule.resources ?? []).some((each) => resourceMatches(each, resource, subresource))
  );
}

function scopeMatches(scope: RuleWithOperations["scope"], attributes: AdmissionAttributes): boolean {
  if (scope === undefined || scope === "*") return true;
  const isNamespaced = attributes.namespace !== "" && !isNamespaceItself(attributes);
  return isNamespaced === (scope === "Namespaced");
}

/** `*` is every resource without subresources, `pods/*` pods and all their subresources, and `*` before and after the slash all. */
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  const slash = pattern.indexOf("/");
  const wantedResource = slash < 0 ? pattern : pattern.slice(0, slash);
  const wantedSubresource = slash < 0 ? "" : pattern.slice(slash + 1);
  return (
    (wantedResource === "*" || wantedResource === resource) &&
    (wantedSubresource === "*" || wantedSubresource === subresource)
  );
}

/** One of the two states is enough, so that no label change hides an object. */
function objectMatches(selector: LabelSelector | undefined, { object, oldObject }: AdmissionAttributes): boolean {
  if (isEmptySelector(selector)) return true;
  const matches = labelMatcher(selector);
  const fits = (each: KubeObject | undefined): boolean => each?.metadata !== undefined && matches(each.metadata.labels);
  return fits(object) || fits(oldObject);
}

function namespaceMatches(
  selector: LabelSelector | undefined,
  attributes: AdmissionAttributes,
  namespaces: Pick<StorageLister<Namespace>, "get">,
): boolean {
  if (isEmptySelector(selector)) return true;
  const { namespace, object, operation } = attributes;
  const matches = labelMatcher(selector);
  if (isNamespaceItself(attributes) && operation !== "DELETE" && attributes.subresource === "" && object) {
    return matches(object.metadata.labels);
  }
  if (namespace === "") return true;
  const found = namespaces.get("", namespace);
  if (!found) throw notFound({ group: "", resource: "namespaces" }, namespace);
  return matches(found.metadata.labels);
}

function isNamespaceItself({ group, resource }: AdmissionAttributes): boolean {
  return group === "" && resource === "namespaces";
}
