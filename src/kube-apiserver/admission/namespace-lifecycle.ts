import { forbidden, namespaceTerminatingCause, notFound } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { Namespace } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { refuse } from "./refuse.ts";

const immortal: ReadonlySet<string> = new Set(["default", "kube-public", "kube-system"]);
const namespaces = { group: "", resource: "namespaces" };

/**
 * Nothing is created in a namespace that does not exist or is going away, and the first namespaces stay.
 * The lister is the store's own cache, which knows of a deletion before its request is answered, so there is no window in
 * which a namespace is marked and still takes objects.
 */
export class NamespaceLifecycle implements AdmissionPlugin {
  readonly name = "NamespaceLifecycle";
  readonly #namespaces: Pick<StorageLister<Namespace>, "get">;

  constructor(namespaces: Pick<StorageLister<Namespace>, "get">) {
    this.#namespaces = namespaces;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation !== "CONNECT";
  }

  admit(attributes: AdmissionAttributes): Promise<void> {
    return this.#check(attributes);
  }

  async #check(attributes: AdmissionAttributes): Promise<void> {
    const { operation, group, resource, namespace, name } = attributes;
    const isNamespace = group === "" && resource === "namespaces";
    if (operation === "DELETE" && isNamespace && immortal.has(name)) {
      throw forbidden(namespaces, name, "this namespace may not be deleted");
    }
    if (namespace === "" || isNamespace || operation === "DELETE") return;
    // Asking what one may do changes nothing, and may be asked of any namespace.
    if (group === "authorization.k8s.io") return;
    const found = this.#namespaces.get("", namespace);
    if (!found) throw notFound(namespaces, namespace);
    if (operation === "CREATE" && (found.status.phase === "Terminating" || found.metadata.deletionTimestamp)) {
      throw terminating(attributes);
    }
  }
}

function terminating(attributes: AdmissionAttributes): StatusError {
  const { namespace } = attributes;
  const error = refuse(
    attributes,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  const cause = {
    reason: namespaceTerminatingCause,
    message: `namespace ${namespace} is being terminated`,
    field: "metadata.namespace",
  };
  return new StatusError({
    code: error.code,
    reason: error.reason,
    message: error.message,
    details: { ...error.details, causes: [...(error.details?.causes ?? []), cause] },
  });
}
