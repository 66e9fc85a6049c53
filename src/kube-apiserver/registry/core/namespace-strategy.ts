import type { Mutable } from "../../../apimachinery/resource-type.ts";
import { nameIsDnsLabel } from "../../../apimachinery/validation/names.ts";
import type { Namespace } from "../../../api/core/v1/types.gen.ts";
import type { Strategy, SubresourceStrategy } from "../../../apiserver/registry/rest/strategy.ts";
import { namespaceCells } from "../../printers/core.ts";

const finalizer = "kubernetes";

/** Selectors find a namespace by this label. */
function setNameLabel(namespace: Mutable<Namespace>): void {
  namespace.metadata.labels = { ...namespace.metadata.labels, "kubernetes.io/metadata.name": namespace.metadata.name };
}

/**
 * Namespaces: deleting one marks it Terminating; it goes when the namespace controller has emptied it and taken the
 * `kubernetes` finalizer off through the finalize subresource.
 */
export const namespaceStrategy: Strategy<Namespace> = {
  validateName: nameIsDnsLabel,

  prepareForCreate(namespace: Mutable<Namespace>): void {
    namespace.status = { phase: "Active" };
    const finalizers = namespace.spec.finalizers ?? [];
    if (!finalizers.includes(finalizer)) namespace.spec.finalizers = [...finalizers, finalizer];
    setNameLabel(namespace);
  },

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
};
