import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { nameIsDnsSubdomain } from "../../../../apimachinery/validation/names.ts";
import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { ContainerStatus, Pod } from "../../../../api/core/v1/types.gen.ts";
import type { SubresourceStrategy } from "../../../../apiserver/registry/rest/strategy.ts";
import { syntax } from "../../../validation/common.ts";

const status = FieldPath.of("status");

/** pods/status: what the kubelet and the scheduler report. */
export const podStatusStrategy: SubresourceStrategy<Pod> = {
  prepareForUpdate(pod: Mutable<Pod>, old: Mutable<Pod>): void {
    pod.spec = old.spec;
    if (old.metadata.ownerReferences) pod.metadata.ownerReferences = old.metadata.ownerReferences;
    else delete pod.metadata.ownerReferences;
    if (old.status.qosClass) pod.status.qosClass = old.status.qosClass;
  },

  validateUpdate(pod: Pod, old: Pod): readonly FieldError[] {
    const nominated = pod.status.nominatedNodeName;
    return [
      ...(nominated ? syntax(status.child("nominatedNodeName"), nominated, nameIsDnsSubdomain(nominated, false)) : []),
      ...validateTransitions(
        pod.status.containerStatuses,
        old.status.containerStatuses,
        old,
        status.child("containerStatuses"),
      ),
    ];
  },
};

/** A container that ended for good stays ended. */
function validateTransitions(
  next: readonly ContainerStatus[] | undefined,
  old: readonly ContainerStatus[] | undefined,
  pod: Pod,
  path: FieldPath,
): readonly FieldError[] {
  if (pod.spec.restartPolicy === "Always") return [];
  const restartable = new Set(
    pod.spec.containers.filter((c) => c.restartPolicy !== undefined || c.restartPolicyRules).map((c) => c.name),
  );
  const errors: FieldError[] = [];
  for (const before of old ?? []) {
    const ended = before.state?.terminated;
    if (!ended || restartable.has(before.name)) continue;
    if (pod.spec.restartPolicy === "OnFailure" && ended.exitCode !== 0) continue;
    const i = (next ?? []).findIndex((candidate) => candidate.name === before.name);
    const after = next?.[i];
    if (after && !after.state?.terminated) {
      errors.push(fieldForbidden(path.index(i).child("state"), "may not be transitioned to non-terminated state"));
    }
  }
  return errors;
}
