// What a kubelet may say of its node in Kubernetes' own names; everything else there is the administrators'.
export const kubeletLabels: ReadonlySet<string> = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
]);
export const kubeletLabelDomains: readonly string[] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const kubernetesDomains = ["kubernetes.io", "k8s.io"];
const restrictedDomain = "node-restriction.kubernetes.io";

type Labels = Readonly<Record<string, string>> | undefined;

/** The keys, sorted, of labels that differ and that a node may not set, change or take away: by them it could draw pods to itself. */
export function forbiddenNodeLabels(now: Labels = {}, old: Labels = {}): readonly string[] {
  const keys = new Set([...Object.keys(now), ...Object.keys(old)]);
  return [...keys].filter((key) => now[key] !== old[key] && isForbidden(key)).sort();
}

function isForbidden(key: string): boolean {
  const at = key.indexOf("/");
  const domain = at < 0 ? "" : key.slice(0, at);
  if (isWithin(domain, restrictedDomain)) return true;
  if (!kubernetesDomains.some((each) => isWithin(domain, each))) return false;
  return !kubeletLabels.has(key) && !kubeletLabelDomains.some((each) => isWithin(domain, each));
}

function isWithin(domain: string, of: string): boolean {
  return domain === of || domain.endsWith(`.${of}`);
}
