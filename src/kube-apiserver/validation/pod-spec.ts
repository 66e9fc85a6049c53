import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  inclusiveRangeMessage,
  nameIsDnsSubdomain,
  utf8Length,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateDns1123SubdomainWithUnderscore,
  validateId,
  validateQualifiedName,
} from "../../apimachinery/validation/names.ts";
import type { PodResourceClaim, PodSecurityContext, PodSpec, PodTemplateSpec } from "../../api/core/v1/types.gen.ts";
import { validateAffinity, validateTopologySpreadConstraints } from "./affinity.ts";
import { oneOf, syntax } from "./common.ts";
import { validateContainers, validateEphemeralContainers, validateInitContainers } from "./containers.ts";
import { validateAnnotations, validateLabels } from "../../apimachinery/validation/object-meta.ts";
import { validateResourceList, validateResourceRequirements } from "./resources.ts";
import { validateOs } from "./pod-os.ts";
import { validateAppArmorProfile, validateSeccompProfile } from "./security-context.ts";
import { validateTolerations } from "./tolerations.ts";
import { validateLegacyIp } from "../../apimachinery/validation/ip.ts";
import { validateVolumes } from "./volumes.ts";

const int32Max = 2147483647;

export const dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"] as const;
export const restartPolicies = ["Always", "OnFailure", "Never"] as const;

/** Everything a pod template of a workload must fulfil, before the workload's own rules. */
export function validatePodTemplateSpec(template: PodTemplateSpec, path: FieldPath): readonly FieldError[] {
  return [
    ...validateLabels(template.metadata.labels, path.child("labels")),
    ...validateAnnotations(template.metadata.annotations, path.child("annotations")),
    ...validatePodSpec(template.spec, undefined, path.child("spec")),
    ...((template.spec.ephemeralContainers?.length ?? 0) > 0
      ? [fieldForbidden(path.child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template")]
      : []),
  ];
}

/** The rules of a pod's spec, the same in pods and in templates, which have no metadata of a pod yet. */
export function validatePodSpec(
  spec: PodSpec,
  metadata: ObjectMeta | undefined,
  path: FieldPath,
): readonly FieldError[] {
  const volumes = validateVolumes(spec.volumes ?? [], metadata?.name, path.child("volumes"));
  const claims = new Set((spec.resourceClaims ?? []).map((claim) => claim.name));
  const scope = {
    volumes: volumes.valid,
    claims,
    isHostNetwork: spec.hostNetwork ?? false,
    hasHostUsers: spec.hostUsers ?? true,
    restartPolicy: spec.restartPolicy ?? "",
    graceSeconds: spec.terminationGracePeriodSeconds,
  };
  return [
    ...volumes.errors,
    ...validateResourceClaims(spec.resourceClaims ?? [], path.child("resourceClaims")),
    ...validateContainers(spec.containers ?? [], scope, path.child("containers")),
    ...validateInitContainers(spec.initContainers ?? [], spec.containers ?? [], scope, path.child("initContainers")),
    ...validateEphemeralContainers(spec, scope, path.child("ephemeralContainers")),
    ...oneOf(path.child("restartPolicy"), spec.restartPolicy, restartPolicies),
    ...oneOf(path.child("dnsPolicy"), spec.dnsPolicy, dnsPolicies),
    ...validateLabels(spec.nodeSelector, path.child("nodeSelector")),
    ...validatePodSecurityContext(spec, path.child("securityContext")),
    ...validateAffinity(spec.affinity, path.child("affinity")),
    ...validateDnsConfig(spec, path.child("dnsConfig")),
    ...validateGates(spec, path),
    ...validateTopologySpreadConstraints(spec.topologySpreadConstraints ?? [], path.child("topologySpreadConstraints")),
    ...validateHostUsers(spec, path),
    ...validateHostnameOverride(spec, path.child("hostnameOverride")),
    ...validateNames(spec, path),
    ...validateTolerations(spec.tolerations ?? [], path.child("tolerations")),
    ...validateHostAliases(spec, path.child("hostAliases")),
    ...(spec.preemptionPolicy === undefined
      ? []
      : oneOf(path.child("preemptionPolicy"), spec.preemptionPolicy, ["PreemptLowerPriority", "Never"])),
    ...(spec.overhead ? validateResourceList(spec.overhead, path.child("overhead", "limits")) : []),
    ...(spec.resources ? validateResourceRequirements(spec.resources, claims, path.child("resources")) : []),
    ...validateOs(spec, path),
  ];
}

function validateResourceClaims(claims: readonly PodResourceClaim[], path: FieldPath): readonly FieldError[] {
  const names = new Set<string>();
  return claims.flatMap((claim, i) => {
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    const at = path.index(i);
    const errors: FieldError[] = [];
    if (!name) errors.push(fieldRequired(at.child("name")));
    else if (names.has(name)) errors.push(fieldDuplicate(at.child("name"), name));
    else errors.push(...syntax(at.child("name"), name, validateDns1123Label(name)));
    names.add(name);
    // The value is shown as Go has it.
    const shown = {
      Name: name,
      ResourceClaimName: resourceClaimName ?? null,
      ResourceClaimTemplateName: resourceClaimTemplateName ?? null,
    };
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
      errors.push(fieldInvalid(at, shown, why));
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.push(fieldInvalid(at, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"));
    }
    for (const field of ["resourceClaimName", "resourceClaimTemplateName"] as const) {
      const value = claim[field];
      if (value !== undefined) errors.push(...syntax(at.child(field), value, nameIsDnsSubdomain(value, false)));
    }
    return errors;
  });
}

/** A user namespace of its own goes with no other namespace of the host's. Some of upstream's paths are in capitals. */
function validateHostUsers(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  if (spec.hostUsers !== false) return [];
  const forbidden = (at: FieldPath): FieldError => fieldForbidden(at, "when `hostUsers` is false");
  const lists = [
    ["initContainers", spec.initContainers],
    ["containers", spec.containers],
    ["ephemeralContainers", spec.ephemeralContainers],
  ] as const;
  return [
    ...(spec.hostNetwork ? [forbidden(path.child("hostNetwork"))] : []),
    ...(spec.hostPID ? [forbidden(path.child("HostPID"))] : []),
    ...(spec.hostIPC ? [forbidden(path.child("HostIPC"))] : []),
    ...lists.flatMap(([name, containers = []]) =>
      containers.flatMap((container, i) =>
        container.volumeDevices?.length ? [forbidden(path.child(name).index(i).child("volumeDevices"))] : [],
      ),
    ),
  ];
}

const hostnameBytesMax = 64;

function validateHostnameOverride(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  const { hostnameOverride: name } = spec;
  if (name === undefined) return [];
  const errors: FieldError[] = [];
  if (spec.setHostnameAsFQDN) {
    errors.push(fieldForbidden(path, "may not be specified when setHostnameAsFQDN is true"));
  }
  if (spec.hostNetwork) errors.push(fieldForbidden(path, "may not be specified when hostNetwork is true"));
  if (utf8Length(name) > hostnameBytesMax) errors.push(fieldTooLong(path, hostnameBytesMax));
  return [...errors, ...syntax(path, name, validateDns1123Subdomain(name))];
}

function validateNames(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  const subdomain = (field: "serviceAccountName" | "nodeName" | "priorityClassName" | "runtimeClassName") =>
    spec[field] ? syntax(path.child(field), spec[field], nameIsDnsSubdomain(spec[field], false)) : [];
  const label = (field: "hostname" | "subdomain") =>
    spec[field] ? syntax(path.child(field), spec[field], validateDns1123Label(spec[field])) : [];
  const deadline = spec.activeDeadlineSeconds;
  const isBadDeadline = deadline !== undefined && (deadline < 1 || deadline > int32Max);
  return [
    ...subdomain("serviceAccountName"),
    ...subdomain("nodeName"),
    ...(isBadDeadline
      ? [fieldInvalid(path.child("activeDeadlineSeconds"), deadline, inclusiveRangeMessage(1, int32Max))]
      : []),
    ...label("hostname"),
    ...label("subdomain"),
    ...subdomain("priorityClassName"),
    ...subdomain("runtimeClassName"),
  ];
}

function validatePodSecurityContext(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  const context: PodSecurityContext | undefined = spec.securityContext;
  const errors: FieldError[] = [];
  if (spec.shareProcessNamespace && spec.hostPID) {
    errors.push(
      fieldInvalid(
        path.child("shareProcessNamespace"),
        true,
        "ShareProcessNamespace and HostPID cannot both be enabled",
      ),
    );
  }
  if (!context) return errors;
  for (const field of ["fsGroup", "runAsUser", "runAsGroup"] as const) {
    const id = context[field];
    if (id !== undefined) errors.push(...syntax(path.child(field), id, validateId(id)));
  }
  for (const [i, id] of (context.supplementalGroups ?? []).entries()) {
    errors.push(...syntax(path.child("supplementalGroups").index(i), id, validateId(id)));
  }
  const seen = new Set<string>();
  for (const [i, sysctl] of (context.sysctls ?? []).entries()) {
    const name = path.child("sysctls").index(i).child("name");
    if (sysctl.name === "") errors.push(fieldRequired(name));
    else if (!sysctlName.test(sysctl.name) || sysctl.name.length > 253) {
      errors.push(
        fieldInvalid(name, sysctl.name, `must have at most 253 characters and match regex ${sysctlName.source}`),
      );
    } else if (seen.has(sysctl.name)) errors.push(fieldDuplicate(name, sysctl.name));
    seen.add(sysctl.name);
  }
  errors.push(
    ...oneOf(path.child("fsGroupChangePolicy"), context.fsGroupChangePolicy, ["Always", "OnRootMismatch"], true),
    ...validateSeccompProfile(context.seccompProfile, path.child("seccompProfile")),
    ...validateAppArmorProfile(context.appArmorProfile, path.child("appArmorProfile")),
    ...oneOf(path.child("supplementalGroupsPolicy"), context.supplementalGroupsPolicy, ["Merge", "Strict"], true),
  );
  // The other policy is behind a gate that is off by default (SELinuxMount).
  const { seLinuxChangePolicy } = context;
  if (seLinuxChangePolicy !== undefined && seLinuxChangePolicy !== "Recursive") {
    errors.push(fieldNotSupported(path.child("seLinuxChangePolicy"), seLinuxChangePolicy, ["Recursive"]));
  }
  return errors;
}

const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

const nameserversMax = 3;
const searchPathsMax = 32;
const searchCharactersMax = 2048;

function validateDnsConfig(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  const config = spec.dnsConfig;
  const errors: FieldError[] = [];
  const nameservers = config?.nameservers ?? [];
  if (spec.dnsPolicy === "None") {
    if (!config) {
      return [fieldRequired(path, "must provide `dnsConfig` when `dnsPolicy` is None")];
    }
    if (nameservers.length === 0) {
      return [
        fieldRequired(path.child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None"),
      ];
    }
  }
  if (!config) return [];
  if (nameservers.length > nameserversMax) {
    errors.push(
      fieldInvalid(path.child("nameservers"), nameservers, `must not have more than ${nameserversMax} nameservers`),
    );
  }
  for (const [i, server] of nameservers.entries())
    errors.push(...validateLegacyIp(path.child("nameservers").index(i), server, { strict: true }));
  const searches = config.searches ?? [];
  if (searches.length > searchPathsMax) {
    errors.push(
      fieldInvalid(path.child("searches"), searches, `must not have more than ${searchPathsMax} search paths`),
    );
  }
  if (searches.join(" ").length > searchCharactersMax) {
    errors.push(
      fieldInvalid(
        path.child("searches"),
        searches,
        `must not have more than ${searchCharactersMax} characters (including spaces) in the search list`,
      ),
    );
  }
  for (const [i, search] of searches.entries()) {
    // A search path may be the root, and may end in its dot.
    const name = search.length > 1 && search.endsWith(".") ? search.slice(0, -1) : search;
    if (name !== ".") {
      const messages = validateDns1123SubdomainWithUnderscore(name);
      errors.push(...syntax(path.child("searches").index(i), search, messages));
    }
  }
  for (const [i, option] of (config.options ?? []).entries()) {
    if (!option.name) errors.push(fieldRequired(path.child("options").index(i), "must not be empty"));
  }
  return errors;
}

function validateGates(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, gate] of (spec.readinessGates ?? []).entries()) {
    const at = path.child("readinessGates").index(i).child("conditionType");
    errors.push(...syntax(at, gate.conditionType, validateQualifiedName(gate.conditionType)));
  }
  const seen = new Set<string>();
  for (const [i, gate] of (spec.schedulingGates ?? []).entries()) {
    const at = path.child("schedulingGates").index(i);
    errors.push(...syntax(at, gate.name, validateQualifiedName(gate.name)));
    if (seen.has(gate.name)) errors.push(fieldDuplicate(at, gate.name));
    seen.add(gate.name);
  }
  return errors;
}

function validateHostAliases(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  return (spec.hostAliases ?? []).flatMap((alias, i) => [
    ...validateLegacyIp(path.index(i).child("ip"), alias.ip, { strict: true }),
    ...(alias.hostnames ?? []).flatMap((name, j) =>
      syntax(path.index(i).child("hostnames").index(j), name, validateDns1123Subdomain(name)),
    ),
  ]);
}

/** Long-running workloads take no other restart policy than Always, and no deadline. */
export function validateAlwaysRestarting(
  template: PodTemplateSpec,
  kind: string,
  path: FieldPath,
): readonly FieldError[] {
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  return [
    ...(restartPolicy === "Always"
      ? []
      : [fieldNotSupported(path.child("spec", "restartPolicy"), restartPolicy ?? "", ["Always"])]),
    ...(activeDeadlineSeconds === undefined
      ? []
      : [
          fieldForbidden(
            path.child("spec", "activeDeadlineSeconds"),
            `activeDeadlineSeconds in ${kind} is not Supported`,
          ),
        ]),
  ];
}
