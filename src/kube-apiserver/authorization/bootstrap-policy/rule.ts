import type { PolicyRule } from "../../../api/rbac/v1/types.gen.ts";

/** Verbs as they are most often granted. */
export const read = "get list watch";
export const write = "create delete deletecollection patch update";
export const readWrite = `${write} ${read}`;

/** A rule over resources, each list sorted as upstream sorts them; all arguments but `names` are space-separated lists, `groups` "" means the legacy group. */
export function allow(verbs: string, groups: string, resources: string, ...names: string[]): PolicyRule {
  return {
    verbs: sorted(verbs),
    apiGroups: sorted(groups),
    resources: sorted(resources),
    ...(names.length > 0 ? { resourceNames: names.toSorted() } : {}),
  };
}

export function allowUrls(verbs: string, urls: string): PolicyRule {
  return { verbs: sorted(verbs), nonResourceURLs: sorted(urls) };
}

function sorted(words: string): readonly string[] {
  return words.split(" ").toSorted();
}

/** A rule over events, by either of the names of their group. */
export function inBothEventGroups(verbs: string): PolicyRule {
  return { verbs: sorted(verbs), apiGroups: ["", "events.k8s.io"], resources: ["events"] };
}

/** What everybody who records events needs, in both event groups. */
export const recordEvents: PolicyRule = {
  verbs: ["create", "patch", "update"],
  apiGroups: ["", "events.k8s.io"],
  resources: ["events"],
};
