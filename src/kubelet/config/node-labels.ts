import { forbiddenNodeLabels, kubeletLabelDomains, kubeletLabels } from "../../component-helpers/node-labels.ts";

/** What is wrong, in upstream's words, with labels that the API server would not let a kubelet give its Node; undefined for nothing. */
export function nodeLabelsProblem(labels: Readonly<Record<string, string>>): string | undefined {
  const unknown = forbiddenNodeLabels(labels);
  if (unknown.length === 0) return undefined;
  const set = [...kubeletLabels].sort().join(", ");
  return (
    `unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [${unknown.join(" ")}]\n` +
    `--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (${kubeletLabelDomains.join(", ")}) ` +
    `or be in the specifically allowed set (${set})`
  );
}
