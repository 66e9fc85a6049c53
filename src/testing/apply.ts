import { isAlreadyExists } from "../apimachinery/errors/status-error.ts";
import { gvkFromApiVersion } from "../apimachinery/group-version.ts";
import type { KubeObject, ResourceType } from "../apimachinery/resource-type.ts";
import { parseYamlDocuments } from "../apimachinery/yaml/parse.ts";
import { builtinScheme } from "../api/scheme.ts";
import type { ApiClient } from "../client/rest/api-client.ts";

/**
 * Creates the objects of a YAML text, in order; those that exist are merged with it. Objects without a namespace go to
 * `default`. Resolves to what the server answered.
 */
export async function applyYaml(client: ApiClient, yaml: string): Promise<readonly KubeObject[]> {
  const applied: KubeObject[] = [];
  for (const { value } of parseYamlDocuments(yaml)) {
    if (value === null) continue;
    const object = asObject(value);
    const type = resourceTypeOf(object);
    const namespace = type.namespaced ? (object.metadata.namespace ?? "default") : undefined;
    const resource = client.resource<KubeObject>(type, namespace);
    const name = object.metadata.name ?? "";
    try {
      applied.push(await resource.create(object));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      applied.push(await resource.patch(name, "merge", object));
    }
  }
  return applied;
}

function asObject(value: unknown): KubeObject {
  const object = value as Partial<KubeObject> | undefined;
  if (typeof object?.apiVersion !== "string" || typeof object.kind !== "string" || !object.metadata) {
    throw new TypeError("a document is no API object: it needs apiVersion, kind and metadata");
  }
  return value as KubeObject;
}

function resourceTypeOf({ apiVersion, kind }: KubeObject): ResourceType<KubeObject> {
  const { group, version } = gvkFromApiVersion(apiVersion, kind);
  // One kind can have several resources, such as Eviction; what can be created and read is the one meant.
  const found = builtinScheme()
    .resources(group, version)
    .find((resource) => resource.kind === kind && resource.verbs.includes("create") && resource.persisted);
  if (!found) throw new TypeError(`no resource of kind ${kind} in ${apiVersion}`);
  return { group, version, resource: found.resource, kind, namespaced: found.namespaced };
}
