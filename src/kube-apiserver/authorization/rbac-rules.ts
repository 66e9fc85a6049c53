import type { PolicyRule } from "../../api/rbac/v1/types.gen.ts";
import type { AuthorizationAttributes } from "../../apiserver/authorization/authorizer.ts";

/** Whether one rule allows what is asked. */
export function ruleAllows(rule: PolicyRule, attributes: AuthorizationAttributes): boolean {
  if (!includesOrAll(rule.verbs, attributes.verb)) return false;
  if (!attributes.isResourceRequest) return urlMatches(rule.nonResourceURLs ?? [], attributes.path);
  if (!includesOrAll(rule.apiGroups ?? [], attributes.apiGroup)) return false;
  if (!resourceMatches(rule.resources ?? [], attributes.resource, attributes.subresource)) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(attributes.name);
}

function includesOrAll(list: readonly string[], value: string): boolean {
  return list.includes(value) || list.includes("*");
}

function resourceMatches(list: readonly string[], resource: string, subresource: string): boolean {
  if (list.includes("*")) return true;
  if (subresource === "") return list.includes(resource);
  return list.includes(`${resource}/${subresource}`) || list.includes(`*/${subresource}`);
}

/** `*` matches all paths, a trailing `*` those with the prefix. */
function urlMatches(list: readonly string[], path: string): boolean {
  return list.some((url) => url === "*" || url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1))));
}
