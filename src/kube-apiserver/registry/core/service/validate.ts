import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { validateLegacyCidr, validateLegacyIp } from "../../../../apimachinery/validation/ip.ts";
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePortNumber,
  validateQualifiedName,
} from "../../../../apimachinery/validation/names.ts";
import { validateLabels } from "../../../../apimachinery/validation/object-meta.ts";
import type { Service, ServicePort, ServiceSpec } from "../../../../api/core/v1/types.gen.ts";
import { oneOf, portNumberOrName, syntax } from "../../../validation/common.ts";
import { validateEndpointIp } from "../../../validation/endpoint-ip.ts";
import { internalForm } from "../../../../api/internal-form.ts";
import { validateHostname } from "../../ingress-strategies.ts";
import { isExternallyAccessible, isHeadless, needsClusterIp, needsHealthCheckNodePort } from "./type-rules.ts";

const spec = FieldPath.of("spec");
const ports = spec.child("ports");
const affinityTimeoutMaxSeconds = 86_400;

export function validateService(service: Service, old?: Service): readonly FieldError[] {
  const { type, selector, sessionAffinity, externalIPs = [] } = service.spec;
  const errors: FieldError[] = [...validateTopologyAnnotations(service)];
  if ((service.spec.ports ?? []).length === 0 && !isHeadless(service.spec) && type !== "ExternalName") {
    errors.push(fieldRequired(ports));
  }
  errors.push(...validateForType(service.spec));
  const names = new Set<string>();
  const all = service.spec.ports ?? [];
  errors.push(...all.flatMap((port, i) => validatePort(port, all.length > 1, names, ports.index(i))));
  errors.push(...validateLabels(selector, spec.child("selector")));
  errors.push(...oneOf(spec.child("sessionAffinity"), sessionAffinity, ["ClientIP", "None"]));
  errors.push(...validateAffinityConfig(service.spec), ...validateClusterIps(service.spec, old?.spec));
  for (const [i, ip] of externalIPs.entries()) {
    const at = spec.child("externalIPs").index(i);
    const wrong = validateLegacyIp(at, ip, { strict: true, validOld: old?.spec.externalIPs ?? [] });
    errors.push(...(wrong.length > 0 ? wrong : validateEndpointIp(at, ip)));
  }
  errors.push(...oneOf(spec.child("type"), type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]));
  errors.push(...validatePortNumbers(service.spec), ...validateSourceRanges(service, old));
  errors.push(...validateLoadBalancer(service.spec), ...validateTrafficPolicies(service.spec));
  return errors;
}

/** What cannot change once given, unless the type change takes it away, and then all rules of a new Service. */
export function validateServiceUpdate(service: Service, old: Service): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (needsClusterIp(old.spec) && needsClusterIp(service.spec)) {
    errors.push(...validateClusterIpsUpdate(service.spec, old.spec), ...validateFamiliesUpdate(service.spec, old.spec));
  }
  const { loadBalancerClass } = service.spec;
  const areBalanced = service.spec.type === "LoadBalancer" && old.spec.type === "LoadBalancer";
  if (areBalanced && loadBalancerClass !== old.spec.loadBalancerClass) {
    const path = spec.child("loadBalancerClass");
    errors.push(fieldInvalid(path, loadBalancerClass ?? null, "may not change once set"));
  }
  const areChecked = needsHealthCheckNodePort(service.spec) && needsHealthCheckNodePort(old.spec);
  if (areChecked && service.spec.healthCheckNodePort !== old.spec.healthCheckNodePort) {
    errors.push(fieldForbidden(spec.child("healthCheckNodePort"), "field is immutable"));
  }
  return [...errors, ...validateService(service, old)];
}

function validateClusterIpsUpdate(service: ServiceSpec, old: ServiceSpec): readonly FieldError[] {
  if (isHeadless(service) && isHeadless(old)) return [];
  const [before, after] = [old.clusterIPs ?? [], service.clusterIPs ?? []];
  const path = spec.child("clusterIPs");
  const changed = (i: number): FieldError => fieldInvalid(path.index(i), after, "may not change once set");
  if (before.length === after.length) return before.flatMap((ip, i) => (ip === after[i] ? [] : [changed(i)]));
  const errors: FieldError[] = [];
  if (after.length === 0) {
    errors.push(fieldInvalid(path.index(0), service.clusterIPs ?? null, "primary clusterIP can not be unset"));
  } else if (before.length > 0 && after[0] !== before[0]) errors.push(changed(0));
  if (after.length === 1 && before.length > 1) errors.push(...validateRelease(service, "clusterIP"));
  return errors;
}

function validateFamiliesUpdate(service: ServiceSpec, old: ServiceSpec): readonly FieldError[] {
  if (isHeadless(service) || isHeadless(old)) return [];
  const [before, after] = [old.ipFamilies ?? [], service.ipFamilies ?? []];
  const at = spec.child("ipFamilies").index(0);
  if (before.length === after.length) {
    return before.flatMap((family, i) =>
      family === after[i] ? [] : [fieldInvalid(at, after, "may not change once set")],
    );
  }
  const errors: FieldError[] = [];
  if (before.length > after.length && (service.clusterIPs ?? []).length === 0) {
    errors.push(fieldInvalid(at, service.ipFamilies ?? null, "primary ipFamily can not be unset"));
  }
  // The addresses are shown, not the families.
  if (before.length > 0 && after.length > 0 && after[0] !== before[0]) {
    errors.push(fieldInvalid(at, service.clusterIPs ?? null, "may not change once set"));
  }
  if (after.length === 1 && before.length > 1) errors.push(...validateRelease(service, "ipFamily"));
  return errors;
}

/** Whoever gives up the second family says so. */
function validateRelease({ ipFamilyPolicy }: ServiceSpec, what: string): readonly FieldError[] {
  if (ipFamilyPolicy === "SingleStack") return [];
  const why = `must be set to 'SingleStack' when releasing the secondary ${what}`;
  return [fieldInvalid(spec.child("ipFamilyPolicy"), ipFamilyPolicy ?? null, why)];
}

/** What load balancers report: only for Services that have one. */
export function validateServiceStatus(service: Service, old: Service): readonly FieldError[] {
  const path = FieldPath.of("status", "loadBalancer", "ingress");
  const ingresses = service.status.loadBalancer.ingress ?? [];
  if (service.spec.type !== "LoadBalancer" && ingresses.length > 0) {
    return [fieldForbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const validOld = (old.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  return ingresses.flatMap(({ ip, ipMode, hostname }, i) => {
    const at = path.index(i);
    const modeAt = at.child("ipMode");
    const errors: FieldError[] = ip ? [...validateLegacyIp(at.child("ip"), ip, { strict: true, validOld })] : [];
    if (ipMode === undefined) {
      if (ip) errors.push(fieldRequired(modeAt, "must be specified when `ip` is set"));
    } else if (!ip) errors.push(fieldForbidden(modeAt, "may not be specified when `ip` is not set"));
    else errors.push(...oneOf(modeAt, ipMode, ["Proxy", "VIP"]));
    return [...errors, ...(hostname ? validateHostname(hostname, at.child("hostname")) : [])];
  });
}

const hintsAnnotation = "service.kubernetes.io/topology-aware-hints";
const modeAnnotation = "service.kubernetes.io/topology-mode";

function validateTopologyAnnotations({ metadata: { annotations = {} } }: Service): readonly FieldError[] {
  const { [hintsAnnotation]: hints, [modeAnnotation]: mode } = annotations;
  if (hints === undefined || mode === undefined || hints === mode) return [];
  const path = FieldPath.of("metadata", "annotations").key(modeAnnotation);
  return [fieldInvalid(path, mode, `must match annotations[${hintsAnnotation}] when both are specified`)];
}

function validateForType(service: ServiceSpec): readonly FieldError[] {
  switch (service.type) {
    case "LoadBalancer":
    case "NodePort":
      return isHeadless(service) ? notHeadless(service.type, service) : [];
    case "ExternalName":
      return validateExternalName(service);
    case "ClusterIP":
    case undefined:
      return [];
  }
  return [];
}

function validateExternalName(service: ServiceSpec): readonly FieldError[] {
  const errors: FieldError[] = [];
  const unset = (field: "clusterIPs" | "ipFamilies" | "ipFamilyPolicy", isSet: boolean): void => {
    if (isSet) errors.push(fieldForbidden(spec.child(field), "may not be set for ExternalName services"));
  };
  unset("clusterIPs", (service.clusterIPs?.length ?? 0) > 0);
  unset("ipFamilies", (service.ipFamilies?.length ?? 0) > 0);
  unset("ipFamilyPolicy", service.ipFamilyPolicy !== undefined);
  const path = spec.child("externalName");
  // A name with a final dot is as good as one without.
  const name = service.externalName?.replace(/\.$/, "");
  if (name) return [...errors, ...syntax(path, name, validateDns1123Subdomain(name))];
  return [...errors, fieldRequired(path)];
}

function notHeadless(type: string, service: ServiceSpec): readonly FieldError[] {
  return [
    fieldInvalid(
      spec.child("clusterIPs").index(0),
      service.clusterIPs?.[0] ?? "",
      `may not be set to 'None' for ${type} services`,
    ),
  ];
}

function validatePortNumbers(service: ServiceSpec): readonly FieldError[] {
  const all = service.ports ?? [];
  const errors: FieldError[] = [];
  const [keys, nodePorts] = [new Set<string>(), new Set<string>()];
  for (const [i, port] of service.type === "ClusterIP" ? all.entries() : []) {
    if (!port.nodePort) continue;
    errors.push(fieldForbidden(ports.index(i).child("nodePort"), "may not be used when `type` is 'ClusterIP'"));
  }
  for (const [i, port] of all.entries()) {
    if (!port.nodePort) continue;
    const key = `${port.protocol ?? ""}/${port.nodePort}`;
    if (nodePorts.has(key)) errors.push(fieldDuplicate(ports.index(i).child("nodePort"), port.nodePort));
    nodePorts.add(key);
  }
  for (const [i, { protocol, port }] of all.entries()) {
    const key = `${protocol ?? ""}/${port}`;
    if (keys.has(key)) {
      errors.push(fieldDuplicate(ports.index(i), internalForm({ protocol, port }, "core/v1.ServicePort")));
    }
    keys.add(key);
  }
  return errors;
}

function validatePort(
  port: ServicePort,
  isNameRequired: boolean,
  names: Set<string>,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (!port.name) {
    if (isNameRequired) errors.push(fieldRequired(path.child("name")));
  } else {
    errors.push(...syntax(path.child("name"), port.name, validateDns1123Label(port.name)));
    if (names.has(port.name)) errors.push(fieldDuplicate(path.child("name"), port.name));
    names.add(port.name);
  }
  errors.push(...syntax(path.child("port"), port.port, validatePortNumber(port.port)));
  errors.push(...oneOf(path.child("protocol"), port.protocol, ["SCTP", "TCP", "UDP"]));
  if (port.targetPort !== undefined) errors.push(...portNumberOrName(path.child("targetPort"), port.targetPort));
  if (port.appProtocol !== undefined) {
    errors.push(...syntax(path.child("appProtocol"), port.appProtocol, validateQualifiedName(port.appProtocol)));
  }
  return errors;
}

function validateAffinityConfig({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): readonly FieldError[] {
  const path = spec.child("sessionAffinityConfig");
  if (sessionAffinity === "None" && sessionAffinityConfig) {
    return [fieldForbidden(path, "must not be set when session affinity is None")];
  }
  if (sessionAffinity !== "ClientIP") return [];
  const timeout = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const at = path.child("clientIP", "timeoutSeconds");
  if (timeout === undefined) return [fieldRequired(at)];
  return timeout > 0 && timeout <= affinityTimeoutMaxSeconds
    ? []
    : [fieldInvalid(at, timeout, `must be greater than 0 and less than ${affinityTimeoutMaxSeconds}`)];
}

const rangesAnnotation = "service.beta.kubernetes.io/load-balancer-source-ranges";

/** Whom the load balancer lets in: in a field or, as of old, in an annotation. White space around a range is part of the API. */
function validateSourceRanges({ spec: service, metadata }: Service, old: Service | undefined): readonly FieldError[] {
  const ranges = service.loadBalancerSourceRanges ?? [];
  const noBalancer = (path: FieldPath): readonly FieldError[] =>
    service.type === "LoadBalancer" ? [] : [fieldForbidden(path, "may only be used when `type` is 'LoadBalancer'")];
  if (ranges.length > 0) {
    // The path is upstream's.
    const path = spec.child("LoadBalancerSourceRanges");
    const validOld = (old?.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim());
    return [
      ...noBalancer(path),
      ...ranges.flatMap((range, i) => validateLegacyCidr(path.index(i), range.trim(), { strict: true, validOld })),
    ];
  }
  const text = metadata.annotations?.[rangesAnnotation];
  if (text === undefined) return [];
  const path = FieldPath.of("metadata", "annotations").key(rangesAnnotation);
  const isKept = text === old?.metadata.annotations?.[rangesAnnotation] || text.trim() === "";
  return [
    ...noBalancer(path),
    ...(isKept ? [] : text.split(",")).flatMap((range) => validateLegacyCidr(path, range.trim(), { strict: true })),
  ];
}

function validateLoadBalancer(service: ServiceSpec): readonly FieldError[] {
  const { loadBalancerClass, allocateLoadBalancerNodePorts: allocates } = service;
  const classAt = spec.child("loadBalancerClass");
  const onlyThere = "may only be used when `type` is 'LoadBalancer'";
  if (service.type !== "LoadBalancer") {
    return [
      ...(allocates === undefined ? [] : [fieldForbidden(spec.child("allocateLoadBalancerNodePorts"), onlyThere)]),
      ...(loadBalancerClass === undefined ? [] : [fieldForbidden(classAt, onlyThere)]),
    ];
  }
  return [
    ...(allocates === undefined ? [fieldRequired(FieldPath.of("allocateLoadBalancerNodePorts"))] : []),
    ...(loadBalancerClass === undefined
      ? []
      : syntax(classAt, loadBalancerClass, validateQualifiedName(loadBalancerClass))),
  ];
}

const trafficPolicies = ["Cluster", "Local"];
const distributions = ["PreferClose", "PreferSameZone", "PreferSameNode"];

function validateTrafficPolicies(service: ServiceSpec): readonly FieldError[] {
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort, type } = service;
  const { trafficDistribution } = service;
  const errors: FieldError[] = [];
  const externalAt = spec.child("externalTrafficPolicy");
  if (isExternallyAccessible(service)) errors.push(...oneOf(externalAt, external, trafficPolicies));
  else if (external) {
    errors.push(fieldInvalid(externalAt, external, "may only be set for externally-accessible services"));
  }
  const healthAt = spec.child("healthCheckNodePort");
  if (needsHealthCheckNodePort(service)) {
    if (!healthCheckNodePort) errors.push(fieldRequired(healthAt));
    else errors.push(...syntax(healthAt, healthCheckNodePort, validatePortNumber(healthCheckNodePort)));
  } else if (healthCheckNodePort) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(fieldInvalid(healthAt, healthCheckNodePort, why));
  }
  const internalAt = spec.child("internalTrafficPolicy");
  if (internal === undefined) {
    const isNeeded = type === "NodePort" || type === "LoadBalancer" || type === "ClusterIP";
    if (isNeeded) errors.push(fieldRequired(internalAt));
  } else if (!trafficPolicies.includes(internal)) {
    errors.push(fieldNotSupported(internalAt, internal, trafficPolicies));
  }
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution)) {
    errors.push(fieldNotSupported(spec.child("trafficDistribution"), trafficDistribution, distributions));
  }
  return errors;
}

const families = ["IPv4", "IPv6"];
const familyPolicies = ["PreferDualStack", "RequireDualStack", "SingleStack"];

/** Addresses and their families: the rules that hold whatever a cluster has to give. */
export function validateClusterIps(service: ServiceSpec, old?: ServiceSpec): readonly FieldError[] {
  if (service.type === "ExternalName") return [];
  const all = service.clusterIPs ?? [];
  const path = spec.child("clusterIPs");
  const errors: FieldError[] = [];
  if (!service.clusterIP) {
    if (all.length > 0) errors.push(fieldInvalid(path, all, "must be empty when `clusterIP` is not specified"));
  } else if (all.length === 0) errors.push(fieldRequired(path));
  else if (all[0] !== service.clusterIP) {
    errors.push(fieldInvalid(path, all, "first value must match `clusterIP`"));
  }
  errors.push(...validateFamilies(service));
  let hasInvalid = false;
  for (const [i, ip] of all.entries()) {
    if (i === 0 && ip === "None") {
      if (all.length === 1) continue;
      hasInvalid = true;
      errors.push(fieldInvalid(path, all, "'None' must be the first and only value"));
      continue;
    }
    const wrong = validateLegacyIp(path.index(i), ip, { strict: true, validOld: old?.clusterIPs ?? [] });
    hasInvalid ||= wrong.length > 0;
    errors.push(...wrong);
  }
  if (all.length > 2) errors.push(fieldInvalid(path, all, "may only hold up to 2 values"));
  if (hasInvalid) return errors;
  return [...errors, ...validateIpFamilies(service, all, path)];
}

function validateFamilies({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec): readonly FieldError[] {
  const path = spec.child("ipFamilies");
  const errors: FieldError[] = [];
  for (const [i, family] of ipFamilies.entries()) {
    if (!families.includes(family)) errors.push(fieldNotSupported(path.index(i), family, families));
    if (ipFamilies.indexOf(family) < i) errors.push(fieldDuplicate(path.index(i), family));
  }
  if (ipFamilyPolicy !== undefined && !familyPolicies.includes(ipFamilyPolicy)) {
    errors.push(fieldNotSupported(spec.child("ipFamilyPolicy"), ipFamilyPolicy, familyPolicies));
  }
  return errors;
}

function validateIpFamilies(service: ServiceSpec, all: readonly string[], path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  const found = all.map(familyOf);
  if (all.length > 1 && new Set(found).size < 2) {
    errors.push(fieldInvalid(path, all, "may specify no more than one IP for each IP family"));
  }
  if (isHeadless(service)) return errors;
  for (const [i, ip] of all.entries()) {
    const wanted = service.ipFamilies?.[i];
    if (!wanted || !families.includes(wanted) || wanted === found[i]) continue;
    const why = `expected an ${wanted} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(fieldInvalid(path.index(i), ip, why));
  }
  return errors;
}

export function familyOf(ip: string): "IPv4" | "IPv6" {
  return ip.includes(":") ? "IPv6" : "IPv4";
}
