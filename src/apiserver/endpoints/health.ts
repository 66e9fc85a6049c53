import type { HttpRequest, HttpResponse } from "../../component-base/http.ts";
import { errorText } from "../../component-base/logger.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { HealthCheck } from "../server/generic-api-server-options.ts";
import { MetricRegistry } from "../../component-base/metrics.ts";
import { notFoundPage } from "./resource-router.ts";
import { respondText } from "./response.ts";

/** What the health checks said, as `/metrics/slis` tells it. */
export class HealthMetrics {
  readonly #registry = new MetricRegistry();
  readonly #latest = this.#registry.gauge("kubernetes_healthcheck", latestHelp, ["name", "type"]);
  readonly #all = this.#registry.counter("kubernetes_healthchecks_total", allHelp, ["name", "type", "status"]);

  note(name: string, type: string, isFine: boolean): void {
    this.#latest.set(isFine ? 1 : 0, name, type);
    this.#all.inc(name, type, isFine ? "success" : "error");
  }

  render(): string {
    return this.#registry.render();
  }
}

const latestHelp = "[STABLE] This metric records the result of a single healthcheck.";
const allHelp = "[STABLE] This metric records the results of all healthcheck.";

/** `/healthz`, `/livez` or `/readyz` with their checks: plain text as upstream's, which tools poll and print. */
export class HealthEndpoint {
  readonly #path: string;
  readonly #checks: readonly HealthCheck[];
  readonly #logger: Logger;
  readonly #metrics: HealthMetrics;

  constructor(path: string, checks: readonly HealthCheck[], logger: Logger, metrics: HealthMetrics) {
    this.#path = path;
    this.#metrics = metrics;
    this.#checks = checks;
    this.#logger = logger;
  }

  /** Undefined when the path is not ours. */
  async handle(request: HttpRequest): Promise<HttpResponse | undefined> {
    const { path, query } = request;
    if (path === this.#path || path === `${this.#path}/`) return this.#all(query);
    if (!path.startsWith(`${this.#path}/`)) return undefined;
    const name = path.slice(this.#path.length + 1);
    const check = this.#checks.find((c) => c.name === name);
    if (!check) return notFoundPage();
    const failure = await this.#failureOf(check);
    return failure === undefined ? respondText(200, "ok") : respondText(500, `internal server error: ${failure}\n`);
  }

  async #all(query: URLSearchParams): Promise<HttpResponse> {
    const excluded = new Set(query.getAll("exclude"));
    const title = this.#path.slice(1);
    let text = "";
    let hasFailed = false;
    for (const check of this.#checks) {
      if (excluded.delete(check.name)) {
        text += `[+]${check.name} excluded: ok\n`;
        continue;
      }
      const failure = await this.#failureOf(check);
      if (failure !== undefined) hasFailed = true;
      // Why is for the log: the path may be open to anonymous callers.
      text += failure === undefined ? `[+]${check.name} ok\n` : `[-]${check.name} failed: reason withheld\n`;
    }
    if (excluded.size > 0) {
      const names = [...excluded].map((name) => JSON.stringify(name)).join(", ");
      text += `warn: some health checks cannot be excluded: no matches for ${names}\n`;
    }
    if (hasFailed) return respondText(500, `${text}${title} check failed\n`);
    return respondText(200, query.has("verbose") ? `${text}${title} check passed\n` : "ok");
  }

  async #failureOf(check: HealthCheck): Promise<string | undefined> {
    try {
      await check.check();
      this.#metrics.note(check.name, this.#path.slice(1), true);
      return undefined;
    } catch (error) {
      this.#metrics.note(check.name, this.#path.slice(1), false);
      this.#logger.warn("health check failed", { check: check.name, error });
      return errorText(error);
    }
  }
}
