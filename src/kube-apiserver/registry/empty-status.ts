import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";

/** `prepareForCreate` of a kind whose clients may not set a status: it starts as `empty()`. */
export function startsWithStatus<T extends KubeObject & { readonly status: unknown }>(
  empty: () => Mutable<T["status"]>,
): Required<Pick<Strategy<T>, "prepareForCreate">> {
  return {
    prepareForCreate(object: Mutable<T>): void {
      // Mutable<T> has the same members as T; the compiler cannot see that for a type parameter.
      (object as { status: unknown }).status = empty();
    },
  };
}
