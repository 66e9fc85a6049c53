import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateLabelValue } from "../../apimachinery/validation/names.ts";

const oldNodeLabels: ReadonlyMap<string, string> = new Map([
  ["beta.kubernetes.io/arch", 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ["beta.kubernetes.io/os", 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  ["failure-domain.beta.kubernetes.io/region", 'deprecated since v1.17; use "topology.kubernetes.io/region" instead'],
  ["failure-domain.beta.kubernetes.io/zone", 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'],
  ["beta.kubernetes.io/instance-type", 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'],
  ["app.kubernetes.io/created-by", "deprecated since v1.9"],
  ["scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"],
  ["node-role.kubernetes.io/master", 'use "node-role.kubernetes.io/control-plane" instead'],
]);

/** What is told of a node's label that has a newer name. */
export function nodeLabelWarnings(label: string, tell: (why: string) => string): readonly string[] {
  const why = oldNodeLabels.get(label);
  return why === undefined ? [] : [tell(why)];
}

/** A term of a selector of nodes, or a selector of labels that is used as one. */
interface LabelTerm {
  readonly matchExpressions?: readonly { readonly key: string; readonly values?: readonly string[] }[];
}

/** The same of the labels a term asks for, and, of one that is only preferred, of values no node can have. */
export function nodeTermWarnings(
  { matchExpressions = [] }: LabelTerm,
  path: FieldPath,
  isPreferred: boolean,
): readonly string[] {
  return matchExpressions.flatMap(({ key, values = [] }, i) => {
    const at = path.child("matchExpressions").index(i);
    return [
      ...nodeLabelWarnings(key, (why) => `${at.child("key").toString()}: ${key} is ${why}`),
      ...(isPreferred ? values : []).flatMap((value, n) =>
        validateLabelValue(value).map(
          (why) => `${at.child("values").index(n).toString()}: ${value} is invalid, ${why}`,
        ),
      ),
    ];
  });
}
