/** What `kubectl explain` says of networking.k8s.io/v1. */
export const descriptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ingress: { "": "Rules by which HTTP requests from outside reach Services." },
  IngressSpec: {
    ingressClassName: "Who puts the rules into effect, by the name of an IngressClass.",
    defaultBackend: "Where requests go that no rule is for.",
    tls: "Hosts served with TLS, and the Secrets with their certificates.",
    rules: "Where requests go, by host and path.",
  },
  IngressClass: { "": "Names a controller that serves Ingresses." },
  NetworkPolicy: { "": "Which connections pods may accept and make. Pods no policy selects may all." },
  NetworkPolicySpec: {
    podSelector: "The pods it is about; empty for all of the namespace.",
    ingress: "Connections they may accept.",
    egress: "Connections they may make.",
    policyTypes: "`Ingress`, `Egress` or both; what is not named is not restricted.",
  },
  ServiceCIDR: { "": "A range of addresses for Services." },
  IPAddress: { "": "An address that is in use by a Service." },
};
