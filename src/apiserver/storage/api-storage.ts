import type { Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import type { Backend } from "../../mvcc/backend.ts";
import type { StorageLister } from "../registry/rest/registry-access.ts";

export interface ApiStorageOptions {
  /** Stays the caller's to dispose, after the server. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** JSON bytes of the objects kept parsed; 64 MiB unless given. */
  readonly parsedBytesMax?: number;
}

/**
 * All persisted objects of one server. Made first, so that authorizer and admission plugins can be handed listers; the
 * server opens it with its registrations and waits for it.
 */
export interface ApiStorage {
  /** Callable at once; reads see nothing, and onChange may be subscribed, before the server is created. */
  lister<T = KubeObject>(type: ResourceType<T>): StorageLister<T>;
}
