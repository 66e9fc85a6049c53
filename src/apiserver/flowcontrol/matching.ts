import type {
  FlowSchemaSpec,
  NonResourcePolicyRule,
  ResourcePolicyRule,
  Subject,
} from "../../api/flowcontrol/v1/types.gen.ts";
import type { UserInfo } from "../authentication/user-info.ts";
import type { RequestInfo } from "../endpoints/request-info.ts";

const serviceAccountPrefix = "system:serviceaccount:";

/** Whether one of the schema's rules is for that user and for that request. */
export function matchesSchema({ rules = [] }: FlowSchemaSpec, info: RequestInfo, user: UserInfo): boolean {
  for (const { subjects, resourceRules = [], nonResourceRules = [] } of rules) {
    if (!hasSubject(subjects, user)) continue;
    const isMatch = info.isResourceRequest
      ? resourceRules.some((rule) => matchesResource(rule, info))
      : nonResourceRules.some((rule) => matchesPath(rule, info));
    if (isMatch) return true;
  }
  return false;
}

/** Most schemas of every request end here: no closure. */
function hasSubject(subjects: readonly Subject[], user: UserInfo): boolean {
  for (const subject of subjects) if (matchesSubject(subject, user)) return true;
  return false;
}

/** What tells the flows of a schema apart; "" when all its requests are one flow. */
export function distinguisherOf({ distinguisherMethod }: FlowSchemaSpec, info: RequestInfo, user: UserInfo): string {
  switch (distinguisherMethod?.type) {
    case "ByUser":
      return user.name;
    case "ByNamespace":
      return info.namespace;
    default:
      return "";
  }
}

function matchesSubject({ kind, user, group, serviceAccount }: Subject, { name, groups }: UserInfo): boolean {
  switch (kind) {
    case "User":
      return user !== undefined && (user.name === "*" || user.name === name);
    case "Group":
      return group !== undefined && (group.name === "*" || groups.includes(group.name));
    case "ServiceAccount":
      if (!serviceAccount || !name.startsWith(serviceAccountPrefix)) return false;
      if (serviceAccount.name === "*") return name.startsWith(`${serviceAccountPrefix}${serviceAccount.namespace}:`);
      return name === `${serviceAccountPrefix}${serviceAccount.namespace}:${serviceAccount.name}`;
    default:
      return false;
  }
}

function matchesResource(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  const { verbs, resources, apiGroups, clusterScope, namespaces } = rule;
  const { verb, resource, subresource, apiGroup, namespace } = info;
  if (!includes(verbs, verb) || !includes(apiGroups, apiGroup)) return false;
  if (!includes(resources, subresource === "" ? resource : `${resource}/${subresource}`)) return false;
  return namespace === "" ? clusterScope === true : includes(namespaces ?? [], namespace);
}

function matchesPath({ verbs, nonResourceURLs }: NonResourcePolicyRule, { verb, path }: RequestInfo): boolean {
  return includes(verbs, verb) && nonResourceURLs.some((url) => url === "*" || url === path || isBelow(path, url));
}

/** `/healthz/*`, as `/healthz`, is for all that is below. */
function isBelow(path: string, url: string): boolean {
  const prefix = url.endsWith("*") ? url.slice(0, -1) : url;
  return path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
}

/** Validation sees to it that a wildcard is alone. */
function includes(list: readonly string[], value: string): boolean {
  return (list.length === 1 && list[0] === "*") || list.includes(value);
}
