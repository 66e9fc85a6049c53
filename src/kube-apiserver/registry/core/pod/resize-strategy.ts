import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../../../../api/core/v1/types.gen.ts";
import type { SubresourceStrategy } from "../../../../apiserver/registry/rest/strategy.ts";
import { podQosClass } from "../../../../component-helpers/pod-qos.ts";
import { isSidecar } from "../../../../component-helpers/resource/pod-requests.ts";
import { semanticEqual } from "../../../../component-helpers/semantic-equal.ts";
import { validatePodSpec } from "../../../validation/pod-spec.ts";

const spec = FieldPath.of("spec");
const mirrorAnnotation = "kubernetes.io/config.mirror";
const onlyCpuAndMemory = "only cpu and memory resources are mutable";

type ResourceList = Readonly<Record<string, string>>;

/** pods/resize: changes CPU and memory of containers, of the pod, and what a change restarts; all else stays. */
export const podResizeStrategy: SubresourceStrategy<Pod> = {
  generation: "spec",

  prepareForUpdate(pod: Mutable<Pod>, old: Mutable<Pod>): void {
    const { containers, initContainers, resources } = pod.spec;
    pod.status = old.status;
    // Containers that are others than before are for validation to refuse.
    if (!isSameOrder(containers, old.spec.containers) || !isSameOrder(initContainers, old.spec.initContainers)) return;
    pod.spec = { ...old.spec, containers: resizedOf(containers, old.spec.containers) };
    if (initContainers && old.spec.initContainers) {
      pod.spec.initContainers = resizedOf(initContainers, old.spec.initContainers);
    }
    if (resources) pod.spec.resources = resources;
    else delete pod.spec.resources;
  },

  validateUpdate(pod: Pod, old: Pod): readonly FieldError[] {
    if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
      return [fieldForbidden(FieldPath.of(""), "static pods cannot be resized")];
    }
    if (old.spec.os?.name === "windows") return [fieldForbidden(FieldPath.of(""), "windows pods cannot be resized")];
    const errors = [...validatePodSpec(pod.spec, pod.metadata, spec)];
    if (podQosClass(pod) !== (old.status.qosClass ?? podQosClass(old))) {
      errors.push(
        fieldInvalid(spec, old.status.qosClass ?? "", "Pod QOS Class may not change as a result of resizing"),
      );
    }
    if (old.status.containerStatuses?.find((c) => c.state?.running)?.resources === undefined && isRunning(old)) {
      errors.push(fieldForbidden(spec, "Pod running on node without support for resize"));
    }
    errors.push(...validatePodLevel(pod.spec.resources, old.spec.resources));
    const order = [
      ...validateOrder(pod.spec.containers, old.spec.containers, "containers"),
      ...validateOrder(pod.spec.initContainers ?? [], old.spec.initContainers ?? [], "initContainers"),
    ];
    errors.push(...order);
    if (order.length > 0) return errors;
    errors.push(...validateContainers(pod.spec, old.spec));
    return errors;
  },
};

function isRunning(pod: Pod): boolean {
  return pod.status.containerStatuses?.some((c) => c.state?.running) === true;
}

function isSameOrder(next: readonly Container[] = [], old: readonly Container[] = []): boolean {
  return next.length === old.length && next.every(({ name }, i) => name === old[i]?.name);
}

function resizedOf(next: readonly Mutable<Container>[], old: readonly Mutable<Container>[]): Mutable<Container>[] {
  return old.map((container, i) => {
    const { resizePolicy: _, ...rest } = container;
    const { resources = {}, resizePolicy } = next[i] ?? {};
    return { ...rest, resources, ...(resizePolicy ? { resizePolicy } : {}) };
  });
}

function validateOrder(
  next: readonly Container[],
  old: readonly Container[],
  field: "containers" | "initContainers",
): readonly FieldError[] {
  const path = spec.child(field);
  if (next.length !== old.length) return [fieldForbidden(path, `${field} may not be added or removed on resize`)];
  return next.flatMap(({ name }, i) =>
    name === old[i]?.name
      ? []
      : [fieldForbidden(path.index(i).child("name"), "containers may not be renamed or reordered on resize")],
  );
}

function validateContainers(next: PodSpec, old: PodSpec): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["initContainers", "containers"] as const) {
    for (const [i, container] of (next[field] ?? []).entries()) {
      const path = spec.child(field).index(i).child("resources");
      errors.push(...validateNotRemoved(container.resources, old[field]?.[i]?.resources, path, "resource"));
    }
  }
  for (const [i, container] of next.containers.entries()) {
    if (isOtherChanged(container, old.containers[i])) errors.push(fieldForbidden(spec, onlyCpuAndMemory));
  }
  for (const [i, container] of (next.initContainers ?? []).entries()) {
    const before = old.initContainers?.[i];
    const path = spec.child("initContainers").index(i);
    if (isOtherChanged(container, before)) {
      errors.push(fieldForbidden(path, "only cpu and memory resources for init or sidecar containers are mutable"));
    }
    const restarts = container.resizePolicy?.some(({ restartPolicy }) => restartPolicy === "RestartContainer");
    if (restarts && !isSidecar(container) && !semanticEqual(container, before)) {
      const why = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
      errors.push(fieldForbidden(path, why));
    }
  }
  return errors;
}

function validatePodLevel(
  next: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
): readonly FieldError[] {
  const path = spec.child("resources");
  if (old && !next) return [fieldForbidden(path, "pod-level resources cannot be removed")];
  const errors = [...validateNotRemoved(next, old, path, "pod-level resource")];
  if (!semanticEqual(others(next), others(old))) {
    errors.push(fieldForbidden(spec, `${onlyCpuAndMemory} at pod-level`));
  }
  return errors;
}

function validateNotRemoved(
  next: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
  path: FieldPath,
  what: string,
): readonly FieldError[] {
  return (["requests", "limits"] as const).flatMap((side) => {
    const isRemoved = Object.keys(old?.[side] ?? {}).some((name) => next?.[side]?.[name] === undefined);
    return isRemoved ? [fieldForbidden(path.child(side), `${what} ${side} cannot be removed`)] : [];
  });
}

function isOtherChanged(next: Container, old: Container | undefined): boolean {
  return !semanticEqual(
    { ...next, resources: others(next.resources) },
    old && { ...old, resources: others(old.resources) },
  );
}

/** What a resize may not touch. */
function others(resources: ResourceRequirements | undefined): unknown {
  const pick = (list: ResourceList | undefined): ResourceList =>
    Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => name !== "cpu" && name !== "memory"));
  return { claims: resources?.claims ?? [], requests: pick(resources?.requests), limits: pick(resources?.limits) };
}
