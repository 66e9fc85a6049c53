import type { Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { Counter } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import type { YamlReader } from "../../apimachinery/yaml/parse.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { ApiResource, ObjectKind, Scheme } from "../../apimachinery/scheme/scheme.ts";
import type { AdmissionPlugin } from "../admission/admission-plugin.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { Conversion, ResourceRegistration } from "../registry/generic/resource-registration.ts";
import type { RegistryStore } from "../registry/generic/store.ts";
import type { StoredObject } from "../storage/stored-object.ts";
import type { FieldManagers } from "./fieldmanager/field-managers.ts";
import type { RegistryAccess } from "../registry/rest/registry-access.ts";

/** What all endpoints of one server share. */
export interface EndpointContext {
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly admission: readonly AdmissionPlugin[];
  readonly authorizer: Authorizer;
  readonly registry: RegistryAccess;
  readonly fieldManagers: FieldManagers;
  readonly bodyBytesMax: number;
  readonly yaml: YamlReader | undefined;
  /** By group, version and resource. */
  readonly watchEvents: Counter;
  readonly minRequestTimeoutSeconds: number;
  /** Aborts when the server shuts down: watches end. */
  readonly shutdown: AbortSignal;
  /** Every served resource that is stored under that prefix. */
  endpointsOf(storagePrefix: string): readonly ResourceEndpoint[];
}

/** One served resource, ready to answer. */
export interface ResourceEndpoint {
  readonly context: EndpointContext;
  readonly resource: ApiResource;
  readonly kind: ObjectKind;
  readonly registration: ResourceRegistration;
  /** Absent for kinds that are not persisted. */
  readonly store: RegistryStore | undefined;
  readonly convert: Conversion | undefined;
  /** `{"kind":…,"apiVersion":…,` of the served kind, in bytes: the length items of a list are cut by. */
  readonly typePrefixLength: number;
}

/** Makes `served` possible for these objects, where that takes more than a function. */
export async function prepareServed(endpoint: ResourceEndpoint, objects: readonly KubeObject[]): Promise<void> {
  await endpoint.convert?.ask?.fromStorage(objects);
}

/**
 * Makes `served` possible for what is stored, and tells which objects it is possible for; none where it always is. They must
 * be held on to: of many objects the cache keeps only some parsed, and another parse is another object.
 */
export async function prepareStored(
  endpoint: ResourceEndpoint,
  items: readonly StoredObject[],
): Promise<ReadonlyMap<StoredObject, KubeObject>> {
  if (!endpoint.convert?.ask) return nothingPrepared;
  const objects = new Map(items.map((stored) => [stored, stored.object()]));
  await prepareServed(endpoint, [...objects.values()]);
  return objects;
}

const nothingPrepared: ReadonlyMap<StoredObject, KubeObject> = new Map();

/** The object in the served version. Read-only. */
export function served(endpoint: ResourceEndpoint, object: KubeObject): KubeObject {
  return endpoint.convert ? endpoint.convert.fromStorage(object) : object;
}
