import type { ObjectMeta } from "./meta/v1/types.gen.ts";

/** What every API object has, read-only. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** Names one served resource and, for the compiler, the shape of its objects. The built-in ones are in `api/resources.gen.ts`. */
export interface ResourceType<T = unknown> {
  readonly group: string;
  readonly version: string;
  /** Lower-case plural, as in paths. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never present at run time; ties the type to the value. */
  readonly objectType?: T;
}

/** What a client may write: every field optional, because the server defaults and validates. */
export type Input<T> = T extends readonly (infer E)[]
  ? readonly Input<E>[]
  : T extends object
    ? { readonly [K in keyof T]?: Input<T[K]> }
    : T;

/** The same shape without read-only marks, for code that owns the value it builds. */
export type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** `apps/v1`, or `v1` for the legacy group. */
export function apiVersionOf(type: { readonly group: string; readonly version: string }): string {
  return type.group === "" ? type.version : `${type.group}/${type.version}`;
}
