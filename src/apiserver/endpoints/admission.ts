import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { cloneJson } from "../../apimachinery/object.ts";
import type { AdmissionAttributes, AdmissionOperation, EquivalentResource } from "../admission/admission-plugin.ts";
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
  const { info, user, warnings, auditAnnotations } = scope;
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
    annotate: (key, value) => {
      if (!auditAnnotations.has(key)) auditAnnotations.set(key, value);
    },
    equivalents: () => (base.kind === undefined ? equivalentsOf(endpoint) : []),
    rounds: { isSecond: false, isSecondWanted: false, memory: new Map() },
  };
}

function equivalentsOf(endpoint: ResourceEndpoint): readonly EquivalentResource[] {
  // Differs from upstream: where somebody else converts, webhooks that want another version are not asked.
  if (!endpoint.resource.persisted || endpoint.convert?.ask) return [];
  return endpoint.context
    .endpointsOf(endpoint.resource.storagePrefix)
    .filter((other) => other !== endpoint)
    .map((other) => {
      const { group, version, resource, kind } = other.resource;
      return {
        group,
        version,
        resource,
        kind,
        fromRequested: (object) => converted(object, endpoint, other),
        toRequested: (object) => converted(object, other, endpoint),
      };
    });
}

/** From one served version to another, by way of the stored one. */
function converted(object: KubeObject, from: ResourceEndpoint, to: ResourceEndpoint): Mutable<KubeObject> {
  const stored = from.convert ? from.convert.toStorage(object) : cloneJson(object);
  return to.convert ? to.convert.fromStorage(stored) : (stored as Mutable<KubeObject>);
}

/** Lets the plugins change the object, in their order; twice, when one of them asks for it. */
export async function admit(context: EndpointContext, attributes: AdmissionAttributes): Promise<void> {
  const { rounds } = attributes;
  await admitOnce(context, attributes);
  if (!rounds.isSecondWanted) return;
  rounds.isSecond = true;
  await admitOnce(context, attributes);
}

async function admitOnce(context: EndpointContext, attributes: AdmissionAttributes): Promise<void> {
  for (const plugin of context.admission)
    if (plugin.admit && plugin.handles(attributes.operation)) await plugin.admit(attributes);
}

/** Lets the plugins refuse. */
export async function validateAdmission(context: EndpointContext, attributes: AdmissionAttributes): Promise<void> {
  for (const plugin of context.admission)
    if (plugin.validate && plugin.handles(attributes.operation)) await plugin.validate(attributes);
}
