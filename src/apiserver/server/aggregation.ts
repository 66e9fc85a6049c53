import type { HttpResponse } from "../../component-base/http.ts";
import type { ApiGroupDiscovery } from "../../apimachinery/scheme/discovery.ts";
import type { ApiGroup } from "../../apimachinery/scheme/scheme.ts";
import type { RequestScope } from "../endpoints/request-scope.ts";

/** What other servers serve behind this one, and in which order everything that is served is told. */
export interface Aggregation {
  /** The answer of the server whose path this is; undefined when that is this one. Authorization comes before. */
  route(scope: RequestScope): Promise<HttpResponse> | undefined;
  /** All groups, in the order they are told; given those of this server. */
  groups(own: readonly ApiGroup[]): readonly ApiGroup[];
  /** Likewise with all their resources, the legacy group left out. */
  discovery(own: readonly ApiGroupDiscovery[]): readonly ApiGroupDiscovery[];
  /** Calls back when the two answer differently from now on. Must be quick and must not throw. */
  onChange(handler: () => void): void;
}
