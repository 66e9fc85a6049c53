import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { Counter, Histogram } from "../../component-base/metrics.ts";
import type { RequestInfo } from "../endpoints/request-info.ts";
import { isLongRunning } from "./long-running.ts";

// Upstream's buckets, in seconds.
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** Counts and times requests under upstream's metric names. */
export class RequestMetrics {
  readonly #total: Counter;
  readonly #duration: Histogram;

  constructor(metrics: MetricRegistry) {
    this.#total = metrics.counter("apiserver_request_total", "Requests by verb, resource and HTTP status code.", [
      "verb",
      "dry_run",
      "group",
      "version",
      "resource",
      "subresource",
      "scope",
      "component",
      "code",
    ]);
    this.#duration = metrics.histogram(
      "apiserver_request_duration_seconds",
      "Response latency in seconds by verb and resource; long-running requests are not timed.",
      durationBuckets,
      ["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"],
    );
  }

  observe(info: RequestInfo, query: URLSearchParams, code: number, durationMs: number): void {
    const verb = info.verb === "deletecollection" ? "DELETECOLLECTION" : info.verb.toUpperCase();
    const dryRun = query.get("dryRun") ?? "";
    const { apiGroup, apiVersion, resource, subresource } = info;
    const scope = scopeOf(info);
    this.#total.inc(verb, dryRun, apiGroup, apiVersion, resource, subresource, scope, "apiserver", String(code));
    if (isLongRunning(info)) return;
    this.#duration.observe(
      durationMs / 1000,
      verb,
      dryRun,
      apiGroup,
      apiVersion,
      resource,
      subresource,
      scope,
      "apiserver",
    );
  }
}

function scopeOf(info: RequestInfo): string {
  if (!info.isResourceRequest) return "";
  if (info.name !== "") return "resource";
  return info.namespace === "" ? "cluster" : "namespace";
}
