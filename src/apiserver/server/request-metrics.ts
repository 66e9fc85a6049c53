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

  /** `isKnown`: the resource is served here. What clients made up is counted without labels, which would never end. */
  observe(info: RequestInfo, isKnown: boolean, query: URLSearchParams, code: number, durationMs: number): void {
    const dryRun = query.get("dryRun") === "All" ? "All" : "";
    const labels = isKnown
      ? [verbLabel(info.verb), dryRun, info.apiGroup, info.apiVersion, info.resource, info.subresource, scopeOf(info)]
      : [verbLabel(info.verb), dryRun, "", "", "", "", ""];
    this.#total.inc(...labels, "apiserver", String(code));
    if (!isLongRunning(info)) this.#duration.observe(durationMs / 1000, ...labels, "apiserver");
  }
}

const verbLabels: Readonly<Record<string, string>> = {
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  create: "POST",
  post: "POST",
  update: "PUT",
  put: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETECOLLECTION",
};

function verbLabel(verb: string): string {
  return (Object.hasOwn(verbLabels, verb) ? verbLabels[verb] : undefined) ?? "other";
}

function scopeOf(info: RequestInfo): string {
  if (!info.isResourceRequest) return "";
  if (info.name !== "") return "resource";
  return info.namespace === "" ? "cluster" : "namespace";
}
