import type { Container, EnvVar, Pod, Service } from "../../api/core/v1/types.gen.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import type { KeyValue } from "../../cri-api/runtime/v1/types.ts";
import { findContainer } from "../api/pods.ts";
import type { ObjectStore } from "../config/object-store.ts";
import { type DownwardFacts, fieldValue, resourceFieldValue } from "./downward-api.ts";
import { envFileValue } from "./env-file.ts";
import { expand } from "./expansion.ts";
import { serviceEnvironment } from "./service-environment.ts";

export interface EnvironmentSources {
  readonly objects: ObjectStore;
  /** The Services whose variables the container gets; see `servicesFor`. */
  readonly services: readonly Service[];
  readonly facts: DownwardFacts;
  /** A file in one of the pod's volumes; undefined when there is none. */
  readonly volumeFile: (volumeName: string, path: string) => Promise<Uint8Array | undefined>;
}

/** The Services a pod is told of by environment: its namespace's with `enableServiceLinks`, and always `kubernetes`. */
export function servicesFor(pod: Pod, list: (namespace: string) => readonly Service[]): readonly Service[] {
  const api = list("default").filter((s) => s.metadata.name === "kubernetes");
  return pod.spec.enableServiceLinks === false ? api : [...api, ...list(pod.metadata.namespace)];
}

/**
 * The container's environment: what it declares, in order, over `envFrom`, over the Services'. Rejects with the text for
 * the container's waiting message when a source that is not optional is missing.
 */
export async function makeEnvironment(
  pod: Pod,
  container: Container,
  sources: EnvironmentSources,
): Promise<KeyValue[]> {
  const own = new Map<string, string>();
  const fromServices = serviceEnvironment(sources.services);
  await addEnvFrom(pod, container, sources.objects, own);
  const lookup = (name: string): string | undefined => own.get(name) ?? fromServices.get(name);
  for (const variable of container.env ?? []) {
    const value = variable.value
      ? expand(variable.value, lookup)
      : await variableValue(pod, container, variable, sources);
    if (value !== undefined) own.set(variable.name, value);
  }
  const out: KeyValue[] = [];
  for (const [key, value] of own) out.push({ key, value });
  for (const [key, value] of fromServices) if (!own.has(key)) out.push({ key, value });
  return out;
}

async function addEnvFrom(
  pod: Pod,
  container: Container,
  objects: ObjectStore,
  out: Map<string, string>,
): Promise<void> {
  const namespace = pod.metadata.namespace;
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef) {
      const configMap = await objects.configMap(namespace, configMapRef.name ?? "", configMapRef.optional);
      for (const [key, value] of Object.entries(configMap?.data ?? {})) out.set(prefix + key, value);
    } else if (secretRef) {
      const secret = await objects.secret(namespace, secretRef.name ?? "", secretRef.optional);
      for (const [key, value] of Object.entries(secret?.data ?? {}))
        out.set(prefix + key, utf8Decode(base64Decode(value)));
    }
  }
}

/** Undefined when an optional source is missing: the variable is then not set at all. */
async function variableValue(
  pod: Pod,
  container: Container,
  variable: EnvVar,
  { objects, facts, volumeFile }: EnvironmentSources,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (!from) return "";
  const namespace = pod.metadata.namespace;
  if (from.fieldRef) return fieldValue(pod, from.fieldRef.fieldPath, facts);
  if (from.resourceFieldRef) {
    const name = from.resourceFieldRef.containerName;
    const target = name ? findContainer(pod, name) : container;
    if (!target) throw new Error(`container ${name} not found`);
    return resourceFieldValue(from.resourceFieldRef, pod, target, facts);
  }
  if (from.configMapKeyRef) {
    const { name = "", key, optional } = from.configMapKeyRef;
    const value = (await objects.configMap(namespace, name, optional))?.data?.[key];
    if (value === undefined && !optional) throw new Error(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (from.secretKeyRef) {
    const { name = "", key, optional } = from.secretKeyRef;
    const value = (await objects.secret(namespace, name, optional))?.data?.[key];
    if (value === undefined && !optional) throw new Error(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value === undefined ? undefined : utf8Decode(base64Decode(value));
  }
  if (from.fileKeyRef) {
    const { volumeName, path, key, optional } = from.fileKeyRef;
    const file = await volumeFile(volumeName, path);
    if (!file) throw new Error("couldn't parse env file");
    const value = envFileValue(utf8Decode(file), key);
    // An empty value counts as none.
    if (!value && !optional) throw new Error(`environment variable key "${key}" not found in file "${path}"`);
    return value || undefined;
  }
  throw new Error(`environment variable ${variable.name}: this valueFrom source is not supported`);
}
