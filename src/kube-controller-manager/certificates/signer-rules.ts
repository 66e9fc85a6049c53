import type { CertificateRequestFacts } from "./certificate-signer.ts";

export const kubeletServingSigner = "kubernetes.io/kubelet-serving";
export const kubeletClientSigner = "kubernetes.io/kube-apiserver-client-kubelet";

/** Why a signer does not sign a request, by the signer's name; undefined when it does. Upstream's rules and texts. */
export const signerRules: Readonly<
  Record<string, (facts: CertificateRequestFacts, usages: readonly string[], username: string) => string | undefined>
> = {
  "kubernetes.io/kube-apiserver-client": (_, usages) => {
    if (!usages.includes("client auth")) return 'missing required usage "client auth"';
    const allowed = new Set(["digital signature", "key encipherment", "client auth"]);
    return usages.every((usage) => allowed.has(usage)) ? undefined : "usages are not allowed for this signer";
  },
  [kubeletClientSigner]: kubeletClientProblem,
  [kubeletServingSigner]: (facts, usages, username) => {
    if (facts.commonName !== username) return "certificate subject is not the requesting user";
    if (facts.dnsNames.length === 0 && facts.ipAddresses.length === 0) return "DNS or IP subjectAltName is required";
    if (facts.emailAddresses.length > 0) return "email subjectAltNames are not allowed";
    if (facts.uris.length > 0) return "URI subjectAltNames are not allowed";
    return subjectProblem(facts) ?? usageProblem(usages, "server auth");
  },
  "kubernetes.io/legacy-unknown": () => undefined,
};

/** Whether it is a request for a kubelet's client certificate. */
export function kubeletClientProblem(facts: CertificateRequestFacts, usages: readonly string[]): string | undefined {
  if (facts.dnsNames.length > 0) return "DNS subjectAltNames are not allowed";
  if (facts.emailAddresses.length > 0) return "email subjectAltNames are not allowed";
  if (facts.ipAddresses.length > 0) return "IP subjectAltNames are not allowed";
  if (facts.uris.length > 0) return "URI subjectAltNames are not allowed";
  return subjectProblem(facts) ?? usageProblem(usages, "client auth");
}

function subjectProblem({ organizations, commonName }: CertificateRequestFacts): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== "system:nodes")
    return "subject organization is not system:nodes";
  return commonName.startsWith("system:node:") ? undefined : "subject common name does not begin with system:node:";
}

function usageProblem(usages: readonly string[], purpose: string): string | undefined {
  const rest = new Set(usages.filter((usage) => usage !== "key encipherment"));
  const isExact = rest.size === 2 && rest.has("digital signature") && rest.has(purpose);
  return isExact ? undefined : "usages did not match";
}
