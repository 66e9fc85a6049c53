/** Defaults of networking.k8s.io/v1 that are no single value. */
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { IngressClass, NetworkPolicy } from "./types.gen.ts";

/** A policy always is about ingress, and about egress when it has such rules. */
export function policyTypesFromRules(policy: Mutable<NetworkPolicy>): void {
  policy.spec.policyTypes ??= policy.spec.egress === undefined ? ["Ingress"] : ["Ingress", "Egress"];
}

export function parametersScope(ingressClass: Mutable<IngressClass>): void {
  const { parameters } = ingressClass.spec;
  if (parameters !== undefined) parameters.scope ??= "Cluster";
}
