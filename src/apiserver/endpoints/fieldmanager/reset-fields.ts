import { FieldSet } from "../../../apimachinery/structured-merge-diff/field-set.ts";
import type { FieldNode } from "../../../apimachinery/structured-merge-diff/field-set.ts";
import { type PathElement, fieldElement } from "../../../apimachinery/structured-merge-diff/path-element.ts";

/** Leaves out of a set what an endpoint does not write whatever the client sends: nobody comes to manage it there. */
export type ResetFilter = (set: FieldSet) => FieldSet;

/** Some endpoints are known by what they reset, some by the little they write; `*` is any one step. */
type ResetFields = { readonly reset: readonly string[] } | { readonly only: readonly string[] };

/** Of status subresources, beside spec. */
const alsoResetByStatus: Readonly<Record<string, readonly string[]>> = {
  "/pods": ["metadata.deletionTimestamp", "metadata.ownerReferences"],
  "apps/deployments": ["metadata.labels"],
  "certificates.k8s.io/certificatesigningrequests": ["status.conditions"],
  "flowcontrol.apiserver.k8s.io/flowschemas": ["metadata"],
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": ["metadata"],
  "storage.k8s.io/volumeattachments": ["metadata"],
  "apiextensions.k8s.io/customresourcedefinitions": ["metadata"],
  "resource.k8s.io/resourceclaims": ["metadata"],
};

/** Of the other subresources that write whole objects. */
const bySubresource: Readonly<Record<string, ResetFields>> = {
  "/pods/ephemeralcontainers": { only: ["spec.ephemeralContainers"] },
  "/pods/resize": {
    only: [
      "spec.containers.*.resizePolicy",
      "spec.containers.*.resources",
      "spec.initContainers.*.resizePolicy",
      "spec.initContainers.*.resources",
      "spec.resources",
    ],
  },
  "/namespaces/finalize": { reset: ["status"] },
  "certificates.k8s.io/certificatesigningrequests/approval": { reset: ["spec", "status.certificate"] },
};

/** One endpoint that writes whole objects. */
export interface WritingEndpoint {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** Writes of the main resource leave status alone. */
  readonly hasStatus: boolean;
  readonly isCustom: boolean;
}

/** The filter of an endpoint. */
export function resetFilterOf(endpoint: WritingEndpoint): ResetFilter {
  const fields = resetFieldsOf(endpoint);
  if ("only" in fields) {
    const pattern = treeOf(fields.only);
    return (set) => matching(set, pattern);
  }
  const excluded = FieldSet.of(...fields.reset.map(pathOf));
  return (set) => set.recursiveDifference(excluded);
}

function resetFieldsOf({ group, resource, subresource, hasStatus, isCustom }: WritingEndpoint): ResetFields {
  const name = `${group}/${resource}`;
  if (subresource === "") return { reset: hasStatus ? ["status"] : [] };
  if (subresource === "status")
    return { reset: ["spec", ...(isCustom ? ["metadata"] : (alsoResetByStatus[name] ?? []))] };
  return bySubresource[`${name}/${subresource}`] ?? { reset: [] };
}

function pathOf(text: string): readonly PathElement[] {
  return text.split(".").map((step) => (step === "*" ? step : fieldElement(step)));
}

function treeOf(paths: readonly string[]): FieldSet {
  return FieldSet.of(...paths.map(pathOf));
}

/** What is at or below one of the pattern's paths, and the members on the way there. */
function matching(set: FieldSet, pattern: FieldSet): FieldSet {
  const nodes = new Map<PathElement, FieldNode>();
  for (const [element, node] of set.nodes) {
    const match = pattern.nodes.get("*") ?? pattern.nodes.get(element);
    if (!match) continue;
    const children = match.children && node.children ? matching(node.children, match.children) : node.children;
    const below = children?.isEmpty === false ? children : undefined;
    if (node.isMember || below) nodes.set(element, { isMember: node.isMember, children: below });
  }
  return nodes.size === 0 ? FieldSet.empty : new FieldSet(nodes);
}
