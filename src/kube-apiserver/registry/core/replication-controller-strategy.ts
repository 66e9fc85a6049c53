import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type { PodTemplate, ReplicationController } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { podTemplateCells, replicationControllerCells } from "../../printers/workloads.ts";
import { nonNegative } from "../../validation/common.ts";
import { validateAlwaysRestarting, validatePodTemplateSpec } from "../../validation/pod-spec.ts";
import { validateTemplateMatches } from "../../validation/workload.ts";

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
          ...validateTemplateMatches({ matchLabels: selector }, template, path),
          ...validatePodTemplateSpec(template, path),
          ...validateAlwaysRestarting(template, "ReplicationController", path),
        ]
      : [fieldRequired(path)]),
  ];
}

export const replicationControllerStrategy: Strategy<ReplicationController> = {
  validate: validateReplicationController,
  validateUpdate: validateReplicationController,
  selectableFields: ({ status }: ReplicationController) => ({ "status.replicas": String(status.replicas) }),
  tableCells: replicationControllerCells,
};

const validatePodTemplate = (object: PodTemplate): readonly FieldError[] =>
  validatePodTemplateSpec(object.template, FieldPath.of("template"));

export const podTemplateStrategy: Strategy<PodTemplate> = {
  generation: "object",
  validate: validatePodTemplate,
  validateUpdate: validatePodTemplate,
  tableCells: podTemplateCells,
};
