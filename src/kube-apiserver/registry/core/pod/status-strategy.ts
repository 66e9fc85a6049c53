import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { validateLegacyIp } from "../../../../apimachinery/validation/ip.ts";
import { nameIsDnsSubdomain, validateQualifiedName } from "../../../../apimachinery/validation/names.ts";
import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { ContainerStatus, Pod, PodCondition } from "../../../../api/core/v1/types.gen.ts";
import { mayRestartAll, restartsAfterExit } from "../../../../component-helpers/container-restart.ts";
import type { SubresourceStrategy } from "../../../../apiserver/registry/rest/strategy.ts";
import { immutable, syntax } from "../../../validation/common.ts";

const status = FieldPath.of("status");

/** pods/status: what the kubelet and the scheduler report. */
export const podStatusStrategy: SubresourceStrategy<Pod> = {
  prepareForUpdate(pod: Mutable<Pod>, old: Mutable<Pod>): void {
    pod.spec = old.spec;
    // What does not say it means it to stay.
    if (old.status.qosClass) pod.status.qosClass ??= old.status.qosClass;
  },

  validateUpdate(pod: Pod, old: Pod): readonly FieldError[] {
    const { observedGeneration = 0, qosClass } = pod.status;
    return [
      ...validateConditions(pod.status.conditions, status.child("conditions")),
      ...validateNomination(pod, old),
      ...(observedGeneration < 0
        ? [fieldInvalid(status.child("observedGeneration"), observedGeneration, "must be a non-negative integer")]
        : []),
      ...immutable(status.child("qosClass"), qosClass, old.status.qosClass),
      ...validateTransitions(
        pod.status.containerStatuses,
        old.status.containerStatuses,
        old,
        status.child("containerStatuses"),
      ),
      ...validateAddresses(pod.status.podIPs, old.status.podIPs, status.child("podIPs")),
      ...validateHostAddresses(pod, old),
    ];
  },
};

const systemConditions = new Set(["PodScheduled", "Ready", "Initialized"]);

function validateConditions(conditions: readonly PodCondition[] | undefined, path: FieldPath): readonly FieldError[] {
  return (conditions ?? []).flatMap(({ type, observedGeneration = 0 }, i) => {
    const at = path.index(i).child("observedGeneration");
    return [
      ...(observedGeneration < 0 ? [fieldInvalid(at, observedGeneration, "must be a non-negative integer")] : []),
      // The path is upstream's.
      ...(systemConditions.has(type) ? [] : syntax(path.index(i).child("Type"), type, validateQualifiedName(type))),
    ];
  });
}

function validateNomination(pod: Pod, old: Pod): readonly FieldError[] {
  const { nominatedNodeName: name } = pod.status;
  if (!name || name === old.status.nominatedNodeName) return [];
  const path = status.child("nominatedNodeName");
  return [
    ...syntax(path, name, nameIsDnsSubdomain(name, false)),
    ...(old.spec.nodeName ? [fieldForbidden(path, "may not be set on pods that are already bound to a node")] : []),
  ];
}

type Addresses = readonly { readonly ip: string }[] | undefined;

/** One address of each family. Those that were there before are not looked at again. */
function validateAddresses(next: Addresses, old: Addresses, path: FieldPath): readonly FieldError[] {
  const all = (next ?? []).map(({ ip }) => ip);
  const validOld = (old ?? []).map(({ ip }) => ip);
  const errors: FieldError[] = all.flatMap((ip, i) => validateLegacyIp(path.index(i), ip, { strict: true, validOld }));
  if (all.length > 2 || (all.length === 2 && new Set(all.map((ip) => ip.includes(":"))).size < 2)) {
    const shown = all.map((ip) => ({ IP: ip }));
    errors.push(fieldInvalid(path, shown, "may specify no more than one IP for each IP family"));
  }
  return errors;
}

function validateHostAddresses(pod: Pod, old: Pod): readonly FieldError[] {
  const { hostIP = "", hostIPs } = pod.status;
  const first = hostIPs?.[0]?.ip;
  const path = status.child("hostIPs");
  const isSame = first === undefined || first === hostIP;
  return [
    ...(isSame ? [] : [fieldInvalid(path.index(0).child("ip"), first, "must be equal to `hostIP`")]),
    ...validateAddresses(hostIPs, old.status.hostIPs, path),
  ];
}

/** A container that ended for good stays ended. */
function validateTransitions(
  next: readonly ContainerStatus[] | undefined,
  old: readonly ContainerStatus[] | undefined,
  pod: Pod,
  path: FieldPath,
): readonly FieldError[] {
  if (mayRestartAll(pod)) return [];
  const errors: FieldError[] = [];
  for (const before of old ?? []) {
    const ended = before.state?.terminated;
    const container = pod.spec.containers.find((c) => c.name === before.name);
    if (!ended || (container && restartsAfterExit(pod, container, ended.exitCode))) continue;
    const i = (next ?? []).findIndex((candidate) => candidate.name === before.name);
    const after = next?.[i];
    if (after && !after.state?.terminated) {
      errors.push(fieldForbidden(path.index(i).child("state"), "may not be transitioned to non-terminated state"));
    }
  }
  return errors;
}
