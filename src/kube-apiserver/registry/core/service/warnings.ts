import type { Service } from "../../../../api/core/v1/types.gen.ts";
import { goQuote } from "../../../../apimachinery/go-format.ts";
import { cidrWarnings, ipWarnings } from "../../../validation/ip-warnings.ts";

const oldHintsAnnotation = "service.kubernetes.io/topology-aware-hints";
const hintsAnnotation = "service.kubernetes.io/topology-mode";

/** What a Service says that means nothing, or will not for long. */
export function serviceWarnings({ metadata, spec }: Service): readonly string[] {
  const { type, clusterIP = "", clusterIPs = [], externalIPs = [], loadBalancerIP = "" } = spec;
  const isExternalName = type === "ExternalName";
  const isHeadless = type === "ClusterIP" && clusterIP === "None";
  const hasAddress = clusterIP !== "" && clusterIP !== "None";
  const warnings: string[] = [];
  if (metadata.annotations?.[oldHintsAnnotation] !== undefined)
    warnings.push(`annotation ${oldHintsAnnotation} is deprecated, please use ${hintsAnnotation} instead`);
  if (hasAddress) warnings.push(...clusterIPs.flatMap((ip, i) => ipWarnings(ip, `spec.clusterIPs[${i}]`)));
  if (isHeadless) {
    if (loadBalancerIP !== "") warnings.push("spec.loadBalancerIP is ignored for headless services");
    if (externalIPs.length > 0) warnings.push("spec.externalIPs is ignored for headless services");
    if (spec.sessionAffinity !== "None") warnings.push("spec.SessionAffinity is ignored for headless services");
  }
  warnings.push(...externalIPs.flatMap((ip, i) => ipWarnings(ip, `spec.externalIPs[${i}]`)));
  if (externalIPs.length > 0 && !isHeadless && !isExternalName)
    warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  if (loadBalancerIP !== "") warnings.push(...ipWarnings(loadBalancerIP, "spec.loadBalancerIP"));
  for (const [i, cidr] of (spec.loadBalancerSourceRanges ?? []).entries())
    warnings.push(...cidrWarnings(cidr, `spec.loadBalancerSourceRanges[${i}]`));
  if (isExternalName && externalIPs.length > 0)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (!isExternalName && spec.externalName)
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === "PreferClose")
    warnings.push(
      `spec.trafficDistribution: ${goQuote("PreferClose")} is deprecated; use ${goQuote("PreferSameZone")}`,
    );
  return warnings;
}
