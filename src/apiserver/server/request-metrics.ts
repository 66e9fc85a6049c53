import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { Counter, Histogram } from "../../component-base/metrics.ts";
import type { HttpRequest, HttpResponse } from "../../component-base/http.ts";
import type { RequestInfo } from "../endpoints/request-info.ts";
import { isLongRunning } from "./long-running.ts";

// Upstream's buckets, in seconds.
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

// Upstream's: 1 kB to 1 GB.
const sizeBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const resourceLabels = ["group", "version", "resource", "subresource", "scope", "component"];

/** One request, to be counted. */
export interface ObservedRequest {
  readonly http: HttpRequest;
  readonly info: RequestInfo;
  /** The resource is served here. What clients made up is counted without labels, which would never end. */
  readonly isKnown: boolean;
}

/** Counts and times requests under upstream's metric names. */
export class RequestMetrics {
  readonly #total: Counter;
  readonly #duration: Histogram;
  readonly #size: Histogram;
  readonly #longRunning: Counter;

  constructor(metrics: MetricRegistry) {
    this.#total = metrics.counter("apiserver_request_total", "Requests by verb, resource and HTTP status code.", [
      "verb",
      "dry_run",
      ...resourceLabels,
      "code",
    ]);
    this.#duration = metrics.histogram(
      "apiserver_request_duration_seconds",
      "Response latency in seconds by verb and resource; long-running requests are not timed.",
      durationBuckets,
      ["verb", "dry_run", ...resourceLabels],
    );
    this.#size = metrics.histogram(
      "apiserver_response_sizes",
      "Size of responses in bytes by verb and resource; what is streamed is not counted.",
      sizeBuckets,
      ["verb", ...resourceLabels],
    );
    this.#longRunning = metrics.gauge(
      "apiserver_longrunning_requests",
      "Watches and other long-running requests now.",
      ["verb", ...resourceLabels],
    );
  }

  /** Counts an answer; the response it returns is counted as long as its body is written, where it is long-running. */
  observe(request: ObservedRequest, response: HttpResponse, durationMs: number): HttpResponse {
    const { http, info, isKnown } = request;
    const verb = verbOf(info, http);
    const dryRun = http.query.get("dryRun") === "All" ? "All" : "";
    const resource = isKnown
      ? [info.apiGroup, info.apiVersion, info.resource, info.subresource, scopeOf(info), "apiserver"]
      : ["", "", "", "", "", "apiserver"];
    this.#total.inc(verb, dryRun, ...resource, String(response.status));
    const { body } = response;
    if (!isLongRunning(info)) {
      this.#duration.observe(durationMs / 1000, verb, dryRun, ...resource);
      if (body && typeof body !== "function") this.#size.observe(sizeOf(body), verb, ...resource);
      return response;
    }
    if (typeof body !== "function") return response;
    return {
      ...response,
      body: async (sink) => {
        this.#longRunning.inc(verb, ...resource);
        try {
          await body(sink);
        } finally {
          this.#longRunning.add(-1, verb, ...resource);
        }
      },
    };
  }
}

function sizeOf(body: Uint8Array | readonly Uint8Array[]): number {
  return body instanceof Uint8Array ? body.length : body.reduce((sum, part) => sum + part.length, 0);
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

const connections: ReadonlySet<string> = new Set(["attach", "exec", "log", "portforward", "proxy"]);

/** As upstream tells them apart: an apply from other patches, connections from what method they are opened by. */
function verbOf({ verb, subresource }: RequestInfo, { headers }: HttpRequest): string {
  if (connections.has(subresource)) return "CONNECT";
  if (verb === "patch" && headers["content-type"] === "application/apply-patch+yaml") return "APPLY";
  return (Object.hasOwn(verbLabels, verb) ? verbLabels[verb] : undefined) ?? "other";
}

function scopeOf(info: RequestInfo): string {
  if (!info.isResourceRequest) return "";
  if (info.name !== "" || info.verb === "create") return "resource";
  return info.namespace === "" ? "cluster" : "namespace";
}
