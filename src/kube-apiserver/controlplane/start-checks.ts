import type { HealthCheck } from "../../apiserver/server/generic-api-server-options.ts";

/** The steps of the server's start, in their order. */
export type StartStep = "storage" | "definitions" | "bootstrap" | "aggregation";

/**
 * By the names upstream's server has for the parts of its start, which monitors ask for: the step that does the part here.
 * Parts that are not here have no name.
 */
const parts: readonly (readonly [name: string, step: StartStep])[] = [
  ["poststarthook/start-apiserver-admission-initializer", "storage"],
  ["poststarthook/generic-apiserver-start-informers", "storage"],
  ["poststarthook/priority-and-fairness-config-consumer", "bootstrap"],
  ["poststarthook/priority-and-fairness-filter", "storage"],
  ["poststarthook/start-apiextensions-informers", "storage"],
  ["poststarthook/start-apiextensions-controllers", "definitions"],
  ["poststarthook/crd-informer-synced", "definitions"],
  ["poststarthook/start-system-namespaces-controller", "bootstrap"],
  ["poststarthook/start-cluster-authentication-info-controller", "bootstrap"],
  ["poststarthook/storage-readiness", "storage"],
  ["poststarthook/start-legacy-token-tracking-controller", "bootstrap"],
  ["poststarthook/start-service-ip-repair-controllers", "bootstrap"],
  ["poststarthook/rbac/bootstrap-roles", "bootstrap"],
  ["poststarthook/scheduling/bootstrap-system-priority-classes", "bootstrap"],
  ["poststarthook/priority-and-fairness-config-producer", "bootstrap"],
  ["poststarthook/bootstrap-controller", "bootstrap"],
  ["poststarthook/start-kubernetes-service-cidr-controller", "bootstrap"],
  ["poststarthook/start-kube-aggregator-informers", "aggregation"],
  ["poststarthook/apiservice-status-local-available-controller", "aggregation"],
  ["poststarthook/apiservice-status-remote-available-controller", "aggregation"],
  ["poststarthook/apiservice-registration-controller", "aggregation"],
  ["poststarthook/apiservice-discovery-controller", "aggregation"],
  ["poststarthook/kube-apiserver-autoregistration", "aggregation"],
  ["autoregister-completion", "aggregation"],
  ["poststarthook/apiservice-openapi-controller", "aggregation"],
  ["poststarthook/apiservice-openapiv3-controller", "aggregation"],
];

/** Fail until the step they stand for is in `finished`. */
export function startChecks(finished: ReadonlySet<StartStep>): readonly HealthCheck[] {
  return parts.map(([name, step]) => ({
    name,
    check: () => {
      if (!finished.has(step)) throw new Error("not finished");
    },
  }));
}
