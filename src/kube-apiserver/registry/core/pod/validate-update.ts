import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import type { Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from "../../../../api/core/v1/types.gen.ts";
import { semanticEqual } from "../../../../component-helpers/semantic-equal.ts";
import { differencesOf } from "../../../validation/differences.ts";
import { internalForm } from "../../../../api/internal-form.ts";
import { inclusiveRangeMessage } from "../../../../apimachinery/validation/names.ts";

const spec = FieldPath.of("spec");

const updatableFields = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
];

/**
 * The fence around a pod's spec: what runs was decided when it was created.
 *
 * Differs from upstream: the message ends in the paths that differ and their values instead of a dump of Go structs.
 */
export function validatePodUpdate(pod: Pod, old: Pod): readonly FieldError[] {
  const sizes = [
    ...validateSameCount(pod.spec.containers ?? [], old.spec.containers ?? [], spec.child("containers")),
    ...validateSameCount(pod.spec.initContainers ?? [], old.spec.initContainers ?? [], spec.child("initContainers")),
  ];
  // Once containers were added or removed there is no telling which is which.
  if (sizes.length > 0) return sizes;
  const errors = [
    ...validateDeadline(pod.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds),
    ...validateTolerationsOnlyAdded(pod.spec.tolerations ?? [], old.spec.tolerations ?? []),
    ...validateGates(pod, old),
    ...validateNodeSelectorOnlyAdded(pod, old),
    ...validateNodeAffinityOnlyNarrowed(pod, old),
  ];
  const differences = differencesOf(old.spec, fenced(pod.spec, old.spec), "spec");
  if (differences !== "") {
    const why = `pod updates may not change fields other than ${updatableFields.join(",")}`;
    errors.push(fieldForbidden(spec, `${why}\n${differences}`));
  }
  return errors;
}

/** The new spec with everything that may change put back: what still differs is not allowed. */
function fenced(next: PodSpec, old: PodSpec): PodSpec {
  const withImages = (containers: readonly Container[], before: readonly Container[]): readonly Container[] =>
    containers.map((container, i) => ({ ...container, image: before[i]?.image ?? "" }));
  const isGated = (old.schedulingGates?.length ?? 0) > 0;
  // Of the affinity, that is the part about nodes.
  const nodeAffinity = old.affinity?.nodeAffinity;
  const others = { ...next.affinity, nodeAffinity };
  const isNodeOnly = !old.affinity && !others.podAffinity && !others.podAntiAffinity;
  const affinity = next.affinity && !isNodeOnly ? (others as NonNullable<PodSpec["affinity"]>) : undefined;
  const grace =
    (old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1
      ? old.terminationGracePeriodSeconds
      : next.terminationGracePeriodSeconds;
  return {
    ...next,
    containers: withImages(next.containers ?? [], old.containers ?? []),
    ...(next.initContainers ? { initContainers: withImages(next.initContainers, old.initContainers ?? []) } : {}),
    ...optional("activeDeadlineSeconds", old.activeDeadlineSeconds),
    ...optional("tolerations", old.tolerations),
    ...optional("schedulingGates", old.schedulingGates),
    ...optional("terminationGracePeriodSeconds", grace),
    // While it is gated a pod's placement may still be narrowed.
    ...(isGated ? { ...optional("nodeSelector", old.nodeSelector), ...optional("affinity", affinity) } : {}),
  };
}

function optional<K extends keyof PodSpec>(field: K, value: PodSpec[K]): Partial<PodSpec> {
  return { [field]: value };
}

function validateSameCount(
  next: readonly Container[],
  old: readonly Container[],
  path: FieldPath,
): readonly FieldError[] {
  return next.length === old.length ? [] : [fieldForbidden(path, "pod updates may not add or remove containers")];
}

function validateGates(pod: Pod, old: Pod): readonly FieldError[] {
  const before = new Set((old.spec.schedulingGates ?? []).map((gate) => gate.name));
  return (pod.spec.schedulingGates ?? [])
    .map((gate, i) => ({ gate, path: spec.child("schedulingGates").index(i) }))
    .filter(({ gate }) => !before.has(gate.name))
    .map(({ gate, path }) =>
      fieldForbidden(path.child("name"), `only deletion is allowed, but found new scheduling gate '${gate.name}'`),
    );
}

function validateNodeSelectorOnlyAdded(pod: Pod, old: Pod): readonly FieldError[] {
  if ((old.spec.schedulingGates?.length ?? 0) === 0) return [];
  const next = pod.spec.nodeSelector ?? {};
  if (Object.entries(old.spec.nodeSelector ?? {}).every(([name, value]) => next[name] === value)) return [];
  const why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
  return [fieldInvalid(spec.child("nodeSelector"), pod.spec.nodeSelector ?? null, why)];
}

/** A gated pod may come to need more of its nodes: each of its terms only grows, and none comes or goes. */
function validateNodeAffinityOnlyNarrowed(pod: Pod, old: Pod): readonly FieldError[] {
  if ((old.spec.schedulingGates?.length ?? 0) === 0) return [];
  const termsOf = ({ spec: { affinity } }: Pod): readonly NodeSelectorTerm[] =>
    affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const [before, after] = [termsOf(old), termsOf(pod)];
  if (before.length === 0) return [];
  const path = spec.child(
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
  );
  const shown = (term: NodeSelectorTerm | undefined): unknown => internalForm(term, "core/v1.NodeSelectorTerm");
  if (before.length !== after.length) {
    const why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
    return [fieldInvalid(path, after.length === 0 ? null : after.map(shown), why)];
  }
  return before.flatMap((term, i) =>
    isExtended(term, after[i])
      ? []
      : [fieldInvalid(path.index(i), shown(after[i]), "only additions are allowed (no mutations or deletions)")],
  );
}

function isExtended(term: NodeSelectorTerm, next: NodeSelectorTerm | undefined): boolean {
  const parts = (of: NodeSelectorTerm | undefined) => [of?.matchExpressions ?? [], of?.matchFields ?? []] as const;
  const [before, after] = [parts(term), parts(next)];
  // A term of nothing matches nothing, and so cannot be narrowed.
  if (before.every((part) => part.length === 0)) return after.every((part) => part.length === 0);
  return before.every((part, i) => semanticEqual(part, (after[i] ?? []).slice(0, part.length)));
}

function validateDeadline(next: number | undefined, old: number | undefined): readonly FieldError[] {
  const path = spec.child("activeDeadlineSeconds");
  if (next === undefined) {
    return old === undefined ? [] : [fieldInvalid(path, null, "must not update from a positive integer to nil value")];
  }
  if (old !== undefined && next > old)
    return [fieldInvalid(path, next, "must be less than or equal to previous value")];
  return next >= 0 && next <= 2147483647 ? [] : [fieldInvalid(path, next, inclusiveRangeMessage(0, 2147483647))];
}

function validateTolerationsOnlyAdded(next: readonly Toleration[], old: readonly Toleration[]): readonly FieldError[] {
  const sameButSeconds = (a: Toleration, b: Toleration): boolean =>
    semanticEqual({ ...a, tolerationSeconds: 0 }, { ...b, tolerationSeconds: 0 });
  if (old.every((toleration) => next.some((candidate) => sameButSeconds(candidate, toleration)))) return [];
  const why = "existing toleration can not be modified except its tolerationSeconds";
  return [fieldForbidden(spec.child("tolerations"), why)];
}
