import type { Ingress, IngressClass } from "../api/networking/v1/types.gen.ts";
import type { Lister } from "../client/cache/shared-informer.ts";

/** The IngressClass every cluster has, and is given to Ingresses that name none. */
export const className = "k8ts";
/** What `spec.controller` of our classes says. */
export const controllerName = "k8ts.dev/ingress";
// Older than `spec.ingressClassName`, and still written; it names what the controller itself is called.
const legacyAnnotation = "kubernetes.io/ingress.class";

/** Whether nodes serve the Ingress. */
export function isOurs({ spec, metadata }: Ingress, classes: Pick<Lister<IngressClass>, "get">): boolean {
  if (spec.ingressClassName !== undefined) {
    return classes.get(undefined, spec.ingressClassName)?.spec.controller === controllerName;
  }
  return metadata.annotations?.[legacyAnnotation] === className;
}
