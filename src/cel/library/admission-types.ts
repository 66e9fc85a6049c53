import { boolType, type CelType, dynType, listOf, mapOf, type ObjectType, stringType } from "../types/cel-type.ts";

export function objectType(name: string, fields: ReadonlyMap<string, CelType>): ObjectType {
  return { kind: "object", name, field: (field) => fields.get(field) };
}

export function objectWith(name: string, fields: Readonly<Record<string, CelType>>): ObjectType {
  return objectType(name, new Map(Object.entries(fields)));
}

const groupVersionKind = objectWith("kubernetes.GroupVersionKind", {
  group: stringType,
  version: stringType,
  kind: stringType,
});
const groupVersionResource = objectWith("kubernetes.GroupVersionResource", {
  group: stringType,
  version: stringType,
  resource: stringType,
});
const texts = listOf(stringType);
const labels = mapOf(stringType, stringType);

const requestType = objectWith("kubernetes.AdmissionRequest", {
  kind: groupVersionKind,
  resource: groupVersionResource,
  subResource: stringType,
  requestKind: groupVersionKind,
  requestResource: groupVersionResource,
  requestSubResource: stringType,
  name: stringType,
  namespace: stringType,
  operation: stringType,
  userInfo: objectWith("kubernetes.UserInfo", {
    username: stringType,
    uid: stringType,
    groups: texts,
    extra: mapOf(stringType, texts),
  }),
  dryRun: boolType,
  options: dynType,
});

const namespaceType = objectWith("kubernetes.Namespace", {
  metadata: objectWith("kubernetes.NamespaceMetadata", {
    name: stringType,
    generateName: stringType,
    namespace: stringType,
    labels,
    annotations: labels,
    UID: stringType,
    creationTimestamp: { kind: "timestamp" },
    deletionGracePeriodSeconds: { kind: "int" },
    deletionTimestamp: { kind: "timestamp" },
    generation: { kind: "int" },
    resourceVersion: stringType,
    finalizers: texts,
  }),
  spec: objectWith("kubernetes.NamespaceSpec", { finalizers: texts }),
  status: objectWith("kubernetes.NamespaceStatus", {
    phase: stringType,
    conditions: listOf(
      objectWith("kubernetes.NamespaceCondition", {
        status: stringType,
        type: stringType,
        lastTransitionTime: { kind: "timestamp" },
        message: stringType,
        reason: stringType,
      }),
    ),
  }),
});

/** What every expression of admission may use, and what it is. */
export const admissionVariables = { request: requestType, namespaceObject: namespaceType };
