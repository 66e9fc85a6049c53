import type { CertificateRequestFacts } from "./certificate-signer.ts";

export const kubeletServingSigner = "kubernetes.io/kubelet-serving";
export const kubeletClientSigner = "kubernetes.io/kube-apiserver-client-kubelet";

type Rule = (facts: CertificateRequestFacts, usages: readonly string[]) => string | undefined;

/** Why a signer does not sign a request, by the signer's name; undefined when it does. Upstream's rules, order and texts. */
export const signerRules: Readonly<Record<string, Rule>> = {
  "kubernetes.io/kube-apiserver-client": apiServerClientProblem,
  [kubeletClientSigner]: kubeletClientProblem,
  [kubeletServingSigner]: kubeletServingProblem,
  "kubernetes.io/legacy-unknown": () => undefined,
};

function apiServerClientProblem(_: CertificateRequestFacts, usages: readonly string[]): string | undefined {
  const allowed = new Set(["digital signature", "key encipherment", "client auth"]);
  const other = usages.find((usage) => !allowed.has(usage));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes("client auth") ? undefined : "missing required usage for client certificate: client auth";
}

function kubeletServingProblem(facts: CertificateRequestFacts, usages: readonly string[]): string | undefined {
  const { dnsNames, ipAddresses, emailAddresses, uris } = facts;
  return (
    organizationProblem(facts) ??
    (dnsNames.length === 0 && ipAddresses.length === 0 ? "DNS or IP subjectAltName is required" : undefined) ??
    forbidden("Email", emailAddresses) ??
    forbidden("URI", uris) ??
    usageProblem(usages, "server auth") ??
    commonNameProblem(facts)
  );
}

/** Whether it is a request for a kubelet's client certificate. */
export function kubeletClientProblem(facts: CertificateRequestFacts, usages: readonly string[]): string | undefined {
  return (
    organizationProblem(facts) ??
    forbidden("DNS", facts.dnsNames) ??
    forbidden("Email", facts.emailAddresses) ??
    forbidden("IP", facts.ipAddresses) ??
    forbidden("URI", facts.uris) ??
    commonNameProblem(facts) ??
    usageProblem(usages, "client auth")
  );
}

function organizationProblem({ organizations }: CertificateRequestFacts): string | undefined {
  const isNodes = organizations.length === 1 && organizations[0] === "system:nodes";
  return isNodes ? undefined : "subject organization is not system:nodes";
}

function commonNameProblem({ commonName }: CertificateRequestFacts): string | undefined {
  return commonName.startsWith("system:node:") ? undefined : "subject common name does not begin with system:node:";
}

function forbidden(what: string, names: readonly string[]): string | undefined {
  return names.length > 0 ? `${what} subjectAltNames are not allowed` : undefined;
}

/** Key encipherment is for RSA keys only, and so may be left out. */
function usageProblem(usages: readonly string[], purpose: string): string | undefined {
  const rest = new Set(usages.filter((usage) => usage !== "key encipherment"));
  const isExact = rest.size === 2 && rest.has("digital signature") && rest.has(purpose);
  const wanted = ["digital signature", "key encipherment", purpose].sort().join(" ");
  return isExact ? undefined : `usages did not match [${wanted}]`;
}
