import type { Pod } from "../../api/core/v1/types.gen.ts";

const hostnameMax = 63;

export interface PodHostName {
  /** What the containers see as their host's name. */
  readonly hostname: string;
  /** `sub.namespace.svc.cluster.local`, or empty without a subdomain. */
  readonly domain: string;
}

/** Throws when `setHostnameAsFQDN` makes a name longer than a kernel takes. */
export function podHostName(pod: Pod, clusterDomain: string): PodHostName {
  const { spec, metadata } = pod;
  if (spec.hostnameOverride) return { hostname: spec.hostnameOverride, domain: "" };
  const hostname = spec.hostname || metadata.name.slice(0, hostnameMax).replace(/[-.]+$/, "");
  const domain = spec.subdomain ? `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : "";
  if (!spec.setHostnameAsFQDN || domain === "") return { hostname, domain };
  const fqdn = `${hostname}.${domain}`;
  if (fqdn.length > hostnameMax + 1) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (64 characters is the max, ${fqdn.length} characters requested)`,
    );
  }
  return { hostname: fqdn, domain };
}
