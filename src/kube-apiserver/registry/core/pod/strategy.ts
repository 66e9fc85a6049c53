import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import { formatTime } from "../../../../apimachinery/time.ts";
import type { Pod } from "../../../../api/core/v1/types.gen.ts";
import type { RequestContext, Strategy } from "../../../../apiserver/registry/rest/strategy.ts";
import { podQosClass } from "../../../../component-helpers/pod-qos.ts";
import { podCells } from "../../../printers/pod.ts";
import { validatePodSpec } from "../../../validation/pod-spec.ts";
import { dropFieldsOfClosedGates } from "./closed-gates.ts";
import { noProbe } from "./conditions.ts";
import { validatePodUpdate } from "./validate-update.ts";
import { hostnameWarnings, podWarnings } from "../../../validation/pod-warnings.ts";

const spec = FieldPath.of("spec");

/** Pods: stored Pending and unassigned, changed little afterwards, deleted gracefully by the kubelet. */
export const podStrategy: Strategy<Pod> = {
  prepareForCreate(pod: Mutable<Pod>, { nowMs }: RequestContext): void {
    dropFieldsOfClosedGates(pod.spec);
    pod.status = { phase: "Pending", qosClass: podQosClass(pod) };
    // A negative grace period once meant "at once"; it is stored as the shortest there is.
    if ((pod.spec.terminationGracePeriodSeconds ?? 0) < 0) pod.spec.terminationGracePeriodSeconds = 1;
    if ((pod.spec.schedulingGates?.length ?? 0) > 0) {
      pod.status.conditions = [
        {
          type: "PodScheduled",
          status: "False",
          ...noProbe,
          lastTransitionTime: formatTime(nowMs),
          reason: "SchedulingGated",
          message: "Scheduling is blocked due to non-empty scheduling gates",
        },
      ];
    }
  },

  validate(pod: Pod): readonly FieldError[] {
    const errors = [...validatePodSpec(pod.spec, pod.metadata, spec)];
    if ((pod.spec.ephemeralContainers?.length ?? 0) > 0) {
      errors.push(fieldForbidden(spec.child("ephemeralContainers"), "cannot be set on create"));
    }
    if (pod.spec.nodeName && (pod.spec.schedulingGates?.length ?? 0) > 0) {
      errors.push(fieldForbidden(spec.child("nodeName"), "cannot be set until all schedulingGates have been cleared"));
    }
    return errors;
  },

  prepareForUpdate(pod: Mutable<Pod>, old: Pod): void {
    dropFieldsOfClosedGates(pod.spec);
    if ((pod.spec.terminationGracePeriodSeconds ?? 0) < 0) pod.spec.terminationGracePeriodSeconds = 1;
    const wasGated = (old.spec.schedulingGates?.length ?? 0) > 0;
    if (wasGated && (pod.spec.schedulingGates?.length ?? 0) === 0) {
      // The gate is open: the condition that said why the pod waits goes with it.
      pod.status.conditions = (pod.status.conditions ?? []).filter((c) => c.reason !== "SchedulingGated");
    }
  },

  validateUpdate: (pod: Pod, old: Pod) => [
    ...validatePodSpec(pod.spec, pod.metadata, spec),
    ...validatePodUpdate(pod, old),
  ],

  warningsOnCreate: (pod) => [...hostnameWarnings(pod.metadata.name, "the Pod's hostname"), ...podWarnings(pod)],

  returnDeletedObject: true,

  /** A pod that no kubelet has, or whose containers are all gone, needs no grace. */
  gracePeriodSeconds(pod: Pod, requested: number | undefined): number {
    const { phase } = pod.status;
    if (!pod.spec.nodeName || phase === "Failed" || phase === "Succeeded") return 0;
    const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    return seconds < 0 ? 1 : seconds;
  },

  selectableFields: ({ spec, status }: Pod) => ({
    "spec.nodeName": spec.nodeName ?? "",
    "spec.restartPolicy": spec.restartPolicy ?? "",
    "spec.schedulerName": spec.schedulerName ?? "",
    "spec.serviceAccountName": spec.serviceAccountName ?? "",
    "spec.hostNetwork": String(spec.hostNetwork ?? false),
    "status.phase": status.phase ?? "",
    "status.podIP": status.podIPs?.[0]?.ip ?? status.podIP ?? "",
    "status.podIPs": (status.podIPs ?? []).map((ip) => ip.ip).join(","),
    "status.nominatedNodeName": status.nominatedNodeName ?? "",
  }),

  tableCells: podCells,
};
