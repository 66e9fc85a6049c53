import { nameIsDnsSubdomain } from "../../../apimachinery/validation/names.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type { PodTemplate, PodTemplateSpec, ReplicationController } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { podTemplateCells, replicationControllerCells } from "../../printers/workloads.ts";
import { nonNegative, sortedMap } from "../../validation/common.ts";
import { validateAlwaysRestarting, validatePodTemplateSpec } from "../../validation/pod-spec.ts";
import { validateReplicaCounts } from "../../validation/counts.ts";
import { changedTemplateWarnings, namedTemplateWarnings, podWarnings } from "../../validation/pod-warnings.ts";

const spec = FieldPath.of("spec");

function validateReplicationController(object: ReplicationController): readonly FieldError[] {
  const { replicas, minReadySeconds, selector = {}, template } = object.spec;
  const path = spec.child("template");
  return [
    ...nonNegative(spec.child("minReadySeconds"), minReadySeconds),
    ...(Object.keys(selector).length === 0 ? [fieldRequired(spec.child("selector"))] : []),
    ...nonNegative(spec.child("replicas"), replicas),
    ...(template
      ? [
          ...validateSelected(selector, template, path),
          ...validatePodTemplateSpec(template, path),
          ...validateAlwaysRestarting(template, "ReplicationController", path),
        ]
      : [fieldRequired(path)]),
  ];
}

/** A selector of plain labels, which need not be well formed to select. */
function validateSelected(
  selector: Readonly<Record<string, string>>,
  { metadata: { labels } }: PodTemplateSpec,
  path: FieldPath,
): readonly FieldError[] {
  if (Object.entries(selector).every(([name, value]) => labels?.[name] === value)) return [];
  const at = path.child("metadata", "labels");
  return [fieldInvalid(at, sortedMap(labels), "`selector` does not match template `labels`")];
}

export const replicationControllerStrategy: Strategy<ReplicationController> = {
  // As upstream, which does not look at the start of a name that is not to be made.
  validateName: (name, isPrefix) => (isPrefix ? [] : nameIsDnsSubdomain(name, false)),
  validate: validateReplicationController,
  validateUpdate: validateReplicationController,
  validateStatus: ({ status }: ReplicationController) =>
    validateReplicaCounts(
      { ...status, conditions: undefined },
      ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"],
      ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ),
  warningsOnCreate: namedTemplateWarnings,
  warningsOnUpdate: changedTemplateWarnings,
  defaultGarbageCollectionPolicy: "Orphan",
  selectableFields: ({ status }: ReplicationController) => ({ "status.replicas": String(status.replicas) }),
  tableCells: replicationControllerCells,
};

const validatePodTemplate = (object: PodTemplate): readonly FieldError[] =>
  validatePodTemplateSpec(object.template, FieldPath.of("template"));

export const podTemplateStrategy: Strategy<PodTemplate> = {
  generation: "object",
  validate: validatePodTemplate,
  validateUpdate: validatePodTemplate,
  warningsOnCreate: (object) => podWarnings(object.template, FieldPath.of("template")),
  warningsOnUpdate: (object, old) =>
    object.metadata.generation === old.metadata.generation
      ? []
      : podWarnings(object.template, FieldPath.of("template")),
  tableCells: podTemplateCells,
};
