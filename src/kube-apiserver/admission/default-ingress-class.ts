import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { Ingress, IngressClass } from "../../api/networking/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { newestDefault } from "../../component-helpers/newest-default.ts";

const defaultAnnotation = "ingressclass.kubernetes.io/is-default-class";
// Names the class where `spec.ingressClassName` does not: older than that field.
const classAnnotation = "kubernetes.io/ingress.class";

/** Gives an Ingress that names no class the default one. */
export class DefaultIngressClass implements AdmissionPlugin {
  readonly name = "DefaultIngressClass";
  readonly #classes: Pick<StorageLister<IngressClass>, "list">;

  constructor(classes: Pick<StorageLister<IngressClass>, "list">) {
    this.#classes = classes;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE";
  }

  async admit({ group, resource, subresource, object }: AdmissionAttributes): Promise<void> {
    if (group !== "networking.k8s.io" || resource !== "ingresses" || subresource !== "" || !object) return;
    const ingress = object as unknown as Mutable<Ingress>;
    if (ingress.spec.ingressClassName !== undefined) return;
    if (ingress.metadata.annotations?.[classAnnotation] !== undefined) return;
    const found = newestDefault(this.#classes.list(), [defaultAnnotation]);
    if (found) ingress.spec.ingressClassName = found.metadata.name;
  }
}
