import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { validateIp } from "../../../../apimachinery/validation/ip.ts";
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePortNumber,
  validateQualifiedName,
} from "../../../../apimachinery/validation/names.ts";
import { validateLabels } from "../../../../apimachinery/validation/object-meta.ts";
import type { Service, ServicePort, ServiceSpec } from "../../../../api/core/v1/types.gen.ts";
import { oneOf, portNumberOrName, syntax } from "../../../validation/common.ts";
import { isHeadless, mayHaveNodePort, needsClusterIp } from "./type-rules.ts";

const spec = FieldPath.of("spec");
const ports = spec.child("ports");
const affinityTimeoutMaxSeconds = 86_400;

export function validateService(service: Service): readonly FieldError[] {
  const { type, selector, sessionAffinity, externalIPs = [] } = service.spec;
  const errors: FieldError[] = [];
  if ((service.spec.ports ?? []).length === 0 && !isHeadless(service.spec) && type !== "ExternalName") {
    errors.push(fieldRequired(ports));
  }
  errors.push(...validateForType(service.spec), ...validatePorts(service.spec));
  errors.push(...validateLabels(selector, spec.child("selector")));
  errors.push(...oneOf(spec.child("sessionAffinity"), sessionAffinity, ["ClientIP", "None"]));
  errors.push(...validateAffinityConfig(service.spec));
  for (const [i, ip] of externalIPs.entries()) errors.push(...validateIp(spec.child("externalIPs").index(i), ip));
  errors.push(...oneOf(spec.child("type"), type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]));
  errors.push(...validateTrafficPolicies(service.spec), ...validateClusterIps(service.spec));
  return errors;
}

/** What cannot change once given: the address, unless the type change takes it away. */
export function validateServiceUpdate(service: Service, old: Service): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (needsClusterIp(old.spec) && needsClusterIp(service.spec)) {
    const before = old.spec.clusterIPs ?? [];
    const after = service.spec.clusterIPs ?? [];
    const path = spec.child("clusterIPs");
    if (before[0] && !after[0]) errors.push(fieldInvalid(path.index(0), after, "primary clusterIP can not be unset"));
    else if (before[0] && after[0] !== before[0])
      errors.push(fieldInvalid(path.index(0), after, "may not change once set"));
    if (before[1] && after[1] && after[1] !== before[1]) {
      errors.push(fieldInvalid(path.index(1), after, "may not change once set"));
    }
  }
  return [...errors, ...validateService(service)];
}

function validateForType(service: ServiceSpec): readonly FieldError[] {
  const errors: FieldError[] = [];
  switch (service.type) {
    case "LoadBalancer":
      for (const [i, port] of (service.ports ?? []).entries()) {
        if (port.port === 10250) {
          const why = "may not expose port 10250 externally since it is used by kubelet";
          errors.push(fieldInvalid(ports.index(i), port.port, why));
        }
      }
      if (isHeadless(service)) errors.push(...notHeadless("LoadBalancer", service));
      break;
    case "NodePort":
      if (isHeadless(service)) errors.push(...notHeadless("NodePort", service));
      break;
    case "ExternalName": {
      const path = spec.child("externalName");
      // A name with a final dot is as good as one without.
      const name = service.externalName?.replace(/\.$/, "");
      if (name) errors.push(...syntax(path, name, validateDns1123Subdomain(name)));
      else errors.push(fieldRequired(path));
      if ((service.clusterIPs?.length ?? 0) > 0) {
        errors.push(fieldForbidden(spec.child("clusterIPs"), "may not be set for ExternalName services"));
      }
      if ((service.ipFamilies?.length ?? 0) > 0) {
        errors.push(fieldForbidden(spec.child("ipFamilies"), "may not be set for ExternalName services"));
      }
      if (service.ipFamilyPolicy) {
        errors.push(fieldForbidden(spec.child("ipFamilyPolicy"), "may not be set for ExternalName services"));
      }
      break;
    }
    case "ClusterIP":
    case undefined:
      break;
  }
  return errors;
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

function validatePorts(service: ServiceSpec): readonly FieldError[] {
  const all = service.ports ?? [];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const keys = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [i, port] of all.entries()) {
    const path = ports.index(i);
    errors.push(...validatePort(port, all.length > 1, names, service, path));
    const key = `${port.protocol ?? ""}/${port.port}`;
    if (keys.has(key)) errors.push(fieldDuplicate(path, withoutNames(port)));
    keys.add(key);
    if (!port.nodePort) continue;
    if (!mayHaveNodePort(service)) {
      const why = `may not be used when \`type\` is '${service.type ?? ""}'`;
      errors.push(fieldForbidden(path.child("nodePort"), why));
    }
    const nodeKey = `${port.protocol ?? ""}/${port.nodePort}`;
    if (nodePorts.has(nodeKey)) errors.push(fieldDuplicate(path.child("nodePort"), port.nodePort));
    nodePorts.add(nodeKey);
  }
  return errors;
}

function withoutNames({ protocol, port }: ServicePort): unknown {
  return { protocol, port };
}

function validatePort(
  port: ServicePort,
  isNameRequired: boolean,
  names: Set<string>,
  service: ServiceSpec,
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
  if (port.targetPort !== undefined) {
    errors.push(...portNumberOrName(path.child("targetPort"), port.targetPort));
    if (
      isHeadless(service) &&
      typeof port.targetPort === "number" &&
      port.targetPort !== port.port &&
      service.selector === undefined
    ) {
      errors.push(
        fieldInvalid(
          path.child("targetPort"),
          port.targetPort,
          "must be equal to the value of 'port' when clusterIP = None",
        ),
      );
    }
  }
  if (port.appProtocol) {
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

function validateTrafficPolicies(service: ServiceSpec): readonly FieldError[] {
  const errors: FieldError[] = [];
  const external = service.externalTrafficPolicy;
  const path = spec.child("externalTrafficPolicy");
  if (mayHaveNodePort(service)) {
    errors.push(...oneOf(path, external, ["Cluster", "Local"]));
  } else if (external && (service.externalIPs?.length ?? 0) === 0) {
    errors.push(fieldInvalid(path, external, "may only be set for externally-accessible services"));
  }
  if (service.internalTrafficPolicy !== undefined) {
    errors.push(...oneOf(spec.child("internalTrafficPolicy"), service.internalTrafficPolicy, ["Cluster", "Local"]));
  }
  if (service.allocateLoadBalancerNodePorts !== undefined && service.type !== "LoadBalancer") {
    const why = "may only be used when `type` is 'LoadBalancer'";
    errors.push(fieldForbidden(spec.child("allocateLoadBalancerNodePorts"), why));
  }
  return errors;
}

function validateClusterIps(service: ServiceSpec): readonly FieldError[] {
  const all = service.clusterIPs ?? [];
  const path = spec.child("clusterIPs");
  const errors: FieldError[] = [];
  if (service.clusterIP && all.length === 0) errors.push(fieldRequired(path));
  if (all.length > 0 && all[0] !== service.clusterIP) {
    errors.push(fieldInvalid(path, all, "first value must match `clusterIP`"));
  }
  if (all.length > 2) errors.push(fieldInvalid(path, all, "may only hold up to 2 values"));
  for (const [i, ip] of all.entries()) {
    if (ip === "None") {
      if (all.length > 1) errors.push(fieldInvalid(path, all, "'None' must be the first and only value"));
    } else errors.push(...validateIp(path.index(i), ip));
  }
  return errors;
}
