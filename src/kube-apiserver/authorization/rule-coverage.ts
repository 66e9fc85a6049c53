import type { PolicyRule } from "../../api/rbac/v1/types.gen.ts";

type Rule = Pick<PolicyRule, "verbs" | "apiGroups" | "resources" | "resourceNames" | "nonResourceURLs">;

/** The parts of `wanted` that no rule of `held` allows; empty when whoever holds those may do all that is wanted. */
export function uncovered(held: readonly Rule[], wanted: readonly Rule[]): readonly PolicyRule[] {
  return wanted.flatMap(split).filter((part) => !held.some((rule) => covers(rule, part)));
}

/** One rule for each verb on each thing. A rule over names stays whole for each name. */
function split(rule: Rule): readonly PolicyRule[] {
  const parts: PolicyRule[] = [];
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) parts.push({ verbs: [verb], nonResourceURLs: [url] });
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const names = rule.resourceNames ?? [];
        const part = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (names.length === 0) parts.push(part);
        for (const name of names) parts.push({ ...part, resourceNames: [name] });
      }
    }
  }
  return parts;
}

/** Whether a rule allows all of a split part. */
function covers(rule: Rule, part: PolicyRule): boolean {
  const has = (list: readonly string[] | undefined, wanted: readonly string[] | undefined): boolean =>
    list?.includes("*") || (wanted ?? []).every((value) => list?.includes(value));
  if (!has(rule.verbs, part.verbs)) return false;
  const [url] = part.nonResourceURLs ?? [];
  if (url !== undefined) {
    return (rule.nonResourceURLs ?? []).some(
      (held) => held === url || (held.endsWith("*") && url.startsWith(held.slice(0, -1))),
    );
  }
  if (!has(rule.apiGroups, part.apiGroups)) return false;
  const [resource = ""] = part.resources ?? [];
  const slash = resource.indexOf("/");
  const anySubresource = slash < 0 ? undefined : `*${resource.slice(slash)}`;
  const isHeld =
    has(rule.resources, part.resources) || (anySubresource !== undefined && rule.resources?.includes(anySubresource));
  if (!isHeld) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || ((part.resourceNames?.length ?? 0) > 0 && has(names, part.resourceNames));
}

/** A rule as upstream's messages print it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function formatRule(rule: PolicyRule): string {
  const parts: string[] = [];
  const add = (name: string, values: readonly string[] | undefined): void => {
    if (values && values.length > 0) parts.push(`${name}:[${values.map((value) => JSON.stringify(value)).join(" ")}]`);
  };
  add("APIGroups", rule.apiGroups);
  add("Resources", rule.resources);
  add("ResourceNames", rule.resourceNames);
  add("NonResourceURLs", rule.nonResourceURLs);
  add("Verbs", rule.verbs);
  return `{${parts.join(", ")}}`;
}
