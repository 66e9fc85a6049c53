import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import type { AdmissionAttributes, AdmissionOperation } from "../admission/admission-plugin.ts";
import type { EndpointContext, ResourceEndpoint } from "./resource-endpoint.ts";
import type { RequestScope } from "./request-scope.ts";

/** What does not change between the admission calls of one request. */
export interface AdmissionBase {
  readonly operation: AdmissionOperation;
  readonly options: unknown;
  readonly dryRun: boolean;
  /** The kind of the body, where it is not the resource's. */
  readonly kind?: string;
  readonly name?: string;
}

/** The attributes of one call. */
export function attributesOf(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  base: AdmissionBase,
  object: Mutable<KubeObject> | undefined,
  oldObject: KubeObject | undefined,
): AdmissionAttributes {
  const { info, user, warnings } = scope;
  const name = base.name ?? (info.name || (object ?? oldObject)?.metadata?.name) ?? "";
  return {
    operation: base.operation,
    group: info.apiGroup,
    version: info.apiVersion,
    resource: info.resource,
    subresource: info.subresource,
    kind: base.kind ?? endpoint.resource.kind,
    // As upstream, a Namespace is in itself.
    namespace: info.resource === "namespaces" && info.apiGroup === "" ? name : info.namespace,
    name,
    object,
    oldObject,
    options: base.options,
    dryRun: base.dryRun,
    user,
    warn: (text) => void warnings.add(text),
  };
}

/** Lets the plugins change the object, in their order. */
export async function admit(context: EndpointContext, attributes: AdmissionAttributes): Promise<void> {
  for (const plugin of context.admission)
    if (plugin.admit && plugin.handles(attributes.operation)) await plugin.admit(attributes);
}

/** Lets the plugins refuse. */
export async function validateAdmission(context: EndpointContext, attributes: AdmissionAttributes): Promise<void> {
  for (const plugin of context.admission)
    if (plugin.validate && plugin.handles(attributes.operation)) await plugin.validate(attributes);
}
