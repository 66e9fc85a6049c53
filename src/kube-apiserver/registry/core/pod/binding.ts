import { badRequest, conflict } from "../../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../../apimachinery/errors/status-error.ts";
import type { KubeObject, Mutable } from "../../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import {
  aggregateMessages,
  fieldNotSupported,
  fieldRequired,
  formatFieldError,
} from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { pods } from "../../../../api/resources.gen.ts";
import type { Binding, Pod } from "../../../../api/core/v1/types.gen.ts";
import type { ReviewHandler } from "../../../../apiserver/registry/generic/resource-registration.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";
import { formatTime } from "../../../../component-helpers/time.ts";
import { statusSuccess } from "../../status-success.ts";
import { setPodCondition } from "./conditions.ts";

const target = FieldPath.of("target");

/** POST pods/binding: the scheduler's decision. The first one counts; nobody takes a pod from a node again. */
export async function createBinding(request: SubresourceRequest): Promise<KubeObject> {
  const binding = request.body as Mutable<Binding> | undefined;
  if (!binding) throw badRequest("a Binding is needed");
  return bind(binding, request);
}

/** POST bindings: the same, from when the pod was named in the body alone. */
export const createLegacyBinding: ReviewHandler = (object, context, registry) => {
  const { namespace = "", name } = object.metadata;
  if (!name) throw badRequest("name is required");
  return bind(object as Mutable<Binding>, { namespace, name, context, registry });
};

async function bind(
  binding: Mutable<Binding>,
  { namespace, name, context, registry }: Pick<SubresourceRequest, "namespace" | "name" | "context" | "registry">,
): Promise<KubeObject> {
  if (binding.metadata.name !== name) throw badRequest("name in URL does not match name in Binding object");
  const errors = validateBinding(binding).map(formatFieldError);
  // As upstream, whose errors here are of no kind.
  if (errors.length > 0) throw new StatusError({ code: 500, reason: "", message: aggregateMessages(errors) });
  const { uid, resourceVersion } = binding.metadata;
  await registry.resource(pods).update(namespace, name, (pod) => assign(pod, binding, context.nowMs), context, {
    subresource: "binding",
    preconditions: { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
  });
  return statusSuccess();
}

function validateBinding(binding: Mutable<Binding>): readonly FieldError[] {
  const { kind, name } = binding.target;
  return [
    ...(kind && kind !== "Node" ? [fieldNotSupported(target.child("kind"), kind, ["Node", "<empty>"])] : []),
    ...(name ? [] : [fieldRequired(target.child("name"))]),
  ];
}

function assign(pod: Mutable<Pod>, binding: Mutable<Binding>, nowMs: number): void {
  const { name } = pod.metadata;
  const refuse = (why: string): never => {
    throw conflict({ group: "", resource: "pods/binding" }, name, why);
  };
  if (pod.metadata.deletionTimestamp) refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName) refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  if ((pod.spec.schedulingGates?.length ?? 0) > 0) refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  pod.spec.nodeName = binding.target.name ?? "";
  const { annotations, labels } = binding.metadata;
  if (annotations) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
  if (labels) pod.metadata.labels = { ...pod.metadata.labels, ...labels };
  setPodCondition(pod, { type: "PodScheduled", status: "True", lastTransitionTime: formatTime(nowMs) });
}
