import { goQuote } from "../../apimachinery/go-format.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { parseIp } from "../../apimachinery/validation/ip-address.ts";
import { validateLegacyIp } from "../../apimachinery/validation/ip.ts";
import {
  nameIsPathSegment,
  utf8Length,
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePortName,
  validatePortNumber,
  validateWildcardDns1123Subdomain,
} from "../../apimachinery/validation/names.ts";
import type {
  HTTPIngressPath,
  HTTPIngressRuleValue,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressServiceBackend,
  IngressSpec,
} from "../../api/networking/v1/types.gen.ts";
import type { TypedLocalObjectReference } from "../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { ingressCells, ingressClassCells } from "../printers/network.ts";
import { immutable, syntax } from "../validation/common.ts";
import { validateDomainPrefixedPath } from "../validation/domain-prefixed-path.ts";

const spec = FieldPath.of("spec");
const classAnnotation = "kubernetes.io/ingress.class";
const pathTypes = ["Exact", "ImplementationSpecific", "Prefix"];
const badSequences = ["//", "/./", "/../", "%2f", "%2F"];
const badSuffixes = ["/..", "/."];
const controllerBytesMax = 250;

/** Faults of what is stored that an update need not repair. */
interface Tolerated {
  readonly secretNames: boolean;
  readonly wildcardRules: boolean;
}

export const ingressStrategy: Strategy<Ingress> = {
  checksNameOnUpdate: true,
  warningsOnCreate: ({ metadata, spec }) =>
    classAnnotation in (metadata.annotations ?? {}) && spec.ingressClassName === undefined
      ? [`annotation ${goQuote(classAnnotation)} is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
  validate(ingress: Ingress): readonly FieldError[] {
    const errors = validateSpec(ingress.spec, { secretNames: false, wildcardRules: false });
    const named = ingress.metadata.annotations?.[classAnnotation];
    const { ingressClassName } = ingress.spec;
    if (named === undefined || ingressClassName === undefined || named === ingressClassName) return errors;
    const path = FieldPath.of("annotations").child(classAnnotation);
    return [...errors, fieldInvalid(path, named, "must match `ingressClassName` when both are specified")];
  },
  validateUpdate(ingress: Ingress, old: Ingress): readonly FieldError[] {
    return validateSpec(ingress.spec, {
      secretNames: (old.spec.tls ?? []).some(({ secretName }) => secretNameMessages(secretName).length > 0),
      wildcardRules: (old.spec.rules ?? []).some(
        ({ host, http }) => host?.includes("*") && validateRule(http, spec).length > 0,
      ),
    });
  },
  validateStatus(ingress: Ingress, old: Ingress): readonly FieldError[] {
    const validOld = (old.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
    return (ingress.status.loadBalancer.ingress ?? []).flatMap(({ ip, hostname }, i) => {
      const path = FieldPath.of("status", "loadBalancer", "ingress").index(i);
      return [
        ...(ip ? validateLegacyIp(path.child("ip"), ip, { strict: true, validOld }) : []),
        ...(hostname ? validateHostname(hostname, path.child("hostname")) : []),
      ];
    });
  },
  tableCells: ingressCells,
};

/** The DNS name of a load balancer. */
export function validateHostname(name: string, path: FieldPath): readonly FieldError[] {
  return [
    ...syntax(path, name, validateDns1123Subdomain(name)),
    ...(parseIp(name) ? [fieldInvalid(path, name, "must be a DNS name, not an IP address")] : []),
  ];
}

function validateSpec(ingress: IngressSpec, tolerated: Tolerated): readonly FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = ingress;
  const errors: FieldError[] = [];
  if (rules.length === 0 && !defaultBackend) {
    errors.push(fieldInvalid(spec, ingress.rules ?? null, "either `defaultBackend` or `rules` must be specified"));
  }
  if (defaultBackend) errors.push(...validateBackend(defaultBackend, spec.child("defaultBackend")));
  for (const [i, { host, http }] of rules.entries()) {
    const path = spec.child("rules").index(i);
    if (host) errors.push(...validateRuleHost(host, path.child("host")));
    if (host?.includes("*") && tolerated.wildcardRules) continue;
    errors.push(...validateRule(http, path));
  }
  for (const [i, { hosts = [], secretName }] of tls.entries()) {
    const path = spec.child("tls").index(i);
    for (const [j, host] of hosts.entries()) {
      errors.push(...syntax(path.child("hosts").index(j), host, hostMessages(host)));
    }
    if (!tolerated.secretNames) {
      errors.push(...syntax(path.child("secretName"), secretName ?? "", secretNameMessages(secretName)));
    }
  }
  if (ingressClassName !== undefined) {
    const at = spec.child("ingressClassName");
    errors.push(...syntax(at, ingressClassName, validateDns1123Subdomain(ingressClassName)));
  }
  return errors;
}

function secretNameMessages(name: string | undefined): readonly string[] {
  return name ? validateDns1123Subdomain(name) : [];
}

function hostMessages(host: string): readonly string[] {
  return host.includes("*") ? validateWildcardDns1123Subdomain(host) : validateDns1123Subdomain(host);
}

function validateRuleHost(host: string, path: FieldPath): readonly FieldError[] {
  return [
    ...(parseIp(host) ? [fieldInvalid(path, host, "must be a DNS name, not an IP address")] : []),
    ...syntax(path, host, hostMessages(host)),
  ];
}

function validateRule(http: HTTPIngressRuleValue | undefined, path: FieldPath): readonly FieldError[] {
  if (!http) return [];
  // A list the client left out is null.
  const paths = http.paths ?? [];
  const at = path.child("http", "paths");
  return paths.length === 0 ? [fieldRequired(at)] : paths.flatMap((each, i) => validatePath(each, at.index(i)));
}

function validatePath({ path: text = "", pathType, backend }: HTTPIngressPath, path: FieldPath): readonly FieldError[] {
  // A field the client left out is empty.
  if (!pathType) return [fieldRequired(path.child("pathType"), "pathType must be specified")];
  const errors: FieldError[] = [];
  const at = path.child("path");
  const isMatched = pathType === "Exact" || pathType === "Prefix";
  if (!pathTypes.includes(pathType)) errors.push(fieldNotSupported(path.child("pathType"), pathType, pathTypes));
  else if (!text.startsWith("/") && (isMatched || text !== "")) {
    errors.push(fieldInvalid(at, text, "must be an absolute path"));
  }
  if (isMatched) {
    for (const each of badSequences) {
      if (text.includes(each)) errors.push(fieldInvalid(at, text, `must not contain '${each}'`));
    }
    for (const each of badSuffixes) {
      if (text.endsWith(each)) errors.push(fieldInvalid(at, text, `cannot end with '${each}'`));
    }
  }
  return [...errors, ...validateBackend(backend, path.child("backend"))];
}

function validateBackend({ resource, service }: IngressBackend, path: FieldPath): readonly FieldError[] {
  if (resource && service) return [fieldInvalid(path, "", "cannot set both resource and service backends")];
  if (resource) return validateReference(resource, path.child("resource"));
  if (service) return validateServiceBackend(service, path);
  return [fieldInvalid(path, "", "resource or service backend is required")];
}

function validateServiceBackend({ name, port }: IngressServiceBackend, path: FieldPath): readonly FieldError[] {
  const nameAt = path.child("service", "name");
  const portAt = path.child("service", "port");
  const errors: FieldError[] = name ? [...syntax(nameAt, name, validateDns1123Label(name))] : [fieldRequired(nameAt)];
  const { name: portName, number } = port;
  if (portName && number) errors.push(fieldInvalid(path, "", "cannot set both port name & port number"));
  else if (portName) errors.push(...syntax(portAt.child("name"), portName, validatePortName(portName)));
  else if (number) errors.push(...syntax(portAt.child("number"), number, validatePortNumber(number)));
  else errors.push(fieldRequired(path, "port name or number is required"));
  return errors;
}

function validateReference(
  { apiGroup, kind, name }: TypedLocalObjectReference | IngressClassParametersReference,
  path: FieldPath,
): readonly FieldError[] {
  const segment = (field: string, value: string): readonly FieldError[] =>
    value ? syntax(path.child(field), value, nameIsPathSegment(value, false)) : [fieldRequired(path.child(field))];
  return [
    // A group the client left out is null.
    ...(typeof apiGroup === "string"
      ? syntax(path.child("apiGroup"), apiGroup, validateDns1123Subdomain(apiGroup))
      : []),
    ...segment("kind", kind),
    ...segment("name", name),
  ];
}

function validateClass({ spec: { controller = "", parameters } }: IngressClass): readonly FieldError[] {
  const path = spec.child("controller");
  return [
    ...(utf8Length(controller) > controllerBytesMax ? [fieldTooLong(path, controllerBytesMax)] : []),
    ...validateDomainPrefixedPath(path, controller),
    ...(parameters ? validateParameters(parameters, spec.child("parameters")) : []),
  ];
}

function validateParameters(parameters: IngressClassParametersReference, path: FieldPath): readonly FieldError[] {
  const { scope, namespace } = parameters;
  const at = path.child("namespace");
  const errors: FieldError[] = [...validateReference(parameters, path)];
  switch (scope) {
    case undefined:
      errors.push(fieldRequired(path.child("scope")));
      break;
    case "Namespace":
      if (namespace === undefined) errors.push(fieldRequired(at, "`parameters.scope` is set to 'Namespace'"));
      else errors.push(...syntax(at, namespace, validateDns1123Label(namespace)));
      break;
    case "Cluster":
      if (namespace !== undefined) errors.push(fieldForbidden(at, "`parameters.scope` is set to 'Cluster'"));
      break;
    default:
      errors.push(fieldNotSupported(path.child("scope"), scope, ["Cluster", "Namespace"]));
  }
  return errors;
}

export const ingressClassStrategy: Strategy<IngressClass> = {
  generation: "spec",
  checksNameOnUpdate: true,
  validate: validateClass,
  validateUpdate: (object: IngressClass, old: IngressClass) => [
    ...immutable(spec.child("controller"), object.spec.controller ?? "", old.spec.controller ?? ""),
    ...validateClass(object),
  ],
  tableCells: ingressClassCells,
};
