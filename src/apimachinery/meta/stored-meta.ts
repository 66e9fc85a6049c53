import type { ObjectMeta } from "./v1/types.gen.ts";

/** Metadata of an object the API server has stored: what the server always sets is there. */
export interface StoredMeta extends ObjectMeta {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
}

/** Metadata of a stored object of a namespaced kind. */
export interface NamespacedMeta extends StoredMeta {
  readonly namespace: string;
}
