import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { nameIsDnsLabel, validateQualifiedName } from "../../../apimachinery/validation/names.ts";
import type { Namespace } from "../../../api/core/v1/types.gen.ts";
import type { Strategy, SubresourceStrategy } from "../../../apiserver/registry/rest/strategy.ts";
import { namespaceCells } from "../../printers/core.ts";
import { syntax } from "../../validation/common.ts";
import { validateFinalizerName } from "../finalizer-names.ts";

const finalizer = "kubernetes";
const specFinalizers = FieldPath.of("spec", "finalizers");

/** Selectors find a namespace by this label. */
function setNameLabel(namespace: Mutable<Namespace>): void {
  namespace.metadata.labels = {
    ...namespace.metadata.labels,
    "kubernetes.io/metadata.name": namespace.metadata.name,
  };
}

/**
 * Namespaces: deleting one marks it Terminating; it goes when the namespace controller has emptied it and taken the
 * `kubernetes` finalizer off through the finalize subresource.
 */
export const namespaceStrategy: Strategy<Namespace> = {
  validateName: nameIsDnsLabel,
  checksNameOnUpdate: true,

  prepareForCreate(namespace: Mutable<Namespace>): void {
    namespace.status = { phase: "Active" };
    const finalizers = namespace.spec.finalizers ?? [];
    if (!finalizers.includes(finalizer)) namespace.spec.finalizers = [...finalizers, finalizer];
    setNameLabel(namespace);
  },

  validate: ({ spec }: Namespace) =>
    (spec.finalizers ?? []).flatMap((name) => validateSpecFinalizer(name, specFinalizers)),

  prepareForUpdate(namespace: Mutable<Namespace>, old: Mutable<Namespace>): void {
    namespace.spec = old.spec;
    setNameLabel(namespace);
  },

  prepareForGracefulDelete(namespace: Mutable<Namespace>): void {
    namespace.status.phase = "Terminating";
  },

  hasPendingFinalizers: (namespace: Namespace) => (namespace.spec.finalizers?.length ?? 0) > 0,
  returnDeletedObject: true,
  generation: "none",
  selectableFields: ({ status }: Namespace) => ({ "status.phase": status.phase ?? "" }),
  tableCells: namespaceCells,
};

/** namespaces/status keeps the phase in step with the deletion mark, whatever the client wrote. */
export const namespaceStatusStrategy: SubresourceStrategy<Namespace> = {
  prepareForUpdate(namespace: Mutable<Namespace>, old: Mutable<Namespace>): void {
    namespace.spec = old.spec;
    namespace.status.phase = namespace.metadata.deletionTimestamp ? "Terminating" : "Active";
  },
};

/** namespaces/finalize changes the finalizers and nothing else. */
export const namespaceFinalizeStrategy: SubresourceStrategy<Namespace> = {
  prepareForUpdate(namespace: Mutable<Namespace>, old: Mutable<Namespace>): void {
    namespace.status = old.status;
  },
  validateUpdate: ({ spec }: Namespace) =>
    (spec.finalizers ?? []).flatMap((name, i) => validateSpecFinalizer(name, specFinalizers.index(i))),
};

function validateSpecFinalizer(name: string, path: FieldPath): readonly FieldError[] {
  return [...syntax(path, name, validateQualifiedName(name)), ...validateFinalizerName(name, path)];
}
