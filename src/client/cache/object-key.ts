import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";

/** An object's metadata. Caches are generic over the object type, and every API object has metadata. */
export function metadataOf(object: unknown): ObjectMeta {
  return (object as { readonly metadata: ObjectMeta }).metadata;
}

/** `namespace/name`, or `name` for cluster-scoped objects. */
export function objectKey(object: unknown): string {
  const { namespace, name } = metadataOf(object);
  return keyOf(namespace, name ?? "");
}

export function keyOf(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}

/** The parts of a key; `namespace` is "" for cluster-scoped objects. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf("/");
  return slash < 0 ? { namespace: "", name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
