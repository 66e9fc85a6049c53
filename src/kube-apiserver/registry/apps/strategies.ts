import { templateGenerationAnnotation } from "../../../api/apps/v1/defaults.ts";
import { deepEqual } from "../../../apimachinery/object.ts";
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../../apimachinery/validation/field-error.ts";
import type { LabelSelector } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { PodTemplateSpec } from "../../../api/core/v1/types.gen.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { nameIsDnsLabel, validateDns1123Label } from "../../../apimachinery/validation/names.ts";
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
import { isEmptySelector } from "../../../component-helpers/label-selector.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import {
  atMost100Percent,
  immutable,
  intOrPercent,
  intOrPercentNumber,
  nonNegative,
  syntax,
} from "../../validation/common.ts";
import { validateCollisionCount, validateCounts, validateReplicaCounts } from "../../validation/counts.ts";
import { internalForm } from "../../../api/internal-form.ts";
import { validateLabelSelector } from "../../validation/label-selector.ts";
import { validateAlwaysRestarting, validatePodTemplateSpec } from "../../validation/pod-spec.ts";
import { validateClaimSpec } from "../../validation/volume-claim.ts";
import { validateSelectedTemplate, validateTemplateMatches } from "../../validation/workload.ts";
import { claimWarnings } from "../../validation/byte-warnings.ts";
import { changedTemplateWarnings, namedTemplateWarnings, templateWarnings } from "../../validation/pod-warnings.ts";

const spec = FieldPath.of("spec");
const template = spec.child("template");

function validateDeployment(object: Deployment): readonly FieldError[] {
  const { replicas, selector, minReadySeconds, revisionHistoryLimit, progressDeadlineSeconds } = object.spec;
  const errors = [
    ...nonNegative(spec.child("replicas"), replicas),
    ...validateReplicatedTemplate(selector, object.spec.template),
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

/** The selector and template of what makes replicas. */
function validateReplicatedTemplate(
  selector: LabelSelector | null | undefined,
  podTemplate: PodTemplateSpec,
): readonly FieldError[] {
  return validateSelectedTemplate({
    selector,
    template: podTemplate,
    path: spec,
    kind: "deployment",
    malformed: "invalid label selector",
    validateTemplate: () => [
      ...validatePodTemplateSpec(podTemplate, template),
      ...validateAlwaysRestarting(podTemplate, "ReplicaSet", template),
    ],
  });
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
      return [
        fieldNotSupported(path, internalForm(object.spec.strategy, "apps/v1.DeploymentStrategy"), [
          "Recreate",
          "RollingUpdate",
        ]),
      ];
  }
}

export const deploymentStrategy: Strategy<Deployment> = {
  validate: validateDeployment,
  validateUpdate: (object: Deployment, old: Deployment) => [
    ...validateDeployment(object),
    ...immutable(spec.child("selector"), object.spec.selector, old.spec.selector),
  ],
  validateStatus: ({ status }: Deployment, old: Deployment) => [
    ...validateReplicaCounts(
      { ...status, conditions: undefined },
      [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
      ],
      ["updatedReplicas", "readyReplicas", "availableReplicas"],
    ),
    ...validateCollisionCount(status.collisionCount, old.status.collisionCount),
  ],
  warningsOnCreate: namedTemplateWarnings,
  warningsOnUpdate: changedTemplateWarnings,
  tableCells: deploymentCells,
};

function validateReplicaSet(object: ReplicaSet): readonly FieldError[] {
  const { replicas, minReadySeconds, selector } = object.spec;
  return [
    ...nonNegative(spec.child("replicas"), replicas),
    ...nonNegative(spec.child("minReadySeconds"), minReadySeconds),
    ...validateReplicatedTemplate(selector, object.spec.template),
  ];
}

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  validate: validateReplicaSet,
  validateUpdate: (object: ReplicaSet, old: ReplicaSet) => [
    ...validateReplicaSet(object),
    ...immutable(spec.child("selector"), object.spec.selector, old.spec.selector),
  ],
  validateStatus: ({ status }: ReplicaSet) =>
    validateReplicaCounts(
      { ...status, conditions: undefined },
      [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
      ],
      ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ),
  warningsOnCreate: namedTemplateWarnings,
  warningsOnUpdate: changedTemplateWarnings,
  selectableFields: ({ status }: ReplicaSet) => ({ "status.replicas": String(status.replicas) }),
  tableCells: replicaSetCells,
};

function validateDaemonSet(object: DaemonSet): readonly FieldError[] {
  const { selector, minReadySeconds, revisionHistoryLimit } = object.spec;
  const selectorErrors = validateLabelSelector(selector, spec.child("selector"));
  return [
    ...selectorErrors,
    ...(selectorErrors.length > 0 ? [] : validateTemplateMatches(selector, object.spec.template, spec)),
    ...(selector && isEmptySelector(selector)
      ? [fieldInvalid(spec.child("selector"), selector, "empty selector is invalid for daemonset")]
      : []),
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
  if (type !== "RollingUpdate") {
    const shown = internalForm(object.spec.updateStrategy, "apps/v1.DaemonSetUpdateStrategy");
    return [fieldNotSupported(path, shown, ["RollingUpdate", "OnDelete"])];
  }
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

/** How many templates the set has had. */
function templateGenerationOf({ metadata }: DaemonSet): number {
  return Number(metadata.annotations?.[templateGenerationAnnotation] ?? 0) || 0;
}

function setTemplateGeneration({ metadata }: Mutable<DaemonSet>, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [templateGenerationAnnotation]: String(generation) };
}

export const daemonSetStrategy: Strategy<DaemonSet> = {
  prepareForCreate: (set) => setTemplateGeneration(set, Math.max(templateGenerationOf(set), 1)),
  prepareForUpdate: (set, old) => {
    const isChanged = !deepEqual(set.spec.template, old.spec.template);
    setTemplateGeneration(set, templateGenerationOf(old) + (isChanged ? 1 : 0));
  },
  validate: validateDaemonSet,
  validateUpdate: (object: DaemonSet, old: DaemonSet) => [
    ...immutable(spec.child("selector"), object.spec.selector, old.spec.selector),
    ...validateDaemonSet(object),
  ],
  validateStatus: ({ status }: DaemonSet, old: DaemonSet) => [
    ...validateCounts({ ...status, conditions: undefined }, [
      "currentNumberScheduled",
      "numberMisscheduled",
      "desiredNumberScheduled",
      "numberReady",
      "observedGeneration",
      "updatedNumberScheduled",
      "numberAvailable",
      "numberUnavailable",
      "collisionCount",
    ]),
    ...validateCollisionCount(status.collisionCount, old.status.collisionCount),
  ],
  warningsOnCreate: templateWarnings,
  warningsOnUpdate: (set, old) =>
    templateGenerationOf(set) === templateGenerationOf(old) ? [] : templateWarnings(set),
  tableCells: daemonSetCells,
};

/** What an update of a StatefulSet need not repair, as it cannot. */
interface ToleratedFaults {
  readonly isUpdate: boolean;
  /** The stored spec is invalid itself: the template is not looked at. */
  readonly hasInvalidTemplate: boolean;
}

const nothingTolerated: ToleratedFaults = { isUpdate: false, hasInvalidTemplate: false };

function validateStatefulSet(object: StatefulSet, tolerated: ToleratedFaults): readonly FieldError[] {
  const { replicas, minReadySeconds, selector, podManagementPolicy, ordinals, serviceName } = object.spec;
  const retention = spec.child("persistentVolumeClaimRetentionPolicy");
  const policy = object.spec.persistentVolumeClaimRetentionPolicy;
  const errors: FieldError[] = [];
  if (!podManagementPolicy) errors.push(fieldRequired(spec.child("podManagementPolicy")));
  else if (podManagementPolicy !== "OrderedReady" && podManagementPolicy !== "Parallel") {
    const why = "must be 'OrderedReady' or 'Parallel'";
    errors.push(fieldInvalid(spec.child("podManagementPolicy"), podManagementPolicy, why));
  }
  errors.push(...validateStatefulSetUpdateStrategy(object, spec.child("updateStrategy")));
  for (const field of policy ? (["whenDeleted", "whenScaled"] as const) : []) {
    const value = policy?.[field] ?? "";
    if (!retentionPolicies.includes(value)) {
      errors.push(fieldNotSupported(retention.child(field), value, retentionPolicies));
    }
  }
  if (!tolerated.isUpdate) {
    for (const [i, claim] of (object.spec.volumeClaimTemplates ?? []).entries()) {
      errors.push(...validateClaimSpec(claim.spec, spec.child("volumeClaimTemplates").index(i).child("spec")));
    }
  }
  errors.push(
    ...nonNegative(spec.child("replicas"), replicas),
    ...nonNegative(spec.child("minReadySeconds"), minReadySeconds),
    ...nonNegative(spec.child("ordinals", "start"), ordinals?.start),
    ...(serviceName && !tolerated.isUpdate
      ? syntax(spec.child("serviceName"), serviceName, validateDns1123Label(serviceName))
      : []),
    ...validateSelectedTemplate({
      selector,
      template: object.spec.template,
      path: spec,
      kind: "statefulset",
      malformed: "",
      validateTemplate: () =>
        tolerated.hasInvalidTemplate ? [] : validatePodTemplateSpec(templateOfPods(object), template),
    }),
    ...validateAlwaysRestarting(object.spec.template, "StatefulSet", template),
  );
  return errors;
}

const retentionPolicies: readonly string[] = ["Retain", "Delete"];

/**
 * The template with what its pods will have from the controller: a volume for each claim template, in place of one of the
 * same name, and names of their own.
 */
function templateOfPods({ spec: { template: pod, volumeClaimTemplates } }: StatefulSet): PodTemplateSpec {
  const { hostname: _hostname, subdomain: _subdomain, ...rest } = pod.spec;
  const claims = new Set((volumeClaimTemplates ?? []).map(({ metadata: { name } }) => name));
  if (claims.size === 0) return { ...pod, spec: rest };
  const own = (pod.spec.volumes ?? []).filter((volume) => !claims.has(volume.name));
  const added = [...claims].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...pod, spec: { ...rest, volumes: [...added, ...own] } };
}

function validateStatefulSetUpdateStrategy(object: StatefulSet, path: FieldPath): readonly FieldError[] {
  const { type, rollingUpdate } = object.spec.updateStrategy;
  const at = path.child("rollingUpdate");
  switch (type) {
    case undefined:
      return [fieldRequired(path)];
    case "OnDelete": {
      const shown = internalForm(rollingUpdate, "apps/v1.RollingUpdateStatefulSetStrategy");
      return rollingUpdate ? [fieldInvalid(at, shown, "only allowed for updateStrategy 'RollingUpdate'")] : [];
    }
    case "RollingUpdate":
      return rollingUpdate
        ? [
            ...nonNegative(at.child("partition"), rollingUpdate.partition),
            ...validateStatefulSetUnavailable(rollingUpdate.maxUnavailable, at.child("maxUnavailable")),
          ]
        : [];
    default: {
      const shown = internalForm(object.spec.updateStrategy, "apps/v1.StatefulSetUpdateStrategy");
      return [fieldInvalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")];
    }
  }
}

function validateStatefulSetUnavailable(value: number | string | undefined, path: FieldPath): readonly FieldError[] {
  if (value === undefined) return [];
  return [
    ...intOrPercent(path, value),
    ...(intOrPercentNumber(value) === 0 ? [fieldInvalid(path, value, "cannot be 0")] : []),
    ...atMost100Percent(path, value),
  ];
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

const claimTemplates = spec.child("volumeClaimTemplates");

function statefulSetWarnings({ spec: set }: StatefulSet, at: (i: number) => FieldPath): readonly string[] {
  return [
    ...(set.volumeClaimTemplates ?? []).flatMap((claim, i) => claimWarnings(claim.spec, at(i))),
    ...((set.revisionHistoryLimit ?? 0) < 0
      ? [
          `${spec.child("revisionHistoryLimit").toString()}: a negative value retains all historical revisions; ` +
            "a value >= 0 is recommended",
        ]
      : []),
  ];
}

export const statefulSetStrategy: Strategy<StatefulSet> = {
  validateName: nameIsDnsLabel,
  prepareForCreate: (object: Mutable<StatefulSet>) => dropMaxUnavailable(object),
  prepareForUpdate: dropMaxUnavailable,
  validate: (object: StatefulSet) => validateStatefulSet(object, nothingTolerated),
  validateUpdate(object: StatefulSet, old: StatefulSet): readonly FieldError[] {
    const stored = validateStatefulSet(old, { isUpdate: true, hasInvalidTemplate: false });
    return [
      ...validateStatefulSet(object, { isUpdate: true, hasInvalidTemplate: stored.length > 0 }),
      ...validateStatefulSetUpdate(object, old),
    ];
  },
  validateStatus: ({ status }: StatefulSet, old: StatefulSet) => [
    ...validateReplicaCounts(
      { ...status, conditions: undefined, currentRevision: undefined, updateRevision: undefined },
      [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
      ],
      ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
      "status.readyReplicas",
    ),
    ...validateCollisionCount(status.collisionCount, old.status.collisionCount),
  ],
  warningsOnCreate: (set) => [...templateWarnings(set), ...statefulSetWarnings(set, (i) => claimTemplates.index(i))],
  warningsOnUpdate: (set, old) => [
    ...changedTemplateWarnings(set, old),
    ...statefulSetWarnings(set, (i) => claimTemplates.index(i).child("Spec")),
  ],
  tableCells: statefulSetCells,
};

export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  checksNameOnUpdate: true,
  validate: (object: ControllerRevision) => [
    ...nonNegative(FieldPath.of("revision"), object.revision),
    ...validateRevisionData(object.data),
  ],
  validateUpdate: (object: ControllerRevision, old: ControllerRevision) => [
    ...nonNegative(FieldPath.of("revision"), object.revision),
    ...immutable(FieldPath.of("data"), object.data, old.data),
  ],
  tableCells: controllerRevisionCells,
};

/** The state of a workload at a revision: some object. */
function validateRevisionData(data: unknown): readonly FieldError[] {
  const path = FieldPath.of("data");
  if (data === undefined || data === null) return [fieldRequired(path, "data is mandatory")];
  if (typeof data === "object" && !Array.isArray(data)) return [];
  return [fieldRequired(path, "data must be a valid JSON object")];
}
