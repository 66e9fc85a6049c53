import type { ScopedResourceSelectorRequirement } from "../../api/core/v1/types.gen.ts";
import type { ResourceList } from "./resource-list.ts";

/**
 * How one kind counts against quotas. The same code measures a request that comes in and, in the controller, all that is
 * stored. Objects are of the storage version and read-only.
 */
export interface QuotaEvaluator<T> {
  /** Whether such a request can change usage; an update may bring the object into the scopes of other quotas. */
  handles(operation: "CREATE" | "UPDATE", subresource: string, object: T, oldObject: T | undefined): boolean;
  /** Whether objects of this kind consume the resource of that name. */
  concerns(name: string): boolean;
  usage(object: T, nowMs: number): ResourceList;
  matchesScope(selector: ScopedResourceSelectorRequirement, object: T): boolean;
  /** What the object must state, because a quota limits it, and does not; as the message says it. */
  missing?(required: readonly string[], object: T): string | undefined;
}
