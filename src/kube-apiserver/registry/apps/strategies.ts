import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../../apimachinery/validation/field-error.ts";
import type { PodTemplateSpec } from "../../../api/core/v1/types.gen.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { nameIsDnsLabel } from "../../../apimachinery/validation/names.ts";
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from "../../../api/apps/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import {
  controllerRevisionCells,
  daemonSetCells,
  deploymentCells,
  replicaSetCells,
  statefulSetCells,
} from "../../printers/workloads.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import {
  atMost100Percent,
  immutable,
  intOrPercent,
  intOrPercentNumber,
  nonNegative,
  oneOf,
} from "../../validation/common.ts";
import { validateAlwaysRestarting, validatePodTemplateSpec } from "../../validation/pod-spec.ts";
import { validateTemplateMatches, validateWorkloadSelector } from "../../validation/workload.ts";

const spec = FieldPath.of("spec");
const template = spec.child("template");

function validateDeployment(object: Deployment): readonly FieldError[] {
  const { replicas, selector, minReadySeconds, revisionHistoryLimit, progressDeadlineSeconds } = object.spec;
  const errors = [
    ...nonNegative(spec.child("replicas"), replicas),
    ...validateWorkloadSelector(selector, "deployment", spec.child("selector")),
    ...validateTemplateMatches(selector, object.spec.template, template),
    ...validatePodTemplateSpec(object.spec.template, template),
    ...validateAlwaysRestarting(object.spec.template, "ReplicaSet", template),
    ...validateDeploymentStrategy(object, spec.child("strategy")),
    ...nonNegative(spec.child("minReadySeconds"), minReadySeconds),
    ...nonNegative(spec.child("revisionHistoryLimit"), revisionHistoryLimit),
    ...nonNegative(spec.child("progressDeadlineSeconds"), progressDeadlineSeconds),
  ];
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= (minReadySeconds ?? 0)) {
    const why = "must be greater than minReadySeconds";
    errors.push(fieldInvalid(spec.child("progressDeadlineSeconds"), progressDeadlineSeconds, why));
  }
  return errors;
}

function validateDeploymentStrategy(object: Deployment, path: FieldPath): readonly FieldError[] {
  const { type, rollingUpdate } = object.spec.strategy;
  const at = path.child("rollingUpdate");
  switch (type) {
    case "Recreate":
      if (!rollingUpdate) return [];
      return [fieldForbidden(at, "may not be specified when strategy `type` is 'Recreate'")];
    case "RollingUpdate": {
      if (!rollingUpdate) return [fieldRequired(at, "this should be defaulted and never be nil")];
      const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
      const errors = [
        ...intOrPercent(at.child("maxUnavailable"), maxUnavailable),
        ...intOrPercent(at.child("maxSurge"), maxSurge),
      ];
      if (intOrPercentNumber(maxUnavailable) === 0 && intOrPercentNumber(maxSurge) === 0) {
        errors.push(fieldInvalid(at.child("maxUnavailable"), maxUnavailable, "may not be 0 when `maxSurge` is 0"));
      }
      return [...errors, ...atMost100Percent(at.child("maxUnavailable"), maxUnavailable)];
    }
    default:
      return [fieldNotSupported(path.child("type"), type ?? "", ["Recreate", "RollingUpdate"])];
  }
}

export const deploymentStrategy: Strategy<Deployment> = {
  validate: validateDeployment,
  validateUpdate: (object: Deployment, old: Deployment) => [
    ...validateDeployment(object),
    ...immutable(spec.child("selector"), object.spec.selector, old.spec.selector),
  ],
  tableCells: deploymentCells,
};

function validateReplicaSet(object: ReplicaSet): readonly FieldError[] {
  const { replicas, minReadySeconds, selector } = object.spec;
  return [
    ...nonNegative(spec.child("replicas"), replicas),
    ...nonNegative(spec.child("minReadySeconds"), minReadySeconds),
    ...validateWorkloadSelector(selector, "deployment", spec.child("selector")),
    ...validateTemplateMatches(selector, object.spec.template, template),
    ...validatePodTemplateSpec(object.spec.template, template),
    ...validateAlwaysRestarting(object.spec.template, "ReplicaSet", template),
  ];
}

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  validate: validateReplicaSet,
  validateUpdate: (object: ReplicaSet, old: ReplicaSet) => [
    ...validateReplicaSet(object),
    ...immutable(spec.child("selector"), object.spec.selector, old.spec.selector),
  ],
  selectableFields: ({ status }: ReplicaSet) => ({ "status.replicas": String(status.replicas) }),
  tableCells: replicaSetCells,
};

function validateDaemonSet(object: DaemonSet): readonly FieldError[] {
  const { selector, minReadySeconds, revisionHistoryLimit } = object.spec;
  return [
    ...validateWorkloadSelector(selector, "daemonset", spec.child("selector")),
    ...validateTemplateMatches(selector, object.spec.template, template),
    ...validatePodTemplateSpec(object.spec.template, template),
    ...validateAlwaysRestarting(object.spec.template, "DaemonSet", template),
    ...nonNegative(spec.child("minReadySeconds"), minReadySeconds),
    ...validateDaemonSetUpdateStrategy(object, spec.child("updateStrategy")),
    ...nonNegative(spec.child("revisionHistoryLimit"), revisionHistoryLimit),
  ];
}

function validateDaemonSetUpdateStrategy(object: DaemonSet, path: FieldPath): readonly FieldError[] {
  const { type, rollingUpdate } = object.spec.updateStrategy;
  const at = path.child("rollingUpdate");
  if (type === "OnDelete") return [];
  if (type !== "RollingUpdate")
    return [fieldNotSupported(path.child("type"), type ?? "", ["RollingUpdate", "OnDelete"])];
  if (!rollingUpdate) return [fieldRequired(at)];
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
  const errors = [
    ...intOrPercent(at.child("maxUnavailable"), maxUnavailable),
    ...atMost100Percent(at.child("maxUnavailable"), maxUnavailable),
    ...intOrPercent(at.child("maxSurge"), maxSurge),
    ...atMost100Percent(at.child("maxSurge"), maxSurge),
  ];
  const hasUnavailable = intOrPercentNumber(maxUnavailable) !== 0;
  const hasSurge = intOrPercentNumber(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) {
    errors.push(fieldInvalid(at.child("maxSurge"), maxSurge, "may not be set when maxUnavailable is non-zero"));
  } else if (!hasUnavailable && !hasSurge) {
    errors.push(fieldRequired(at.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"));
  }
  return errors;
}

export const daemonSetStrategy: Strategy<DaemonSet> = {
  validate: validateDaemonSet,
  validateUpdate: (object: DaemonSet, old: DaemonSet) => [
    ...validateDaemonSet(object),
    ...immutable(spec.child("selector"), object.spec.selector, old.spec.selector),
  ],
  tableCells: daemonSetCells,
};

function validateStatefulSet(object: StatefulSet): readonly FieldError[] {
  const { replicas, minReadySeconds, selector, podManagementPolicy, ordinals, revisionHistoryLimit } = object.spec;
  const policy = object.spec.persistentVolumeClaimRetentionPolicy;
  const errors: FieldError[] = [];
  if (!podManagementPolicy) errors.push(fieldRequired(spec.child("podManagementPolicy")));
  else if (podManagementPolicy !== "OrderedReady" && podManagementPolicy !== "Parallel") {
    const why = "must be 'OrderedReady' or 'Parallel'";
    errors.push(fieldInvalid(spec.child("podManagementPolicy"), podManagementPolicy, why));
  }
  errors.push(
    ...validateStatefulSetUpdateStrategy(object, spec.child("updateStrategy")),
    ...oneOf(
      spec.child("persistentVolumeClaimRetentionPolicy", "whenDeleted"),
      policy?.whenDeleted,
      ["Delete", "Retain"],
      true,
    ),
    ...oneOf(
      spec.child("persistentVolumeClaimRetentionPolicy", "whenScaled"),
      policy?.whenScaled,
      ["Delete", "Retain"],
      true,
    ),
    ...nonNegative(spec.child("replicas"), replicas),
    ...nonNegative(spec.child("minReadySeconds"), minReadySeconds),
    ...nonNegative(spec.child("ordinals", "start"), ordinals?.start),
    ...validateWorkloadSelector(selector, "statefulset", spec.child("selector")),
    ...validateTemplateMatches(selector, object.spec.template, template),
    ...validatePodTemplateSpec(withClaimVolumes(object), template),
    ...validateAlwaysRestarting(object.spec.template, "StatefulSet", template),
    ...nonNegative(spec.child("revisionHistoryLimit"), revisionHistoryLimit),
  );
  return errors;
}

/**
 * The template with the volumes its pods will have: the controller adds one for each claim template, in place of a volume
 * of the same name. Differs from upstream, which for that reason does not look at a StatefulSet's pod spec at all.
 */
function withClaimVolumes({ spec: { template: pod, volumeClaimTemplates } }: StatefulSet): PodTemplateSpec {
  const claims = (volumeClaimTemplates ?? []).map(({ metadata: { name } }) => name);
  if (claims.length === 0) return pod;
  const own = (pod.spec.volumes ?? []).filter((volume) => !claims.includes(volume.name));
  const added = claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...pod, spec: { ...pod.spec, volumes: [...own, ...added] } };
}

function validateStatefulSetUpdateStrategy(object: StatefulSet, path: FieldPath): readonly FieldError[] {
  const { type, rollingUpdate } = object.spec.updateStrategy;
  const at = path.child("rollingUpdate");
  switch (type) {
    case undefined:
      return [fieldRequired(path)];
    case "OnDelete":
      return rollingUpdate ? [fieldInvalid(at, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")] : [];
    case "RollingUpdate":
      return rollingUpdate
        ? [
            ...nonNegative(at.child("partition"), rollingUpdate.partition),
            ...(rollingUpdate.maxUnavailable === undefined
              ? []
              : intOrPercent(at.child("maxUnavailable"), rollingUpdate.maxUnavailable)),
          ]
        : [];
    default:
      return [fieldInvalid(path, object.spec.updateStrategy, "must be 'RollingUpdate' or 'OnDelete'")];
  }
}

const statefulSetUpdatable = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const;

function validateStatefulSetUpdate(object: StatefulSet, old: StatefulSet): readonly FieldError[] {
  const fixed = (of: StatefulSet): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      Object.entries(of.spec).filter(([field]) => !statefulSetUpdatable.some((name) => name === field)),
    );
  if (semanticEqual(fixed(object), fixed(old))) return [];
  const names = statefulSetUpdatable.map((name) => `'${name}'`);
  const list = `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return [fieldForbidden(spec, `updates to statefulset spec for fields other than ${list} are forbidden`)];
}

/** Behind a gate that is off by default in this version (MaxUnavailableStatefulSet): kept only where it was before. */
function dropMaxUnavailable(object: Mutable<StatefulSet>, old?: StatefulSet): void {
  const { rollingUpdate } = object.spec.updateStrategy;
  if (old?.spec.updateStrategy.rollingUpdate?.maxUnavailable === undefined) delete rollingUpdate?.maxUnavailable;
}

export const statefulSetStrategy: Strategy<StatefulSet> = {
  validateName: nameIsDnsLabel,
  prepareForCreate: (object: Mutable<StatefulSet>) => dropMaxUnavailable(object),
  prepareForUpdate: dropMaxUnavailable,
  validate: validateStatefulSet,
  validateUpdate: (object: StatefulSet, old: StatefulSet) => [
    ...validateStatefulSet(object),
    ...validateStatefulSetUpdate(object, old),
  ],
  tableCells: statefulSetCells,
};

export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  validate: (object: ControllerRevision) => nonNegative(FieldPath.of("revision"), object.revision),
  validateUpdate: (object: ControllerRevision, old: ControllerRevision) => [
    ...nonNegative(FieldPath.of("revision"), object.revision),
    ...immutable(FieldPath.of("data"), object.data, old.data),
  ],
  tableCells: controllerRevisionCells,
};
